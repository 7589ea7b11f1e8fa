"""`rollout plan` about sources and drains: what it says was measured, assumed, or is known to nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.plan_evidence import drain_text, evidence_lines
from orchestrator.cli.plan_evidence_json import judged_document
from orchestrator.cli.style import Style, width
from orchestrator.forecast_catches import judged
from orchestrator.forecast_drain import Draining
from orchestrator.forecast_traffic import Load, Origin
from strategies.gates import MetricKind, MetricRule
from strategies.phases import Phase
from strategies.plan import AfterMost, Step, Target, canary
from strategies.seen import Tally
from strategies.tail import Pinned, Tail, measured
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.forecast.test_catches import entries_of
from tests.unit.providers.metrics.servers import Got, Say, serving

GATE = "gates:\n  metrics: [{{name: errors, webhook: {{url: '{url}/counts'}}}}]\n"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[Branch]:
    """A branch office in which v1 serves; its steps hold for two minutes."""
    with branch(tmp_path, monkeypatch, lambda: desk) as opened:
        opened.serve("v1")
        opened.edit("rollout.yaml", {"hold: 200ms": "hold: 2m"})
        yield opened


@contextmanager
def _counting(office: Branch, decide: Callable[[Got], Say]) -> Iterator[list[Got]]:
    """Let a source of that office count as `decide` says."""
    with serving(decide) as server:
        office.edit("rollout.yaml", {"gates:\n": GATE.format(url=server.url)})
        yield server.got


def _counts(rate: float, failing: float, *, reset: bool = False) -> Callable[[Got], Say]:
    """A source that has counted so many requests of the stable side in every interval, and none of the candidate's."""

    def decide(got: Got) -> Say:
        asked = json.loads(got.body)
        since, until = (datetime.fromisoformat(asked[key]) for key in ("since", "until"))
        step = timedelta(seconds=asked["step"])
        intervals = []
        while since + step <= until:
            requests = round(rate * asked["step"])
            stable = {"requests": requests, "failures": round(requests * failing)}
            intervals.append({"since": since.isoformat(), "until": (since + step).isoformat(), "stable": stable})
            since += step
        return Say(body={"intervals": intervals})

    return decide


def _plan(office: Branch, *words: str) -> Any:
    with office.untouched():
        assert office.desk.type("plan", office.manifest, "--tag", "v2", "--output", "json", *words) == 0
    (plan,) = office.desk.document["plans"]
    return plan


def _counted(plan: Any) -> Any:
    ((found,),) = (gate["counts"] for gate in plan["gates"])
    return found


def test_what_a_source_counts_now_is_what_the_plan_reckons_with(office: Branch) -> None:
    with _counting(office, _counts(40.0, 0.01)) as asked:
        plan = _plan(office)
    assert len(asked) == 1
    body = json.loads(asked[0].body)
    assert body["stable"]["groups"] == plan["targets"][0]["stable"]
    found = _counted(plan)
    traffic = found["traffic"]
    assert (traffic["origin"], traffic["requestsPerSecond"], traffic["failing"]) == ("measured", 40.0, 0.01)
    assert 295 <= traffic["measuredSeconds"] <= 300
    assert [(step["share"], step["candidateRequestsPerSecond"]) for step in found["steps"]] == [(10, 4.0), (50, 20.0)]
    assert found["steps"][0]["leastSeconds"] == 2.5
    broken = found["candidates"][0]
    assert (broken["failing"], broken["outcome"], broken["step"]) == (1.0, "rolledBack", 1)
    assert 0 < broken["seconds"] < 15
    assert found["promotion"]["outcome"] == "passes"
    assert found["dns"] == {"ttlSeconds": 1.0, "windows": 7, "leastSeconds": 5.0, "mostSeconds": 6.0}


def test_the_text_tells_it_as_well(office: Branch) -> None:
    with _counting(office, _counts(40.0, 0.01)):
        assert office.desk.type("plan", office.manifest, "--tag", "v2") == 0
    said = office.desk.said
    assert "what errors can tell at 40/s of which 1 % fail, measured over the last 5 m" in said
    for words in ("always", "10 % (10x)", "2 % (2x)", "only from 10 %", "takes 10 requests to the candidate"):
        assert words in said
    assert "probes must be clean and gates passed" in said
    assert "then until it is quiet" in said
    assert "no source counts requests" not in said


@pytest.mark.parametrize("answer", [Say(status=503), Say(body={"intervals": []}), Say(body="no JSON")])
def test_a_source_that_does_not_answer_leaves_the_traffic_unknown_and_says_why(office: Branch, answer: Say) -> None:
    with _counting(office, lambda _: answer):
        plan = _plan(office)
        assert office.desk.type("plan", office.manifest, "--tag", "v2") == 0
    found = _counted(plan)
    traffic = found["traffic"]
    assert (traffic["origin"], traffic["requestsPerSecond"], traffic["failing"]) == ("unknown", None, None)
    assert traffic["problem"]
    assert found["candidates"] == []
    assert 395 < found["promotion"]["requests"] < 415
    assert found["promotion"]["outcome"] == "unknown"
    assert "nobody says how many requests there are" in office.desk.said
    assert "say --rps to assume them" in office.desk.said
    assert "and whatever errors must wait for requests" in office.desk.said


def test_what_is_assumed_is_said_to_be(office: Branch) -> None:
    with _counting(office, lambda _: Say(status=503)):
        traffic = _counted(_plan(office, "--rps", "8", "--failing", "0.5"))["traffic"]
        assert office.desk.type("plan", office.manifest, "--tag", "v2", "--rps", "8", "--failing", "0.5") == 0
    assert (traffic["origin"], traffic["failingOrigin"]) == ("assumed", "assumed")
    assert (traffic["requestsPerSecond"], traffic["failing"]) == (8.0, 0.005)
    assert "what errors can tell at 8/s of which 0.5 % fail, assumed" in office.desk.said


def test_an_assumed_rate_stands_beside_a_measured_part(office: Branch) -> None:
    with _counting(office, _counts(40.0, 0.05)):
        assert office.desk.type("plan", office.manifest, "--tag", "v2", "--rps", "8") == 0
    assert "at 8/s, assumed, of which 5 % fail, measured over the last 5 m" in office.desk.said


def test_a_traffic_too_low_for_the_proof_makes_the_plan_longer_and_asks(office: Branch) -> None:
    with _counting(office, lambda _: Say(status=503)):
        plenty, few = _plan(office, "--rps", "1000"), _plan(office, "--rps", "0.1")
    assert few["seconds"]["expected"] > plenty["seconds"]["expected"] + 1800
    assert (plenty["approvals"], few["approvals"]) == (0, 1)
    waits = [change for change in few["changes"] if change["kind"] == "evidence"]
    assert [wait["note"].partition(":")[0] for wait in waits] == ["errors"] * len(waits)
    assert _counted(few)["promotion"] == {
        "requests": pytest.approx(405, abs=10),
        "outcome": "asks",
        "step": 2,
        "seconds": 1800.0,
        "withinHold": False,
    }


def test_a_first_release_is_compared_with_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> None:
    with branch(tmp_path, monkeypatch, lambda: desk) as empty, _counting(empty, _counts(1.0, 0.0)) as asked:
        assert empty.desk.type("plan", empty.manifest, "--tag", "v1") == 0
    assert asked == []
    assert "nothing serves yet that counts could be compared with" in desk.said


@pytest.mark.parametrize("words", [("--rps", "-1"), ("--failing", "101"), ("--rps", "many")])
def test_an_impossible_traffic_is_bad_usage(office: Branch, words: tuple[str, str]) -> None:
    assert office.desk.type("plan", office.manifest, "--tag", "v2", *words) == 2


@pytest.mark.parametrize("option", ["--rps", "--failing"])
@pytest.mark.parametrize("word", ["inf", "-inf", "Infinity", "nan", "1e999"])
def test_what_is_no_finite_number_is_refused_as_such(office: Branch, option: str, word: str) -> None:
    assert office.desk.type("plan", office.manifest, "--tag", "v2", option, word) == 2
    assert option in office.desk.told
    assert f"expected a finite number; got {word}" in " ".join(office.desk.told.split())


@pytest.mark.parametrize(("rps", "code"), [("1e9", 0), ("1.1e9", 2), ("1e308", 2)])
def test_more_requests_than_anybody_has_are_bad_usage_and_no_error_of_ours(office: Branch, rps: str, code: int) -> None:
    assert office.desk.type("plan", office.manifest, "--tag", "v2", "--rps", rps, "--failing", "1e-300") == code


def _tail() -> Tail:
    tail: Tail | None = None
    for number, requests in enumerate((500, 400, 320, 256, 205, 164, 131)):
        since = states.NOW + timedelta(seconds=20 * number)
        tail = measured(tail, 500.0, (Tally(since, since + timedelta(seconds=20), requests),), states.NOW)
    assert tail is not None
    return tail


def test_the_last_drain_is_remembered_in_the_next_plan(office: Branch) -> None:
    (office.folder / "state" / "rollout").mkdir(parents=True)
    (office.folder / "state" / "rollout" / "rollout.db").touch()
    unknown = _plan(office)["drain"][0]
    assert (unknown["measured"], unknown["left"]) == (None, [])
    ended = states.on(states.holding(), phase=Phase.PROMOTED, tail=_tail())
    west = replace(ended.targets[0], name="west")
    named = replace(ended.service, name="shop", targets=(replace(ended.service.targets[0], name="west"),))
    office.desk.put(replace(ended, service=named, targets=(west,)))
    plan = _plan(office)
    found = plan["drain"][0]
    assert found["measured"]["pinned"] == pytest.approx(0.056, rel=0.05)
    assert found["measured"]["meanHoldSeconds"] == pytest.approx(89.6, rel=0.05)
    assert [each["part"] for each in found["left"]] == [0.99, 0.999]
    assert found["left"][1]["seconds"] == pytest.approx(1 + 361, abs=15)
    assert office.desk.type("plan", office.manifest, "--tag", "v2") == 0
    assert "99.9 % of clients have left after about 6 m" in office.desk.said
    assert "measured in the last drain" in office.desk.said


def _texts(target: Target, load: Load, columns: int) -> list[str]:
    found = judged(target, load, target.metrics[0], entries_of(target, ttl=10))
    return evidence_lines([found], Style(columns=columns))


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("rate", [0.3, 50.0, 123456.0])
@pytest.mark.parametrize("failing", [0.0, 0.0003, 0.05])
@pytest.mark.parametrize("kind", [MetricKind.FAILURES, MetricKind.LATENCY])
def test_no_line_is_wider_than_the_terminal(columns: int, rate: float, failing: float, kind: MetricKind) -> None:
    steps = tuple(Step(share, 300) for share in (1, 5, 10, 25, 33.3, 50, 75))
    target = Target("west", canary(steps), metrics=(MetricRule("a-long-name-of-a-source", kind, lag_seconds=180.0),),
                    by_resolver=True)  # fmt: skip
    known = Origin.MEASURED
    load = Load(target.metrics[0].name, rate, failing, known, known, 300.0, round(300 * rate))
    lines = _texts(target, load, columns)
    assert max(map(width, lines)) <= columns
    assert any("only from" in line and line.endswith("75 %") for line in lines)


def test_what_is_sampled_says_how_many_samples_a_verdict_takes() -> None:
    rule = MetricRule("errors", interval_seconds=15.0, sampled=True)
    target = Target("west", canary((Step(10, 300), Step(50, 300))), metrics=(rule,))
    load = Load("errors", 50.0, 0.01, Origin.MEASURED, Origin.MEASURED, 300.0, 15000)
    found = judged(target, load, rule, entries_of(target))
    said = "no interval of 15 s decides alone: it takes 4 of them, 45 s to 1 m 15 s at least"
    assert [line.split(maxsplit=1) for line in evidence_lines([found], Style()) if said in line] == [["sampling", said]]
    told = judged_document(found)
    assert told["dns"] is None
    assert told["sampling"] == {"intervalSeconds": 15.0, "windows": 4, "leastSeconds": 45.0, "mostSeconds": 75.0}


def _drain(**more: Any) -> Draining:
    told = Draining("west", 150.0, None, (), None, counted=False, most_seconds=None, then=AfterMost.ASK)
    return replace(told, **more)


def test_a_drain_by_time_alone_says_so() -> None:
    assert drain_text(_drain()) == "2 m 30 s after the read-back by rule only: no drain has been measured yet"


def test_a_drain_that_can_be_measured_says_for_how_long_it_may_go_on() -> None:
    quiet = {"quiet_seconds": 120.0, "counted": True, "most_seconds": 1800.0}
    assert drain_text(_drain(**quiet)).endswith("yet, then quiet for 2 m; at most 30 m, then a person is asked")
    forced = drain_text(_drain(**quiet, then=AfterMost.FORCE))
    assert forced.endswith("at most 30 m, then it is retired all the same")
    blind = drain_text(_drain(**{**quiet, "counted": False}))
    assert "and no source can tell that it is quiet; at most 30 m" in blind


def test_a_measured_drain_names_what_was_measured() -> None:
    told = drain_text(_drain(pinned=Pinned(0.05, 300.0), left=((0.01, 603.0), (0.001, 1294.0))))
    assert told == (
        "99.9 % of clients have left after about 21 m 34 s (measured in the last drain: 5 % of requests pinned, 5 m in "
        "the mean); 2 m 30 s after the read-back by rule"
    )
