"""Routes as the engine sees and shifts them: one guarded write per route, nothing of others touched."""

from __future__ import annotations

import copy

import pytest

from providers.errors import Conflict, Denied, Invalid, Missing
from strategies.model import Member, TrafficIntent
from strategies.traffic import shows
from tests.unit.providers.kubernetes.route_shifts import (
    ALL_NEW,
    BEFORE,
    HOME,
    STABLE,
    STEP,
    routes,
    shift,
    weights,
    world_of,
)
from tests.unit.providers.kubernetes.route_world import (
    GATEWAY_PATH,
    HOLDER,
    NEW,
    NEW_END,
    OLD,
    OLD_END,
    ROUTE_PATH,
    gateway,
    ref,
    route,
    rule,
)


def test_a_shift_is_one_write_and_reads_back_as_the_intent_once_the_gateway_took_it() -> None:
    world = world_of()
    port = routes(world)
    port.shift(STEP, port.look())
    assert world.writes == [("PATCH", ROUTE_PATH)]
    assert weights(world) == {"storefront": 900, "other": 7, NEW: 100}
    seen = port.look()
    assert shows(seen, STEP, HOLDER)
    assert not seen.taken, "its controller has not answered yet"
    assert "generation" in seen.why
    world.accept()
    assert port.look().taken


def test_pain_15_a_route_that_is_as_wanted_is_not_written_again() -> None:
    world = world_of()
    port = routes(world)
    shift(world, port, STEP)
    world.writes.clear()
    for _ in range(3):
        shift(world, port, STEP)
    assert world.writes == []


def test_pain_2_both_sides_move_in_one_write_so_there_is_no_moment_between() -> None:
    world = world_of()
    port = routes(world)
    shift(world, port, STEP)
    world.writes.clear()
    shift(world, port, ALL_NEW)
    assert world.writes == [("PATCH", ROUTE_PATH)]


def test_pain_8_adoption_writes_nothing_but_our_mark_before_the_first_step() -> None:
    world = world_of()
    before = copy.deepcopy(world.objects[ROUTE_PATH]["spec"])
    port = routes(world)
    shift(world, port, HOME)
    assert world.objects[ROUTE_PATH]["spec"] == before
    assert world.objects[ROUTE_PATH]["metadata"]["annotations"] == {"rollout/active": f"{HOLDER}=r-1"}
    assert world.objects[STABLE]["spec"]["selector"] == BEFORE


def test_foreign_weights_that_changed_since_the_look_are_a_conflict_and_nothing_is_written() -> None:
    world = world_of()
    port = routes(world)
    seen = port.look()
    world.put(ROUTE_PATH, route(rule(ref("storefront", 1000), ref("other", 8))))
    with pytest.raises(Conflict, match="changed since it was looked at") as caught:
        port.shift(STEP, seen)
    assert caught.value.code == "ForeignChange"
    assert world.writes == []


def test_a_rollout_of_another_store_is_a_conflict_and_nothing_is_written() -> None:
    world = world_of()
    port = routes(world)
    shift(world, port, STEP)
    world.writes.clear()
    with pytest.raises(Conflict) as caught:
        port.shift(TrafficIntent(HOME.members, active="r-2", own=("r-2",)), port.look())
    assert caught.value.code == "OtherRollout"
    assert world.writes == []


@pytest.mark.parametrize("moves", [False, True])
def test_a_write_between_our_read_and_our_patch_is_a_conflict_and_survives(moves: bool) -> None:
    world = world_of()
    port = routes(world)
    theirs = [ref("other", 9), ref("storefront", 1000)] if moves else [ref("storefront", 1000), ref("other", 9)]
    world.before_write = lambda: world.put(ROUTE_PATH, route(rule(*theirs)))
    with pytest.raises(Conflict):
        port.shift(STEP, port.look())
    assert weights(world) == {"storefront": 1000, "other": 9}
    shift(world, port, STEP)
    assert weights(world) == {"storefront": 900, "other": 9, NEW: 100}


def test_a_patch_that_the_schema_refuses_is_invalid_and_no_conflict() -> None:
    world = world_of()
    world.refuses = {ROUTE_PATH: Invalid("spec.rules: too many", code="Invalid")}
    port = routes(world)
    with pytest.raises(Invalid, match="too many"):
        port.shift(STEP, port.look())


def test_a_route_that_goes_just_before_our_write_is_a_conflict() -> None:
    world = world_of()
    port = routes(world)
    world.before_write = lambda: world.objects.pop(ROUTE_PATH)
    with pytest.raises(Conflict) as caught:
        port.shift(STEP, port.look())
    assert caught.value.code == "RouteGone"


def test_a_deleted_route_is_a_fact_and_a_shift_makes_none() -> None:
    world = world_of()
    port = routes(world)
    seen = port.look()
    del world.objects[ROUTE_PATH]
    assert not port.look().exists
    with pytest.raises(Conflict, match="was there and is not any more"):
        port.shift(STEP, seen)
    with pytest.raises(Missing, match="does not exist"):
        port.shift(STEP, port.look())
    assert world.writes == []


def test_a_first_release_without_adoption_enters_and_leaves() -> None:
    world = world_of(rule())
    port = routes(world, adopt=())
    for intent in (
        TrafficIntent(active="r-1", own=("r-1",)),
        TrafficIntent((Member(NEW_END, NEW, 1000),), active="r-1", own=("r-1",)),
        TrafficIntent(absent=(NEW_END,), own=("r-1",)),
    ):
        shift(world, port, intent)
        assert shows(port.look(), intent, HOLDER)
    assert world.objects[ROUTE_PATH]["spec"]["rules"] == [rule()]


def test_one_release_after_the_other_ends_with_the_last_slot_alone() -> None:
    world = world_of(rule(ref(OLD, 1000), ref("other", 3)))
    port = routes(world, adopt=())
    for intent in (
        TrafficIntent((Member(OLD_END, OLD, 500), Member(NEW_END, NEW, 500)), active="r-2"),
        TrafficIntent((Member(OLD_END, OLD, 0), Member(NEW_END, NEW, 1000)), active="r-2"),
        TrafficIntent((Member(NEW_END, NEW, 1000),), (OLD_END,)),
    ):
        shift(world, port, intent)
        assert shows(port.look(), intent, HOLDER)
    assert weights(world) == {"other": 3, NEW: 1000}


def test_without_host_names_the_address_is_the_gateways_and_a_refusal_is_no_trouble() -> None:
    world = world_of()
    body = route(rule(ref("storefront", 1000)))
    del body["spec"]["hostnames"]
    world.put(ROUTE_PATH, body)
    world.put(GATEWAY_PATH, gateway())
    assert routes(world).look().address == "192.0.2.1"
    world.denied = {GATEWAY_PATH}
    assert routes(world).look().address is None


def test_a_route_that_may_not_be_read_is_an_error_and_not_absence() -> None:
    world = world_of()
    world.denied = {ROUTE_PATH}
    with pytest.raises(Denied):
        routes(world).look()
