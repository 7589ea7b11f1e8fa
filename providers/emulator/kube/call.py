"""One call as its parts see it, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.status import Causes, bad_request, invalid_options, no_page, no_resource

if TYPE_CHECKING:
    from providers.emulator.kube.rbac import User
    from providers.emulator.kube.watch import Watch

Json = dict[str, Any]
JSON_TYPE = "application/json"
_SUBRESOURCES = {"Pod": ("binding", "proxy"), "Service": ("proxy",)}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names: a kind's collection, one object, or a subresource of it (`rest` is what follows a proxy)."""

    kind: Kind
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was routed: what it targets, what it brings and who makes it."""

    method: str
    target: Target
    query: Mapping[str, str]
    body: bytes
    content_type: str
    user: User
    agent: str = ""

    @property
    def dry(self) -> bool:
        """Whether nothing shall be stored."""
        return "dryRun" in self.query

    @property
    def manager(self) -> str:
        """Who is to own the fields that this call writes."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0] or "unknown"

    def check_options(self) -> None:
        """Refuse values of dryRun, fieldValidation and propagationPolicy that there are not (422)."""
        causes = Causes()
        options = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions"}.get(self.method)
        if self.dry and self.query["dryRun"] != "All":
            causes.unsupported("dryRun", [self.query["dryRun"]], ("All",))
        if self.query.get("fieldValidation", "") not in ("", "Ignore", "Warn", "Strict"):
            allowed = ("", "Ignore", "Strict", "Warn")
            causes.unsupported("fieldValidation", self.query["fieldValidation"], allowed)
        if causes.found:
            raise invalid_options(options or "DeleteOptions", causes.found)

    def flag(self, name: str) -> bool:
        """Read a parameter that is on or off; a parameter without a value is on."""
        return self.query.get(name, "false").lower() not in ("false", "0")

    def number(self, name: str) -> int | None:
        """Read a whole number; raises Refusal (400) for anything else."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


@dataclass(slots=True)
class Reply:
    """An answer: `body` is a JSON value or text; a watch has `watch` instead; `delay_seconds` comes from a fault."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    watch: Watch | None = None
    delay_seconds: float = 0.0

    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else self.encoded().decode()

    def encoded(self) -> bytes:
        """The body's bytes."""
        return self.body.encode() if isinstance(self.body, str) else msgspec.json.encode(self.body)


def route(path: str, served: Mapping[tuple[str, str], Mapping[str, Kind]]) -> Target:
    """Read a path below `/api` or `/apis`; raises Refusal (404) as a server does.

    `served` holds the kinds by their plural, by group and version.
    """
    parts = [part for part in path.split("/") if part]
    group, version, rest = ("", parts[1], parts[2:]) if parts[0] == "api" else (parts[1], parts[2], parts[3:])
    kinds = served.get((group, version))
    if kinds is None:
        raise no_page()
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.get(rest[0])
    if kind is None or (namespace is not None and not kind.namespaced):
        raise no_resource()
    if kind.namespaced and namespace is None and len(rest) > 1:
        raise no_resource()
    name, subresource = (rest[1] if len(rest) > 1 else None), (rest[2] if len(rest) > 2 else None)
    has = {"status": kind.status, "scale": kind.scale}
    known = subresource is None or has.get(subresource) or subresource in _SUBRESOURCES.get(kind.kind, ())
    if not known or (len(rest) > 3 and subresource != "proxy"):
        raise no_resource()
    tail = path.split("/proxy", 1)[1] if subresource == "proxy" else ""
    return Target(kind, namespace, name, subresource, tail)
