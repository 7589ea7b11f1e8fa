"""While the layer of the entrance is out of order, the cluster behind it is still ours to move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.errors import Denied, ProviderError, Transient
from strategies.advance import advance
from strategies.missing import missing
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import Phase
from strategies.seen import Ack, Refusal
from tests.unit.providers.entrance_world import World, act, begun, behind, look
from tests.unit.strategies.build import told

OUTAGES = [Transient("Azure does not answer"), Denied("no access any more")]


def ticks(world: World, of: Rollout, number: int, heard: list[Ack | Refusal]) -> Rollout:
    """Let some seconds pass, one tick each."""
    for _ in range(number):
        seen = look(world, of, tuple(heard))
        of = advance(of, seen, world.now)
        heard.clear()
        for action in missing(of, seen):
            heard += act(world, action)
        world.check()
        world.now += timedelta(seconds=1)
    return of


def until(world: World, of: Rollout, phase: Phase, heard: list[Ack | Refusal]) -> Rollout:
    for _ in range(200):
        of = ticks(world, of, 1, heard)
        if of.targets[0].phase is phase:
            return of
    raise AssertionError(of.targets[0].phase)


def shares(world: World) -> dict[str, int]:
    return {address: weight for address, weight in world.weights.values() if weight}


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_abort_brings_the_split_back_though_the_entrance_cannot_be_read(outage: ProviderError) -> None:
    world = World()
    heard: list[Ack | Refusal] = []
    of = until(world, begun(world, first=False), Phase.SHIFTING, heard)
    of = ticks(world, of, 1, heard)
    assert len(shares(world)) == 2
    world.fails = outage
    of = ticks(world, told(of, CommandKind.ABORT), 3, heard)
    assert shares(world) == {"old-west-0": 1000}
    assert of.targets[0].phase is Phase.RETURNING
    world.fails = None
    for _ in range(200):
        of = ticks(world, of, 1, heard)
    assert of.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_entrance_that_cannot_be_read_holds_the_rollout_and_is_no_drift(outage: ProviderError) -> None:
    world = World()
    heard: list[Ack | Refusal] = []
    of = until(world, begun(world, first=False), Phase.HOLDING, heard)
    of = until(world, of, Phase.SHIFTING, heard)
    of = until(world, of, Phase.HOLDING, heard)
    world.fails = outage
    before = shares(world)
    of = ticks(world, of, 20, heard)
    state = of.targets[0]
    assert (shares(world), state.phase, state.drift_since) == (before, Phase.HOLDING, None)
    assert outage.message in state.note
    world.fails = None
    for _ in range(200):
        of = ticks(world, of, 1, heard)
    assert of.outcome is Outcome.PROMOTED


def test_what_is_not_known_of_the_entrance_is_never_taken_for_open() -> None:
    world = World(weights={"shop_west_aaaaaaaa_1_0": ("web", 1000)}, is_open=True, fails=OUTAGES[0])
    seen = behind(world).look()
    assert (seen.entrance, seen.taken, seen.parents_healthy, seen.whole) == (None, False, False, True)
    assert [endpoint.address for endpoint in seen.endpoints] == ["web"]
