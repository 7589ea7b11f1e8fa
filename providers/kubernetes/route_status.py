"""Whether the gateways in front of a route say that what is written in it is in force; pure.

Right after a write the conditions still look healthy: only those of the present generation count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.kubernetes.route_ours import GROUP, Body, items
from providers.kubernetes.settings import Route

_MUST = ("Accepted", "ResolvedRefs")
_IF_PUBLISHED = ("Programmed",)
_MUST_NOT = ("PartiallyInvalid",)


def not_taken(route: Route, body: Body) -> str:
    """Why a route, as it stands, is not known to be in force at every parent; empty when it is."""
    parents = items(body.get("spec") or {}, "parentRefs")
    if not parents:
        return "it has no parentRefs, so no gateway serves it"
    generation = int((body.get("metadata") or {}).get("generation") or 0)
    for parent in parents:
        why = _at_parent(route, body, parent, generation)
        if why:
            return f"{parent_name(parent)}: {why}"
    return ""


def parent_name(parent: Body) -> str:
    """A parentRef as people call it."""
    namespace, section = parent.get("namespace"), parent.get("sectionName")
    name = f"{namespace}/{parent.get('name')}" if namespace else str(parent.get("name"))
    return f"{parent.get('kind') or 'Gateway'} {name}" + (f" ({section})" if section else "")


def parent_key(route: Route, parent: Body) -> tuple[Any, ...]:
    """What two references to the same parent have in common, with the defaults that a server fills in."""
    return (
        GROUP if parent.get("group") is None else parent["group"],
        parent.get("kind") or "Gateway",
        parent.get("namespace") or route.namespace,
        parent.get("name"),
        parent.get("sectionName"),
        parent.get("port"),
    )


def condition(status: Body, kind: str) -> Body:
    """One condition by its type; empty where it is not published."""
    return next((c for c in items(status, "conditions") if c.get("type") == kind), {})


def _at_parent(route: Route, body: Body, parent: Body, generation: int) -> str:
    key = parent_key(route, parent)
    answers = items(body.get("status") or {}, "parents")
    entries = [entry for entry in answers if parent_key(route, entry.get("parentRef") or {}) == key]
    if not entries:
        return "no controller has answered"
    current = [entry for entry in entries if _observed(entry) >= generation]
    # A controller that was there before leaves its old answer behind, which nobody takes away.
    return next((why for entry in current or entries if (why := _entry(entry, generation))), "")


def _entry(entry: Body, generation: int) -> str:
    for kind in (*_MUST, *_IF_PUBLISHED):
        found = condition(entry, kind)
        if not found and kind in _IF_PUBLISHED:
            continue
        if found.get("status") != "True":
            return _said(kind, found)
        if int(found.get("observedGeneration") or 0) < generation:
            observed = found.get("observedGeneration") or "none"
            return f"{kind} is of generation {observed}, the route is at {generation}"
    for kind in _MUST_NOT:
        found = condition(entry, kind)
        if found.get("status") == "True":
            return _said(kind, found)
    return ""


def _observed(entry: Body) -> int:
    return min((int(condition(entry, kind).get("observedGeneration") or 0) for kind in _MUST), default=0)


def _said(kind: str, found: Mapping[str, Any]) -> str:
    if not found:
        return f"{kind} is not published"
    parts = [str(found.get(key)) for key in ("reason", "message") if found.get(key)]
    return f"{kind} is {found.get('status')}" + (f" ({': '.join(parts)})" if parts else "")
