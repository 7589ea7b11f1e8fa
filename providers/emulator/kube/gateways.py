"""The Gateway controller: takes routes up, writes the status of all that concerns them, and programs the data plane."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from providers.emulator.kube import gateway_status
from providers.emulator.kube.gateway import Line, Programmed, table
from providers.emulator.kube.kinds import (
    GATEWAY,
    GATEWAY_CLASS,
    GRPC_ROUTE,
    HTTP_ROUTE,
    NAMESPACE,
    REFERENCE_GRANT,
    SERVICE,
    Kind,
)
from providers.emulator.kube.matching import hostname_fits
from providers.emulator.kube.objects import Change, Json, clone
from providers.emulator.kube.work import Queue, is_deleting
from providers.emulator.values import Workload

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

ROUTES = (HTTP_ROUTE, GRPC_ROUTE)
Key = tuple[Kind, str, str]


class Gateways:
    """All Gateways of a cluster and the routes in front of its Services."""

    def __init__(self, cluster: Cluster) -> None:
        """Begin with nothing programmed."""
        self._cluster = cluster
        self._stated: dict[Key, Programmed] = {}
        self._programmed: dict[Key, Programmed] = {}
        self._addresses: dict[tuple[str, str], str] = {}
        self._failed: dict[tuple[str, str], str] = {}
        self._tables: dict[tuple[str, str, int], tuple[Line, ...]] = {}
        self._queue = Queue[Key](
            cluster.world.timeline,
            cluster.world.now,
            lambda: cluster.settings.controller_seconds,
            self._report,
        )
        self.revision = 0
        """Rises whenever a table may have changed."""
        self.awaits = False
        """Whether somebody else carries the requests, and says by `confirm` what it has taken up."""
        self._unconfirmed: list[tuple[int, Key, Programmed]] = []

    def hear(self, change: Change) -> None:
        """Take up new generations of routes, and look again at what a change elsewhere may concern."""
        kind, metadata = change.kind, change.object["metadata"]
        if kind in ROUTES:
            self._hear_route(change)
        elif kind is GATEWAY_CLASS:
            self._queue.soon((kind, "", metadata["name"]))
            for one in self._cluster.objects.each(GATEWAY):
                self._take_up(one)
        elif kind is GATEWAY and change.type != "DELETED":
            self._take_up(change.object)
        elif kind is GATEWAY:
            self._forget(metadata["namespace"], metadata["name"])
        if kind in (GATEWAY, SERVICE, REFERENCE_GRANT, NAMESPACE):
            self._turned()
            for key in self._stated:
                self._queue.soon(key)

    def _take_up(self, gateway: Json) -> None:
        """Give a Gateway of a known class its address, before its status tells anybody of it."""
        namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
        if self._cluster.objects.peek(GATEWAY_CLASS, None, gateway["spec"]["gatewayClassName"]) is not None:
            self._address(namespace, name)
            self._queue.soon((GATEWAY, namespace, name))

    def _hear_route(self, change: Change) -> None:
        metadata, before = change.object["metadata"], change.before
        key = (change.kind, metadata["namespace"], metadata["name"])
        settings = self._cluster.settings
        if change.type == "DELETED":
            self._later(settings.propagation_seconds, lambda: self._drop(key, metadata["uid"]))
        elif before is None or before["metadata"].get("generation") != metadata.get("generation"):
            found = Programmed(
                change.kind.kind,
                metadata["namespace"],
                metadata["name"],
                metadata["uid"],
                metadata["creationTimestamp"],
                metadata.get("generation", 1),
                change.object["spec"],
            )
            told = settings.propagation_seconds if settings.status_seconds is None else settings.status_seconds
            # Programmed first: where both are due at once, the status never promises what is not so yet.
            self._later(settings.propagation_seconds, lambda: self._program(key, found))
            self._later(told, lambda: self._tell(key, found))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        due = self._cluster.world.now() + timedelta(seconds=self._cluster.settings.controller_seconds + seconds)
        self._cluster.world.timeline.at(due, lambda _at: act())

    def _program(self, key: Key, route: Programmed) -> None:
        known = self._programmed.get(key)
        if known is not None and known.uid == route.uid and known.generation > route.generation:
            return
        self._programmed[key] = route
        self._turned()
        if self._cluster.settings.route_programmed and key in self._stated:
            self._queue.soon(key)

    def _drop(self, key: Key, uid: str) -> None:
        for kept in (self._programmed, self._stated):
            if key in kept and kept[key].uid == uid:
                self._count_routes(kept.pop(key))
        self._turned()

    def confirm(self, revision: int) -> None:
        """Let the status speak of what was programmed up to a revision, because it carries requests now."""
        told = [entry for entry in self._unconfirmed if entry[0] <= revision]
        self._unconfirmed = [entry for entry in self._unconfirmed if entry[0] > revision]
        for _, key, route in told:
            self._state(key, route)

    def _tell(self, key: Key, route: Programmed) -> None:
        programmed = self._programmed.get(key)
        if self.awaits and programmed is not None and programmed.generation >= route.generation:
            self._unconfirmed.append((self.revision, key, route))
            return
        self._state(key, route)

    def _state(self, key: Key, route: Programmed) -> None:
        known = self._stated.get(key)
        if known is None or known.uid != route.uid or known.generation < route.generation:
            self._stated[key] = route
        self._report(key, self._cluster.world.now())
        self._count_routes(route)

    def _count_routes(self, route: Programmed) -> None:
        for reference in route.spec.get("parentRefs") or []:
            self._queue.soon((GATEWAY, reference.get("namespace") or route.namespace, reference["name"]))

    def _turned(self) -> None:
        self.revision += 1
        self._tables.clear()
        self._cluster.changed()

    def _forget(self, namespace: str, name: str) -> None:
        address = self._addresses.pop((namespace, name), None)
        self._failed.pop((namespace, name), None)
        if address is not None:
            self._cluster.world.addresses.retire(address, self._cluster.world.now())

    def _report(self, key: Key, at: datetime) -> None:
        """Write the status of a route, Gateway or GatewayClass as it is now."""
        kind, namespace, name = key
        objects, settings = self._cluster.objects, self._cluster.settings
        body = objects.get(kind, namespace, name)
        if body is None or is_deleting(body):
            return
        if kind is GATEWAY_CLASS:
            body["status"] = gateway_status.of_class(body, settings, at)
        elif kind is GATEWAY:
            address = self._addresses.get((namespace, name))
            if address is None:
                return
            shown = settings.gateway_hostnames.get(f"{namespace}/{name}", address)
            why = self._failed.get((namespace, name), "")
            body["status"] = gateway_status.of_gateway(
                objects, body, self._stated.values(), shown=shown, why=why, at=at
            )
        else:
            stated = self._stated.get(key)
            if stated is None or stated.uid != body["metadata"]["uid"]:
                return
            done = self._programmed.get(key)
            generation = done.generation if done is not None and done.uid == stated.uid else 0
            body["status"] = gateway_status.of_route(
                objects, body, stated, programmed=generation, settings=settings, at=at
            )
        objects.put(kind, body)

    def _address(self, namespace: str, name: str) -> str:
        key = (namespace, name)
        if key not in self._addresses:
            identity = self._cluster.id_of("gateways", namespace, name)
            self._addresses[key] = self._cluster.world.addresses.give(identity, name)
            self._turned()
        return self._addresses[key]

    def all(self) -> list[Json]:
        """Return every Gateway that has an address, by namespace and name; they must not be changed."""
        found = (self._cluster.objects.peek(GATEWAY, *key) for key in sorted(self._addresses))
        return [gateway for gateway in found if gateway is not None]

    def address_of(self, gateway: Json) -> str | None:
        """Return the loopback address of a Gateway, None before it has one."""
        return self._addresses.get((gateway["metadata"]["namespace"], gateway["metadata"]["name"]))

    def lines(self, gateway: Json, port: int) -> tuple[Line, ...]:
        """Return the table of one port of a Gateway as it is programmed now."""
        namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
        key = (namespace, name, port)
        if key not in self._tables:
            self._tables[key] = table(self._cluster.objects, gateway, port, self._programmed.values())
        return self._tables[key]

    def of_host(self, host: str) -> Json | None:
        """Return the Gateway that a host name or address leads to: its own, or one that its lines take; else None."""
        for gateway in self.all():
            metadata = gateway["metadata"]
            own = self._cluster.settings.gateway_hostnames.get(f"{metadata['namespace']}/{metadata['name']}")
            if host in (self.address_of(gateway), (own or "").lower()):
                return gateway
        for gateway in self.all():
            for port in ports_of(gateway):
                if any(line.host and hostname_fits(line.host, host) for line in self.lines(gateway, port)):
                    return gateway
        return None

    def readdress(self, namespace: str, name: str) -> str:
        """Give a Gateway another address because its own is in use on this machine, and return it."""
        old = self._addresses.pop((namespace, name))
        self._cluster.world.addresses.retire(old, self._cluster.world.now())
        address = self._address(namespace, name)
        # At once: whoever finds the old one in the status takes it for good, and asks there for ever.
        self._report((GATEWAY, namespace, name), self._cluster.world.now())
        return address

    def cannot_bind(self, namespace: str, name: str, why: str) -> None:
        """Say in a Gateway's status that its listeners cannot be opened on this machine, and why."""
        self._failed[namespace, name] = why
        self._queue.soon((GATEWAY, namespace, name))
        self._cluster.changed()

    def workloads(self) -> list[Workload]:
        """Return every Gateway as a door with sockets needs it; listeners with TLS are left out."""
        found = []
        for gateway in self.all():
            namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
            ports = ports_of(gateway, ("HTTP",))
            key = self._cluster.id_of("gateways", namespace, name)
            address = self._addresses[namespace, name]
            listening = bool(ports) and (namespace, name) not in self._failed
            found.append(Workload(key, name, address, None, ports, listening, False, "gateway"))
        return found

    def snapshot(self) -> list[Json]:
        """Return the routes that are programmed now, for people to look at."""
        return [
            {"kind": one.kind, "namespace": one.namespace, "name": one.name, "generation": one.generation}
            | {"spec": clone(dict(one.spec))}
            for one in self._programmed.values()
        ]


def ports_of(gateway: Json, protocols: tuple[str, ...] = ("HTTP", "HTTPS")) -> tuple[int, ...]:
    """Return the ports of a Gateway's listeners of these protocols, each once."""
    listeners = (one for one in gateway["spec"]["listeners"] if one.get("protocol") in protocols)
    return tuple(dict.fromkeys(one["port"] for one in listeners))
