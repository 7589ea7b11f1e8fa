"""The body that creates a container group, made from the user's template; pure.

The template may be the output of `az container export`: what only the service may write is dropped, and so are nulls.
Secrets stay references here; they become values when the body is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from providers.azure import marks
from providers.azure.settings import ContainerInstances
from providers.images import repository, without_tag
from strategies.seen import Mark

API_VERSION = "2023-05-01"
PREVIEW_API_VERSION = "2024-05-01-preview"
LABEL_LIMIT = 63
_HASH_DIGITS = 10
_TOP = ("zones", "identity", "extendedLocation")
_READ_ONLY_PROPERTIES = ("provisioningState", "instanceView", "isCreatedFromStandbyPool", "isCustomProvisioningTimeout")
_PREVIEW_PROPERTIES = ("containerGroupProfile", "standbyPoolProfile")
_PREVIEW_CONTAINER = ("configMap",)
_EXPORTED_EXTRAS = ("additional_properties", "additionalProperties")


def group_body(settings: ContainerInstances, image: str, mark: Mark) -> dict[str, Any]:
    """Make the ARM body of one group: the template with our label, marks and `image@digest` put in.

    `image` is the manifest's repository (a tag or digest on it does not matter), `mark.digest` what it becomes. Secrets
    are left as `SecretRef`s. The group's name is no part of the body: ARM reads it from the path.
    """
    template = settings.template
    properties = {
        key: value
        for key, value in _clean(template.get("properties") or {}).items()
        if key not in _READ_ONLY_PROPERTIES
    }
    for key in ("containers", "initContainers"):
        if key in properties:
            properties[key] = [_container(item, settings, image, mark) for item in properties[key]]
    if isinstance(properties.get("ipAddress"), Mapping):
        properties["ipAddress"] = _address(properties["ipAddress"], settings, mark)
    if "volumes" in properties:
        properties["volumes"] = [_volume(item) for item in properties["volumes"]]
    body: dict[str, Any] = {"location": settings.location}
    body.update((key, _clean(template[key])) for key in _TOP if template.get(key) is not None)
    if isinstance(template.get("identity"), Mapping):
        body["identity"] = _identity(template["identity"])
    body["tags"] = {**marks.foreign(template.get("tags")), **marks.to_tags(mark)}
    body["properties"] = properties
    return body


def api_version(body: Mapping[str, Any]) -> str:
    """Choose the API version for a group's body: the stable one unless the body needs what only the preview knows."""
    properties = body["properties"]
    containers = [*properties.get("containers", ()), *properties.get("initContainers", ())]
    newer = any(key in properties for key in _PREVIEW_PROPERTIES)
    newer = newer or any(key in item["properties"] for item in containers for key in _PREVIEW_CONTAINER)
    return PREVIEW_API_VERSION if newer else API_VERSION


def cores(template: Mapping[str, Any]) -> float:
    """Add up the CPU cores that a template's containers request."""
    found = 0.0
    for container in (template.get("properties") or {}).get("containers") or ():
        requested = ((container.get("properties") or {}).get("resources") or {}).get("requests") or {}
        found += float(requested.get("cpu") or 0)
    return found


def dns_label(settings: ContainerInstances, mark: Mark) -> str:
    """Make a slot's DNS label: the template's (or the service's name), shortened, and a hash of whose slot it is.

    Labels are unique per region across all customers, hence subscription and resource group in the hash. At most 63
    characters of a-z, 0-9 and hyphen, beginning with a letter.
    """
    whose = (settings.subscription, settings.resource_group, mark.service, mark.revision, mark.number, mark.slot)
    text = "\n".join(str(part) for part in whose).lower()
    digits = hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
    address = (settings.template.get("properties") or {}).get("ipAddress") or {}
    wanted = str(address.get("dnsNameLabel") or mark.service).lower()
    base = re.sub(r"[^a-z0-9-]", "", wanted).lstrip("-0123456789") or "rollout"
    return f"{base[: LABEL_LIMIT - _HASH_DIGITS - 1].rstrip('-')}-{digits}"


def _container(item: Mapping[str, Any], settings: ContainerInstances, image: str, mark: Mark) -> dict[str, Any]:
    properties = {key: value for key, value in item["properties"].items() if key != "instanceView"}
    ours = repository(properties.get("image", "")) == repository(image)
    if item.get("name") in settings.containers if settings.containers is not None else ours:
        properties["image"] = f"{without_tag(image)}@{mark.digest}"
        if settings.inject:
            properties["environmentVariables"] = _environment(properties.get("environmentVariables") or (), mark)
    return {**item, "properties": properties}


def _environment(variables: Any, mark: Mark) -> list[Any]:
    words = {"ROLLOUT_SERVICE": mark.service, "ROLLOUT_REVISION": mark.revision, "ROLLOUT_TARGET": mark.target}
    kept = [item for item in variables if item.get("name") not in words]
    return kept + [{"name": name, "value": value} for name, value in words.items()]


def _address(address: Mapping[str, Any], settings: ContainerInstances, mark: Mark) -> dict[str, Any]:
    kept = {key: value for key, value in address.items() if key not in ("ip", "fqdn")}
    if str(kept.get("type", "")).lower() != "public":
        return kept
    kept["dnsNameLabel"] = dns_label(settings, mark)
    kept.setdefault("autoGeneratedDomainNameLabelScope", "TenantReuse")
    return kept


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    """YAML's `emptyDir:` is a null, which is meant as the empty mapping."""
    kinds = ("azureFile", "emptyDir", "secret", "gitRepo")
    named_only = not any(kind in volume for kind in kinds)
    return {**volume, "emptyDir": {}} if named_only else dict(volume)


def _identity(identity: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: item for key, item in identity.items() if item is not None and key not in ("principalId", "tenantId")}
    assigned = kept.get("userAssignedIdentities")
    if isinstance(assigned, Mapping):
        kept["userAssignedIdentities"] = {name: {} for name in assigned}
    return kept


def _clean(value: Any) -> Any:
    """Copy without nulls and without what the Azure CLI's export adds."""
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if key not in _EXPORTED_EXTRAS}
        return {key: _clean(item) for key, item in kept.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
