"""A store that is lost while probes come through the routing: what was going forward goes on, what was not does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies import traffic
from strategies.detours import is_for_probes
from strategies.model import Rollout
from strategies.phases import Phase
from strategies.plan import ProbeRule, Step
from strategies.rebuild import survey
from tests.unit.strategies.build import at, in_phase, rollout, service, shown, state_of, target
from tests.unit.strategies.test_rebuild import adopting, world

ROUTED = target(probe=ProbeRule(2.0, 2, 2, routed=True))


def resumed(phase: Phase, *, exposed: bool) -> Rollout | None:
    """What is made of the marks when the store is lost in this phase, the split as the phase has it."""
    of = in_phase(rollout(service(ROUTED)), phase, exposed=exposed)
    intent = traffic.at_step(state_of(of), ROUTED, Step(0), of.id)
    assert intent.detours
    assert all(is_for_probes(detour) for detour in intent.detours)
    seen = replace(shown(intent, 0), detours=intent.detours)
    return survey(of.service, [world(of, seen)], at(9)).resumed


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.HOLDING])
def test_a_candidate_that_only_our_probes_reached_is_still_being_prepared(phase: Phase) -> None:
    found = resumed(phase, exposed=False)
    assert found is not None
    assert (state_of(found).phase, found.failure) == (Phase.PREPARING, None)


def test_a_candidate_that_had_traffic_and_has_none_was_on_its_way_back() -> None:
    found = resumed(Phase.RETURNING, exposed=True)
    assert found is not None
    assert state_of(found).phase is Phase.RETURNING
    assert found.failure is not None


def test_an_adopted_backend_whose_weight_is_zero_gets_everything_back_after_the_store_was_lost() -> None:
    of, looked = adopting(100, 100)
    assert looked.traffic is not None
    # A route keeps no weight for a backend that gets nothing, as a profile does.
    backends = tuple(replace(e, weight=e.weight if e.enabled else 0) for e in looked.traffic.endpoints)
    found = survey(of.service, [replace(looked, traffic=replace(looked.traffic, endpoints=backends))], at(9)).resumed
    assert found is not None
    home = traffic.at_step(state_of(found), of.service.targets[0], Step(0), of.id)
    assert [member.weight for member in home.members] == [100, 0]
