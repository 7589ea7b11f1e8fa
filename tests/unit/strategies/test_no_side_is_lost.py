"""What a person's word, a second store, a late fault or an odd weight must never lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import split
from strategies.commands import can_serve
from strategies.missing import Remove, Shift, missing
from strategies.model import CommandKind, Outcome, Reason, Side, Slot, Stage, with_target
from strategies.phases import Phase
from strategies.plan import Deadlines, OnFailure, Scope, WaveRule
from strategies.seen import Ack, Act, Refusal, Seen
from strategies.verdict import confirmed
from tests.unit.strategies.build import (
    at,
    in_force,
    in_phase,
    look,
    phases,
    rollout,
    service,
    shown,
    state_of,
    target,
    tick,
    told,
)


def gone(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    return tuple(replace(slot, stage=Stage.GONE, retire_at=at(1)) for slot in slots)


@pytest.mark.parametrize("side", list(Side))
def test_nobody_can_settle_on_a_side_that_is_gone(side: Side) -> None:
    of = in_phase(in_force(rollout(), 10), Phase.STUCK, step=1)
    state = state_of(of)
    lost = {"candidate": gone(state.candidate)} if side is Side.CANDIDATE else {"stable": gone(state.stable)}
    of = with_target(of, replace(state, **lost))
    assert not can_serve(state_of(of), side)
    after = tick(told(of, CommandKind.SETTLE, side.value), 2)
    assert phases(after) == {"west": Phase.STUCK}


def test_the_candidate_is_not_deleted_while_the_stable_side_cannot_serve() -> None:
    of = in_force(in_phase(rollout(), Phase.CLEARING, step=1, exposed=True), 0)
    failed = Reason("probesFailed", "it failed")
    of = replace(of, failure=failed)
    sick = tuple(replace(slot, fault="provisioning failed") for slot in state_of(of).stable)
    of = with_target(of, replace(state_of(of), stable=sick))
    for second in range(100, 130):
        of = tick(of, second, look(of, second))
        looks = Seen((look(of, second),))
        assert not any(isinstance(act, Remove) for act in missing(of, looks))
    assert phases(of) == {"west": Phase.CLEARING}


def test_a_drain_that_was_done_counts_no_more_once_traffic_went_back() -> None:
    of = in_force(in_phase(rollout(), Phase.DRAINED, step=2), 100)
    of = with_target(of, replace(state_of(of), drained_at=at(1)))
    of = tick(told(of, CommandKind.ABORT), 2)
    assert state_of(of).drained_at is None


def test_a_rollout_gives_way_to_one_of_another_store_before_its_first_write() -> None:
    of = in_phase(rollout(), Phase.HOLDING)
    rival = replace(shown(None, 2), active=(("shop.west", "theirs"),))
    after = tick(of, 2, look(of, 2, traffic=rival))
    assert after.failure is not None and after.failure.code == "otherRollout"
    assert state_of(after).asked is None


def test_a_mark_with_nobody_behind_it_stops_no_new_rollout() -> None:
    of = replace(in_phase(rollout(), Phase.HOLDING), succeeds=("theirs",))
    left_behind = replace(shown(None, 2), active=(("shop.west", "theirs"),))
    after = tick(of, 2, look(of, 2, traffic=left_behind))
    assert after.failure is None
    asked = state_of(after).asked
    assert asked is not None and "theirs" in asked.intent.own


def test_an_earlier_wave_is_still_judged_when_a_later_one_has_failed() -> None:
    of = rollout(service(target("west"), target("east", wave=2), waves=WaveRule(on_failure=Scope.WAVE)))
    of = in_force(in_phase(of, Phase.DRAINED, step=2, name="west"), 100)
    of = with_target(of, replace(of.target("east"), phase=Phase.ROLLED_BACK, failure=Reason("x", "it failed")))
    of = replace(of, failure=Reason("x", "it failed"))
    broken = tuple(replace(slot, fault="crash loop") for slot in of.target("west").candidate)
    of = with_target(of, replace(of.target("west"), candidate=broken))
    assert tick(of, 3).target("west").phase is not Phase.DRAINED


def test_a_repaired_split_is_not_confirmed_before_it_is_read_back() -> None:
    of = in_force(in_phase(rollout(), Phase.CLEARING, step=1, exposed=True), 0)
    of = replace(with_target(of, replace(state_of(of), drift_since=at(3))), failure=Reason("x", "it failed"))
    after = tick(of, 6, look(of, 6, traffic=None, acks=(Ack(Act.SHIFT, "", at(5)),)))
    assert not confirmed(state_of(after))
    again = tick(after, 8, look(after, 8))
    assert confirmed(state_of(again))
    assert state_of(again).asked.confirmed_at == at(8)  # type: ignore[union-attr]


def test_a_secret_that_is_missing_keeps_the_rollout_waiting_for_a_person_and_is_no_failure() -> None:
    of = tick(rollout(service(deadlines=Deadlines(5.0, 400.0, 900.0))), 1)
    name = state_of(of).candidate[0].name
    refused = Refusal(Act.ENSURE, name, at(1), "SecretUnresolved", "no such variable", final=False, waits=True)
    for second in range(2, 60):
        of = tick(of, second, look(of, second, groups=(), probes=(), refusals=(refused,) if second == 2 else ()))
    assert phases(of) == {"west": Phase.PREPARING}
    assert state_of(of).asks_person
    assert "SecretUnresolved" in state_of(of).note


def test_a_deadline_that_paused_a_rollout_does_not_pause_it_again_after_retry() -> None:
    of = in_force(in_phase(rollout(service(on_failure=OnFailure.PAUSE)), Phase.HOLDING, step=1), 10)
    of = tick(replace(of, wave_seconds=401.0), 2)
    assert of.paused is not None
    of = tick(told(of, CommandKind.RETRY), 3)
    assert of.paused is None
    assert of.outcome is Outcome.RUNNING


@given(
    st.integers(1, 3000),
    st.lists(st.floats(0.1, 99.9), max_size=3),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_a_plan_that_is_not_refused_can_be_written_there_and_back(
    weight: int, shares: list[float], old: int, new: int
) -> None:
    if split.unfit(weight, shares, old, new):
        return
    before = [Slot(n, f"o{n}", f"o{n}", f"o{n}.x") for n in range(old)]
    after = [Slot(n, f"n{n}", f"n{n}", f"n{n}.x") for n in range(new)]
    for share in (*shares, 100.0, *((0.0,) if old else ())):
        found = split.members(share, weight, before, after)
        assert sum(member.weight for member in found) == weight
        serving = [m for m in found if (share > 0 and m.endpoint[0] == "n") or (share < 100 and m.endpoint[0] == "o")]
        assert all(split.LOWEST <= member.weight <= split.HIGHEST for member in serving)


@given(st.integers(1, 5000), st.floats(0, 100), st.integers(0, 3), st.integers(1, 3))
def test_the_way_back_can_always_be_written(weight: int, share: float, old: int, new: int) -> None:
    before = [Slot(n, f"o{n}", f"o{n}", f"o{n}.x") for n in range(old)]
    after = [Slot(n, f"n{n}", f"n{n}", f"n{n}.x") for n in range(new)]
    found = split.members(share, weight, before, after)
    assert all(0 <= member.weight <= split.HIGHEST for member in found)


@pytest.mark.parametrize(
    ("weight", "shares", "old", "new", "said"),
    [
        (2000, [], 1, 2, "a weight from 2 to 1000 can"),
        (1, [], 3, 1, "a weight from 3 to 1000 can"),
        (10, [1.0], 1, 1, "from 100 on it works"),
        (1000, [1.0], 2, 2, ""),
    ],
)
def test_a_split_that_cannot_be_names_the_weight_that_works(
    weight: int, shares: list[float], old: int, new: int, said: str
) -> None:
    found = split.unfit(weight, shares, old, new)
    assert said in found
    assert bool(said) == bool(found)


def test_what_is_gone_gets_no_weight_at_the_next_step_and_none_at_this_one() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    of = with_target(of, replace(state_of(of), stable=gone(state_of(of).stable)))
    after = tick(of, 2, look(of, 2, groups=look(of, 2).groups[:1]))
    asked = state_of(after).asked
    assert asked is not None
    weights = {member.endpoint: member.weight for member in asked.intent.members}
    assert state_of(of).stable[0].endpoint not in weights
    assert sum(weights.values()) == 1000


def test_a_profile_that_weights_no_longer_decide_holds_the_rollout_and_says_so() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    for second in (2, 4, 6):
        seen = look(of, second).traffic
        assert seen is not None
        of = tick(of, second, look(of, second, traffic=replace(seen, weighted=False)))
    assert phases(of) == {"west": Phase.HOLDING}
    assert state_of(of).asks_person
    assert "rollout approve" in state_of(of).note


def test_approve_writes_our_split_again_where_somebody_else_changed_it() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    changed = shown(None, 2)
    for second in (2, 4):
        of = tick(of, second, look(of, second, traffic=replace(changed, at=at(second))))
    assert state_of(of).drift_since is not None
    of = told(of, CommandKind.APPROVE)
    looked = look(of, 6, traffic=replace(changed, at=at(6)))
    after = tick(of, 6, looked)
    assert [act for act in missing(after, Seen((looked,))) if isinstance(act, Shift)]


def test_a_drained_side_that_was_in_the_answers_again_is_drained_anew() -> None:
    of = in_force(in_phase(rollout(), Phase.DRAINED, step=2), 100)
    of = with_target(of, replace(state_of(of), drained_at=at(1), drift_since=at(60), ttl_before=5))
    of = tick(of, 62)
    assert state_of(of).drift_since is None
    assert phases(of) == {"west": Phase.DRAINED}
    for second in range(63, 110):
        of = tick(of, second)
        if phases(of)["west"] is not Phase.DRAINED:
            break
    assert phases(of) == {"west": Phase.RETIRING}
    assert state_of(of).since >= at(62 + 5 + 5 + 10), "TTL, propagation and margin after the read-back"


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.HOLDING, Phase.DRAINING, Phase.DRAINED])
def test_approve_answers_a_change_of_our_split_in_every_phase_before_retirement(phase: Phase) -> None:
    of = in_force(in_phase(rollout(), phase, step=2), 100)
    of = with_target(of, replace(state_of(of), drift_since=at(3)))
    looked = look(of, 6, traffic=replace(shown(None, 6), at=at(6)))
    after = tick(told(of, CommandKind.APPROVE), 6, looked)
    assert [act for act in missing(after, Seen((looked,))) if isinstance(act, Shift)]
