"""What one look changes in what is remembered: facts only, believed when they stand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.model import Slot, Stage
from strategies.observe import observe
from strategies.phases import Phase
from strategies.seen import Ack, Act, GroupSeen, GroupState, ProbeSeen, TargetSeen, TrafficSeen
from tests.unit.strategies.build import at, in_force, in_phase, look, ready, rollout, shown, state_of, target, tick

RULE = target()


def group(slot: Slot, when: float, state: GroupState = GroupState.RUNNING, restarts: int = 0) -> GroupSeen:
    return GroupSeen(slot.name, state, at(when), address=slot.address, restarts=restarts)


def seen(slot: Slot, when: float, state: GroupState = GroupState.RUNNING, restarts: int = 0) -> Slot:
    """The candidate's slot after one look at its group and nothing else."""
    of = replace(state_of(rollout()), phase=Phase.PREPARING, candidate=(slot,))
    return observe(
        of, RULE, TargetSeen("west", groups=(group(slot, when, state, restarts),)), "shop", at(when)
    ).candidate[0]


def fresh() -> Slot:
    return replace(state_of(rollout()).candidate[0], intended_at=at(0), address="new.example.com")


def test_one_absent_read_of_a_group_that_was_seen_changes_nothing() -> None:
    slot = seen(replace(ready(fresh()), intended_at=at(-100)), 10, GroupState.ABSENT)
    assert slot.stage is Stage.SEEN
    assert slot.fault is None


def test_two_absent_reads_in_a_row_of_an_old_group_are_believed() -> None:
    slot = replace(ready(fresh()), intended_at=at(-100))
    for when in (10, 12):
        slot = seen(slot, when, GroupState.ABSENT)
    assert slot.stage is Stage.GONE
    assert slot.fault == "it was deleted, but not by us"


def test_a_group_that_was_just_made_may_vanish_from_reads_for_a_while() -> None:
    """Another region's cache may not know it yet: taking that for a deletion left a running orphan behind."""
    slot = ready(fresh())
    for when in (10, 12, 14):
        slot = seen(slot, when, GroupState.ABSENT)
    assert slot.stage is Stage.SEEN
    assert not slot.ready
    slot = seen(seen(slot, 62, GroupState.ABSENT), 64, GroupState.ABSENT)
    assert slot.stage is Stage.GONE


def test_the_deletion_of_a_young_group_by_ourselves_is_believed_as_soon_as_it_shows() -> None:
    slot = replace(ready(fresh()), retire_at=at(5), retire_acked_at=at(5))
    slot = seen(seen(slot, 10, GroupState.ABSENT), 12, GroupState.ABSENT)
    assert slot.stage is Stage.GONE
    assert slot.fault is None


def test_a_restart_makes_clean_probes_of_before_worthless_even_for_a_ready_group() -> None:
    """A group that was restarted while no engine ran got traffic on the strength of probes from before."""
    slot = seen(ready(fresh()), 30, restarts=1)
    assert not slot.ready
    assert slot.clean == 0


def test_restarts_are_counted_once_each() -> None:
    slot = ready(fresh())
    for when in (10, 12, 14):
        slot = seen(slot, when, restarts=1)
    assert slot.crashes == 1
    assert slot.fault is None


def test_three_restarts_of_a_candidate_are_a_crash_loop() -> None:
    slot = fresh()
    for when, restarts in ((10, 1), (12, 2), (14, 3)):
        slot = seen(slot, when, restarts=restarts)
    assert slot.fault is not None
    assert "crash loop" in slot.fault


def test_restarts_that_a_stable_group_had_long_ago_are_no_crash_loop_of_today() -> None:
    of = in_phase(rollout(), Phase.PREPARING)
    old = state_of(of).stable[0]
    looked = look(of, 2, groups=(group(old, 2, restarts=7),))
    assert state_of(tick(of, 2, looked)).stable[0].fault is None


def test_a_candidate_that_could_not_be_read_is_no_ground_to_go_on() -> None:
    """Its last known state is not a fact of now: it may have been restarted meanwhile."""
    of = in_phase(rollout(), Phase.HOLDING)
    blind = look(of, 2, groups=())
    after = state_of(tick(of, 2, blind))
    assert after.phase is Phase.HOLDING
    assert after.problem is not None
    assert after.candidate[0].name in after.problem
    assert state_of(tick(of, 2)).phase is Phase.SHIFTING


def test_a_failed_probe_makes_a_group_unready_in_the_same_look() -> None:
    of = in_phase(rollout(), Phase.HOLDING)
    slot = state_of(of).candidate[0]
    after = state_of(tick(of, 2, look(of, 2, probes=(ProbeSeen(slot.endpoint, at(2), False, "status 500"),))))
    assert not after.candidate[0].ready
    assert after.phase is Phase.HOLDING


def test_a_read_from_before_the_write_was_answered_confirms_nothing() -> None:
    of = in_force(in_phase(rollout(), Phase.SHIFTING, step=1), 10)
    state = state_of(of)
    assert state.asked is not None
    intent = state.asked.intent
    state = replace(state, asked=replace(state.asked, confirmed_at=None, acked_at=at(4)))
    early = observe(state, RULE, TargetSeen("west", traffic=shown(intent, 3)), "shop", at(5))
    assert early.asked is not None
    assert early.asked.confirmed_at is None
    late = observe(state, RULE, TargetSeen("west", traffic=shown(intent, 5)), "shop", at(5))
    assert late.asked is not None
    assert late.asked.confirmed_at == at(5)


def test_without_an_answer_to_the_write_two_reads_in_a_row_confirm() -> None:
    state = state_of(in_force(in_phase(rollout(), Phase.SHIFTING, step=1), 10))
    assert state.asked is not None
    intent = state.asked.intent
    state = replace(state, asked=replace(state.asked, confirmed_at=None, acked_at=None))
    for when, confirmed in ((3, None), (5, at(5))):
        state = observe(state, RULE, TargetSeen("west", traffic=shown(intent, when)), "shop", at(when))
        assert state.asked is not None
        assert state.asked.confirmed_at == confirmed


def test_the_ttl_that_another_service_lowered_is_remembered_to_be_restored() -> None:
    state = state_of(in_phase(rollout(), Phase.PREPARING))
    low = TrafficSeen(at(2), True, ttl_seconds=2, ttl_chain=2, ttl_original=40)
    assert observe(state, RULE, TargetSeen("west", traffic=low), "shop", at(2)).ttl_original == 40


@pytest.mark.parametrize("ttls", [(2, 40), (40, 2), (5, 40, 5)])
def test_the_longest_ttl_met_before_our_own_lowering_counts_for_the_drain(ttls: tuple[int, ...]) -> None:
    """Another service may restore the TTL between our first look and our lowering of it."""
    state = state_of(in_phase(rollout(), Phase.PREPARING))
    for when, ttl in enumerate(ttls):
        looked = TrafficSeen(at(when), True, ttl_seconds=ttl, ttl_chain=ttl)
        state = observe(state, RULE, TargetSeen("west", traffic=looked), "shop", at(when))
    assert state.ttl_before == 40


@given(st.lists(st.booleans(), max_size=30))
def test_clean_and_failed_count_the_last_run_of_probes(results: list[bool]) -> None:
    slot = fresh()
    for when, ok in enumerate(results):
        of = replace(state_of(rollout()), phase=Phase.PREPARING, candidate=(slot,))
        looked = TargetSeen("west", probes=(ProbeSeen(slot.endpoint, at(when), ok, "" if ok else "refused"),))
        slot = observe(of, RULE, looked, "shop", at(when)).candidate[0]
    run = 0
    for ok in reversed(results):
        if ok is not results[-1]:
            break
        run += 1
    assert (slot.clean, slot.failed) == ((0, 0) if not results else (run, 0) if results[-1] else (0, run))


def test_a_create_that_was_answered_waits_a_minute_for_the_group_to_show() -> None:
    of = replace(state_of(rollout()), phase=Phase.PREPARING, candidate=(fresh(),))
    ack = Ack(Act.ENSURE, fresh().name, at(1))
    slot = observe(of, RULE, TargetSeen("west", acks=(ack,)), "shop", at(1)).candidate[0]
    assert slot.stage is Stage.BEGUN
    assert seen(slot, 59, GroupState.ABSENT).stage is Stage.BEGUN
    assert seen(slot, 62, GroupState.ABSENT).stage is Stage.INTENDED
