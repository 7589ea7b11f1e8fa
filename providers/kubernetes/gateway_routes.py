"""Gateway API routes as `providers.ports.Traffic`: one guarded JSON patch per route that is not as wanted.

A write begins with a fresh read of every route, whose foreign part must equal what was decided upon. Several routes
cannot be written in one request: what a conflict in the second one leaves is seen as a split that is not whole, and
only what is missing is written at the next tick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from providers.errors import Conflict, Denied, Invalid, Missing, Unsupported
from providers.kubernetes import route_checks, stable_service
from providers.kubernetes.api import FIELD_MANAGER, JSON_PATCH, Api
from providers.kubernetes.route_ours import Ours, gateway_path, items, route_path
from providers.kubernetes.route_read import RouteRead, read_route
from providers.kubernetes.route_requests import Op, backend_of, refuse_rival, route_patch
from providers.kubernetes.route_views import foreign_part, hostnames, our_endpoints, traffic_seen
from providers.kubernetes.settings import Route, Routes
from providers.kubernetes.stable_service import Write
from providers.ports import Finding
from strategies.model import TrafficIntent
from strategies.names import parse_endpoint
from strategies.seen import TrafficSeen

# What a server does not know it drops, and a rule of ours without its name would be taken for somebody's own.
_GUARDED = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}


class GatewayRoutes:
    """One target's part of its routes."""

    def __init__(self, settings: Routes, *, service: str, target: str, api: Api) -> None:
        self._settings, self._api = settings, api
        self._ours = Ours(settings, service, target)
        self._gateway: dict[Route, str | None] = {}

    def look(self) -> TrafficSeen:
        """Read each route, and the stable Service where there is one; a route that does not exist is a fact, too."""
        with self._api.act():
            reads = self._read()
            exists = len(reads) == len(self._settings.routes)
            problem, address = self._service_problem(reads), self._address(reads)
            return traffic_seen(reads, self._api.now(), problem=problem, exists=exists, gateway=address)

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write split, rules and marks of every route that differs, and the stable Service where that follows.

        Raises Conflict when foreign backends are not as `seen` showed them, before anything is written.
        """
        with self._api.act():
            reads = self._read()
            self._refuse(reads, intent, seen)
            patches = [(read, patch) for read in reads if (patch := route_patch(read, intent)) is not None]
            service = self._service(reads, intent)
            # Towards the candidate the Service goes last: were a route refused, it would lead everybody inside the
            # cluster, and the adopted backend's whole part where it is that Service, past the step. On the way back it
            # goes first: before any route gives an adopted backend weight again, that must mean the old pods again.
            if service is not None and service.turns_back:
                self._send(service)
            for read, patch in patches:
                self._write(read, patch)
            if service is not None and not service.turns_back:
                self._send(service)

    def preflight(self) -> tuple[Finding, ...]:
        """Check routes, gateways, adopted backends, permissions and who else writes them; reads only."""
        with self._api.act():
            return route_checks.findings(self._api, self._ours)

    def _read(self) -> list[RouteRead]:
        found = []
        for route in self._settings.routes:
            try:
                body = self._api.read(f"reading {route}", route_path(route))
            except Missing:
                continue
            found.append(read_route(route, body, self._ours))
        return found

    def _service_problem(self, reads: list[RouteRead]) -> str:
        name = self._settings.stable_service
        ours = our_endpoints(reads)
        if name is None or self._is_a_side(e.address for e in ours):
            return ""
        want = stable_service.wanted([(e.address, _number(e.name)) for e in ours if e.enabled])
        body = stable_service.get_service(self._api, self._settings.namespace, name)
        return stable_service.why_not(body, want, name)

    def _address(self, reads: list[RouteRead]) -> str | None:
        """The address of the first gateway that has one, read once: routes without host names are rare."""
        for read in reads:
            if hostnames(read.body):
                return None
            if read.route not in self._gateway:
                self._gateway[read.route] = self._gateway_address(read)
            if self._gateway[read.route]:
                return self._gateway[read.route]
        return None

    def _gateway_address(self, read: RouteRead) -> str | None:
        for parent in items(read.body.get("spec") or {}, "parentRefs"):
            if (parent.get("kind") or "Gateway") != "Gateway":
                continue
            try:
                body = self._api.read("reading the route's Gateway", gateway_path(read.route, parent))
            except (Missing, Denied, Unsupported):
                continue
            for address in items(body.get("status") or {}, "addresses"):
                return str(address.get("value"))
        return None

    def _refuse(self, reads: list[RouteRead], intent: TrafficIntent, seen: TrafficSeen) -> None:
        there = {read.route for read in reads}
        lost = [str(route) for route in self._settings.routes if route not in there]
        if lost and not seen.exists:
            raise Missing(f"{lost[0]} does not exist; make it, or put gatewayApi right", code="RouteMissing")
        if lost or not seen.exists:
            which = f"{lost[0]} was there and is not any more" if lost else "the routes were not all there before"
            raise Conflict(f"{which}; nothing was written", code="RouteGone")
        now = traffic_seen(reads, self._api.now())
        if foreign_part(now.endpoints, intent) != foreign_part(seen.endpoints, intent):
            which = ", ".join(str(read.route) for read in reads)
            raise Conflict(f"{which}: changed since it was looked at; nothing was written", code="ForeignChange")
        for read in reads:
            refuse_rival(read, intent)

    def _service(self, reads: list[RouteRead], intent: TrafficIntent) -> Write | None:
        name, namespace = self._settings.stable_service, self._settings.namespace
        want = stable_service.wanted([(backend_of(m), _number(m.endpoint)) for m in intent.members if m.weight])
        if name is None or want is None or self._is_a_side(map(backend_of, intent.members)):
            return None
        body = stable_service.get_service(self._api, namespace, name)
        if body is not None:
            return stable_service.change(body, want, self._numbers(reads, intent))
        adopted = stable_service.get_service(self._api, namespace, want.backend) if want.workload is None else None
        return stable_service.creation(self._ours, want, adopted)

    def _is_a_side(self, backends: Iterable[str]) -> bool:
        """Whether the stable Service is an adopted one that is in the routes: then it is what there is to go back to.

        Led to the candidate it would fail with it, so it follows only when it leaves the routes.
        """
        return self._settings.stable_service in self._settings.adopt and self._settings.stable_service in backends

    def _numbers(self, reads: list[RouteRead], intent: TrafficIntent) -> Callable[[str], int]:
        known = {backend_of(member): member.endpoint for member in intent.members}

        def number_of(workload: str) -> int:
            return _number(known.get(workload) or reads[0].endpoint(workload))

        return number_of

    def _send(self, write: Write) -> None:
        name = str(self._settings.stable_service)
        stable_service.send(self._api, self._settings.namespace, name, write)

    def _write(self, read: RouteRead, patch: list[Op]) -> None:
        path, doing = route_path(read.route), f"changing {read.route}"
        try:
            self._api.write(doing, "PATCH", path, patch, content_type=JSON_PATCH, query=_GUARDED)
        except Missing as error:
            raise Conflict(f"{error.message}; it was there a moment ago", code="RouteGone") from error
        except Invalid as error:
            if self._is_stale(read):
                raise Conflict(f"{error.message}; it has changed meanwhile", code="Stale") from error
            raise

    def _is_stale(self, read: RouteRead) -> bool:
        """Whether a patch was refused because what it tests is there no more: the server's words do not say it."""
        try:
            body = self._api.read(f"reading {read.route}", route_path(read.route))
        except Missing:
            return True
        version = (read.body.get("metadata") or {}).get("resourceVersion")
        return bool((body.get("metadata") or {}).get("resourceVersion") != version)


def _number(endpoint: str) -> int:
    mark = parse_endpoint(endpoint)
    return stable_service.BEFORE_US if mark is None else mark.number
