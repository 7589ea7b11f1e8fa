"""An address of the user's that is told the question and answers with both sides' counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.metrics.http import Caller
from providers.metrics.settings import Access, Webhook
from providers.metrics.webhook import WebhookMetrics
from providers.ports import Arm, Question
from providers.secrets import LocalSecrets, SecretRef
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from strategies.seen import Reading, Tally
from tests.unit.providers.metrics.servers import Got, Say, Server, serving

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
STABLE = Arm(Side.STABLE, "aaaaaaaa11111111", "sha256:a", ("shop-aaaaaaaa-1-0",), ("e-a",))
CANDIDATE = Arm(Side.CANDIDATE, "bbbbbbbb22222222", "sha256:b", ("shop-bbbbbbbb-2-0",), ("e-b",))
RULE = MetricRule("orders")


def question(seconds: float = 10, **more: Any) -> Question:
    known = {"stable": STABLE, "candidate": CANDIDATE, **more}
    return Question("shop", "west", START, START + timedelta(seconds=seconds), 5.0, **known)


@contextmanager
def webhook(
    decide: Callable[[Got], Say], rule: MetricRule = RULE, stable: str | None = None, **access: Any
) -> Iterator[tuple[WebhookMetrics, Server]]:
    with serving(decide) as server:
        source = Webhook(Access(f"{server.url}/counts", **access), stable)
        made = WebhookMetrics(rule, source, Caller(source.access, LocalSecrets({"T": "secret"})))
        try:
            yield made, server
        finally:
            made.close()


def read(answer: Any, asked: Question | None = None, **more: Any) -> Reading:
    say = answer if isinstance(answer, Say) else Say(body=answer)
    with webhook(lambda _: say, **more) as (source, _):
        return source.read(asked or question())


def interval(number: int, stable: Any = None, candidate: Any = None) -> dict[str, Any]:
    at = [START + timedelta(seconds=5 * n) for n in (number, number + 1)]
    return {"since": at[0].isoformat(), "until": at[1].isoformat(), "stable": stable, "candidate": candidate}


def both(requests: int, failures: int) -> dict[str, int]:
    return {"requests": requests, "failures": failures}


def test_the_question_is_told_as_json() -> None:
    with webhook(lambda _: Say(body={"intervals": []})) as (source, server):
        source.read(question(12))
    assert json.loads(server.got[0].body) == {
        "service": "shop",
        "target": "west",
        "since": "2026-01-01T12:00:00Z",
        "until": "2026-01-01T12:00:10Z",
        "step": 5,
        "counts": "failures",
        "stable": {
            "revision": "aaaaaaaa11111111",
            "digest": "sha256:a",
            "groups": ["shop-aaaaaaaa-1-0"],
            "endpoints": ["e-a"],
        },
        "candidate": {
            "revision": "bbbbbbbb22222222",
            "digest": "sha256:b",
            "groups": ["shop-bbbbbbbb-2-0"],
            "endpoints": ["e-b"],
        },
        "leaving": None,
    }
    assert (server.got[0].method, server.got[0].path) == ("POST", "/counts")


def test_an_adopted_side_is_called_what_the_manifest_says_and_a_leaving_side_is_named() -> None:
    with webhook(lambda _: Say(body={"intervals": []}), stable="legacy") as (source, server):
        source.read(question(stable=Arm(Side.STABLE, "", ""), leaving=Side.STABLE))
    told = json.loads(server.got[0].body)
    assert told["stable"] == {"revision": "legacy", "digest": None, "groups": [], "endpoints": []}
    assert told["leaving"] == "stable"


def test_what_is_counted_beside_requests_is_said() -> None:
    for kind, beside in ((MetricKind.LATENCY, "slow"), (MetricKind.QUIET, None)):
        with webhook(lambda _: Say(body={"intervals": []}), replace(RULE, kind=kind)) as (source, server):
            source.read(question())
        assert json.loads(server.got[0].body)["counts"] == beside


def test_intervals_of_both_sides_are_read() -> None:
    reading = read({"intervals": [interval(0, both(95, 1), both(5, 0)), interval(1, both(90, 0), both(10, 2))]})
    middle, end = START + timedelta(seconds=5), START + timedelta(seconds=10)
    assert reading == Reading(
        "orders",
        end,
        stable=(Tally(START, middle, 95, 1), Tally(middle, end, 90, 0)),
        candidate=(Tally(START, middle, 5, 0), Tally(middle, end, 10, 2)),
    )


def test_one_interval_may_stand_alone() -> None:
    reading = read(interval(0, both(95, 1), both(5, 0)))
    assert (reading.stable[0].requests, reading.candidate[0].requests) == (95, 5)


def test_a_secret_is_sent_as_a_header() -> None:
    headers = {"X-Token": ("v1 ", SecretRef("env", "T"))}
    with webhook(lambda _: Say(body={"intervals": []}), headers=headers) as (source, server):
        assert source.read(question()).problem is None
    assert server.got[0].headers["X-Token"] == "v1 secret"


def test_nothing_is_sent_while_no_interval_is_complete() -> None:
    with webhook(lambda _: Say(body={"intervals": []})) as (source, server):
        assert source.read(question(4)) == Reading("orders", START + timedelta(seconds=4))
        source.read(question(4, leaving=Side.STABLE))
        assert len(server.got) == 1


def test_clients_of_a_leaving_side_are_told() -> None:
    answer = {"intervals": [], "clients": {"10.0.0.4": 0.5, "10.0.0.5": 3, "10.0.0.6": 0}}
    assert read(answer, question(leaving=Side.STABLE)).talkers == (("10.0.0.5", 3.0), ("10.0.0.4", 0.5))


@pytest.mark.parametrize(
    ("status", "mistaken"),
    [(400, True), (404, True), (405, True), (401, False), (403, False), (429, False), (500, False), (503, False)],
)
def test_a_refusal_holds_and_says_whether_asking_again_can_help(status: int, mistaken: bool) -> None:
    reading = read(Say(status, "because"))
    assert reading.stable == reading.candidate == ()
    assert reading.mistaken is mistaken
    assert f"says {status}: because" in str(reading.problem)


@pytest.mark.parametrize("body", ["", "fine", "<html>", "{", "[1", "\x00"])
def test_an_answer_that_is_no_json_holds(body: str) -> None:
    reading = read(Say(200, body))
    assert reading.stable == reading.candidate == ()
    assert "is no JSON" in str(reading.problem)
    assert not reading.mistaken


def test_a_webhook_that_does_not_answer_in_time_holds() -> None:
    with webhook(lambda _: Say(), timeout_seconds=0.2) as (source, server):
        server.decide = lambda _: Say(body={"intervals": []}) if server.closing.wait(2) else Say()
        assert "did not answer within 0.2 s" in str(source.read(question()).problem)


def test_a_side_that_cannot_be_used_takes_nothing_from_the_other() -> None:
    reading = read({"intervals": [interval(0, both(95, 1), both(5, -1)), interval(1, both(90, 0), both(10, 2))]})
    assert [tally.requests for tally in reading.stable] == [95, 90]
    assert [tally.requests for tally in reading.candidate] == [10]
    assert reading.problem == "intervals[0].candidate.failures: expected a whole number, 0 or more; got -1"
    assert not reading.mistaken


def test_before_a_rollout_the_last_minutes_are_asked_for() -> None:
    def decide(got: Got) -> Say:
        told = json.loads(got.body)
        return Say(body={"since": told["since"], "until": told["until"], "stable": both(1000, 1), "candidate": None})

    with webhook(decide) as (source, server):
        (finding,) = source.preflight(question())
    assert finding.ok
    assert finding.message == "the webhook counts 1000 requests to the stable side in 1 intervals"
    assert json.loads(server.got[0].body)["since"] == "2026-01-01T11:55:10Z"


@pytest.mark.parametrize(
    ("say", "said", "fatal", "key"),
    [
        (Say(404, "gone"), "says 404: gone", True, "gates.metrics[orders].webhook.url"),
        (Say(405, ""), "says 405", True, "gates.metrics[orders].webhook.url"),
        (Say(401, ""), "says 401", True, ""),
        (Say(503, ""), "says 503", False, ""),
        (Say(body={"intervals": "none"}), "intervals: expected a list; got 'none'", False, ""),
        (Say(body={"intervals": []}), "counts nothing of the stable side", False, ""),
    ],
)
def test_before_a_rollout_what_cannot_be_used_is_said(say: Say, said: str, fatal: bool, key: str) -> None:
    with webhook(lambda _: say) as (source, _):
        (finding,) = source.preflight(question())
    assert not finding.ok
    assert said in finding.message
    assert (finding.fatal, finding.key) == (fatal, key)
    assert finding.remedy


def test_before_a_rollout_more_failures_than_requests_are_a_wrong_configuration() -> None:
    answer = {"intervals": [interval(0, both(9, 12), both(5, 0)), interval(1, both(9, 8), both(5, 0))]}
    with webhook(lambda _: Say(body=answer)) as (source, _):
        (finding,) = source.preflight(question())
    said = "20 failures are counted of 18 requests to the stable side, and no more can fail than come"
    assert (finding.ok, finding.fatal, finding.message) == (False, True, said)
    assert (finding.subject, finding.key) == ("metric orders", "gates.metrics[orders].webhook")


def test_a_webhook_that_only_reports_keeps_nothing_from_starting() -> None:
    with webhook(lambda _: Say(404, ""), replace(RULE, dry_run=True)) as (source, _):
        assert [(finding.ok, finding.fatal) for finding in source.preflight(question())] == [(False, False)]


def test_a_secret_that_is_not_there_is_fatal_before_a_rollout() -> None:
    with webhook(lambda _: Say(), headers={"X": SecretRef("env", "GONE")}) as (source, _):
        (finding,) = source.preflight(question())
    assert (finding.ok, finding.fatal) == (False, True)


def test_an_adopted_side_serves_so_a_webhook_that_counts_nothing_of_it_is_told_of() -> None:
    adopted = Arm(Side.STABLE, "", "", (), ("hand-made",))
    with webhook(lambda _: Say(body={"intervals": []})) as (source, _):
        (finding,) = source.preflight(question(stable=adopted))
    assert (finding.ok, finding.message) == (False, "the webhook counts nothing of the stable side")


def test_before_the_first_release_no_stable_side_is_expected() -> None:
    with webhook(lambda _: Say(body={"intervals": []})) as (source, _):
        assert [finding.ok for finding in source.preflight(question(stable=Arm(Side.STABLE, "", "")))] == [True]
