"""A Gateway as an endpoint of a Traffic Manager profile: it is resolved, and its health is that of what it leads to."""

from __future__ import annotations

from typing import Any

from providers.emulator.arm import Arm
from tests.unit.providers.emulator_kube_world.bench import HOST, SPACE, Bench

PROFILE = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop"
    "/providers/Microsoft.Network/trafficManagerProfiles/shop"
)
EDGE = "edge.fz35.alb.azure.com"


def profile(bench: Bench, **monitor: Any) -> Arm:
    """Make a profile with the Gateway as its only endpoint."""
    arm = Arm(bench.world)
    config = {"protocol": "HTTP", "port": 8080, "path": "/healthz", "intervalInSeconds": 10, "timeoutInSeconds": 5}
    endpoint = {
        "name": "west",
        "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
        "properties": {
            "target": EDGE,
            "weight": 1,
            "endpointStatus": "Enabled",
            "customHeaders": [{"name": "Host", "value": HOST}],
        },
    }
    properties = {
        "profileStatus": "Enabled",
        "trafficRoutingMethod": "Weighted",
        "dnsConfig": {"relativeName": "shop", "ttl": 10},
        "monitorConfig": {**config, "toleratedNumberOfFailures": 0, **monitor},
        "endpoints": [endpoint],
    }
    reply = arm.call("PUT", PROFILE, {"location": "global", "properties": properties}, "2022-04-01")
    assert reply.result.status == 201, reply.result.body
    return arm


def status(arm: Arm) -> str:
    """Return the endpoint's monitor status."""
    body = arm.call("GET", PROFILE, None, "2022-04-01").result.body
    return str(body["properties"]["endpoints"][0]["properties"]["endpointMonitorStatus"])


def opened(**behaviour: Any) -> Bench:
    bench = Bench(gateway_hostnames={"infra/edge": EDGE})
    bench.cluster.gateway("infra", "edge", 8080)
    bench.deploy("v1", bench.image("v1", **behaviour))
    bench.service("v1")
    bench.route({"v1": 1})
    bench.settle()
    return bench


def test_the_profile_leads_to_the_address_of_the_gateway() -> None:
    bench = opened()
    profile(bench)
    alias = bench.world.resolve("shop.trafficmanager.net").cname
    assert alias == EDGE
    address = bench.world.resolve(alias).address
    assert address == bench.cluster.gateways.address_of(bench.cluster.gateways.all()[0])


def test_the_endpoint_is_as_healthy_as_what_the_route_leads_to() -> None:
    bench = opened(unhealthy_after_seconds=60)
    arm = profile(bench)
    bench.step(20)
    assert status(arm) == "Online"
    bench.step(60)
    assert status(arm) == "Degraded"
    assert bench.world.calls.requests == {}


def test_the_endpoint_is_degraded_when_its_route_has_nobody_left() -> None:
    bench = opened()
    arm = profile(bench)
    bench.step(20)
    bench.route({"v1": 0})
    bench.step(20)
    assert status(arm) == "Degraded"


def test_a_check_of_a_port_without_a_listener_fails_and_one_by_tcp_asks_for_no_more() -> None:
    bench = opened()
    wrong = profile(bench, port=9090)
    bench.step(20)
    assert status(wrong) == "Degraded"
    bench = opened(error_rate=1.0)
    by_tcp = profile(bench, protocol="TCP", path=None)
    bench.step(20)
    assert status(by_tcp) == "Online"
    assert SPACE in bench.world.state()["clusters"]["west"]["namespaces"]
