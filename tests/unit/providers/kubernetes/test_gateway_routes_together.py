"""Several routes and the stable Service under one split: in which order they move, and how halves heal."""

from __future__ import annotations

import copy

import pytest

from providers.errors import Conflict, Transient
from strategies.detours import Detour, Match
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import Mark
from strategies.traffic import shows
from tests.unit.providers.kubernetes.route_shifts import (
    ALL_NEW,
    BACK,
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
    HOLDER,
    NEW,
    NEW_END,
    OLD,
    ROUTE,
    ROUTE_PATH,
    RPC,
    RPC_PATH,
    SERVICE_PATH,
    RouteWorld,
    ref,
    rule,
    service,
)

INNER = SERVICE_PATH + "inner"
"""A stable Service that is in no route."""


def with_inner() -> RouteWorld:
    """The cluster with a Service for callers inside besides the one that the route names."""
    world = world_of()
    world.put(INNER, service("inner", BEFORE))
    return world


def test_pain_11_and_12_an_abort_leaves_neither_weight_nor_header_nor_selector_behind() -> None:
    world = world_of()
    before = copy.deepcopy(world.objects)
    port = routes(world, stable_service="storefront")
    led = TrafficIntent(STEP.members, active="r-1", detours=(Detour(Match((("x-beta", "1"),)), NEW_END, NEW),))
    for intent in (HOME, led, ALL_NEW, BACK, TrafficIntent(HOME.members, (NEW_END,), own=("r-1",))):
        shift(world, port, intent)
        assert shows(port.look(), intent, HOLDER)
    for path in (ROUTE_PATH, STABLE):
        assert world.objects[path]["spec"] == before[path]["spec"]
        assert not world.objects[path]["metadata"].get("annotations")


def test_pain_13_the_stable_service_always_selects_somebody_who_serves() -> None:
    world = with_inner()
    port = routes(world, stable_service="inner")
    wanted = {"rollout/workload": NEW}
    for intent, selector in ((HOME, BEFORE), (STEP, BEFORE), (ALL_NEW, wanted), (STEP, BEFORE), (ALL_NEW, wanted)):
        shift(world, port, intent)
        assert world.objects[INNER]["spec"]["selector"] == selector
        seen = port.look()
        assert seen.whole, seen.why


def test_an_adopted_service_that_is_the_stable_one_as_well_stays_what_there_is_to_go_back_to_until_it_leaves() -> None:
    world = world_of()
    port = routes(world, stable_service="storefront")
    for intent in (HOME, STEP, ALL_NEW, BACK, ALL_NEW):
        shift(world, port, intent)
        assert world.objects[STABLE]["spec"]["selector"] == BEFORE
        assert shows(port.look(), intent, HOLDER)
    over = TrafficIntent((Member(NEW_END, NEW, 1000),), absent=("storefront",), own=("r-1",))
    shift(world, port, over)
    assert world.objects[STABLE]["spec"]["selector"] == {"rollout/workload": NEW}
    assert shows(port.look(), over, HOLDER)


def test_a_route_that_names_the_stable_service_again_is_led_by_whom_it_selects_now_and_never_by_whom_it_did() -> None:
    world = world_of()
    world.put(STABLE, service("storefront", {"rollout/workload": OLD}))
    port = routes(world, stable_service="storefront")
    for intent in (STEP, ALL_NEW, BACK):
        shift(world, port, intent)
        assert world.objects[STABLE]["spec"]["selector"] == {"rollout/workload": OLD}
        assert port.look().whole


def test_one_route_of_two_that_is_gone_leaves_the_facts_about_the_other() -> None:
    world = world_of(rpc=(rule(ref("storefront", 1000)),))
    port = routes(world, routes=(ROUTE, RPC))
    del world.objects[RPC_PATH]
    seen = port.look()
    assert not seen.exists
    assert seen.endpoint("storefront") is not None


def test_several_routes_get_one_write_each_and_only_where_they_differ() -> None:
    world = world_of(rpc=(rule(ref("storefront", 1000)),))
    port = routes(world, routes=(ROUTE, RPC))
    shift(world, port, STEP)
    assert sorted(world.writes) == [("PATCH", RPC_PATH), ("PATCH", ROUTE_PATH)]
    world.writes.clear()
    drifted = copy.deepcopy(world.objects[RPC_PATH])
    drifted["spec"]["rules"][0]["backendRefs"][0]["weight"] = 1
    world.put(RPC_PATH, drifted)
    shift(world, port, STEP)
    assert world.writes == [("PATCH", RPC_PATH)]


def test_a_conflict_in_the_second_route_is_a_split_that_is_not_whole_and_heals() -> None:
    world = world_of(rpc=(rule(ref("storefront", 1000)),))
    port = routes(world, routes=(ROUTE, RPC))
    world.refuses = {RPC_PATH: Conflict("somebody writes", code="Conflict")}
    with pytest.raises(Conflict):
        port.shift(STEP, port.look())
    half = port.look()
    assert not half.whole
    assert not shows(half, STEP, HOLDER)
    world.refuses, before = {}, len(world.writes)
    shift(world, port, STEP)
    assert world.writes[before:] == [("PATCH", RPC_PATH)]
    assert shows(port.look(), STEP, HOLDER)


def test_towards_the_candidate_the_stable_service_goes_after_the_routes() -> None:
    world = with_inner()
    port = routes(world, stable_service="inner")
    world.refuses = {ROUTE_PATH: Transient("no answer")}
    with pytest.raises(Transient):
        port.shift(ALL_NEW, port.look())
    assert world.objects[INNER]["spec"]["selector"] == BEFORE


def test_on_the_way_back_the_stable_service_goes_before_the_routes() -> None:
    world = with_inner()
    port = routes(world, stable_service="inner")
    shift(world, port, ALL_NEW)
    world.refuses = {INNER: Transient("no answer")}
    with pytest.raises(Transient):
        port.shift(BACK, port.look())
    assert weights(world)["storefront"] == 0
    world.refuses = {ROUTE_PATH: Transient("no answer")}
    with pytest.raises(Transient):
        port.shift(BACK, port.look())
    assert world.objects[INNER]["spec"]["selector"] == BEFORE
    world.refuses = {}
    assert not port.look().whole
    shift(world, port, BACK)
    assert shows(port.look(), BACK, HOLDER)


def test_an_undo_to_a_retained_older_workload_goes_forward_for_the_stable_service() -> None:
    world = world_of(rule(ref(NEW, 1000)))
    world.put(SERVICE_PATH + "inner", service("inner", {"rollout/workload": NEW}))
    port = routes(world, adopt=(), stable_service="inner")
    again = endpoint_name(Mark("storefront", "onprem", "a" * 8, 9, 0))
    undo = TrafficIntent((Member(NEW_END, NEW, 0), Member(again, OLD, 1000)), active="r-9", own=("r-9",))
    world.refuses = {ROUTE_PATH: Transient("no answer")}
    with pytest.raises(Transient):
        port.shift(undo, port.look())
    assert world.objects[SERVICE_PATH + "inner"]["spec"]["selector"] == {"rollout/workload": NEW}
    world.refuses = {}
    shift(world, port, undo)
    assert shows(port.look(), undo, HOLDER)
    assert world.objects[SERVICE_PATH + "inner"]["spec"]["selector"] == {"rollout/workload": OLD}
    taken_back = TrafficIntent((Member(NEW_END, NEW, 1000),), (again,), own=("r-9",))
    world.refuses = {ROUTE_PATH: Transient("no answer")}
    with pytest.raises(Transient):
        port.shift(taken_back, port.look())
    assert world.objects[SERVICE_PATH + "inner"]["spec"]["selector"] == {"rollout/workload": NEW}


def test_a_stable_service_that_does_not_exist_is_made_where_somebody_serves() -> None:
    world = world_of()
    port = routes(world, stable_service="inner")
    assert not port.look().whole
    shift(world, port, HOME)
    assert world.objects[SERVICE_PATH + "inner"]["spec"]["selector"] == BEFORE
    shift(world, port, ALL_NEW)
    assert world.objects[SERVICE_PATH + "inner"]["spec"]["selector"] == {"rollout/workload": NEW}
