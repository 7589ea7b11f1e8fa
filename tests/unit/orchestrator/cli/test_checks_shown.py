"""Checks as people are shown them: one that only reports is seen to have failed, and what one wrote stands once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.cli.lines import line
from orchestrator.cli.style import Style
from orchestrator.counted import evidence_of
from strategies.events import event
from strategies.model import Reason, Rollout
from strategies.phases import Phase
from strategies.proof import condemned
from strategies.seen import CheckState
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk

OUTPUT = "GET /basket: 500 | 3 of 40 cases failed"
FAILED = states.checked(CheckState.FAILED, why="exit status 1", output=OUTPUT)
REPORTS = replace(states.SMOKE, dry_run=True)


def taken_back(*, paused: bool = False, ended: bool = False) -> Rollout:
    """A rollout whose check has failed, on its way back; or kept there, or back."""
    rollout = states.judged(checks=(FAILED,))
    why = condemned(rollout, rollout.targets[0], states.NOW)
    assert why is not None
    if paused:
        note = f"{why.message}: `rollout retry` judges it anew, `rollout abort` goes back"
        rollout = states.on(rollout, failure=why, note=note, asks_person=True)
        return replace(rollout, paused=Reason("failed", f"would roll back: {why.message}", why.evidence))
    phase = Phase.ROLLED_BACK if ended else Phase.RETURNING
    return replace(states.on(rollout, failure=why, phase=phase, note="waits for the read-back"), failure=why)


@pytest.mark.parametrize("rollout", [taken_back(), taken_back(paused=True), taken_back(ended=True)])
def test_what_a_failed_check_wrote_stands_once_below_a_reason_of_one_line(desk: Desk, rollout: Rollout) -> None:
    desk.put(rollout)
    assert desk.type("why", "storefront") == 0
    assert desk.said.splitlines()[1] in (
        "  smoke failed: exit status 1",
        "  would roll back: smoke failed: exit status 1",
    )
    assert desk.said.count("3 of 40 cases") == 1
    (row,) = [each for each in desk.said.splitlines() if "■ smoke" in each]
    assert "failed at step 1: exit status 1: GET /basket: 500" in row
    assert desk.type("why", "storefront", "-o", "json") == 0
    assert desk.document["reason"]["message"].endswith("smoke failed: exit status 1")
    assert sum("3 of 40 cases" in rule["says"] for rule in desk.document["rules"]) == 1


def test_the_result_holds_apart_how_a_check_ended_and_what_it_wrote() -> None:
    rollout = taken_back()
    (check,) = evidence_of(rollout, rollout.targets[0])["checks"]
    assert (check["state"], check["why"], check["output"]) == ("failed", "exit status 1", OUTPUT)


def test_a_check_that_only_reports_is_seen_to_have_failed_and_to_hold_nothing(desk: Desk) -> None:
    desk.put(states.judged(rules=(states.ERRORS, REPORTS), checks=(FAILED,)))
    assert desk.type("why", "storefront") == 0
    (row,) = [each for each in desk.said.splitlines() if " smoke " in each]
    assert row.strip().startswith("● smoke")
    assert "failed at step 1: exit status 1" in row
    assert "reports only (dryRun)" in desk.said
    assert desk.type("status", "storefront") == 0
    assert "checks     smoke failed (dryRun, reports only)" in desk.said


def test_a_check_that_failed_at_an_earlier_step_is_still_shown_beside_a_newer_one(desk: Desk) -> None:
    newer = states.checked(CheckState.PASSED, step=1)
    desk.put(states.judged(rules=(states.ERRORS, REPORTS), checks=(replace(FAILED, step=0), newer)))
    assert desk.type("status", "storefront") == 0
    dry = "(dryRun, reports only)"
    assert f"checks     smoke failed at step 0 {dry}, smoke passed {dry}" in desk.said


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (CheckState.FAILED, "failed at step 1"),
        (CheckState.UNKNOWN, "without result at step 1"),
        (CheckState.PASSED, ""),
    ],
)
def test_a_promoted_version_says_which_checks_did_not_pass_that_only_report(
    desk: Desk, state: CheckState, shown: str
) -> None:
    rollout = states.judged(rules=(states.ERRORS, REPORTS), checks=(replace(FAILED, state=state),))
    desk.put(states.on(rollout, phase=Phase.PROMOTED))
    assert desk.type("status", "storefront") == 0
    wanted = f"checks     smoke {shown} (dryRun, reports only)" if shown else "checks"
    assert (wanted in desk.said) is bool(shown)


def test_a_check_that_still_ran_when_its_rollout_ended_says_so(desk: Desk) -> None:
    runs = states.checked(CheckState.RUNNING, why="has run for 3 s")
    desk.put(states.on(states.judged(rules=(states.ERRORS, REPORTS), checks=(runs,)), phase=Phase.PROMOTED))
    assert desk.type("why", "storefront") == 0
    assert "had not ended at step 1: has run for 3 s" in desk.said


def test_the_journal_paints_what_only_reports_as_worth_a_look_and_what_decides_as_bad() -> None:
    style = Style(colours=True)
    dry, real = (line(event(states.NOW, "check_failed", metric="smoke", dryRun=dry), style) for dry in (True, False))
    assert style.warn("check_failed      ") in dry
    assert "dryRun" in dry and "true" in dry
    assert style.bad("check_failed      ") in real
    assert "dryRun" not in real
