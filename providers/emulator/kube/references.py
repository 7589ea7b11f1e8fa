"""Whether a route may lead where it says: parents that take it, backends that exist and are permitted; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.kinds import GATEWAY, GATEWAY_GROUP, NAMESPACE, REFERENCE_GRANT, SERVICE
from providers.emulator.kube.matching import common
from providers.emulator.kube.objects import Json, Objects
from providers.emulator.kube.services import entry_of

if TYPE_CHECKING:
    from providers.emulator.kube.gateway import Programmed

Told = tuple[str, str]
ROUTE_PROTOCOLS = ("HTTP", "HTTPS")


def backend_problem(objects: Objects, kind: str, namespace: str, reference: Mapping[str, Any]) -> Told | None:
    """Return reason and message of what is wrong with a backendRef of a route, None when it is right."""
    name, where = reference["name"], reference.get("namespace") or namespace
    if (reference.get("group") or "") != "" or reference.get("kind", "Service") != "Service":
        told = f"{reference.get('group') or 'core'}/{reference.get('kind')} is not supported as a backend"
        return "InvalidKind", told
    if where != namespace and not granted(objects, kind, namespace, where, name):
        return "RefNotPermitted", f"backendRef to Service {where}/{name} is not permitted by any ReferenceGrant"
    service = objects.peek(SERVICE, where, name)
    if service is None:
        return "BackendNotFound", f"Service {where}/{name} not found"
    if entry_of(service, reference.get("port")) is None:
        return "BackendNotFound", f"Service {where}/{name} has no port {reference.get('port')}"
    return None


def granted(objects: Objects, kind: str, namespace: str, where: str, name: str) -> bool:
    """Say whether a ReferenceGrant in `where` lets routes of a kind and namespace lead to the Service `name`."""
    for grant in objects.each(REFERENCE_GRANT, where):
        spec = grant["spec"]
        given = any(
            one.get("group") == GATEWAY_GROUP and one.get("kind") == kind and one.get("namespace") == namespace
            for one in spec.get("from") or []
        )
        taken = any(
            (one.get("group") or "") == "" and one.get("kind") == "Service" and one.get("name") in (None, "", name)
            for one in spec.get("to") or []
        )
        if given and taken:
            return True
    return False


def parent_of(objects: Objects, namespace: str, reference: Mapping[str, Any]) -> Json | None:
    """Return the Gateway that a parentRef names, None when it names none that there is."""
    group, kind = reference.get("group", GATEWAY_GROUP), reference.get("kind", "Gateway")
    if (group, kind) != (GATEWAY_GROUP, "Gateway"):
        return None
    return objects.peek(GATEWAY, reference.get("namespace") or namespace, reference["name"])


def attachments(
    objects: Objects, gateway: Json, route: Programmed, reference: Mapping[str, Any]
) -> list[tuple[Json, str | None]] | Told:
    """Return the listeners of a Gateway that take a route, each with every host name that both have in common.

    Where there is none, reason and message say why.
    """
    section, port = reference.get("sectionName"), reference.get("port")
    named = [
        one
        for one in gateway["spec"]["listeners"]
        if section in (None, "", one["name"]) and port in (None, one["port"])
    ]
    if not named:
        return "NoMatchingParent", f"There are no listeners that match sectionName {section} and port {port}"
    allowed = [one for one in named if _allows(objects, gateway, one, route)]
    if not allowed:
        return "NotAllowedByListeners", "No listener of the Gateway allows this route's kind or namespace"
    found: list[tuple[Json, str | None]] = []
    for one in allowed:
        for hostname in route.spec.get("hostnames") or [None]:
            shared = common(one.get("hostname"), hostname)
            if shared is not False:
                found.append((one, shared))
    if not found:
        return "NoMatchingListenerHostname", "There were no hostname intersections between the route and its listeners"
    return found


def _allows(objects: Objects, gateway: Json, listener: Json, route: Programmed) -> bool:
    if listener.get("protocol") not in ROUTE_PROTOCOLS:
        return False
    allowed = listener.get("allowedRoutes") or {}
    kinds = allowed.get("kinds") or []
    if kinds and not any(one.get("kind") == route.kind for one in kinds):
        return False
    spaces = allowed.get("namespaces") or {}
    where = spaces.get("from", "Same")
    if where == "Same":
        return bool(gateway["metadata"]["namespace"] == route.namespace)
    if where == "All":
        return True
    found = objects.peek(NAMESPACE, None, route.namespace)
    labels = dict((found or {"metadata": {}})["metadata"].get("labels") or {})
    labels.setdefault("kubernetes.io/metadata.name", route.namespace)
    return where == "Selector" and selects(spaces.get("selector") or {}, labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector takes these labels."""
    if not (selector.get("matchLabels") or {}).items() <= dict(labels).items():
        return False
    for one in selector.get("matchExpressions") or []:
        value, values = labels.get(one["key"]), one.get("values") or []
        fits = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not fits[one["operator"]]:
            return False
    return True
