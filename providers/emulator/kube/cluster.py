"""One emulated cluster: its store and API server, the controllers that keep it alive, and the data plane before it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.emulator.kube import cluster_view
from providers.emulator.kube.api import KubeApi
from providers.emulator.kube.autoscaler import Autoscaler
from providers.emulator.kube.collector import Collector
from providers.emulator.kube.deployments import Deployments
from providers.emulator.kube.gateways import Gateways, ports_of
from providers.emulator.kube.jobs import Jobs
from providers.emulator.kube.kinds import GATEWAY, GATEWAY_CLASS, NAMESPACE, NODE
from providers.emulator.kube.kubelet import NODE_NAME, Kubelet
from providers.emulator.kube.objects import Change, Json, Objects
from providers.emulator.kube.pod_run import Pod
from providers.emulator.kube.services import Services
from providers.emulator.kube.settings import ClusterSettings
from providers.emulator.kube.traffic import Routed, Traffic
from providers.emulator.values import Answer, DnsAnswer, Workload

if TYPE_CHECKING:
    from providers.emulator.world import World

CLASS = "emulator"
SPACES = ("default", "kube-system")


class Cluster:
    """A cluster of one world, which drives it by its timeline; it begins with two namespaces and one GatewayClass.

    `objects` is the store, `api` its server, `kubelet` the pods as they run, `services` and `gateways` what leads to
    them, `autoscaler` where a test says what metrics would ask for.
    """

    def __init__(self, world: World, name: str, settings: ClusterSettings | None = None) -> None:
        """Bring the cluster up; raises ValueError for a name that cannot stand in a path."""
        if not name or "/" in name:
            raise ValueError(f"cluster: expected a name without a slash; got {name!r}")
        self.world, self.name = world, name
        self.settings = settings or ClusterSettings()
        self.revision = 0
        self.objects = Objects(world.now, name)
        self.services = Services(self)
        self.kubelet = Kubelet(self)
        self.collector = Collector(self)
        self.deployments = Deployments(self, self.collector.delete)
        self.jobs = Jobs(self, self.collector.delete)
        self.autoscaler = Autoscaler(self)
        self.gateways = Gateways(self)
        self.traffic = Traffic(self)
        self.api = KubeApi(self)
        self.objects.listeners.append(self._hear)
        for space in SPACES:
            self.namespace(space)
        self.objects.put(NODE, NODE.new(None, NODE_NAME))
        self.objects.put(GATEWAY_CLASS, GATEWAY_CLASS.new(None, CLASS, spec={"controllerName": _controller(self)}))

    def _hear(self, change: Change) -> None:
        controllers = (self.deployments, self.jobs, self.collector, self.autoscaler)
        for hearer in (self.kubelet, self.services, *controllers, self.gateways):
            hearer.hear(change)

    def changed(self) -> None:
        """Say that `workloads()` may answer differently."""
        self.revision += 1

    def id_of(self, what: str, namespace: str, name: str) -> str:
        """Return the id under which the world knows a pod, Service or Gateway of this cluster."""
        return f"/clusters/{self.name}/{what}/{namespace}/{name}"

    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace, unless there is one of this name."""
        if self.objects.peek(NAMESPACE, None, name) is None:
            body = NAMESPACE.new(None, name, spec={"finalizers": ["kubernetes"]}, status={"phase": "Active"})
            body["metadata"]["labels"] = {"kubernetes.io/metadata.name": name, **(labels or {})}
            self.objects.put(NAMESPACE, body)

    def gateway(
        self, namespace: str, name: str, port: int = 80, hostname: str | None = None, *, open_to: str = "All"
    ) -> None:
        """Make a Gateway with one HTTP listener; `open_to` says of which namespaces it takes routes (Same, All)."""
        self.namespace(namespace)
        listener: Json = {"name": "http", "port": port, "protocol": "HTTP"}
        listener |= {"hostname": hostname} if hostname else {}
        listener["allowedRoutes"] = {"namespaces": {"from": open_to}}
        spec = {"gatewayClassName": CLASS, "listeners": [listener]}
        self.objects.put(GATEWAY, GATEWAY.new(namespace, name, spec=spec))

    def retire(self, uid: str) -> None:
        """Remember that the deletion of a Deployment has begun: from now on its pods shall get no request."""
        for pod in self.kubelet.pods.values():
            if pod.owner_uid == uid:
                self.world.addresses.retire(pod.address, self.world.now())

    def route(
        self, host: str, path: str, headers: Mapping[str, str] | None, rng: random.Random, method: str = "GET"
    ) -> Routed:
        """Say where the data plane would lead one request now; nothing is counted."""
        self.world.tick()
        return self.traffic.route(host, path, headers, rng, method)

    def request(
        self,
        host: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        rng: random.Random | None = None,
        method: str = "GET",
    ) -> Answer:
        """Carry one client's request through the data plane, count who got it, and return what the client gets."""
        self.world.tick()
        return self.traffic.request(host, path, headers, rng or self.world.rng, method)

    def check(self, gateway: Json, port: int, path: str | None, host: str, headers: Mapping[str, str]) -> Answer | None:
        """Return what a health check through a Gateway meets, uncounted; None when no listener has the port.

        `path` None only opens a connection.
        """
        if port not in ports_of(gateway):
            return None
        if path is None:
            return Answer(200, {})
        rng = self.world.rng
        return self.traffic.request(host, path, headers, rng, gateway=gateway, port=port, count=False)

    def workloads(self) -> list[Workload]:
        """Return every pod, Service and Gateway with an address, as a door with sockets needs them."""
        pods = [cluster_view.workload(self, pod) for pod in self.kubelet.pods.values()]
        return [*pods, *self.services.workloads(), *self.gateways.workloads()]

    def answer(
        self,
        key: str,
        path: str,
        rng: random.Random,
        *,
        port: int | None = None,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> Answer | None:
        """Return what a pod, Service or Gateway answers to one request, None when it is refused.

        A pod's own answer is uncounted; what comes through a Service or Gateway is counted at the pod that gets it.
        """
        what, namespace, name = self._place(key)
        if what == "pods":
            pod = self.kubelet.pods.get((namespace, name))
            return None if pod is None else self.traffic.answer(pod, port, path, rng, host)
        if what == "services":
            return self.traffic.by_service(namespace, name, port, path=path, rng=rng, host=host)
        gateway = self.objects.peek(GATEWAY, namespace, name)
        if gateway is None:
            return None
        address = host or self.gateways.address_of(gateway) or ""
        return self.traffic.request(address, path, headers, rng, method, gateway=gateway, port=port)

    def next_address(self, key: str) -> str:
        """Give a pod, Service or Gateway another address because its own is in use, and return it."""
        what, namespace, name = self._place(key)
        self.changed()
        if what == "services":
            return self.services.readdress(namespace, name)
        if what == "gateways":
            return self.gateways.readdress(namespace, name)
        return self.kubelet.readdress(self.kubelet.pods[namespace, name])

    def cannot_bind(self, key: str, port: int, why: str) -> None:
        """Say where people look that a port cannot be opened on this machine, and why."""
        what, namespace, name = self._place(key)
        if what == "services":
            self.services.mute(namespace, name)
        elif what == "gateways":
            self.gateways.cannot_bind(namespace, name, f"Port {port} cannot be bound: {why}")
        elif (namespace, name) in self.kubelet.pods:
            self.kubelet.cannot_bind(self.kubelet.pods[namespace, name], port, why)

    def _place(self, key: str) -> tuple[str, str, str]:
        what, namespace, name = key.removeprefix(f"/clusters/{self.name}/").split("/")
        return what, namespace, name

    def resolve(self, name: str, rng: random.Random) -> DnsAnswer | None:
        """Answer one DNS question for a Service (`name.namespace.svc`) or a Gateway's host name; None for others."""
        return cluster_view.resolve(self, name, rng)

    def pod_at(self, address: str) -> Pod | None:
        """Return the pod that holds an address, or None."""
        return next((pod for pod in self.kubelet.pods.values() if pod.address == address), None)

    def state(self) -> dict[str, Any]:
        """Return Deployments, pods, Services, routes and Gateways as JSON values, times only in keys ending in `At`."""
        return cluster_view.state(self)


def _controller(cluster: Cluster) -> str:
    return cluster.settings.controller_name
