"""A cluster in which nothing is wrong with our route, and what preflight says of one in which something is."""

from __future__ import annotations

import copy
from typing import Any

from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.ports import Finding
from tests.unit.providers.kubernetes.route_world import (
    CLASS_PATH,
    GATEWAY_PATH,
    GROUP,
    ROUTE_PATH,
    SERVICE_PATH,
    RouteWorld,
    gateway,
    ref,
    route,
    rule,
    service,
    settings,
)


def sound(*rules: dict[str, Any], **metadata: Any) -> RouteWorld:
    """A cluster in which nothing is wrong with our route, but perhaps with what is given."""
    world = RouteWorld()
    plurals = [{"name": "httproutes"}, {"name": "grpcroutes"}, {"name": "gateways"}]
    world.put(f"/apis/{GROUP}/v1", {"metadata": {}, "resources": plurals})
    world.put(ROUTE_PATH, route(*(rules or (rule(ref("storefront", 1000)),)), **metadata))
    world.put(SERVICE_PATH + "storefront", service("storefront", {"app": "storefront"}))
    world.put(GATEWAY_PATH, gateway())
    world.accept()
    return world


def found(world: RouteWorld, **more: Any) -> list[Finding]:
    """What preflight says that is not well."""
    said = {"adopt": ("storefront",), **more}
    port = GatewayRoutes(settings(**said), service="storefront", target="onprem", api=world)
    before, writes = copy.deepcopy(world.objects), list(world.writes)
    findings = [finding for finding in port.preflight() if not finding.ok]
    assert (world.objects, world.writes) == (before, writes), "a check changes nothing"
    assert all(finding.remedy for finding in findings), "each finding says what to do"
    return findings


def only(world: RouteWorld, **more: Any) -> Finding:
    """The one thing that is not well."""
    (finding,) = found(world, **more)
    return finding


def supporting(*features: Any) -> RouteWorld:
    """A cluster whose gateway class publishes what it supports."""
    world = sound()
    world.put(CLASS_PATH, {"metadata": {"name": "example"}, "status": {"supportedFeatures": list(features)}})
    return world
