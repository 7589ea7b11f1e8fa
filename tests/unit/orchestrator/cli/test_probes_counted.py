"""A source that counts our own probes: why, status, JSON and the journal say so, and what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest

from orchestrator.cli.evidence_lines import troubles
from orchestrator.cli.findings import findings
from orchestrator.cli.lines import line
from orchestrator.cli.style import Style
from orchestrator.counted import evidence_of
from orchestrator.store.codec import decode, encode
from orchestrator.telemetry.log import event_log
from strategies.echo import Echo
from strategies.events import event
from strategies.evidence import Evidence
from strategies.model import Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.states import NOW


def counting(*, leaving: bool, heard: bool = True, dry: bool = False) -> Rollout:
    """A rollout whose source has counted 31 requests where 30 were our probes."""
    since = states.ago(100)
    echo = Echo(leaving, since, since + timedelta(seconds=60), since, 30, 31, 60.0, heard)
    known = states.counted(echo=echo)
    if leaving:
        return states.draining(metrics=(known,))
    return states.judged(known, rules=(replace(states.ERRORS, dry_run=dry), states.SMOKE))


def said(rollout: Rollout) -> list[str]:
    """What `why` says of it."""
    return [each.says for each in findings(rollout, NOW) if each.rule == "errors.probes"]


@pytest.mark.parametrize(
    ("leaving", "words"),
    [(False, "of the candidate in 1 m before any traffic"), (True, "of the stable side in 1 m after it had left")],
)
def test_why_says_by_which_numbers_and_what_to_do(leaving: bool, words: str) -> None:
    (says,) = said(counting(leaving=leaving))
    assert says == (
        f"it counts our own probes: 31 requests {words}, and 30 were our probes;"
        " leave health checks out of its query, by path or User-Agent (rollout-probe)"
    )


def test_why_says_nothing_before_enough_was_heard_and_names_a_source_that_only_reports() -> None:
    assert said(counting(leaving=False, heard=False)) == []
    assert said(states.judged()) == []
    (says,) = said(counting(leaving=False, dry=True))
    assert says.endswith("; reports only (dryRun)")


def test_status_says_it_in_a_line() -> None:
    of = counting(leaving=True)
    assert list(troubles(of, of.targets[0])) == [
        "source errors counts our own probes: leave health checks out of its query, by path or User-Agent"
        " (rollout-probe)"
    ]
    quiet = states.draining()
    assert list(troubles(quiet, quiet.targets[0])) == []


def test_the_result_has_it_as_a_flag() -> None:
    for of, flag in ((counting(leaving=True), True), (counting(leaving=True, heard=False), False)):
        (metric,) = evidence_of(of, of.targets[0])["metrics"]
        assert metric["countsProbes"] is flag


def test_the_journal_tells_it_as_a_warning() -> None:
    happened = event(NOW, "probes_counted", "westeurope", metric="errors", side="stable", requests=31, probes=30)
    assert line(happened, Style()).endswith("westeurope  metric=errors side=stable requests=31 probes=30")
    stream = StringIO()
    event_log(stream, "text")(states.holding(), (happened,))
    assert " level=warning event=probes_counted " in stream.getvalue()


def test_what_was_heard_survives_the_store_bit_for_bit() -> None:
    for heard in (True, False):
        known = counting(leaving=True, heard=heard).targets[0].metrics[0]
        assert decode(encode(known, "evidence"), Evidence, "evidence") == known
