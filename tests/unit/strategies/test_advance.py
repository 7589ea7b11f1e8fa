"""Whole decisions: what a rollout does next, upon a look that shows everything well and one thing not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.missing import Ensure, Shift, missing
from strategies.model import CommandKind, Outcome, Reason, Rollout, with_target
from strategies.phases import Phase
from strategies.plan import OnFailure, Plan, Retire, Scope, Step, WaveRule
from strategies.seen import GroupSeen, GroupState, ProbeSeen, Seen, TargetSeen
from tests.unit.strategies.build import (
    at,
    in_force,
    in_phase,
    look,
    phases,
    ready,
    rollout,
    service,
    shown,
    state_of,
    target,
    tick,
    told,
)

CANARY = Plan((Step(0), Step(10, 5), Step(100)))


def acts(of: Rollout, when: float) -> tuple[object, ...]:
    return missing(of, Seen(tuple(look(of, when, name=t.name) for t in of.targets)))


def draining(of: Rollout | None = None, name: str = "west") -> Rollout:
    of = of or rollout()
    last = of.service.target(name).plan.last
    return in_force(in_phase(of, Phase.DRAINING, name=name, step=last), 100, name=name)


def drained(of: Rollout, name: str = "west") -> Rollout:
    of = in_force(in_phase(of, Phase.DRAINED, name=name, step=2), 100, name=name)
    return with_target(of, replace(of.target(name), drained_at=at(0)))


def two(**waves: object) -> Rollout:
    return rollout(service(target("west", wave=1), target("east", wave=2), waves=WaveRule(bake_seconds=0.0, **waves)))  # type: ignore[arg-type]


def faulty(of: Rollout, name: str) -> Rollout:
    state = of.target(name)
    return with_target(of, replace(state, candidate=tuple(replace(s, fault="it failed") for s in state.candidate)))


def test_the_intent_to_create_is_recorded_in_the_tick_that_creates() -> None:
    after = tick(rollout(), 1, TargetSeen("west"))
    assert phases(after) == {"west": Phase.PREPARING}
    (act,) = missing(after, Seen((TargetSeen("west"),)))
    assert isinstance(act, Ensure)
    assert [slot.intended_at for slot in state_of(after).candidate] == [at(1)]


def test_a_later_tick_creates_only_after_two_looks_at_nothing() -> None:
    of = tick(rollout(), 1, TargetSeen("west"))
    name = state_of(of).candidate[0].name
    for when, wanted in ((2, 0), (3, 1)):
        nothing = TargetSeen("west", groups=(GroupSeen(name, GroupState.ABSENT, at(when)),))
        of = tick(of, when, nothing)
        assert len(missing(of, Seen((nothing,)))) == wanted


def test_a_release_goes_all_the_way_when_everything_is_well() -> None:
    of = rollout(service(target(plan=CANARY)))
    reached: list[Phase] = []
    for when in range(1, 400, 2):
        if of.outcome is not Outcome.RUNNING:
            break
        gone = of.targets[0].phase is Phase.RETIRING and of.targets[0].stable[0].retire_at is not None
        looked = look(of, when)
        if gone:
            looked = replace(
                looked,
                groups=tuple(
                    replace(g, state=GroupState.ABSENT) if g.name.startswith("old") else g for g in looked.groups
                ),
            )
        of = tick(of, when, looked)
        if not reached or reached[-1] is not of.targets[0].phase:
            reached.append(of.targets[0].phase)
    assert of.outcome is Outcome.PROMOTED
    assert reached[-4:] == [Phase.DRAINING, Phase.DRAINED, Phase.RETIRING, Phase.PROMOTED]
    assert reached.count(Phase.SHIFTING) == 2


def test_a_step_waits_for_its_read_back() -> None:
    of = in_force(in_phase(rollout(), Phase.SHIFTING, step=1), 10)
    assert of.targets[0].asked is not None
    unread = with_target(
        of, replace(of.targets[0], asked=replace(of.targets[0].asked, confirmed_at=None, acked_at=None))
    )
    elsewhere = look(unread, 100, traffic=shown(None, 100))
    assert phases(tick(unread, 100, elsewhere)) == {"west": Phase.SHIFTING}
    assert phases(tick(of, 100)) == {"west": Phase.HOLDING}


def test_a_step_is_no_shorter_than_propagation_and_ttl() -> None:
    of = in_force(in_phase(rollout(), Phase.SHIFTING, step=1), 10, ttl=5)
    assert phases(tick(of, 9.5)) == {"west": Phase.SHIFTING}
    assert phases(tick(of, 10)) == {"west": Phase.HOLDING}


@pytest.mark.parametrize("phase", [Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED])
def test_a_failing_candidate_is_taken_back_from_every_phase_before_retirement(phase: Phase) -> None:
    of = in_force(in_phase(rollout(), phase, step=1), 10)
    assert phases(tick(faulty(of, "west"), 2)) == {"west": Phase.RETURNING}


@pytest.mark.parametrize("phase", [Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED])
def test_an_abort_wins_within_one_tick_from_every_phase_before_retirement(phase: Phase) -> None:
    of = told(in_force(in_phase(rollout(), phase, step=1), 10), CommandKind.ABORT)
    after = tick(of, 2)
    assert phases(after) == {"west": Phase.RETURNING}
    (act,) = missing(after, Seen((look(of, 2),)))
    assert isinstance(act, Shift)
    assert {m.weight for m in act.intent.members} == {0, 1000}


def test_an_abort_before_anything_began_just_ends() -> None:
    assert tick(told(rollout(), CommandKind.ABORT), 1).outcome is Outcome.ROLLED_BACK


def test_traffic_is_not_sent_back_to_a_stable_side_that_fails() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    sick = tuple(replace(slot, failed=2) for slot in of.targets[0].stable)
    of = told(with_target(of, replace(of.targets[0], stable=sick)), CommandKind.ABORT)
    failing = tuple(ProbeSeen(slot.endpoint, at(2), False, "status 500") for slot in sick)
    after = tick(of, 2, look(of, 2, probes=failing))
    assert phases(after) == {"west": Phase.STUCK}
    assert acts(after, 2) == ()


def test_both_sides_failing_together_is_an_incident_and_not_the_release() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    for when in (2, 4, 6):
        slots = (*of.targets[0].stable, *of.targets[0].candidate)
        of = tick(of, when, look(of, when, probes=tuple(ProbeSeen(s.endpoint, at(when), False) for s in slots)))
    assert phases(of) == {"west": Phase.HOLDING}


def test_a_look_that_failed_holds_the_step() -> None:
    of = in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10)
    after = tick(of, 30, look(of, 30, traffic=None, problem="routing: timed out"))
    assert phases(after) == {"west": Phase.HOLDING}
    assert "timed out" in state_of(after).note


def test_a_settled_side_is_drained_before_it_is_deleted() -> None:
    """A person's word that the candidate shall serve does not empty the caches of the stable side's clients."""
    of = in_force(in_phase(rollout(), Phase.STUCK, step=1), 10, ttl=5)
    of = tick(told(of, CommandKind.SETTLE, "candidate"), 1)
    assert phases(of) == {"west": Phase.RETIRING}
    for when in (2, 4, 6):
        of = tick(of, when)
        assert all(slot.retire_at is None for slot in of.targets[0].stable)
    confirmed = of.targets[0].asked
    assert confirmed is not None
    assert confirmed.confirmed_at == at(4)
    of = tick(of, 4 + 5 + 5 + 10)
    assert all(slot.retire_at is not None for slot in of.targets[0].stable)


def test_a_settled_split_is_written_again_whatever_stands_there() -> None:
    """With `onDrift: hold` a hand-made change kept a returning rollout waiting for ever: nobody could help."""
    of = in_force(in_phase(rollout(), Phase.STUCK, step=1, exposed=True), 0)
    drifted = of.targets[0]
    assert drifted.asked is not None
    of = with_target(of, replace(drifted, asked=replace(drifted.asked, off=9), drift_since=at(0)))
    after = tick(told(of, CommandKind.SETTLE, "stable"), 3, look(of, 3, traffic=shown(None, 3)))
    seen = Seen((look(after, 3, traffic=shown(None, 3)),))
    assert [type(act) for act in missing(after, seen)] == [Shift]


def test_a_failure_in_a_later_wave_is_noticed_when_an_earlier_one_has_ended() -> None:
    """With `retire: perWave` a failing second wave was left serving for ever: nothing looked at it any more."""
    of = two(retire=Retire.PER_WAVE)
    of = with_target(of, replace(of.target("west"), phase=Phase.PROMOTED))
    of = faulty(in_force(in_phase(of, Phase.HOLDING, name="east", step=1), 10, name="east"), "east")
    assert phases(tick(of, 2)) == {"west": Phase.PROMOTED, "east": Phase.RETURNING}


def test_an_abort_takes_back_what_can_be_when_an_earlier_wave_has_ended() -> None:
    of = two(retire=Retire.PER_WAVE)
    of = with_target(of, replace(of.target("west"), phase=Phase.PROMOTED))
    of = in_force(in_phase(of, Phase.HOLDING, name="east", step=1), 10, name="east")
    assert phases(tick(told(of, CommandKind.ABORT), 2)) == {"west": Phase.PROMOTED, "east": Phase.RETURNING}


def test_a_wave_does_not_wait_for_one_that_has_been_taken_back() -> None:
    """With `onFailure: wave` the first wave kept its old side for ever once the second had failed."""
    of = drained(two(on_failure=Scope.WAVE))
    of = with_target(of, replace(of.target("east"), phase=Phase.ROLLED_BACK))
    assert phases(tick(of, 60)) == {"west": Phase.RETIRING, "east": Phase.ROLLED_BACK}


def test_a_failure_takes_every_wave_back_when_the_manifest_says_so() -> None:
    of = drained(two(on_failure=Scope.ALL))
    of = faulty(in_force(in_phase(of, Phase.HOLDING, name="east", step=1), 10, name="east"), "east")
    assert phases(tick(of, 2)) == {"west": Phase.RETURNING, "east": Phase.RETURNING}


def test_a_failure_pauses_where_the_manifest_wants_a_person_to_decide() -> None:
    of = in_force(in_phase(rollout(service(on_failure=OnFailure.PAUSE)), Phase.HOLDING, step=1), 10)
    after = tick(faulty(of, "west"), 2)
    assert phases(after) == {"west": Phase.HOLDING}
    assert after.paused is not None
    assert "it failed" in after.paused.message


def test_a_first_release_takes_one_shift_and_its_failure_ends_with_nothing() -> None:
    of = rollout(service(target(plan=CANARY)), first=True)
    assert [step.share for step in of.service.targets[0].plan.steps] == [0, 100]
    state = of.targets[0]
    failing = with_target(of, replace(state, phase=Phase.HOLDING, candidate=tuple(ready(s) for s in state.candidate)))
    after = tick(told(failing, CommandKind.ABORT), 1)
    assert phases(after) == {"west": Phase.CLEARING}


def test_the_deadline_of_a_wave_takes_the_candidate_back() -> None:
    of = replace(in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10), wave_seconds=401.0)
    after = tick(of, 2)
    assert phases(after) == {"west": Phase.RETURNING}
    assert after.failure == Reason("waveDeadline", "not finished after 400 s", (("limit", 400.0), ("spent", 403.0)))


def test_what_has_ended_does_not_change_any_more() -> None:
    of = with_target(rollout(), replace(rollout().targets[0], phase=Phase.PROMOTED))
    after = tick(told(of, CommandKind.ABORT), 9)
    assert after.targets == of.targets
    assert after.outcome is Outcome.PROMOTED


def test_an_heir_that_could_not_read_a_group_does_not_create_it_again() -> None:
    """Two looks of the one that died after its create were taken for the heir's own."""
    of = tick(rollout(), 1, TargetSeen("west"))
    name = state_of(of).candidate[0].name
    for when in (2, 3):
        of = tick(of, when, TargetSeen("west", groups=(GroupSeen(name, GroupState.ABSENT, at(when)),)))
    assert len(missing(of, Seen((TargetSeen("west"),)))) == 1
    heir = tick(of, 9, TargetSeen("west"))
    assert missing(heir, Seen((TargetSeen("west"),))) == ()
