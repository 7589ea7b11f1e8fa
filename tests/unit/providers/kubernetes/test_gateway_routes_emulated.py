"""Routes against an emulated cluster: its schemas take what we write, its gateways say when it is in force."""

from __future__ import annotations

import random
from typing import Any

import pytest

from providers.emulator.clock import ManualClock
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.world import World
from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.kubernetes.settings import Route
from strategies.detours import Detour, Match, Mirror, for_probes
from strategies.model import TrafficIntent
from strategies.traffic import shows
from tests.unit.providers.kubernetes.route_shifts import ALL_NEW, BACK, HOME, STEP
from tests.unit.providers.kubernetes.route_world import (
    HOLDER,
    NEW,
    NEW_END,
    ROUTE,
    ROUTE_PATH,
    RPC,
    RPC_PATH,
    SERVICE_PATH,
    ref,
    route,
    rule,
    service,
    settings,
)

BETA = Detour(Match((("x-beta", "1"),), (("beta", "a.b"),)), NEW_END, NEW)
LED = TrafficIntent(
    STEP.members,
    active="r-1",
    own=("r-1",),
    detours=(BETA, for_probes(NEW_END, NEW), for_probes("storefront", "storefront")),
    mirrors=(Mirror(NEW_END, NEW, 12.5),),
)
OVER = TrafficIntent(HOME.members, (NEW_END,), own=("r-1",), rolled_back="b" * 8)


@pytest.fixture(params=[ROUTE, RPC], ids=["http", "grpc"])
def kind(request: pytest.FixtureRequest) -> Route:
    """Both kinds of route."""
    found: Route = request.param
    return found


class Emulated:
    """A cluster with a gateway, a route, the live Service and the candidate's, and the adapter over it."""

    def __init__(self, kind: Route) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, random.Random(1))
        cluster = self.world.cluster("onprem")
        self.api = InProcessApi(cluster)
        cluster.gateway("shop", "edge", 80)
        for name in ("storefront", "other", NEW):
            self.api.write("", "POST", SERVICE_PATH.rstrip("/"), service(name, {"app": name}))
        body = route(rule(ref("storefront", 1000), ref("other", None)), of=kind)
        if kind is RPC:
            del body["spec"]["rules"][0]["matches"]
        self.path = ROUTE_PATH if kind is ROUTE else RPC_PATH
        self.api.write("", "POST", self.path.rpartition("/")[0], body)
        said = settings(routes=(kind,), adopt=("storefront",), stable_service="storefront", weight=1000)
        self.port = GatewayRoutes(said, service="storefront", target="onprem", api=self.api)

    def wait(self) -> None:
        """Let the gateways take what was written."""
        self.clock.advance(60)
        self.world.tick()

    def body(self) -> Any:
        """The route as it is."""
        return self.api.read("", self.path)


def test_every_step_of_a_release_is_taken_and_the_way_back_ends_where_it_began(kind: Route) -> None:
    found = Emulated(kind)
    found.wait()
    before = found.body()["spec"]
    for intent in (HOME, STEP, LED, ALL_NEW, BACK, OVER):
        found.port.shift(intent, found.port.look())
        found.wait()
        seen = found.port.look()
        assert shows(seen, intent, HOLDER), seen
        assert seen.taken, seen.why
        version = found.body()["metadata"]["resourceVersion"]
        found.port.shift(intent, seen)
        assert found.body()["metadata"]["resourceVersion"] == version
    assert found.body()["spec"] == before


def test_preflight_finds_nothing_fatal_in_a_sound_cluster(kind: Route) -> None:
    found = Emulated(kind)
    found.wait()
    assert [finding for finding in found.port.preflight() if not finding.ok and finding.fatal] == []


def test_a_deleted_route_is_a_fact_here_too(kind: Route) -> None:
    found = Emulated(kind)
    found.api.write("", "DELETE", found.path)
    assert not found.port.look().exists
