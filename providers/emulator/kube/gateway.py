"""What a Gateway does with a request, as it is programmed: one table of lines per port, the first that fits decides.

All of it is pure. The table is what both data planes go by: the built-in one asks `find`, Envoy gets the same lines in
the same order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from providers.emulator.kube.matching import Pattern, hostname_fits, hostname_order, patterns, unreadable
from providers.emulator.kube.objects import Json, Objects
from providers.emulator.kube.references import attachments, backend_problem, parent_of

_DURATION = re.compile(r"(\d+)(h|ms|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


@dataclass(frozen=True, slots=True)
class Programmed:
    """One generation of a route as it carries requests."""

    kind: str
    namespace: str
    name: str
    uid: str
    created: str
    generation: int
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """One backend of a line: a port of a Service, and its weight beside the others; `port` None is the first one."""

    kind: str
    route_namespace: str
    reference: Mapping[str, Any]

    @property
    def namespace(self) -> str:
        """Where its Service stands."""
        return str(self.reference.get("namespace") or self.route_namespace)

    @property
    def name(self) -> str:
        """The name of its Service."""
        return str(self.reference["name"])

    @property
    def port(self) -> int | None:
        """The port of its Service."""
        return self.reference.get("port")

    @property
    def weight(self) -> int:
        """Its weight; 1 where nothing is said."""
        weight = self.reference.get("weight")
        return 1 if weight is None else int(weight)

    def problem(self, objects: Objects) -> tuple[str, str] | None:
        """Return reason and message of why no request can go there, None when one can."""
        return backend_problem(objects, self.kind, self.route_namespace, self.reference)


@dataclass(frozen=True, slots=True)
class Copies:
    """A part of a line's requests that is copied to a backend whose answers are thrown away."""

    backend: Backend
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where clients are sent instead; None leaves that part of the address as it was."""

    status: int
    scheme: str | None
    hostname: str | None
    port: int | None
    path: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: whom it takes, and what happens to them."""

    host: str | None
    pattern: Pattern
    backends: tuple[Backend, ...]
    copies: tuple[Copies, ...]
    redirect: Redirect | None
    timeout_seconds: float | None
    route: str
    rule: int


def table(objects: Objects, gateway: Json, port: int, routes: Iterable[Programmed]) -> tuple[Line, ...]:
    """Return the lines of one port of a Gateway, the first to be asked first."""
    found: list[tuple[Any, Line]] = []
    for route in routes:
        if unreadable(route.kind, route.spec) is not None:
            continue
        for reference in route.spec.get("parentRefs") or []:
            if parent_of(objects, route.namespace, reference) is not gateway:
                continue
            taken = attachments(objects, gateway, route, reference)
            hosts = {host for listener, host in taken if listener["port"] == port} if isinstance(taken, list) else set()
            for host in hosts:
                found += [(_order(route, line), line) for line in _lines(route, host)]
    return tuple(line for _, line in sorted(found, key=lambda entry: entry[0]))


def _order(route: Programmed, line: Line) -> Any:
    return hostname_order(line.host), line.host or "", line.pattern.order, route.created, line.route, line.rule


def _lines(route: Programmed, host: str | None) -> list[Line]:
    found = []
    for index, rule in enumerate(route.spec.get("rules") or []):
        filters = rule.get("filters") or []
        backends = tuple(Backend(route.kind, route.namespace, one) for one in rule.get("backendRefs") or [])
        copies = tuple(_copies(route, one["requestMirror"]) for one in filters if one.get("type") == "RequestMirror")
        sent = next((one["requestRedirect"] for one in filters if one.get("type") == "RequestRedirect"), None)
        where = f"{route.namespace}/{route.name}"
        timeout = seconds((rule.get("timeouts") or {}).get("request"))
        for pattern in patterns(route.kind, rule):
            redirect = None if sent is None else _redirect(sent)
            found.append(Line(host, pattern, backends, copies, redirect, timeout, where, index))
    return found


def _copies(route: Programmed, told: Mapping[str, Any]) -> Copies:
    backend = Backend(route.kind, route.namespace, told["backendRef"])
    if told.get("fraction"):
        return Copies(backend, told["fraction"]["numerator"], told["fraction"].get("denominator", 100))
    percent = told.get("percent")
    return Copies(backend, 100 if percent is None else int(percent), 100)


def _redirect(told: Mapping[str, Any]) -> Redirect:
    path = told.get("path") or {}
    full = path.get("replaceFullPath") if path.get("type") == "ReplaceFullPath" else None
    return Redirect(int(told.get("statusCode", 302)), told.get("scheme"), told.get("hostname"), told.get("port"), full)


def seconds(duration: str | None) -> float | None:
    """Read a duration of the Gateway API (`1m30s`); None for none and for zero, which means for ever."""
    if not duration:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration)) or None


def find(lines: tuple[Line, ...], host: str, method: str, target: str, headers: Mapping[str, str]) -> Line | None:
    """Return the line that takes a request, None when none does.

    Only the lines of the most specific host name that fits are asked. Header names are in small letters.
    """
    fitting = next((line.host for line in lines if hostname_fits(line.host, host)), False)
    if fitting is False:
        return None
    own = (line for line in lines if line.host == fitting)
    return next((line for line in own if line.pattern.fits(method, target, headers)), None)


def pick(line: Line, rng: random.Random) -> Backend | None:
    """Choose a backend by weight; None when there is none that has any."""
    weights = [backend.weight for backend in line.backends]
    if not any(weights):
        return None
    return line.backends[0] if len(weights) == 1 else rng.choices(line.backends, weights)[0]


def copied(line: Line, rng: random.Random) -> list[Backend]:
    """Choose where copies of one request go."""
    return [
        one.backend
        for one in line.copies
        if one.numerator >= one.denominator or (one.numerator and rng.random() * one.denominator < one.numerator)
    ]
