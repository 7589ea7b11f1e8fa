"""Requests that reach the candidate besides its share: A/B tests, shadows, probes that come through the routing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies import traffic
from strategies.detours import Detour, Match, Mirror, for_probes, is_for_probes
from strategies.missing import Ensure, Shift, missing
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import Phase
from strategies.plan import Plan, ProbeRule, Step, ab_test, shadow
from strategies.rebuild import survey
from strategies.seen import GroupSeen, GroupState, Seen, TargetSeen
from tests.unit.strategies.build import at, look, phases, rollout, service, shown, state_of, target, tick, told
from tests.unit.strategies.test_rebuild import world

INSIDERS = Match(headers=(("x-insider", "yes"),))
TEST = ab_test(INSIDERS, hold=20.0, steps=(Step(50, 10.0),))
SHADOW = shadow(25.0, hold=20.0)
ROUTED = ProbeRule(2.0, 2, 2, routed=True)


def until(of: Rollout, phase: Phase, step: int, start: int = 1) -> tuple[Rollout, int]:
    """The rollout at the first tick at which it stands there, all being well; and when that is."""
    for when in range(start, start + 900, 2):
        of = tick(of, when)
        if state_of(of).phase is phase and state_of(of).step == step:
            return of, when
    raise AssertionError(f"it never came to {phase} {step}: {state_of(of).phase} {state_of(of).step}")


def intent(of: Rollout) -> object:
    asked = state_of(of).asked
    return None if asked is None else asked.intent


def test_a_test_leads_matching_requests_to_the_candidate_which_has_no_share_yet() -> None:
    of, _ = until(rollout(service(target(plan=TEST))), Phase.HOLDING, 1)
    (slot,) = state_of(of).candidate
    asked = state_of(of).asked
    assert asked is not None
    assert asked.intent.detours == (Detour(INSIDERS, slot.endpoint, slot.address or ""),)
    assert [m.weight for m in asked.intent.members if m.endpoint == slot.endpoint] == [0]
    assert state_of(of).exposed


def test_matching_requests_stay_with_the_candidate_while_its_share_rises() -> None:
    of, _ = until(rollout(service(target(plan=TEST))), Phase.HOLDING, 2)
    asked = state_of(of).asked
    assert asked is not None
    assert (asked.share, len(asked.intent.detours)) == (50, 1)
    of, _ = until(of, Phase.HOLDING, 3, start=300)
    asked = state_of(of).asked
    assert asked is not None
    assert (asked.share, asked.intent.detours) == (100, ())


def test_a_shadow_gets_copies_and_nobody_hears_its_answers() -> None:
    of, _ = until(rollout(service(target(plan=SHADOW))), Phase.HOLDING, 1)
    (slot,) = state_of(of).candidate
    asked = state_of(of).asked
    assert asked is not None
    assert asked.intent.mirrors == (Mirror(slot.endpoint, slot.address or "", 25.0),)
    assert asked.share == 0
    assert state_of(of).exposed


@pytest.mark.parametrize("plan", [TEST, SHADOW])
def test_an_abort_takes_every_detour_and_mirror_away_and_waits_for_the_drain(plan: Plan) -> None:
    of, when = until(rollout(service(target(plan=plan))), Phase.HOLDING, 1)
    of = tick(told(of, CommandKind.ABORT), when + 2)
    assert phases(of) == {"west": Phase.RETURNING}
    asked = state_of(of).asked
    assert asked is not None
    assert (asked.intent.detours, asked.intent.mirrors) == ((), ())
    of = tick(of, when + 4)
    of = tick(of, when + 6)
    assert phases(of) == {"west": Phase.CLEARING}
    of = tick(of, when + 8)
    assert phases(of) == {"west": Phase.CLEARING}, "its last requests are still under way"


def test_a_read_without_the_detour_does_not_show_the_intent() -> None:
    of, when = until(rollout(service(target(plan=TEST))), Phase.HOLDING, 1)
    asked = state_of(of).asked
    assert asked is not None
    seen = shown(asked.intent, when)
    assert traffic.shows(seen, asked.intent, "shop.west")
    for other in (
        replace(seen, detours=()),
        replace(seen, mirrors=(Mirror("x", "y"),)),
        replace(seen, whole=False),
        replace(seen, detours=(replace(asked.intent.detours[0], match=Match(cookies=(("a", "b"),))),)),
    ):
        assert not traffic.shows(other, asked.intent, "shop.west")


@pytest.mark.parametrize(("plan", "step"), [(TEST, 1), (TEST, 2), (SHADOW, 1)])
def test_an_empty_store_finds_a_test_under_way_at_its_step_and_does_not_turn_it_back(plan: Plan, step: int) -> None:
    of, when = until(rollout(service(target(plan=plan))), Phase.HOLDING, step)
    asked = state_of(of).asked
    assert asked is not None
    found = survey(of.service, [world(of, shown(asked.intent, when))], at(when))
    assert found.resumed is not None
    state = state_of(found.resumed)
    assert (state.phase, state.step, state.exposed) == (Phase.SHIFTING, step, True)
    assert state.asked is not None
    assert state.asked.intent.detours == asked.intent.detours


def test_probes_that_come_through_the_routing_are_led_there_before_any_traffic() -> None:
    of = rollout(service(target(probe=ROUTED)))
    for when in (1, 3):
        groups = tuple(GroupSeen(s.name, GroupState.RUNNING, at(when), address=s.name) for s in of.targets[0].candidate)
        stable = tuple(GroupSeen(s.name, GroupState.RUNNING, at(when), address=s.address) for s in of.targets[0].stable)
        seen = TargetSeen("west", groups=(*groups, *stable), traffic=shown(None, when))
        of = tick(of, when, seen)
    state = state_of(of)
    assert state.phase is Phase.PREPARING
    assert state.asked is not None
    assert {d.address for d in state.asked.intent.detours} == {state.candidate[0].name, state.stable[0].address}
    assert all(is_for_probes(detour) for detour in state.asked.intent.detours)
    assert not state.exposed, "nobody but our own probes comes there"
    assert any(isinstance(act, Shift) for act in missing(of, Seen((seen,))))


def test_a_failed_candidate_that_only_probes_reached_leaves_the_routing_before_it_is_deleted() -> None:
    of = rollout(service(target(probe=ROUTED)))
    of, when = until(of, Phase.HOLDING, 0)
    of = tick(told(of, CommandKind.ABORT), when + 2)
    for later in range(when + 4, when + 40, 2):
        of = tick(of, later)
        acts = missing(of, Seen((look(of, later),)))
        if state_of(of).phase is Phase.REMOVING and state_of(of).candidate[0].retire_at is not None:
            asked = state_of(of).asked
            assert asked is not None
            assert state_of(of).candidate[0].endpoint in asked.intent.absent
            assert asked.confirmed_at is not None
            return
        assert not any(type(act).__name__ == "Remove" for act in acts)
    raise AssertionError("it was never removed")


def test_what_is_written_but_not_in_force_is_neither_confirmed_nor_somebody_elses_change() -> None:
    of, when = until(rollout(), Phase.SHIFTING, 1)
    asked = state_of(of).asked
    assert asked is not None
    for later in range(when + 2, when + 30, 2):
        waiting = replace(shown(asked.intent, later), taken=False, why="observedGeneration 3 of 4")
        of = tick(of, later, look(of, later, traffic=waiting))
    state = state_of(of)
    assert state.asked is not None
    assert (state.phase, state.asked.confirmed_at) == (Phase.SHIFTING, None)
    assert (state.asked.off, state.drift_since) == (0, None)
    assert (state.lags, state.problem) == ("observedGeneration 3 of 4", None)
    assert missing(of, Seen((look(of, later, traffic=waiting),))) == ()
    until(of, Phase.HOLDING, 1, start=later + 2)


def test_a_step_does_not_go_on_while_the_routing_layer_takes_up_somebody_elses_change() -> None:
    of, when = until(rollout(service(target(plan=Plan((Step(0), Step(10, 4), Step(100)))))), Phase.HOLDING, 1)
    asked = state_of(of).asked
    assert asked is not None
    for later in range(when + 2, when + 30, 2):
        of = tick(of, later, look(of, later, traffic=replace(shown(asked.intent, later), taken=False)))
    assert (state_of(of).phase, state_of(of).step) == (Phase.HOLDING, 1)
    assert state_of(of).drift_since is None
    of, _ = until(of, Phase.SHIFTING, 2, start=later + 2)


def test_a_workload_made_only_in_part_is_asked_for_again_and_then_no_more() -> None:
    of = tick(rollout(), 1, TargetSeen("west"))
    name = state_of(of).candidate[0].name
    for partial in (True, False):
        seen = TargetSeen(
            "west", groups=(GroupSeen(name, GroupState.COMING, at(3), partial=partial, why="no Service"),)
        )
        of = tick(of, 3, seen)
        assert [isinstance(act, Ensure) for act in missing(of, Seen((seen,)))] == ([True] if partial else [])
    assert state_of(of).candidate[0].failing_why == "no Service"


def test_a_failed_first_release_closes_the_entrance_and_keeps_what_is_behind_it_until_nobody_knows_the_way() -> None:
    of = rollout(service(target(entrance=True)), first=True)
    of, when = until(of, Phase.HOLDING, 1)
    asked = state_of(of).asked
    assert asked is not None
    assert asked.intent.entrance is True
    of = tick(told(of, CommandKind.ABORT), when + 2)
    asked = state_of(of).asked
    assert asked is not None
    assert (state_of(of).phase, asked.intent.entrance) == (Phase.RETURNING, False)
    assert [m.weight for m in asked.intent.members] == [1000], "clients that remember the way are still answered"
    drained_at = None
    for later in range(when + 4, when + 120, 2):
        of = tick(of, later)
        asked = state_of(of).asked
        assert asked is not None
        if asked.intent.absent and drained_at is None:
            drained_at = later
            assert state_of(of).phase is Phase.REMOVING
            assert (asked.intent.members, asked.intent.entrance) == ((), False)
    assert drained_at is not None
    assert drained_at - when > 5 + 5 + 10, "propagation, TTL and margin"


def test_an_entrance_stays_open_through_a_later_release_and_its_way_back() -> None:
    of = rollout(service(target(entrance=True)))
    entrances = []
    for when in range(1, 400, 2):
        of = tick(of if when != 41 else told(of, CommandKind.ABORT), when)
        asked = state_of(of).asked
        entrances += [asked.intent.entrance] if asked else []
        if of.outcome is not Outcome.RUNNING:
            break
    assert set(entrances) == {True}


def test_a_detour_is_for_probes_only_where_it_is_exactly_ours() -> None:
    assert is_for_probes(for_probes("a", "b"))
    assert not is_for_probes(Detour(INSIDERS, "a", "b"))


@pytest.mark.parametrize(
    "steps",
    [
        (Step(0, match=INSIDERS), Step(100)),
        (Step(0), Step(100, mirror=5)),
        (Step(0), Step(0), Step(100)),
        (Step(0), Step(0, match=INSIDERS), Step(0, match=INSIDERS), Step(100)),
        (Step(0), Step(20), Step(10, match=INSIDERS), Step(100)),
    ],
)
def test_a_plan_that_leads_at_its_ends_or_goes_nowhere_cannot_be_made(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match=r"steps|first step"):
        Plan(steps)


def test_an_entrance_is_left_alone_until_what_is_behind_it_has_been_in_force_for_its_propagation() -> None:
    of = rollout(service(target(entrance=True)), first=True)
    of, when = until(of, Phase.SHIFTING, 1)
    confirmed_at = opened_at = None
    for later in range(when + 2, when + 60, 2):
        of = tick(of, later)
        asked = state_of(of).asked
        assert asked is not None
        if asked.intent.entrance is None and asked.confirmed_at is not None:
            confirmed_at = confirmed_at or later
        if asked.intent.entrance is not None and opened_at is None:
            assert asked.intent.entrance is True
            opened_at = later
    assert confirmed_at is not None
    assert opened_at is not None
    assert opened_at - confirmed_at >= 5


def test_a_first_release_that_never_had_traffic_leaves_the_entrance_as_it_was() -> None:
    of = rollout(service(target(entrance=True, probe=ROUTED)), first=True)
    of, when = until(of, Phase.HOLDING, 0)
    of = tick(told(of, CommandKind.ABORT), when + 2)
    for later in range(when + 4, when + 60, 2):
        asked = state_of(of).asked
        assert asked is None or asked.intent.entrance is None
        of = tick(of, later)


@pytest.mark.parametrize("phase", [Phase.HOLDING, Phase.SHIFTING])
def test_who_is_left_gets_all_at_once_although_the_routing_is_not_in_force_for_the_gap(phase: Phase) -> None:
    of, when = until(rollout(service(target(plan=Plan((Step(0), Step(10, 30), Step(100)))))), phase, 1)
    for later in range(when + 2, when + 12, 2):
        asked = state_of(of).asked
        assert asked is not None
        groups = tuple(GroupSeen(s.name, GroupState.ABSENT, at(later)) for s in state_of(of).stable)
        here = tuple(
            GroupSeen(s.name, GroupState.RUNNING, at(later), address=s.address) for s in state_of(of).candidate
        )
        unresolved = replace(shown(asked.intent, later), taken=False, why="ResolvedRefs is False")
        of = tick(of, later, look(of, later, groups=(*here, *groups), traffic=unresolved))
    asked = state_of(of).asked
    assert asked is not None
    assert [m.weight for m in asked.intent.members] == [1000]
    assert set(asked.intent.absent) == {slot.endpoint for slot in state_of(of).stable}
