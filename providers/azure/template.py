"""What is wrong with a user's container group template, all at once and before anything is touched; pure.

Rules: contract.md "Template rules". Limits: Azure Container Instances' quotas, reserved ports and naming rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from providers.azure.template_secrets import null_secrets
from providers.images import repository
from providers.problems import Path, Problem, dotted, items, shown
from strategies.names import GROUP_NAME_LIMIT, group_name

TYPE = "Microsoft.ContainerInstance/containerGroups"
__all__ = ["Path", "Problem", "check", "dotted", "repository"]
_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PORTS_PER_ADDRESS = 5
_TAGS_PER_RESOURCE = 50
_TAGS_OF_OURS = 12
_MOST_ROLLOUTS = 999_999
_KEYS = ("apiVersion", "extendedLocation", "id", "identity", "location", "name", "properties", "tags", "type", "zones")
_EXPORTED = ("additional_properties", "additionalProperties", "systemData")
_EXPRESSION = re.compile(r"\[(concat|format|listKeys|parameters|reference|resource(Group|Id)|subscription|variables)\(")
_RESERVED = (
    (22, 22), (1025, 1027), (3389, 3399), (9999, 9999), (19000, 19000), (19080, 19080), (19100, 19100),
    (19390, 19390), (20000, 30000), (49152, 65534),
)  # fmt: skip


def check(
    template: Any,
    *,
    service: str,
    image: str,
    location: str,
    containers: tuple[str, ...] | None = None,
    replicas: int = 1,
    allow_system_identity: bool = False,
    behind_traffic_manager: bool = True,
) -> list[Problem]:
    """Return every problem of a parsed template in document order; an empty list when it can be deployed.

    `image` is the manifest's repository, `containers` the names it gives (None: by repository), `location` its region.
    """
    if not isinstance(template, Mapping):
        return [Problem((), f"expected a container group (a mapping); got {shown(template)}")]
    if "resources" in template:
        return [Problem(("resources",), _DEPLOYMENT)]
    unknown = [key for key in template if key not in (*_KEYS, *_EXPORTED)]
    problems = [Problem((key,), f"expected one of {', '.join(_KEYS)}; got {key!r}") for key in unknown]
    properties = template.get("properties")
    if not isinstance(properties, Mapping):
        return [
            *problems,
            Problem(("properties",), f"expected a mapping with containers and osType; got {shown(properties)}"),
        ]
    return [
        *problems,
        *_expressions(template, ()),
        *_head(template, service, location, replicas, allow_system_identity),
        *_containers(properties, image, containers),
        *_system(properties),
        *(_address(properties) if behind_traffic_manager else ()),
        *_ports(properties),
        *_resources(properties),
        *null_secrets(properties),
    ]


_DEPLOYMENT = (
    "expected one container group (what `az container create --file` takes); got a deployment template: put the part "
    f"of `resources` whose type is {TYPE} into a file of its own; from Bicep, `az bicep build --file main.bicep` makes "
    "the template to take it from"
)


def _expressions(value: Any, path: Path) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _expressions(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _expressions(item, (*path, number))
    elif isinstance(value, str) and _EXPRESSION.match(value):
        way_out = "nothing evaluates it outside of a deployment: put in the value, or ${var:name}"
        yield Problem(path, f"expected a plain value; got the template expression {value!r}; {way_out}")


def _head(
    template: Mapping[str, Any], service: str, location: str, replicas: int, allow_system: bool
) -> Iterator[Problem]:
    kind = template.get("type")
    if isinstance(kind, str) and kind.lower() != TYPE.lower():
        yield Problem(("type",), f"expected {TYPE}; got {kind}")
    name = group_name(service, "0" * 8, _MOST_ROLLOUTS, replicas)
    if len(name) > GROUP_NAME_LIMIT:
        over = len(name) - GROUP_NAME_LIMIT
        limit = f"a container group's name has at most {GROUP_NAME_LIMIT} characters"
        yield Problem(
            (), f"{limit}; {service!r} with its revision suffix has {over} too many: shorten the service's name"
        )
    own = template.get("location")
    if isinstance(own, str) and _region(own) != _region(location):
        yield Problem(("location",), f"expected {location!r} as the manifest says, or no location here; got {own!r}")
    identity = template.get("identity")
    kind = identity.get("type") if isinstance(identity, Mapping) else None
    if isinstance(kind, str) and "systemassigned" in kind.lower().replace(" ", "") and not allow_system:
        yield Problem(("identity", "type"), _SYSTEM_IDENTITY.format(kind))
    tags = template.get("tags")
    if isinstance(tags, Mapping) and len(tags) > _TAGS_PER_RESOURCE - _TAGS_OF_OURS:
        most = _TAGS_PER_RESOURCE - _TAGS_OF_OURS
        yield Problem(("tags",), f"expected at most {most} tags, because rollout adds {_TAGS_OF_OURS}; got {len(tags)}")


_SYSTEM_IDENTITY = (
    "expected UserAssigned; got {0}: each revision is a new group and would get a new principal without any grant. "
    "Use a user-assigned identity, or set containerInstances.allowSystemIdentity: true"
)


def _containers(properties: Mapping[str, Any], image: str, names: tuple[str, ...] | None) -> Iterator[Problem]:
    listed = properties.get("containers")
    if not isinstance(listed, list) or not listed:
        yield Problem(("properties", "containers"), f"expected a list of containers; got {shown(listed)}")
        return
    found: list[tuple[str, str]] = []
    for key in ("containers", "initContainers"):
        for number, container in enumerate(items(properties.get(key))):
            path: Path = ("properties", key, number)
            inner = container.get("properties") if isinstance(container, Mapping) else None
            if not isinstance(container, Mapping) or not isinstance(inner, Mapping):
                yield Problem(path, f"expected a mapping with name and properties; got {shown(container)}")
                continue
            name, reference = container.get("name"), inner.get("image")
            if not isinstance(name, str) or not name:
                yield Problem((*path, "name"), f"expected the container's name; got {shown(name)}")
            elif not isinstance(reference, str) or not reference:
                yield Problem((*path, "properties", "image"), f"expected an image; got {shown(reference)}")
            else:
                found.append((name, reference))
    have = ", ".join(f"{name} ({reference})" for name, reference in found) or "none"
    if names is None:
        if not any(repository(reference) == repository(image) for _, reference in found):
            hint = "if another image is meant, name its container with containerInstances.container"
            yield Problem(("properties", "containers"), f"expected a container that uses {image}; found {have}; {hint}")
        return
    for missing in (name for name in names if name not in {known for known, _ in found}):
        yield Problem(("properties", "containers"), f"expected a container called {missing!r}; found {have}")


def _system(properties: Mapping[str, Any]) -> Iterator[Problem]:
    system = properties.get("osType")
    if not isinstance(system, str) or system.lower() not in ("linux", "windows"):
        yield Problem(("properties", "osType"), f"expected Linux or Windows; got {shown(system)}")


def _address(properties: Mapping[str, Any]) -> Iterator[Problem]:
    address = properties.get("ipAddress")
    path: Path = ("properties", "ipAddress")
    way_out = (
        "Traffic Manager reaches public addresses only: put an Application Gateway or a public load balancer in front"
    )
    if items(properties.get("subnetIds")) or isinstance(properties.get("networkProfile"), Mapping):
        place = "subnetIds" if items(properties.get("subnetIds")) else "networkProfile"
        yield Problem(
            ("properties", place), f"expected no subnet; a group in a subnet has a private address. {way_out}"
        )
    elif not isinstance(address, Mapping):
        yield Problem(path, f"expected a public address (type: Public and its ports); got {shown(address)}. {way_out}")
    if not isinstance(address, Mapping):
        return
    kind = address.get("type")
    if not isinstance(kind, str) or kind.lower() != "public":
        yield Problem((*path, "type"), f"expected Public; got {shown(kind)}. {way_out}")
    label = address.get("dnsNameLabel")
    if label is not None and (not isinstance(label, str) or not _LABEL.fullmatch(label)):
        shape = "1 to 63 lower-case letters, digits and hyphens, a letter first and no hyphen last"
        yield Problem((*path, "dnsNameLabel"), f"expected {shape}; got {shown(label)}")
    ports = items(address.get("ports"))
    if not 1 <= len(ports) <= _PORTS_PER_ADDRESS:
        yield Problem((*path, "ports"), f"expected 1 to {_PORTS_PER_ADDRESS} ports; got {len(ports)}")


def _ports(properties: Mapping[str, Any]) -> Iterator[Problem]:
    address = properties.get("ipAddress")
    places: list[tuple[Path, Any]] = []
    if isinstance(address, Mapping):
        places.append((("properties", "ipAddress", "ports"), address.get("ports")))
    for number, container in enumerate(items(properties.get("containers"))):
        inner = container.get("properties") if isinstance(container, Mapping) else None
        if isinstance(inner, Mapping):
            places.append((("properties", "containers", number, "properties", "ports"), inner.get("ports")))
    inside = [item for path, ports in places if path[1] == "containers" for item in items(ports)]
    exposed = {item["port"] for item in inside if isinstance(item, Mapping) and isinstance(item.get("port"), int)}
    for path, ports in places:
        for number, item in enumerate(items(ports)):
            port = item.get("port") if isinstance(item, Mapping) else None
            where = (*path, number, "port")
            if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
                yield Problem(where, f"expected a port from 1 to 65535; got {shown(port)}")
            elif any(low <= port <= high for low, high in _RESERVED):
                spans = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in _RESERVED)
                yield Problem(where, f"expected a port that Container Instances does not reserve ({spans}); got {port}")
            elif path[1] == "ipAddress" and port not in exposed:
                have = ", ".join(map(str, sorted(exposed))) or "none"
                yield Problem(where, f"expected a port that a container exposes ({have}); got {port}")


def _resources(properties: Mapping[str, Any]) -> Iterator[Problem]:
    for number, container in enumerate(items(properties.get("containers"))):
        inner = container.get("properties") if isinstance(container, Mapping) else None
        if not isinstance(inner, Mapping):
            continue
        resources = inner.get("resources")
        requests = resources.get("requests") if isinstance(resources, Mapping) else None
        for key in ("cpu", "memoryInGB"):
            size = requests.get(key) if isinstance(requests, Mapping) else None
            if size is None or (isinstance(size, int | float) and size <= 0):
                path: Path = ("properties", "containers", number, "properties", "resources", "requests", key)
                yield Problem(path, f"expected a number above 0; got {shown(size)}")


def _region(name: str) -> str:
    return name.replace(" ", "").lower()
