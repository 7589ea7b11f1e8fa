"""The table of phases: what is not in it raises and changes nothing, and everything in it leads to an end."""

from __future__ import annotations

import pytest

from strategies.phases import EDGES, FORWARD, TERMINAL, IllegalTransitionError, Phase, check, mermaid
from strategies.steps import enter
from tests.unit.strategies.build import at, rollout, state_of

PAIRS = [(before, after) for before in Phase for after in Phase]


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair[1] in EDGES[pair[0]]])
def test_a_transition_of_the_table_is_allowed(before: Phase, after: Phase) -> None:
    assert check("west", before, after) is after


@pytest.mark.parametrize(("before", "after"), [pair for pair in PAIRS if pair[1] not in EDGES[pair[0]]])
def test_any_other_transition_raises_naming_both_phases(before: Phase, after: Phase) -> None:
    with pytest.raises(IllegalTransitionError, match=f"{before} cannot become {after}"):
        check("west", before, after)


def test_an_illegal_transition_changes_nothing() -> None:
    state = state_of(rollout())
    with pytest.raises(IllegalTransitionError):
        enter(state, Phase.RETIRING, at(9))
    assert state == state_of(rollout())


def test_the_table_names_every_phase_and_only_the_ends_lead_nowhere() -> None:
    assert set(EDGES) == set(Phase)
    assert {phase for phase, afters in EDGES.items() if not afters} == TERMINAL


def _reachable(start: Phase) -> set[Phase]:
    found, todo = {start}, [start]
    while todo:
        for after in EDGES[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return found


def test_every_phase_can_be_reached_from_the_beginning() -> None:
    assert _reachable(Phase.PENDING) == set(Phase)


def test_every_phase_can_still_come_to_an_end() -> None:
    assert all(_reachable(phase) & TERMINAL for phase in Phase)


def test_from_every_forward_phase_the_old_side_can_get_everything_back() -> None:
    assert all(Phase.ROLLED_BACK in _reachable(phase) for phase in FORWARD)


def test_once_the_old_side_is_going_only_a_person_brings_it_back() -> None:
    assert EDGES[Phase.RETIRING] == {Phase.PROMOTED, Phase.STUCK}


def test_the_diagram_shows_every_edge_once() -> None:
    lines = mermaid().splitlines()
    edges = {line.strip() for line in lines if "-->" in line and "[*]" not in line}
    assert edges == {f"{a} --> {b}" for a, afters in EDGES.items() for b in afters}
    assert len(lines) == len(set(lines))
