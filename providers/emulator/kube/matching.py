"""Which requests a rule of a route takes, and which of several comes first; pure, for HTTPRoute and GRPCRoute."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

import re2

Way = Literal["Exact", "PathPrefix", "RegularExpression"]
# Unreadable expressions are answers here; the library would write them on standard error as well.
_QUIET = re2.Options()
_QUIET.log_errors = False


@dataclass(frozen=True, slots=True)
class Value:
    """What a header or a query parameter must be; header names are in small letters."""

    name: str
    value: str
    is_pattern: bool = False

    def fits(self, given: str | None) -> bool:
        """Say whether what was sent is as wanted; regular expressions must fit the whole of it."""
        if given is None:
            return False
        return bool(re2.fullmatch(self.value, given)) if self.is_pattern else given == self.value


@dataclass(frozen=True, slots=True)
class Pattern:
    """One match of a rule: all that it names must fit."""

    way: Way = "PathPrefix"
    path: str = "/"
    method: str | None = None
    headers: tuple[Value, ...] = ()
    queries: tuple[Value, ...] = ()

    def fits(self, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """Say whether a request is taken; `target` is its path with its query, header names are in small letters."""
        path, _, query = target.partition("?")
        if self.method not in (None, method) or not self._fits_path(path):
            return False
        if not all(value.fits(headers.get(value.name)) for value in self.headers):
            return False
        if not self.queries:
            return True
        sent: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            sent.setdefault(name, value)
        return all(value.fits(sent.get(value.name)) for value in self.queries)

    def _fits_path(self, path: str) -> bool:
        if self.way == "Exact":
            return path == self.path
        if self.way == "RegularExpression":
            return bool(re2.fullmatch(self.path, path))
        stem = self.path.rstrip("/")
        return path == stem or path.startswith(f"{stem}/")

    @property
    def order(self) -> tuple[int, int, int, int, int]:
        """What sorts patterns by the specification's precedence, the first to be asked first."""
        way = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}[self.way]
        return way, -len(self.path), 0 if self.method else 1, -len(self.headers), -len(self.queries)


def patterns(kind: str, rule: Mapping[str, Any]) -> tuple[Pattern, ...]:
    """Return the patterns of a rule; a rule without matches takes everything."""
    read = _grpc if kind == "GRPCRoute" else _http
    return tuple(read(match) for match in rule.get("matches") or []) or (Pattern(),)


def unreadable(kind: str, spec: Mapping[str, Any]) -> str | None:
    """Return the first regular expression of a route's rules that cannot be read, None when all can."""
    for rule in spec.get("rules") or []:
        for pattern in patterns(kind, rule):
            texts = [value.value for value in (*pattern.headers, *pattern.queries) if value.is_pattern]
            for text in [*texts, *([pattern.path] if pattern.way == "RegularExpression" else [])]:
                try:
                    re2.compile(text, _QUIET)
                except re2.error:
                    return text
    return None


def _http(match: Mapping[str, Any]) -> Pattern:
    path = match.get("path") or {}
    return Pattern(
        path.get("type", "PathPrefix"),
        path.get("value", "/"),
        match.get("method"),
        _values(match.get("headers"), small=True),
        _values(match.get("queryParams"), small=False),
    )


def _grpc(match: Mapping[str, Any]) -> Pattern:
    """Read a match of gRPC as one of HTTP: a method is the path `/service/method`."""
    told = match.get("method") or {}
    service, method = told.get("service"), told.get("method")
    headers = _values(match.get("headers"), small=True)
    if told.get("type") == "RegularExpression":
        return Pattern("RegularExpression", f"/{service or '[^/]+'}/{method or '[^/]+'}", None, headers)
    if service and method:
        return Pattern("Exact", f"/{service}/{method}", None, headers)
    if method:
        return Pattern("RegularExpression", f"/[^/]+/{re.escape(method)}", None, headers)
    return Pattern("PathPrefix", f"/{service}/" if service else "/", None, headers)


def _values(entries: Any, *, small: bool) -> tuple[Value, ...]:
    """Read matches of headers or query parameters; of several for one name only the first counts."""
    found: dict[str, Value] = {}
    for entry in entries or []:
        name = entry["name"].lower() if small else entry["name"]
        found.setdefault(name, Value(name, entry["value"], entry.get("type") == "RegularExpression"))
    return tuple(found.values())


def hostname_fits(wanted: str | None, host: str) -> bool:
    """Say whether a host name is taken by one of a listener or route; `*.` stands for one or more labels."""
    if not wanted:
        return True
    wanted, host = wanted.lower(), host.lower()
    return host.endswith(wanted[1:]) if wanted.startswith("*.") else host == wanted


def hostname_order(wanted: str | None) -> tuple[int, int]:
    """What sorts host names, the most specific first: exact ones, then the longest with a star, then none."""
    if not wanted:
        return 2, 0
    return (1 if wanted.startswith("*.") else 0), -len(wanted)


def common(listener: str | None, route: str | None) -> str | Literal[False] | None:
    """Return the host name that a listener and a route have in common; False when there is none, None for every one."""
    if not listener or not route:
        return listener or route or None
    listener, route = listener.lower(), route.lower()
    if listener.startswith("*.") and route.startswith("*."):
        if route.endswith(listener[1:]):
            return route
        return listener if listener.endswith(route[1:]) else False
    if hostname_fits(listener, route):
        return route
    return listener if hostname_fits(route, listener) else False
