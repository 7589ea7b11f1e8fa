"""What the Gateway controller writes into the status of classes, Gateways and routes; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from providers.emulator.kube.gateway import Backend, Programmed
from providers.emulator.kube.kinds import GATEWAY_GROUP
from providers.emulator.kube.matching import unreadable
from providers.emulator.kube.objects import Json, Objects
from providers.emulator.kube.references import ROUTE_PROTOCOLS, attachments, parent_of
from providers.emulator.kube.settings import ClusterSettings
from providers.emulator.kube.work import settled


def _condition(kind: str, is_so: bool | None, reason: str, message: str, generation: int) -> Json:
    status = "Unknown" if is_so is None else "True" if is_so else "False"
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
    }


def of_class(body: Json, settings: ClusterSettings, at: datetime) -> Json:
    """Return the status of a GatewayClass; every class is taken as ours."""
    generation = body["metadata"].get("generation", 1)
    wanted = [_condition("Accepted", True, "Accepted", "Valid GatewayClass", generation)]
    status: Json = {"conditions": settled((body.get("status") or {}).get("conditions") or [], wanted, at)}
    if settings.supported_features is not None:
        status["supportedFeatures"] = [{"name": name} for name in sorted(settings.supported_features)]
    return status


def of_gateway(
    objects: Objects, body: Json, routes: Iterable[Programmed], *, shown: str, why: str, at: datetime
) -> Json:
    """Return the status of a Gateway; `shown` is its address or host name, and `why` says what its ports lack."""
    before, generation = body.get("status") or {}, body["metadata"].get("generation", 1)
    told = ("AddressNotUsable", why) if why else ("Programmed", "Programmed by the emulator")
    wanted = [
        _condition("Accepted", True, "Accepted", "The Gateway is accepted", generation),
        _condition("Programmed", not why, *told, generation),
    ]
    kind = "IPAddress" if shown.replace(".", "").isdigit() else "Hostname"
    known = {one["name"]: one.get("conditions") or [] for one in before.get("listeners") or []}
    attached = list(routes)
    return {
        "addresses": [{"type": kind, "value": shown}],
        "conditions": settled(before.get("conditions") or [], wanted, at),
        "listeners": [
            _listener(objects, body, listener, attached, before=known.get(listener["name"], []), at=at)
            for listener in body["spec"]["listeners"]
        ],
    }


def _listener(
    objects: Objects, gateway: Json, listener: Json, routes: list[Programmed], *, before: list[Json], at: datetime
) -> Json:
    generation = gateway["metadata"].get("generation", 1)
    takes = listener.get("protocol") in ROUTE_PROTOCOLS
    kinds = [one["kind"] for one in (listener.get("allowedRoutes") or {}).get("kinds") or []]
    supported = [kind for kind in ("HTTPRoute", "GRPCRoute") if takes and (not kinds or kind in kinds)]
    count = sum(_is_attached(objects, gateway, listener, route) for route in routes)
    told = ("Accepted", "") if takes else ("UnsupportedProtocol", f"{listener.get('protocol')} is not supported")
    wanted = [
        _condition("Accepted", takes, *told, generation),
        _condition("Programmed", takes, "Programmed" if takes else "Invalid", "", generation),
        _condition("ResolvedRefs", True, "ResolvedRefs", "", generation),
        _condition("Conflicted", False, "NoConflicts", "", generation),
    ]
    return {
        "name": listener["name"],
        "supportedKinds": [{"group": GATEWAY_GROUP, "kind": kind} for kind in supported],
        "attachedRoutes": count,
        "conditions": settled(before, wanted, at),
    }


def _is_attached(objects: Objects, gateway: Json, listener: Json, route: Programmed) -> bool:
    for reference in route.spec.get("parentRefs") or []:
        parent = parent_of(objects, route.namespace, reference)
        if parent is None or parent["metadata"]["uid"] != gateway["metadata"]["uid"]:
            continue
        taken = attachments(objects, gateway, route, reference)
        if isinstance(taken, list) and any(one["name"] == listener["name"] for one, _ in taken):
            return True
    return False


def of_route(
    objects: Objects, body: Json, route: Programmed, *, programmed: int, settings: ClusterSettings, at: datetime
) -> Json:
    """Return a route's status as of the generation `route`; entries of other controllers stay.

    `programmed` is the generation that carries requests; the condition Programmed speaks of it where it is published.
    """
    before = (body.get("status") or {}).get("parents") or []
    foreign = [one for one in before if one.get("controllerName") != settings.controller_name]
    ours = [one for one in before if one.get("controllerName") == settings.controller_name]
    resolved = _resolved(objects, route)
    found = []
    for reference in route.spec.get("parentRefs") or []:
        gateway = parent_of(objects, route.namespace, reference)
        if gateway is None:
            continue
        why = _why_not_accepted(objects, gateway, route, reference)
        told = why or ("Accepted", "Route is accepted")
        wanted = [_condition("Accepted", why is None, *told, route.generation), resolved]
        if settings.route_programmed:
            done = programmed >= route.generation
            told = ("Programmed", "Route is programmed") if done else ("Pending", "Waiting for the data plane")
            wanted.append(_condition("Programmed", True if done else None, *told, route.generation))
        old: Mapping[str, Any] = next((one for one in ours if one["parentRef"] == reference), {})
        conditions = settled(old.get("conditions") or [], wanted, at)
        entry = {"parentRef": dict(reference), "controllerName": settings.controller_name}
        found.append({**entry, "conditions": conditions})
    return {"parents": [*foreign, *found]}


def _why_not_accepted(
    objects: Objects, gateway: Json, route: Programmed, reference: Mapping[str, Any]
) -> tuple[str, str] | None:
    bad = unreadable(route.kind, route.spec)
    if bad is not None:
        return "UnsupportedValue", f"The regular expression {bad} cannot be read"
    taken = attachments(objects, gateway, route, reference)
    return None if isinstance(taken, list) else taken


def _resolved(objects: Objects, route: Programmed) -> Json:
    references: list[Json] = []
    for rule in route.spec.get("rules") or []:
        references += rule.get("backendRefs") or []
        for one in rule.get("filters") or []:
            if one.get("type") == "RequestMirror":
                references.append(one["requestMirror"]["backendRef"])
    for reference in references:
        problem = Backend(route.kind, route.namespace, reference).problem(objects)
        if problem is not None:
            return _condition("ResolvedRefs", False, *problem, route.generation)
    return _condition("ResolvedRefs", True, "ResolvedRefs", "All references resolved", route.generation)
