"""What Azure Container Instances accepts as a container group: pure checks of a PUT's body."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from providers.emulator.values import ArmError

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL = re.compile(r"[a-z][a-z0-9-]{3,61}[a-z0-9]")
SCOPES = ("Unsecure", "TenantReuse", "SubscriptionReuse", "ResourceGroupReuse", "Noreuse")
MOST_CONTAINERS, MOST_PORTS = 60, 5
_RESERVED = [(22, 22), (1025, 1027), (3389, 3399), (9999, 9999), (19000, 19000), (19080, 19080), (19100, 19100)]
_RESERVED += [(19390, 19390), (20000, 30000), (49152, 65534)]
_READ_ONLY = ("instanceView", "provisioningState", "fqdn")
_WRITE_ONLY = {
    "secureValue": None,
    "password": "imageRegistryCredentials",
    "storageAccountKey": "azureFile",
    "workspaceKey": "logAnalytics",
}


def invalid(message: str, code: str = "InvalidRequestContent") -> ArmError:
    """Return a 400 with the service's code and message."""
    return ArmError(400, code, message)


def check_group(name: str, body: Mapping[str, Any]) -> None:
    """Raise ArmError (400) for the first thing in a PUT's body that the service would refuse."""
    if NAME.fullmatch(name) is None:
        raise invalid(f"The container group name '{name}' is invalid.", "InvalidContainerGroupName")
    if not isinstance(body.get("location"), str) or not body["location"].strip():
        raise invalid("The location property is required for this definition.", "LocationRequired")
    properties = body.get("properties")
    if not isinstance(properties, Mapping):
        raise invalid("The property 'properties' is required.")
    if properties.get("osType") not in ("Linux", "Windows"):
        raise invalid(f"The 'osType' of container group '{name}' must be Linux or Windows.", "InvalidOsType")
    if properties.get("restartPolicy", "Always") not in ("Always", "OnFailure", "Never"):
        raise invalid(f"The 'restartPolicy' of container group '{name}' must be Always, OnFailure or Never.")
    containers = properties.get("containers")
    if not isinstance(containers, list) or not 1 <= len(containers) <= MOST_CONTAINERS:
        raise invalid(f"Container group '{name}' must have 1 to {MOST_CONTAINERS} containers.", "InvalidContainers")
    init = properties.get("initContainers") or []
    for container in [*containers, *init]:
        _check_container(name, container, needs_resources=container not in init)
    names = [container["name"] for container in [*containers, *init]]
    if len(set(names)) != len(names):
        raise invalid(f"Container names in container group '{name}' must be unique.", "DuplicateContainerName")
    _check_address(name, properties, containers)


def _check_container(group: str, container: Any, needs_resources: bool) -> None:
    name = container.get("name") if isinstance(container, Mapping) else None
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise invalid(f"The container name '{name}' in container group '{group}' is invalid.", "InvalidContainerName")
    properties = container.get("properties")
    if not isinstance(properties, Mapping) or not (isinstance(properties.get("image"), str) and properties["image"]):
        if needs_resources or not isinstance(properties, Mapping):
            raise invalid(f"The image of container '{name}' in container group '{group}' is missing.", "ImageRequired")
        return
    for variable in properties.get("environmentVariables") or []:
        if variable.get("value") is None and variable.get("secureValue") is None:
            raise invalid(
                f"The environment variable '{variable.get('name')}' of container '{name}' needs a value or secureValue."
            )
    for kind in ("livenessProbe", "readinessProbe"):
        for key in ("periodSeconds", "failureThreshold", "successThreshold", "timeoutSeconds"):
            value = (properties.get(kind) or {}).get(key)
            if value is not None and value < 1:
                raise invalid(f"The {kind} of container '{name}' needs a {key} of at least 1.", "InvalidProbe")
    requests = (properties.get("resources") or {}).get("requests") or {}
    for key in ("cpu", "memoryInGB") if needs_resources else ():
        if not isinstance(requests.get(key), int | float) or requests[key] <= 0:
            raise invalid(
                f"The resource request '{key}' of container '{name}' in group '{group}' is missing or invalid.",
                "InvalidResourceRequests",
            )


def _check_address(group: str, properties: Mapping[str, Any], containers: Iterable[Mapping[str, Any]]) -> None:
    address = properties.get("ipAddress")
    if address is None:
        return
    if address.get("type") not in ("Public", "Private"):
        raise invalid(f"The IP address type of container group '{group}' must be Public or Private.")
    if address["type"] == "Private" and not properties.get("subnetIds"):
        raise invalid(f"Container group '{group}' with a private IP address needs subnetIds.", "SubnetRequired")
    ports = [entry.get("port") for entry in address.get("ports") or []]
    if not 1 <= len(ports) <= MOST_PORTS or len(set(ports)) != len(ports):
        raise invalid(f"The IP address of container group '{group}' needs 1 to {MOST_PORTS} different ports.")
    inner = {entry.get("port") for c in containers for entry in c["properties"].get("ports") or []}
    for port in ports:
        if not isinstance(port, int) or not 1 <= port <= 65535:
            raise invalid(f"The port '{port}' in container group '{group}' is invalid.", "InvalidPort")
        if any(low <= port <= high for low, high in _RESERVED):
            raise invalid(f"The port '{port}' in container group '{group}' is reserved.", "ReservedPort")
        if port not in inner:
            raise invalid(
                f"The port '{port}' in the 'ipAddress' of container group '{group}' is not exposed by any container.",
                "IpAddressPortsNotFound",
            )
    label = address.get("dnsNameLabel")
    if label is not None and (not isinstance(label, str) or LABEL.fullmatch(label) is None):
        raise invalid(f"The DNS name label '{label}' in container group '{group}' is invalid.", "InvalidDnsNameLabel")
    scope = address.get("autoGeneratedDomainNameLabelScope", "Unsecure")
    if scope not in SCOPES:
        raise invalid(f"The label scope '{scope}' in container group '{group}' must be one of {', '.join(SCOPES)}.")


def check_update(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise ArmError (400) when a PUT on an existing group changes what only a new group can have."""
    if _fixed(old) != _fixed(new):
        raise invalid(
            f"The updates on container group '{name}' are invalid. If you are going to update the os type, restart "
            "policy, network profile, CPU, memory or GPU resources for a container group, you must delete it first and "
            "then create a new one.",
            "InvalidContainerGroupUpdate",
        )


def _fixed(body: Mapping[str, Any]) -> Any:
    properties = body["properties"]
    containers = {
        c["name"]: (c["properties"]["resources"], sorted(p["port"] for p in c["properties"].get("ports") or []))
        for c in properties["containers"]
    }
    location = normal_location(body["location"])
    rest = (properties["osType"], properties.get("restartPolicy", "Always"), properties.get("subnetIds"))
    return containers, location, rest, body.get("zones")


def cores(body: Mapping[str, Any]) -> float:
    """Return the CPU cores that a group asks for, summed over its containers."""
    return float(sum(c["properties"]["resources"]["requests"]["cpu"] for c in body["properties"]["containers"]))


def normal_location(location: str) -> str:
    """Return a region's name as it stands in host names: lower case, without blanks."""
    return location.replace(" ", "").lower()


def without_secrets(value: Any, inside: str = "") -> Any:
    """Return a copy of a body without what the service takes but never shows again, and without nulls."""
    if isinstance(value, list):
        return [without_secrets(item, inside) for item in value]
    if not isinstance(value, Mapping):
        return value
    kept: dict[str, Any] = {}
    for key, item in value.items():
        if item is None or (key in _READ_ONLY and inside != "tags"):
            continue
        if key in _WRITE_ONLY and _WRITE_ONLY[key] in (None, inside):
            continue
        if key == "secret" and inside == "volumes":
            kept[key] = {}
            continue
        plain = inside in ("tags", "secret") or key == "tags"
        kept[key] = dict(item) if plain and isinstance(item, Mapping) else without_secrets(item, key)
    return kept
