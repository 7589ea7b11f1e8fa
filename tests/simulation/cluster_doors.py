"""The hands of one target in a cluster: the real adapters, over the emulated API server instead of a socket."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from providers.azure.settings import TrafficManager
from providers.emulator.inprocess_entrance import InProcessEntrance
from providers.entrance import Behind
from providers.kubernetes.api import Api
from providers.kubernetes.deployments import DeploymentWorkloads
from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.kubernetes.probes import ApiProxyProbes
from providers.kubernetes.settings import Deployments, Route, Routes
from providers.ports import Entrance, Probes, Traffic
from providers.probes.settings import ProbeSettings
from strategies.detours import PROBE_HEADER
from strategies.seen import ProbeSeen
from tests.simulation import cluster_world, doors
from tests.simulation.cluster_guards import GuardedApi, GuardedEntrance
from tests.simulation.cluster_world import NAMESPACE, PORT

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster
    from tests.simulation.cluster_ground import ClusterGround
    from tests.simulation.grounds import Hands
    from tests.simulation.processes import Process

HEALTH = "/healthz"
GATEWAY_PORT = 80


def hands(ground: ClusterGround, rng: random.Random, process: Process | None) -> Hands:
    """Deployments, routes and probes of one target."""
    service, target = ground.where
    api: Api = ground.api if process is None else GuardedApi(process, ground, ground.api)
    workloads = DeploymentWorkloads(
        _host(ground), service=service, target=target, image=ground.wanted.service.image, api=api
    )
    traffic: Traffic = GatewayRoutes(_routes(ground), service=service, target=target, api=api)
    if ground.place.profile:
        entrance: Entrance = InProcessEntrance(ground.lab.world, _front(ground), service=service, target=target)
        traffic = Behind(traffic, entrance if process is None else GuardedEntrance(process, ground, entrance))
    return workloads, traffic, RoutedProbes(ground, rng) if ground.seen.routed else _proxied(api)


def _host(ground: ClusterGround) -> Deployments:
    service, target = ground.where
    return Deployments(
        context="emulated",
        namespace=NAMESPACE,
        objects=cluster_world.template(service, ground.seen),
        probe_port=PORT,
        adopt=ground.wanted.service.target(target).adopt,
        stable_service=ground.stable_name,
    )


def _routes(ground: ClusterGround) -> Routes:
    rule = ground.wanted.service.target(ground.name)
    return Routes(
        context="emulated",
        namespace=NAMESPACE,
        routes=tuple(Route("HTTPRoute", NAMESPACE, name) for name in ground.names),
        port=PORT,
        adopt=rule.adopt,
        weight=rule.weight,
        stable_service=ground.stable_name,
        service_ports=({"port": PORT, "targetPort": PORT},),
        matches=any(step.match for step in rule.plan.steps),
        mirrors=any(step.mirror for step in rule.plan.steps),
        probes=rule.probe.routed,
    )


def _front(ground: ClusterGround) -> TrafficManager:
    return TrafficManager(doors.SUBSCRIPTION, "shop", ground.place.profile, weight=500, address=ground.gateway_host)


def _proxied(api: Api) -> Probes:
    settings = ProbeSettings(port=PORT, path=HEALTH)
    return ApiProxyProbes(settings, namespace=NAMESPACE, api=api, together=False)


class RoutedProbes:
    """Probes through the gateway, by the detour that their header opens: what `GatewayProbes` does over sockets."""

    def __init__(self, ground: ClusterGround, rng: random.Random) -> None:
        self._ground, self._rng = ground, rng

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every Service once."""
        return tuple(self._probe(endpoint, service) for endpoint, service in addresses.items())

    def _probe(self, endpoint: str, service: str) -> ProbeSeen:
        cluster, road = self._ground.cluster, self._ground.seen.roads[0]
        path = self._ground.probed_path.rstrip("/") + HEALTH
        cluster.world.tick()
        host, now = cluster_world.host_of(road.name), cluster.world.now()
        routed = cluster.traffic.route(host, path, {PROBE_HEADER: service}, self._rng)
        place, status = routed.pod, routed.status
        if place is not None:
            answer = cluster.traffic.answer(place.pod, place.port, path, self._rng, host)
            status = answer.status if answer is not None else 503
            if place.pod.deployment != service:
                self._ground.misled.add((endpoint, self._ground.lab.agenda.seconds))
        ok = 200 <= status < 300
        return ProbeSeen(endpoint, now, ok, "" if ok else f"status {status}")


def begin(cluster: Cluster) -> None:
    """Make the namespace and its gateways."""
    for number in range(2):
        cluster.gateway(NAMESPACE, f"gateway{number}")


def make_front(ground: ClusterGround) -> None:
    """Put a name in front of the gateway: a profile in which others may have endpoints as well."""
    lab, place = ground.lab, ground.place
    endpoints = []
    for stranger, weight, enabled in place.foreign:
        host = f"{stranger}.{place.profile}.example.com"
        lab.world.profiles.monitor.foreign[host] = True
        endpoints.append(doors.endpoint(stranger, host, weight, enabled=enabled))
    if ground.seen.entered or ground.seen.companions:
        endpoints.append(doors.endpoint(ground.entrance, ground.gateway_host, 500, enabled=ground.seen.entered))
    doors.make_profile(lab.world, place.profile, place.ttl, endpoints, port=GATEWAY_PORT)


def front(ground: ClusterGround) -> tuple[bool, int]:
    """Whether the name in front leads here, and for how long clients remember it; True and 0 where there is none."""
    if not ground.place.profile:
        return True, 0
    profile = ground.lab.profile(ground.place.profile)
    if profile is None:
        return False, 0
    mine = ground.lab.endpoint(profile.name, ground.entrance)
    ttl = int(profile.properties["dnsConfig"]["ttl"])
    return mine is not None and mine.enabled and mine.target.lower() == ground.gateway_host, ttl
