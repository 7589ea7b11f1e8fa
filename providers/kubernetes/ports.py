"""The ports of a slot's Service, and the one that a route names; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers.kubernetes.parts import at, by_kind, containers, sequence
from providers.kubernetes.places import DEPLOYMENT, SERVICE

PROBE = "rollout-probe"
"""The name of the port that is opened for probes."""
_KEPT = ("name", "protocol", "appProtocol", "port", "targetPort")
_SIDECAR = "Always"


def service_ports(objects: Any, probe_port: int | None = None) -> tuple[Mapping[str, Any], ...]:
    """Return the ports of each revision's Service: those of the template's, else those of its containers.

    With `probe_port` there is one of that number which leads to the container's port of the same number, so that
    whoever probes need not read the Service. Two or more have names each, as Kubernetes wants it.
    """
    found = by_kind(objects)
    deployment = found[DEPLOYMENT][0].value if found[DEPLOYMENT] else {}
    listed: list[dict[str, Any]]
    if found[SERVICE]:
        items = sequence(found[SERVICE][0].value, "spec", "ports")
        listed = [{key: item[key] for key in _KEPT if item.get(key) is not None} for item in items if _whole(item)]
    else:
        listed = [_opened(*each) for each in of_containers(deployment)]
    if probe_port is not None and not any(_is(item, probe_port) for item in listed):
        listed.append({"name": PROBE, "protocol": "TCP", "port": probe_port, "targetPort": probe_port})
    if len(listed) > 1:
        listed = [{**item, "name": item.get("name") or _default_name(item)} for item in listed]
    return tuple(listed)


def port(objects: Any) -> int:
    """Return the port that a route names: the template Service's first TCP port, without one the container's.

    Raises ValueError where there is none, which a check of the template would have said.
    """
    found = by_kind(objects)
    if found[SERVICE]:
        number = first_tcp(sequence(found[SERVICE][0].value, "spec", "ports"))
    else:
        number = first_container_port(found[DEPLOYMENT][0].value) if found[DEPLOYMENT] else None
    if number is None:
        raise ValueError("the template has no TCP port for a route to lead to; check it before it is used")
    return number


def first_tcp(listed: Iterable[Any]) -> int | None:
    """The number of the first TCP port among a Service's ports; None when there is none."""
    return next((item["port"] for item in listed if _whole(item) and _protocol(item) == "TCP"), None)


def first_container_port(deployment: Any) -> int | None:
    """The first TCP port that a container of a Deployment opens; None when there is none."""
    return next((number for _, number, protocol in of_containers(deployment) if protocol == "TCP"), None)


def of_containers(deployment: Any) -> Iterator[tuple[str, int, str]]:
    """Name (empty when it has none), number and protocol of every port that a running container opens."""
    for path, container in containers(deployment):
        if "initContainers" in path and at(container, "restartPolicy") != _SIDECAR:
            continue
        for item in sequence(container, "ports"):
            number, name = at(item, "containerPort"), at(item, "name")
            if isinstance(number, int) and not isinstance(number, bool):
                yield name if isinstance(name, str) else "", number, _protocol(item)


def hides(item: Any, number: int, deployment: Any) -> bool:
    """Whether a Service's TCP port has this number but leads to a container's port of another."""
    if not _whole(item) or item["port"] != number or _protocol(item) != "TCP":
        return False
    target = item.get("targetPort", number)
    if isinstance(target, str):
        named = {name: each for name, each, _ in of_containers(deployment)}
        target = named.get(target, number)
    return bool(target is not None and target != number)


def _is(item: Mapping[str, Any], number: int) -> bool:
    return bool(item["port"] == number) and _protocol(item) == "TCP"


def _whole(item: Any) -> bool:
    number = at(item, "port")
    return isinstance(number, int) and not isinstance(number, bool)


def _protocol(item: Any) -> str:
    return str(at(item, "protocol") or "TCP")


def _opened(name: str, number: int, protocol: str) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return {**named, "protocol": protocol, "port": number, "targetPort": number}


def _default_name(item: Mapping[str, Any]) -> str:
    other = "" if _protocol(item) == "TCP" else f"-{_protocol(item).lower()}"
    return f"port-{item['port']}{other}"
