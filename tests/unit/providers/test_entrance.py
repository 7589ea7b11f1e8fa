"""A routing behind an entrance: whatever fails or crashes, an open entrance never leads to nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from providers.errors import Conflict, Invalid
from strategies.model import Member, Outcome, Rollout, TrafficIntent
from strategies.seen import (
    GroupState,
)
from tests.unit.providers.entrance_world import Crash, World, abort, begun, behind, breaks, play
from tests.unit.strategies.build import T0


@settings(deadline=None)
@given(
    first=st.booleans(),
    ends=st.sampled_from([None, abort, breaks]),
    when=st.integers(0, 90),
    crashes=st.sets(st.tuples(st.integers(1, 9), st.booleans())),
    route_seconds=st.integers(0, 12),
    monitor_seconds=st.integers(0, 12),
    ttl=st.integers(1, 40),
)
@example(True, abort, 18, {(1, True)}, 3, 4, 20)
@example(True, abort, 30, {(3, True)}, 3, 4, 20)
@example(True, breaks, 30, set(), 0, 12, 40)
@example(False, abort, 18, {(2, False)}, 3, 4, 20)
def test_an_open_entrance_always_leads_to_somebody(
    first: bool,
    ends: Callable[[Rollout, World], Rollout] | None,
    when: int,
    crashes: set[tuple[int, bool]],
    route_seconds: int,
    monitor_seconds: int,
    ttl: int,
) -> None:
    """A crash before or after any write, a failure at any time, a first release or a later one, slow data planes."""
    world = World(route_seconds, monitor_seconds, ttl, lambda write, after: (write, after) in crashes)
    of = begun(world, first=first)
    of = play(world, of, {} if ends is None else {when: ends})
    promoted = of.outcome is Outcome.PROMOTED
    assert promoted or ends is not None
    assert world.is_open == (promoted or not first)
    serving = [address for address, weight in world.weights.values() if weight]
    side = of.target("west").candidate if promoted else of.target("west").stable
    assert serving == [slot.address for slot in side]
    assert [name for name, state in world.groups.items() if state is not GroupState.ABSENT] == [s.name for s in side]


def test_the_first_release_opens_the_entrance_only_when_the_route_is_in_force() -> None:
    world = World(route_seconds=5)
    intent = TrafficIntent(members=(Member("shop_west_aaaaaaaa_1_0", "web", 1000),), active="r1", entrance=True)
    traffic = behind(world)
    with pytest.raises(Conflict, match="observedGeneration is behind") as caught:
        traffic.shift(intent, traffic.look())
    assert (caught.value.code, world.serves, world.is_open) == ("NotTakenYet", True, False)
    world.now += timedelta(seconds=5)
    traffic.shift(intent, traffic.look())
    assert (world.is_open, world.writes) == (True, 2)
    traffic.shift(intent, traffic.look())
    assert world.writes == 2


def test_an_entrance_that_is_open_is_left_alone_while_the_split_moves() -> None:
    world = World(weights={"shop_west_aaaaaaaa_1_0": ("old", 1000)}, is_open=True)
    members = (Member("shop_west_aaaaaaaa_1_0", "old", 900), Member("shop_west_bbbbbbbb_2_0", "new", 100))
    traffic = behind(world)
    traffic.shift(TrafficIntent(members=members, entrance=True), traffic.look())
    assert (world.is_open, world.writes) == (True, 1)


def test_the_entrance_is_never_opened_to_nobody() -> None:
    world = World()
    with pytest.raises(Invalid, match="without backends"):
        behind(world).shift(TrafficIntent(entrance=True), behind(world).look())
    assert not world.is_open


def test_an_intent_without_a_word_about_it_leaves_the_entrance_as_it_is() -> None:
    for is_open in (True, False):
        world = World(weights={"shop_west_aaaaaaaa_1_0": ("web", 500)}, is_open=is_open)
        members = (Member("shop_west_aaaaaaaa_1_0", "web", 1000),)
        behind(world).shift(TrafficIntent(members=members), behind(world).look())
        assert (world.is_open, world.writes) == (is_open, 1)


def test_what_cannot_be_closed_keeps_its_backends() -> None:
    world = World(weights={"shop_west_aaaaaaaa_1_0": ("web", 1000)}, is_open=True, crash=lambda *_: True)
    with pytest.raises(Crash):
        behind(world).shift(TrafficIntent(absent=("shop_west_aaaaaaaa_1_0",), entrance=False), behind(world).look())
    assert (world.is_open, world.serves) == (True, True)


def test_an_entrance_that_somebody_opened_again_is_closed_before_its_last_backend_leaves() -> None:
    world = World(ttl=0, weights={"shop_west_aaaaaaaa_1_0": ("web", 1000)}, is_open=True)
    behind(world).shift(TrafficIntent(absent=("shop_west_aaaaaaaa_1_0",), entrance=False), behind(world).look())
    assert (world.is_open, world.weights, world.writes) == (False, {}, 2)


@pytest.mark.parametrize(
    ("is_open", "age", "ttl", "healthy", "why"),
    [
        (True, 3600, 0, True, ""),
        (True, 1, 0, False, "it is not online"),
        (False, 3600, 20, True, "it is not online"),
    ],
)
def test_a_look_shows_both_and_the_ttl_counts_only_while_it_is_closed(
    is_open: bool, age: int, ttl: int, healthy: bool, why: str
) -> None:
    world = World(weights={"shop_west_aaaaaaaa_1_0": ("web", 1000)}, is_open=is_open)
    world.turned_at = world.now - timedelta(seconds=age)
    seen = behind(world).look()
    assert (seen.entrance, seen.ttl_chain, seen.ttl_seconds) == (is_open, ttl, ttl)
    assert (seen.taken, seen.parents_healthy) == (True, healthy)
    assert (seen.why, seen.address) == (why, "shop.trafficmanager.net")
    assert [endpoint.address for endpoint in seen.endpoints] == ["web"]


def test_both_are_checked_before_anything_is_touched() -> None:
    assert [finding.subject for finding in behind(World()).preflight()] == ["route", "profile"]


def test_a_route_that_is_not_in_force_is_not_taken_however_well_the_entrance_is() -> None:
    world = replace(World(weights={"shop_west_aaaaaaaa_1_0": ("web", 1000)}, is_open=True), written_at=T0)
    seen = behind(world).look()
    assert (seen.taken, seen.why) == (False, "observedGeneration is behind")
