"""An empty store is rebuilt from marks: who serves, what was under way, and nothing is begun twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies import names, traffic
from strategies.begin import begin
from strategies.model import Outcome, Revision, Rollout, Slot
from strategies.phases import Phase
from strategies.plan import Step
from strategies.rebuild import survey
from strategies.seen import EndpointSeen, GroupSeen, GroupState, Mark, TargetSeen, TrafficSeen
from tests.unit.strategies.build import NEW, OLD, at, in_force, in_phase, rollout, service, shown, state_of, target


def marked(slot: Slot, number: int, rollout_id: str, revision: Revision) -> GroupSeen:
    mark = Mark("shop", "west", revision.id, number, slot.number, rollout_id, revision.digest, revision.template)
    return GroupSeen(slot.name, GroupState.RUNNING, at(0), address=slot.address, mark=mark)


def world(of: Rollout, traffic_seen: TrafficSeen, *, candidate: bool = True) -> TargetSeen:
    state = state_of(of)
    groups = [marked(slot, 1, "r1", OLD) for slot in state.stable if slot.name]
    groups += [marked(slot, of.number, of.id, NEW) for slot in state.candidate] if candidate else []
    return TargetSeen("west", groups=tuple(groups), traffic=traffic_seen)


def at_share(share: float, phase: Phase = Phase.SHIFTING) -> tuple[Rollout, TargetSeen]:
    of = in_force(in_phase(rollout(), phase, step=1), share)
    asked = state_of(of).asked
    assert asked is not None
    return of, world(of, shown(asked.intent, 0))


def test_what_serves_and_nothing_under_way_is_the_stable_side() -> None:
    of = rollout()
    state = state_of(of)
    seen = shown(replace(traffic.at_step(state, target(), Step(0), "r2"), active=None), 0)
    found = survey(of.service, [world(of, seen, candidate=False)], at(0))
    assert found.resumed is None
    assert found.revision is not None
    assert found.revision.id == OLD.id
    assert [slot.name for slot in found.slots("west")] == [slot.name for slot in state.stable]
    assert found.number == 1


@pytest.mark.parametrize(("share", "phase"), [(10, Phase.SHIFTING), (100, Phase.SHIFTING)])
def test_a_split_in_force_is_resumed_at_its_step_and_asked_for_again(share: float, phase: Phase) -> None:
    of, looked = at_share(share)
    resumed = survey(of.service, [looked], at(9)).resumed
    assert resumed is not None
    state = state_of(resumed)
    assert (resumed.id, resumed.number, state.phase) == ("r2", 2, phase)
    assert state.asked is not None
    assert state.asked.share == share
    assert state.asked.intent == replace(traffic.at_step(state_of(of), target(), Step(share), "r2"))


def test_a_candidate_that_is_switched_off_was_on_its_way_back() -> None:
    of = in_force(in_phase(rollout(), Phase.RETURNING, step=1, exposed=True), 0)
    asked = state_of(of).asked
    assert asked is not None
    resumed = survey(of.service, [world(of, shown(asked.intent, 0))], at(9)).resumed
    assert resumed is not None
    assert state_of(resumed).phase is Phase.RETURNING
    assert resumed.failure is not None


def test_a_candidate_that_stands_nowhere_is_still_being_prepared() -> None:
    of = in_phase(rollout(), Phase.PREPARING)
    seen = shown(traffic.at_step(state_of(of), target(), Step(0), "r2"), 0)
    resumed = survey(of.service, [world(of, seen)], at(9)).resumed
    assert resumed is not None
    assert state_of(resumed).phase is Phase.PREPARING
    assert all(slot.intended_at is not None and slot.intended_at < at(9) for slot in state_of(resumed).candidate)


def test_a_revision_that_was_taken_back_is_known_from_the_profile() -> None:
    of = rollout()
    seen = replace(shown(traffic.at_step(state_of(of), target(), Step(0), "r2"), 0), active=())
    seen = replace(seen, rolled_back=((names.holder("shop", "west"), NEW.short),))
    assert survey(of.service, [world(of, seen, candidate=False)], at(0)).rolled_back == NEW.short


def adopting(share: float, *weights: int) -> tuple[Rollout, TargetSeen]:
    """A first release beside hand-made endpoints, as the profile shows it at a share."""
    hands = tuple(f"hand{n}" for n in range(len(weights)))
    of = rollout(service(target(adopt=hands)), first=True)
    slots = tuple(
        Slot(-1, "", h, f"{h}.example.com", weight=w, adopted=True) for h, w in zip(hands, weights, strict=True)
    )
    of = in_phase(of, Phase.SHIFTING, step=1, stable=slots, exposed=True)
    intent = traffic.at_step(state_of(of), of.service.targets[0], Step(share), of.id)
    known = {s.endpoint: s.weight or 1 for s in slots}
    last = traffic.at_step(state_of(of), of.service.targets[0], Step(min(share, 50)), of.id)
    known |= {m.endpoint: m.weight for m in last.members if m.weight}
    endpoints = tuple(
        EndpointSeen(
            m.endpoint, m.address, m.weight or known[m.endpoint], m.weight > 0, mark=names.parse_endpoint(m.endpoint)
        )
        for m in intent.members
    )
    return of, world(of, replace(shown(intent, 0), endpoints=endpoints))


@pytest.mark.parametrize("share", [10, 50, 100])
def test_adopted_endpoints_get_back_their_former_part_after_the_store_was_lost(share: float) -> None:
    """At the whole share they are switched off, and the way back switched off everything that was left."""
    of, looked = adopting(share, 300, 200)
    resumed = survey(of.service, [looked], at(9)).resumed
    assert resumed is not None
    back = traffic.at_step(state_of(resumed), resumed.service.targets[0], Step(0), "r2")
    weights = {member.endpoint: member.weight for member in back.members}
    assert sum(weights.values()) == 500
    assert abs(weights["hand0"] - 300) <= 5
    assert weights[state_of(of).candidate[0].endpoint] == 0


def test_an_adopted_endpoint_that_never_served_stays_off_when_rebuilt_in_mid_steps() -> None:
    of, looked = adopting(10, 300, 0)
    resumed = survey(of.service, [looked], at(9)).resumed
    assert resumed is not None
    assert [slot.weight for slot in state_of(resumed).stable] == [300, 0]


def test_a_retained_group_is_neither_the_stable_side_nor_a_rollout() -> None:
    of = rollout()
    looked = world(of, shown(replace(traffic.at_step(state_of(of), target(), Step(0), "r2"), active=None), 0))
    kept = tuple(replace(g, keep_until=at(99)) if g.mark and g.mark.number == 2 else g for g in looked.groups)
    found = survey(of.service, [replace(looked, groups=kept)], at(0))
    assert found.resumed is None
    assert [slot.name for slot in found.slots("west")] == [slot.name for slot in state_of(of).stable]


def test_a_rebuilt_rollout_is_running() -> None:
    of, looked = at_share(10)
    resumed = survey(of.service, [looked], at(9)).resumed
    assert resumed is not None
    assert resumed.outcome is Outcome.RUNNING


def test_of_retained_groups_of_one_revision_an_undo_takes_those_that_served_last() -> None:
    of = rollout()
    slots = [
        replace(slot, name=f"shop-{NEW.short}-{number}-0") for slot in state_of(of).candidate for number in (1, 3, 2)
    ]
    kept = [replace(marked(s, int(s.name[-3]), "r", NEW), keep_until=at(99)) for s in slots]
    found = survey(of.service, [TargetSeen("west", groups=tuple(kept), traffic=shown(None, 0))], at(0))
    assert found.retained("west", NEW.id)[0] == f"shop-{NEW.short}-3-0"
    assert [slot.name for slot in state_of(begin("r4", of.service, NEW, found, at(0))).candidate] == [
        f"shop-{NEW.short}-3-0"
    ]
