"""What a retained workload went through before it is used again is no crash loop of today."""

from __future__ import annotations

from dataclasses import replace

from strategies.model import Slot, TargetState
from strategies.observe import CRASHES, observe
from strategies.phases import Phase
from strategies.seen import GroupSeen, GroupState, TargetSeen
from tests.unit.strategies.build import at, in_phase, rollout, state_of, target


def seen(slot: Slot, restarts: int) -> TargetSeen:
    group = GroupSeen(slot.name, GroupState.RUNNING, at(1), "there", restarts=restarts)
    return TargetSeen("west", groups=(group,))


def preparing(name: str | None = None) -> tuple[Slot, TargetState]:
    state = state_of(in_phase(rollout(), Phase.PREPARING))
    slot = state.candidate[0]
    slot = replace(slot, restarts=None, name=name or slot.name)
    return slot, replace(state, candidate=(slot,))


def test_restarts_from_before_a_retained_workload_is_used_again_do_not_count() -> None:
    slot, state = preparing(name="shop-0a0b0c0d-1-0")
    state = observe(state, target(), seen(slot, CRASHES + 2), "shop", at(1))
    assert (state.candidate[0].fault, state.candidate[0].crashes) == (None, 0)
    state = observe(state, target(), seen(slot, CRASHES + 3), "shop", at(2))
    assert (state.candidate[0].fault, state.candidate[0].crashes) == (None, 1)


def test_restarts_of_a_workload_made_for_this_rollout_count_from_the_first_look_on() -> None:
    slot, state = preparing()
    state = observe(state, target(), seen(slot, CRASHES), "shop", at(1))
    assert "crash loop" in (state.candidate[0].fault or "")
