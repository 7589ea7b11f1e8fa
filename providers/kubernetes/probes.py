"""Probes of workloads in a cluster: through the API server, through the routing itself, or directly from inside.

Each endpoint's address is its Service's name. Through the API server alone a probe needs nothing but the credentials
that we have; through the gateway it sees what clients see, on the detour that a header opens (`strategies.detours`).
While the API server is away nothing is known of a workload that goes on serving, so then there is no answer at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from providers.errors import Invalid, Missing, NotSent, ProviderError, Transient
from providers.kubernetes.api import Api
from providers.kubernetes.errors import refused
from providers.kubernetes.probe_ports import ProbePorts
from providers.kubernetes.settings import Route
from providers.probes.http import HttpAttempt, unexpected
from providers.probes.resolver import Resolve, from_environment
from providers.probes.rounds import at_once, in_turn
from providers.probes.settings import AGENT, ProbeSettings
from strategies.detours import PROBE_HEADER
from strategies.seen import ProbeSeen

_FRESH = timedelta(seconds=30)
_KEPT_BACK = ("host", "authorization", "connection")
_PLURALS = {"HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes"}


class ApiProxyProbes:
    """Samples Services of one namespace through the API server's own proxy.

    The server names the host itself and takes our credentials off, so `host` and an Authorization header cannot come
    through. `together` False asks one after the other, in a world without sockets.
    """

    def __init__(self, settings: ProbeSettings, *, namespace: str, api: Api, together: bool = True) -> None:
        self._settings, self._namespace, self._api = settings, namespace, api
        self._ports = ProbePorts(api, namespace, settings.port)
        self._round = at_once if together else in_turn

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> Service) once; never raises, never overstays."""

        def make(service: str, deadline: float) -> _ProxyAttempt:
            return _ProxyAttempt(
                self._settings, self._namespace, service, api=self._api, ports=self._ports, deadline=deadline
            )

        return self._round(addresses, make, self._settings.timeout_seconds, self._api.now)


class GatewayProbes:
    """Samples Services through the first of the routes in front of them; `resolve` as `HttpProbes` has it."""

    def __init__(self, settings: ProbeSettings, *, route: Route, api: Api, resolve: Resolve | None = None) -> None:
        self._settings, self._route, self._api = settings, route, api
        self._resolve = resolve or from_environment()
        self._door: tuple[datetime, _Door] | None = None

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> Service) once; never raises, never overstays."""

        def make(service: str, deadline: float) -> _Late:
            return _Late(self._settings, lambda: self._attempt(service, deadline), "looking for the gateway")

        return at_once(addresses, make, self._settings.timeout_seconds, self._api.now)

    def _attempt(self, service: str, deadline: float) -> HttpAttempt:
        known = self._door
        if known is None or self._api.now() >= known[0] + _FRESH:
            known = (self._api.now(), find_door(self._api, self._route, self._settings.scheme))
            self._door = known
        door = known[1]
        settings = replace(
            self._settings,
            port=door.port,
            host=self._settings.host or door.host,
            headers=(*self._settings.headers, (PROBE_HEADER, service)),
        )
        return HttpAttempt(settings, door.address, deadline, self._resolve)


class DirectProbes:
    """Samples Services by their names in the cluster's DNS, which only a process inside of it can resolve."""

    def __init__(self, settings: ProbeSettings, *, namespace: str, api: Api, resolve: Resolve | None = None) -> None:
        self._settings, self._namespace, self._api = settings, namespace, api
        self._ports = ProbePorts(api, namespace, settings.port)
        self._resolve = resolve or from_environment()

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> Service) once; never raises, never overstays."""

        def make(service: str, deadline: float) -> _Late:
            return _Late(self._settings, lambda: self._attempt(service, deadline), "reading the Service")

        return at_once(addresses, make, self._settings.timeout_seconds, self._api.now)

    def _attempt(self, service: str, deadline: float) -> HttpAttempt:
        settings = replace(self._settings, port=self._ports.of(service))
        return HttpAttempt(settings, f"{service}.{self._namespace}.svc", deadline, self._resolve)


@dataclass(frozen=True, slots=True)
class _Door:
    """Where a route's clients come in; `host` is a name that the route answers to, None when it answers to any."""

    address: str
    port: int
    host: str | None


def find_door(api: Api, route: Route, scheme: str) -> _Door:
    """Find the way in through the first Gateway of a route that has an address; raises `providers.errors`."""
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{route.namespace}/{_PLURALS[route.kind]}/{route.name}"
    spec = _spec(api.read(f"reading {route}", path))
    whys = []
    for parent in spec.get("parentRefs") or ():
        if parent.get("kind", "Gateway") != "Gateway":
            continue
        namespace, name = parent.get("namespace") or route.namespace, str(parent.get("name"))
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/gateways/{name}"
        try:
            gateway = api.read(f"reading Gateway {namespace}/{name}", path)
        except Missing as error:
            whys.append(error.message)
            continue
        address = next((str(a["value"]) for a in (gateway.get("status") or {}).get("addresses") or ()), None)
        listener = _listener(_spec(gateway), parent, scheme)
        if address is None or listener is None:
            lacks = f"listener for {scheme}" if address else "address yet"
            whys.append(f"Gateway {namespace}/{name} has no {lacks}")
            continue
        host = next(iter(spec.get("hostnames") or ()), None) or listener.get("hostname")
        return _Door(address, int(listener["port"]), None if host is None else str(host).replace("*", AGENT))
    raise Invalid(f"{route}: no way in: {'; '.join(whys) or 'it has no parent that is a Gateway'}", code="NoGateway")


def _listener(spec: Mapping[str, Any], parent: Mapping[str, Any], scheme: str) -> Mapping[str, Any] | None:
    """The listener that a route is attached to and that speaks the scheme; else None."""
    for listener in spec.get("listeners") or ():
        named = parent.get("sectionName") in (None, listener.get("name"))
        ported = parent.get("port") in (None, listener.get("port"))
        if named and ported and str(listener.get("protocol", "")).lower() == scheme:
            found: Mapping[str, Any] = listener
            return found
    return None


def _spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = body.get("spec") or {}
    return found


class _ProxyAttempt:
    """One probe of one Service through the API server (`rounds.Attempt`)."""

    def __init__(
        self,
        settings: ProbeSettings,
        namespace: str,
        service: str,
        *,
        api: Api,
        ports: ProbePorts,
        deadline: float,
    ) -> None:
        self._settings, self._namespace, self._service = settings, namespace, service
        self._api, self._ports, self._deadline = api, ports, deadline
        self._doing = "reading the Service"

    def why(self) -> str | None:
        """Make the request; return why it failed, an empty text when all was well, None when it could not be made."""
        settings = self._settings
        try:
            port = self._ports.of(self._service)
        except Transient:
            return None
        except ProviderError as error:
            return error.message
        try:
            self._doing = "waiting for the answer through the API server"
            path, _, query = settings.path.partition("?")
            name = f"{settings.scheme}:{self._service}:{port}"
            where = f"/api/v1/namespaces/{self._namespace}/services/{name}/proxy{path}"
            headers = {"User-Agent": AGENT, "Accept": "*/*"}
            headers |= {key: value for key, value in settings.headers if key.lower() not in _KEPT_BACK}
            left = max(min(self._deadline - time.monotonic(), settings.timeout_seconds), 0.001)
            status, text = self._api.status(where, headers, left, dict(parse_qsl(query, keep_blank_values=True)))
        except NotSent:
            return None
        except ProviderError as error:
            return error.message
        if status >= 400 and (said := _of_server(status, text)):
            self._ports.forget(self._service)
            return said
        return unexpected(settings, status)

    def timed_out(self) -> str:
        """Say what was being done when the time was over."""
        return f"timed out after {self._settings.timeout_seconds:g} s while {self._doing}"

    def cut(self) -> None:
        """Leave it to its own end, which the API client bounds by the same time."""


class _Late:
    """A probe over HTTP whose address must be looked up first, within the same time (`rounds.Attempt`)."""

    def __init__(self, settings: ProbeSettings, make: Callable[[], HttpAttempt], doing: str) -> None:
        self._settings, self._make, self._doing = settings, make, doing
        self._made: HttpAttempt | None = None

    def why(self) -> str | None:
        """Look the address up and make the request; return why it failed, an empty text when all was well.

        None when it could not be looked up.
        """
        try:
            self._made = self._make()
        except Transient:
            return None
        except ProviderError as error:
            return error.message
        return self._made.why()

    def timed_out(self) -> str:
        """Say what was being done when the time was over."""
        if self._made is not None:
            return self._made.timed_out()
        return f"timed out after {self._settings.timeout_seconds:g} s while {self._doing}"

    def cut(self) -> None:
        """Close the connection under whoever waits on it."""
        if self._made is not None:
            self._made.cut()


def _of_server(status: int, text: str) -> str:
    """What the API server itself says of a request that it could not pass on; empty when the workload answered."""
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(body, Mapping) or body.get("kind") != "Status" or "message" not in body:
        return ""
    said = str(body["message"])
    if said.startswith("no endpoints available"):
        return "no pod behind the Service is ready"
    return refused(status, body, {}, "through the API server").message
