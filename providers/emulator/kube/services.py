"""Services: their addresses, and which pods stand behind them at this moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.kinds import SERVICE
from providers.emulator.kube.objects import Change, Json
from providers.emulator.kube.pod_run import Pod, numbered
from providers.emulator.values import Workload

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Place:
    """One pod and the port on it to which a Service leads."""

    pod: Pod
    port: int


class Services:
    """Gives Services their addresses, and knows the pods behind them: labels match, ready, and not being deleted.

    The address is a loopback one, on which its ports can really be asked; what `clusterIP` says leads nowhere here.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Begin with no address given."""
        self._cluster = cluster
        self._addresses: dict[tuple[str, str], str] = {}
        self._silent: set[tuple[str, str]] = set()

    def hear(self, change: Change) -> None:
        """Give a new Service its address, and take it back when it is gone."""
        if change.kind is not SERVICE:
            return
        metadata, spec = change.object["metadata"], change.object.get("spec") or {}
        key = (metadata["namespace"], metadata["name"])
        is_leading = change.type != "DELETED" and spec.get("type") != "ExternalName" and spec.get("clusterIP") != "None"
        if is_leading and key not in self._addresses:
            self._give(key)
        elif not is_leading and key in self._addresses:
            self._cluster.world.addresses.retire(self._addresses.pop(key), self._cluster.world.now())
            self._silent.discard(key)
        self._cluster.changed()

    def _give(self, key: tuple[str, str]) -> str:
        identity = self._cluster.id_of("services", *key)
        self._addresses[key] = self._cluster.world.addresses.give(identity, key[1])
        return self._addresses[key]

    def address_of(self, namespace: str, name: str) -> str | None:
        """Return the loopback address of a Service; None for one that has none, as one without a cluster IP."""
        return self._addresses.get((namespace, name))

    def behind(self, namespace: str, name: str, port: int | str | None) -> list[Place] | None:
        """Return the pods that a Service leads to at its port (number or name); None when it has no such port.

        `port` None means its first one.
        """
        service = self._cluster.objects.peek(SERVICE, namespace, name)
        if service is None:
            return None
        entry = entry_of(service, port)
        if entry is None:
            return None
        places = []
        for pod in self.selected(namespace, service):
            if pod.ready:
                specs = tuple(one.spec for one in pod.containers)
                number = numbered(specs, entry.get("targetPort", entry["port"]))
                if number is not None:
                    places.append(Place(pod, number))
        return places

    def selected(self, namespace: str, service: Json) -> list[Pod]:
        """Return all pods whose labels a Service selects, ready or not."""
        selector: Mapping[str, str] = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            return []
        pods = self._cluster.kubelet.pods.values()
        return [pod for pod in pods if pod.namespace == namespace and selector.items() <= dict(pod.labels).items()]

    def mute(self, namespace: str, name: str) -> None:
        """Remember that a Service's ports cannot be opened on this machine, so that nobody tries again."""
        self._silent.add((namespace, name))

    def readdress(self, namespace: str, name: str) -> str:
        """Give a Service another address because its own is in use on this machine, and return it."""
        self._cluster.world.addresses.retire(self._addresses[namespace, name], self._cluster.world.now())
        return self._give((namespace, name))

    def workloads(self) -> list[Workload]:
        """Return every Service that has an address, as a door with sockets needs it."""
        found = []
        for (namespace, name), address in self._addresses.items():
            service = self._cluster.objects.peek(SERVICE, namespace, name)
            if service is None or (namespace, name) in self._silent:
                continue
            entries = (service.get("spec") or {}).get("ports") or []
            ports = tuple(entry["port"] for entry in entries if entry.get("protocol", "TCP") == "TCP")
            key = self._cluster.id_of("services", namespace, name)
            found.append(Workload(key, name, address, None, ports, bool(ports), False, "service"))
        return found


def entry_of(service: Json, port: int | str | None) -> dict[str, Any] | None:
    """Return the entry of a Service's port by number or name, its first one for None; None when there is none."""
    entries: list[dict[str, Any]] = (service.get("spec") or {}).get("ports") or []
    if port is None:
        return entries[0] if entries else None
    return next((entry for entry in entries if port in (entry["port"], entry.get("name"))), None)
