"""What `doctor` and the start of a rollout check of Container Instances before anything is touched; reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.azure import locks
from providers.azure.clients import Clients
from providers.azure.requests import cores
from providers.azure.settings import ContainerInstances
from providers.errors import Denied, Missing, ProviderError
from providers.images import repository
from providers.ports import Finding

_QUOTA_REMEDY = "delete groups that are not needed, take fewer replicas, or ask Azure for more (a support request)"


def findings(clients: Clients, settings: ContainerInstances, service: str, replicas: int) -> tuple[Finding, ...]:
    """Check the resource group, the quota for `replicas` more groups, and locks; what cannot be read is a warning."""
    found = _resource_group(clients, settings)
    if not found.ok:
        return (found,)
    rest = [*_quota(clients, settings, replicas), *_locks(clients, settings)]
    return (found, *rest, *_registry(settings, service))


def _resource_group(clients: Clients, settings: ContainerInstances) -> Finding:
    subject = f"container groups of {settings.resource_group}"

    def count(**options: Any) -> int:
        groups = clients.containers(settings.subscription).container_groups
        return sum(1 for _ in groups.list_by_resource_group(settings.resource_group, **options))

    try:
        number = clients.read(f"listing the container groups of {settings.resource_group}", count)
    except Denied as error:
        roles = "Microsoft.ContainerInstance/containerGroups/* on the resource group"
        return Finding(False, subject, str(error), f"give this identity {roles}")
    except Missing as error:
        remedy = f"az group create --name {settings.resource_group} --location {settings.location}"
        return Finding(False, subject, str(error), remedy)
    except ProviderError as error:
        return Finding(False, subject, str(error), "try again, or see Azure's status page")
    return Finding(True, subject, f"{number} groups there now, readable")


def _quota(clients: Clients, settings: ContainerInstances, replicas: int) -> Iterator[Finding]:
    subject = f"quota in {settings.location}"

    def ask(**options: Any) -> dict[str, tuple[float, float]]:
        usages = clients.containers(settings.subscription).location.list_usage(settings.location, **options)
        return {item.name.value: (float(item.current_value or 0), float(item.limit or 0)) for item in usages}

    try:
        usage = clients.read(f"reading the usage of {settings.location}", ask)
    except ProviderError as error:
        remedy = "give this identity Microsoft.ContainerInstance/locations/*/read to have it checked"
        yield Finding(False, subject, str(error), remedy, fatal=False)
        return
    needs = {"ContainerGroups": float(replicas), "StandardCores": replicas * cores(settings.template)}
    for name, need in needs.items():
        if name not in usage:
            continue
        used, limit = usage[name]
        message = f"{name}: {used:g} of {limit:g} used, {need:g} more needed beside the running version"
        yield Finding(used + need <= limit, subject, message, "" if used + need <= limit else _QUOTA_REMEDY)


def _locks(clients: Clients, settings: ContainerInstances) -> Iterator[Finding]:
    yield from locks.findings(clients, settings.subscription, f"/resourceGroups/{settings.resource_group}")


def _registry(settings: ContainerInstances, service: str) -> Iterator[Finding]:
    """Docker Hub refuses anonymous pulls from Azure's shared addresses often enough to be worth a warning."""
    properties = settings.template.get("properties") or {}
    if properties.get("imageRegistryCredentials"):
        return
    for item in properties.get("containers") or ():
        name = repository(str((item.get("properties") or {}).get("image") or ""))
        host = name.partition("/")[0]
        if "." not in host and ":" not in host and host != "localhost":
            message = f"container {item.get('name')} of {service} is pulled from Docker Hub without credentials"
            remedy = "import the image into your own registry (az acr import), or give imageRegistryCredentials"
            yield Finding(False, f"registry of {name}", message, remedy, fatal=False)
