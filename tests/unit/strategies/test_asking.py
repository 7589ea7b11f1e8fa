"""A step that is not decided for long asks a person, whatever keeps it from being decided and however that changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.advance import awaits_person
from strategies.model import CommandKind, Rollout, with_target
from strategies.phases import Phase
from strategies.plan import ProbeRule
from tests.unit.strategies.build import phases, state_of, tick, told
from tests.unit.strategies.sources import after, judged, reading, seen

GOOD, FEW = (100, 0), (1, 0)
LONGEST = 300
FLAPPY = ProbeRule(2.0, 10, 3)
"""Ten clean probes make it ready again, so that one failure every few seconds keeps it from that for ever."""


def flapping(of: Rollout, seconds: float, *, start: float = 0.0, candidate: tuple[int, int] = FEW) -> Rollout:
    """The rollout after so many seconds in which every third of the candidate's probes failed."""
    for when in range(round(start) + 5, round(start + seconds) + 5, 5):
        said = reading(GOOD, candidate, since=when - 5, until=when)
        of = tick(of, when, seen(of, when, said, probes="candidate" if when % 15 == 0 else "well"))
    return of


@pytest.mark.parametrize("more", range(0, 40, 5))
def test_evidence_that_is_undecided_for_long_asks_a_person_though_probes_flap(more: int) -> None:
    of = flapping(judged(share=10.0, probe=FLAPPY), LONGEST - 5, candidate=(0, 0))
    assert not awaits_person(of)
    of = flapping(of, 5 + more, start=LONGEST - 5, candidate=(0, 0))
    assert (phases(of)["west"], of.failure, awaits_person(of)) == (Phase.HOLDING, None, True)


def test_who_is_asked_about_the_same_doubt_again_and_again_is_told_the_same_ways_on() -> None:
    of, notes = judged(), set[str]()
    for when in range(305, 320, 5):
        of = tick(of, when, seen(of, when))
        notes.add(state_of(of).note)
    (note,) = notes
    assert note.endswith("undecided for 300 s: `rollout approve` goes on, `rollout abort` back")


def test_probes_that_flap_for_long_ask_a_person_though_the_counts_are_good() -> None:
    of = flapping(judged(share=10.0, probe=FLAPPY), LONGEST + 20, candidate=GOOD)
    state = state_of(of)
    assert (state.phase, state.doubt, state.asks_person) == (Phase.HOLDING, None, True)
    assert "undecided for 300 s" in state.note
    assert "`rollout abort` goes back" in state.note
    assert "approve" not in state.note


def test_a_person_who_goes_on_without_proof_is_heard_once_the_probes_are_clean() -> None:
    of = flapping(judged(share=10.0, probe=FLAPPY), LONGEST + 10, candidate=(0, 0))
    assert "`rollout approve`" in state_of(of).note
    of = tick(told(of, CommandKind.APPROVE), 311, seen(of, 311, probes="candidate"))
    assert (phases(of)["west"], awaits_person(of)) == (Phase.HOLDING, True)
    of = after(of, 60, GOOD, (0, 0), start=315)
    assert phases(of)["west"] is not Phase.HOLDING


def test_a_step_whose_own_time_is_longer_asks_nobody_before_that_is_over() -> None:
    of = judged(share=10.0, probe=FLAPPY)
    (west,) = of.service.targets
    steps = tuple(replace(step, hold_seconds=350.0) for step in west.plan.steps)
    plan = replace(west.plan, steps=steps)
    of = replace(of, service=replace(of.service, targets=(replace(west, plan=plan),)))
    of = flapping(of, 345, candidate=GOOD)
    assert not awaits_person(of)
    assert awaits_person(flapping(of, 10, start=345, candidate=GOOD))


@pytest.mark.parametrize("what", ["unread", "offline"])
def test_a_routing_that_is_in_doubt_for_long_asks_a_person(what: str) -> None:
    of = after(judged(share=10.0), 25, GOOD, GOOD)
    for when in range(30, LONGEST + 10, 5):
        state = state_of(of)
        assert state.asked is not None
        asked = replace(state.asked, confirmed_at=None) if what == "unread" else state.asked
        of = with_target(of, replace(state, asked=asked, online=False))
        looked = replace(seen(of, when, reading(GOOD, GOOD, since=when - 5, until=when)), traffic=None)
        of = tick(of, when, looked)
        assert awaits_person(of) is (when >= LONGEST)


def test_a_candidate_that_flaps_and_then_is_well_goes_on_by_itself_though_a_person_was_asked() -> None:
    of = flapping(judged(share=10.0, probe=FLAPPY), LONGEST + 20, candidate=GOOD)
    assert awaits_person(of)
    of = after(of, 60, GOOD, GOOD, start=LONGEST + 20)
    assert (phases(of)["west"] is Phase.HOLDING, awaits_person(of)) == (False, False)
