"""A cluster with routes, the adapter over it, and the intents of one release that adopts a live Service."""

from __future__ import annotations

from typing import Any

from providers.kubernetes.gateway_routes import GatewayRoutes
from strategies.model import Member, TrafficIntent
from tests.unit.providers.kubernetes.route_world import (
    NEW,
    NEW_END,
    ROUTE_PATH,
    RPC,
    RPC_PATH,
    SERVICE_PATH,
    RouteWorld,
    ref,
    route,
    rule,
    service,
    settings,
)

BEFORE = {"app": "storefront"}
STABLE = SERVICE_PATH + "storefront"
HOME = TrafficIntent((Member("storefront", "storefront", 1000),), active="r-1", own=("r-1",))
STEP = TrafficIntent((Member("storefront", "storefront", 900), Member(NEW_END, NEW, 100)), active="r-1", own=("r-1",))
ALL_NEW = TrafficIntent((Member("storefront", "storefront", 0), Member(NEW_END, NEW, 1000)), active="r-1", own=("r-1",))
BACK = TrafficIntent((Member("storefront", "storefront", 1000), Member(NEW_END, NEW, 0)), active="r-1", own=("r-1",))


def world_of(*rules: dict[str, Any], rpc: tuple[dict[str, Any], ...] = ()) -> RouteWorld:
    """A cluster with one accepted HTTPRoute, perhaps a GRPCRoute, and the live Service."""
    world = RouteWorld()
    world.put(ROUTE_PATH, route(*(rules or (rule(ref("storefront", 1000), ref("other", 7)),))))
    world.put(STABLE, service("storefront", BEFORE))
    world.accept()
    if rpc:
        world.put(RPC_PATH, route(*rpc, of=RPC))
        world.accept(RPC_PATH)
    return world


def routes(world: RouteWorld, **more: Any) -> GatewayRoutes:
    """The adapter over it."""
    said = {"adopt": ("storefront",), **more}
    return GatewayRoutes(settings(**said), service="storefront", target="onprem", api=world)


def weights(world: RouteWorld, path: str = ROUTE_PATH, index: int = 0) -> dict[str, int]:
    """The weights in one rule."""
    return {r["name"]: r["weight"] for r in world.objects[path]["spec"]["rules"][index]["backendRefs"]}


def shift(world: RouteWorld, port: GatewayRoutes, intent: TrafficIntent) -> None:
    """One look and one shift, and the controllers' answers."""
    port.shift(intent, port.look())
    for path in (ROUTE_PATH, RPC_PATH):
        if path in world.objects:
            world.accept(path)
