"""A source that tells more failures than requests: that proves nothing, forgets nothing, and a person is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.evidence import BETA, proof
from strategies.model import Rollout
from strategies.pairing import pair
from strategies.phases import Phase
from strategies.seen import Counts, Reading, Tally
from tests.unit.strategies.book import Book
from tests.unit.strategies.build import at, phases, state_of, tick
from tests.unit.strategies.sources import judged, reading, seen

GOOD, ODD = (100, 0), (40, 60)


Side = list[tuple[int, int]]
"""What was counted in each interval of five seconds, one after the other from the beginning."""


def told(counts: Side) -> tuple[Tally, ...]:
    return tuple(Tally(at(5 * n), at(5 * n + 5), *each) for n, each in enumerate(counts))


def watched(of: Rollout, stable: Side, candidate: Side, *, start: int = 0) -> Rollout:
    """The rollout after a tick for each interval from `start` on, each of which is told all that was counted so far."""
    for n in range(start, len(stable)):
        said = Reading("errors", at(5 * n + 5), told(stable[: n + 1]), told(candidate[: n + 1]))
        of = tick(of, 5 * n + 5, seen(of, 5 * n + 5, said))
    return of


def code(of: Rollout) -> str:
    """Why the target is not sure, as a code; empty when it is."""
    doubt = state_of(of).doubt
    return doubt.code if doubt is not None else ""


@pytest.mark.parametrize("side", ["stable", "candidate", "both"])
def test_such_counts_hold_the_step_name_both_numbers_and_ask_a_person_in_the_end(side: str) -> None:
    stable, candidate = (ODD if side in (each, "both") else GOOD for each in ("stable", "candidate"))
    of = watched(judged(), [stable] * 8, [candidate] * 8)
    assert (phases(of)["west"], of.failure, code(of)) == (Phase.HOLDING, None, "metricMistaken")
    state = state_of(of)
    for who in ("stable side", "candidate") if side == "both" else ({"stable": "stable side"}.get(side, side),):
        assert f"{who}: 480 failures of 320 requests" in state.note
    assert "must count the same requests" in state.note
    assert proof(state.metrics[0]) < 1 / BETA
    of = watched(of, [stable] * 61, [candidate] * 61, start=8)
    assert (phases(of)["west"], of.failure, state_of(of).asks_person) == (Phase.HOLDING, None, True)


def test_such_counts_after_good_ones_let_nothing_pass_that_was_not_proven_before() -> None:
    of = watched(judged(), [GOOD] * 60, [GOOD] * 3 + [ODD] * 57)
    assert (phases(of)["west"], of.failure, code(of)) == (Phase.HOLDING, None, "metricMistaken")


def test_failures_that_are_counted_before_their_requests_are_counted_with_them() -> None:
    of = watched(judged(), [(100, 30)] * 3, [(0, 3), (5, 0), (8, 1)])
    known = state_of(of).metrics[0]
    assert (known.candidate_requests, known.candidate_failures, known.problem) == (13, 4, None)


def test_a_fault_whose_requests_are_not_counted_is_not_forgotten_when_it_is_over() -> None:
    # Only what succeeds is counted as requests, and in every minute nothing does for ten seconds.
    candidate = [(0, 50) if n % 12 in (4, 5) else (50, 0) for n in range(60)]
    of = watched(judged(share=10.0), [(950, 0)] * 60, candidate)
    assert of.failure is not None
    assert of.failure.code in ("countsWorse", "broken")


def test_the_journal_tells_such_a_source_once_and_that_it_is_well_again() -> None:
    book = Book(judged(share=10.0)).go(10, GOOD, GOOD)
    while book.now < 40:
        book.step(5, reading(GOOD, ODD, since=10, until=book.now + 5))
    failing = [dict(e.data) for e in book.events if e.kind == "metric_failing"]
    assert [each["mistaken"] for each in failing] == [False, True]
    assert failing[0]["problem"] == (
        "candidate: 60 failures of 40 requests since 00:00:10 UTC: both must count the same requests"
    )
    book.step(5, reading(GOOD, (500, 0), since=10, until=45))
    assert book.told("metric_recovered") == [("metric_recovered", 45.0)]


def test_a_side_that_leaves_is_not_quiet_while_more_fails_than_comes() -> None:
    of = watched(judged(share=100.0), [GOOD] * 7, [GOOD] * 7)
    assert phases(of)["west"] is Phase.DRAINING
    of = watched(of, [GOOD] * 7 + [(0, 3)] * 33, [GOOD] * 40, start=7)
    known = state_of(of).metrics[0]
    assert known.quiet_since is None


SIDES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@given(SIDES, SIDES, st.booleans())
def test_whatever_is_counted_what_is_compared_can_be_and_no_failure_is_lost(
    stable: list[tuple[int, int]], candidate: list[tuple[int, int]], sampled: bool
) -> None:
    count = min(len(stable), len(candidate))
    more = {"joins": None} if sampled else {}
    found = pair(told(stable[:count]), told(candidate[:count]), at(0), at(1e6), **more)  # type: ignore[arg-type]
    assert all(batch.can_be for batch in found.batches)
    if sampled or found.odd is None:
        return
    failed = sum(batch.candidate_failures for batch in found.batches) + found.odd.candidate_failures
    assert failed == sum(failures for _, failures in candidate[:count])


def test_an_interval_that_cannot_be_goes_on_however_long_that_takes() -> None:
    stable = tuple(Tally(at(5 * n), at(5 * n + 5), 10) for n in range(40))
    candidate = tuple(Tally(at(5 * n), at(5 * n + 5), 1, 90 if n == 0 else 0) for n in range(40))
    found = pair(stable, candidate, at(0), at(1e6))
    assert (found.batches, found.until) == ((), at(0))
    assert found.odd == Counts(at(0), at(200), 400, 0, 40, 90)
