"""What the journal tells of sources, checks, doubts and drains: each change once, whatever its numbers do meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from math import exp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.commands import take
from strategies.events import Event, telling
from strategies.journal import explain
from strategies.model import CommandKind, Reason, with_target
from strategies.phases import Phase
from strategies.seen import CheckSeen, CheckState, Reading, Tally
from strategies.tail import Tail, measured
from tests.unit.strategies.book import Book
from tests.unit.strategies.build import at, state_of, told
from tests.unit.strategies.sources import RULE, SMOKE, after, judged, reading

GOOD, FEW = (100, 0), (1, 0)


def test_a_change_of_phase_carries_the_evidence_against_the_candidate_and_the_proof_for_it() -> None:
    book = Book(judged()).go(40, GOOD, GOOD)
    data = book.data("phase_changed")
    assert (data["before"], data["after"]) == ("holding", "shifting")
    assert 0 < data["e"] < 1
    assert data["proof"] >= 20


def test_without_a_source_that_decides_there_is_no_proof_to_carry() -> None:
    book = Book(judged(replace(RULE, dry_run=True))).go(35, GOOD, GOOD)
    (event,) = [e for e in book.events if e.kind == "phase_changed"]
    assert (dict(event.data)["e"], dict(event.data)["proof"]) == (1.0, None)
    assert dict(telling(event)).keys() == {"before", "after", "step"}


def test_a_source_that_fails_in_ever_other_words_has_failed_once_and_recovers_once() -> None:
    book = Book(judged(share=10.0)).go(5, GOOD, FEW)
    for n in range(4):
        book.step(5, Reading("errors", at(book.now + 5), problem=f"HTTP 503, try {n}"))
    assert book.told("metric_") == [("metric_failing", 10.0)]
    assert book.data("metric_failing") == {
        "metric": "errors",
        "problem": "HTTP 503, try 0",
        "mistaken": False,
        "dryRun": False,
    }
    book.go(10, GOOD, FEW)
    assert book.told("metric_")[1:] == [("metric_recovered", 30.0)]


def test_a_failing_source_whose_question_turns_out_to_be_wrong_is_told_again() -> None:
    book = Book(judged()).step(5, Reading("errors", at(5), problem="HTTP 429"))
    book.step(5, Reading("errors", at(10), problem="parse error at char 7", mistaken=True))
    assert book.told("metric_") == [("metric_failing", 5.0), ("metric_failing", 10.0)]
    assert book.data("metric_failing")["mistaken"] is True


def smoke(state: CheckState, when: float, *, attempt: int = 0, why: str = "") -> CheckSeen:
    return CheckSeen("smoke", 0, state, at(when), why, attempt)


def checks(*found: CheckSeen) -> list[Event]:
    """All events of a check that was found like this, look after look."""
    of = judged(SMOKE, share=0.0)
    states = [of, *(with_target(of, replace(state_of(of), checks=(each,))) for each in found)]
    return [e for a, b in pairwise(states) for e in explain(a, b, at(9)) if e.kind.startswith("check_")]


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        ([CheckState.RUNNING, CheckState.RUNNING, CheckState.PASSED], ["check_begun", "check_passed"]),
        ([CheckState.PASSED], ["check_passed"]),
        ([CheckState.RUNNING, CheckState.FAILED], ["check_begun", "check_failed"]),
        ([CheckState.RUNNING, CheckState.UNKNOWN], ["check_begun", "check_unknown"]),
    ],
)
def test_a_check_is_told_when_it_begins_and_how_it_ends(found: list[CheckState], kinds: list[str]) -> None:
    assert [e.kind for e in checks(*(smoke(each, n) for n, each in enumerate(found)))] == kinds


@given(tries=st.integers(1, 30), ends=st.sampled_from([CheckState.PASSED, CheckState.FAILED]))
def test_a_check_without_result_is_told_once_however_often_it_is_tried(tries: int, ends: CheckState) -> None:
    looks = [smoke(s, n, attempt=n) for n in range(tries) for s in (CheckState.RUNNING, CheckState.UNKNOWN)]
    told = [e.kind for e in checks(*looks, smoke(ends, 99, attempt=tries))]
    assert told == ["check_begun", "check_unknown", f"check_{ends.value}"]


def test_what_a_check_said_is_one_line_of_bounded_length_in_the_journal() -> None:
    (event,) = checks(smoke(CheckState.FAILED, 1, why="page 1 ok\n  page 2: 500\n" + "x" * 9000))
    why = str(dict(event.data)["why"])
    assert why.startswith("page 1 ok page 2: 500 x")
    assert len(why) == 500


def test_a_person_who_lets_a_failed_check_be_tried_anew_makes_no_result_of_it() -> None:
    failed = judged(SMOKE, share=0.0)
    failed = with_target(failed, replace(state_of(failed), checks=(smoke(CheckState.FAILED, 1),)))
    failed = told(replace(failed, paused=Reason("failed", "would roll back")), CommandKind.RETRY)
    assert [e.kind for e in explain(failed, take(failed), at(9)) if e.kind.startswith("check_")] == []


def test_a_step_is_undecided_only_once_its_time_is_over_and_decided_when_it_is_proven() -> None:
    book = Book(judged(share=10.0)).go(50, GOOD, FEW)
    # The tenth interval brings the tenth request; the hold of the step is 30 s.
    assert book.told("step_") == [("step_undecided", 30.0), ("step_decided", 50.0)]
    undecided = book.data("step_undecided")
    assert (undecided["code"], undecided["metric"], undecided["step"], undecided["asks"]) == (
        "tooFew",
        "errors",
        1,
        False,
    )
    assert undecided["message"] == "errors: 6 of 10 requests to the candidate in this step"
    assert book.data("step_decided") == {"code": "tooFew", "metric": "errors", "step": 1, "by": "evidence"}


def test_one_probe_that_fails_meanwhile_neither_decides_a_step_nor_makes_it_undecided_again() -> None:
    book = Book(judged(share=10.0)).go(35, GOOD, FEW)
    book.step(5, reading(GOOD, FEW, since=35, until=40), probes="candidate")
    assert "probes failed" in state_of(book.of).note
    book.go(5, GOOD, FEW)
    assert book.told("step_") == [("step_undecided", 30.0)]


def test_a_step_that_is_undecided_for_another_reason_is_told_again_and_so_is_that_a_person_is_asked() -> None:
    book = Book(judged(share=10.0)).go(35, GOOD, FEW).go(300, GOOD, None)
    codes = [(dict(e.data)["code"], dict(e.data)["asks"]) for e in book.events if e.kind == "step_undecided"]
    assert codes == [("tooFew", False), ("telemetryLost", False), ("telemetryLost", True)]


def test_a_person_who_goes_on_without_proof_is_who_decided() -> None:
    book = Book(judged(share=10.0)).go(305, GOOD, (0, 0))
    assert state_of(book.of).asks_person
    book.of = told(book.of, CommandKind.APPROVE)
    book.go(5, GOOD, (0, 0))
    assert book.data("step_decided")["by"] == "person"


def test_an_undecided_step_that_is_taken_back_is_told_by_the_verdict_alone() -> None:
    book = Book(judged(share=10.0)).go(35, GOOD, FEW)
    book.of = told(book.of, CommandKind.ABORT)
    book.go(5, GOOD, FEW)
    assert state_of(book.of).phase is not Phase.HOLDING
    assert book.told("step_") == [("step_undecided", 30.0)]


def tail() -> Tail | None:
    """That of a side of whose former 100,000 requests a second 5 % were pinned, for 300 s in the mean."""
    left = [(at(n * 10), at(n * 10 + 10), round(1e6 * 0.05 * exp(-(n * 10 + 5) / 300))) for n in range(60)]
    return measured(None, 1e5, tuple(Tally(*each) for each in left), at(0))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (Phase.DRAINING, Phase.DRAINED, True),
        (Phase.CLEARING, Phase.REMOVING, True),
        (Phase.DRAINING, Phase.DRAINING, False),
        (Phase.DRAINING, Phase.RETURNING, False),
        (Phase.DRAINED, Phase.RETIRING, False),
    ],
)
def test_the_tail_of_a_drain_is_told_once_when_it_is_over(before: Phase, now: Phase, told: bool) -> None:
    of = judged(share=100.0)
    old = with_target(of, replace(state_of(of), phase=before, tail=tail()))
    new = with_target(of, replace(state_of(of), phase=now, tail=tail()))
    found = [dict(e.data) for e in explain(old, new, at(9)) if e.kind == "drain_measured"]
    # 300 s * ln(5 % / 0.1 %) after the last answer has expired a thousandth of the former requests is left.
    assert found == [pytest.approx({"pinned": 5.0, "hold": 300.0, "seconds": 1173.6}, rel=1e-3)] * told


def test_a_drain_that_showed_no_decline_tells_nothing_of_a_tail() -> None:
    of = judged(share=100.0)
    old = with_target(of, replace(state_of(of), phase=Phase.DRAINING))
    new = with_target(of, replace(state_of(of), phase=Phase.DRAINED))
    assert [e for e in explain(old, new, at(9)) if e.kind == "drain_measured"] == []


SAID = st.sampled_from([GOOD, FEW, (0, 0), None])


@given(st.lists(st.tuples(SAID, SAID, st.booleans()), min_size=1, max_size=40))
def test_the_same_two_states_always_give_the_same_events_and_every_end_follows_a_beginning(
    looks: Iterable[tuple[Any, Any, bool]],
) -> None:
    book = Book(judged(share=10.0))
    for stable, candidate, fails in looks:
        before, count = book.of, len(book.events)
        said = reading(stable, candidate, since=book.now, until=book.now + 5, problem="HTTP 503" if fails else None)
        book.step(5, said)
        assert list(explain(before, book.of, at(book.now))) == book.events[count:]
    for begins, ends in (("metric_failing", "metric_recovered"), ("step_undecided", "step_decided")):
        kinds = [e.kind for e in book.events if e.kind in (begins, ends)]
        assert kinds[:1] in ([], [begins])
        assert all((a, b) != (ends, ends) for a, b in pairwise(kinds))
    lost = [(dict(e.data)["side"], e.kind) for e in book.events if e.kind.startswith("telemetry_")]
    for side in ("stable", "candidate"):
        kinds = [kind for each, kind in lost if each == side]
        assert kinds == (["telemetry_lost", "telemetry_back"] * len(kinds))[: len(kinds)]


def test_a_calm_step_tells_nothing_of_its_sources() -> None:
    calm = after(judged(), 5, GOOD, GOOD)
    book = Book(calm, 5).go(20, GOOD, GOOD)
    assert book.told() == []
