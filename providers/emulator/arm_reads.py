"""The other reads that clients make in passing: subscription, resource groups, providers, locks, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.emulator.paths import ArmCall
from providers.emulator.values import ArmError, Result

if TYPE_CHECKING:
    from providers.emulator.world import World

_TYPES = {
    "microsoft.containerinstance": ("Microsoft.ContainerInstance", ["containerGroups", "locations/usages"]),
    "microsoft.network": ("Microsoft.Network", ["trafficManagerProfiles"]),
}
_TENANT = "00000000-0000-0000-0000-0000000000bb"


def handle(world: World, call: ArmCall) -> Result:
    """Answer what needs no resource of ours; subscriptions and resource groups exist implicitly."""
    path = call.path
    if path.provider == "microsoft.authorization" and call.method == "GET":
        return _authorization(world, call)
    if path.provider in _TYPES and not path.kind and call.method == "GET":
        return Result(200, _provider(path.subscription, path.provider))
    if path.provider in _TYPES and path.kind == "operations" and call.method == "GET":
        return Result(200, {"value": []})
    if path.provider and path.kind:
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The resource type '{path.kind}' could not be found in the namespace '{path.provider}'.",
        )
    if path.subscription and not path.provider and not path.rest:
        return _scope(call)
    raise ArmError(404, "NotFound", "The requested path does not exist in this emulator.")


def _scope(call: ArmCall) -> Result:
    path = call.path
    start = f"/subscriptions/{path.subscription}"
    if path.resource_group in ("", "*") and call.method != "GET":
        raise ArmError(405, "MethodNotAllowed", f"The method '{call.method}' is not supported here.")
    if path.resource_group == "":
        shown = {"id": start, "subscriptionId": path.subscription, "tenantId": _TENANT}
        return Result(200, {**shown, "displayName": "Emulator", "state": "Enabled"})
    if path.resource_group == "*":
        return Result(200, {"value": []})
    if call.method == "HEAD":
        return Result(204)
    if call.method not in ("GET", "PUT"):
        raise ArmError(
            405, "MethodNotAllowed", f"The method '{call.method}' is not supported on a resource group here."
        )
    location = call.body.get("location", "westeurope") if isinstance(call.body, dict) else "westeurope"
    return Result(
        200,
        {
            "id": f"{start}/resourceGroups/{path.resource_group}",
            "name": path.resource_group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": location,
            "properties": {"provisioningState": "Succeeded"},
        },
    )


def _provider(subscription: str, namespace: str) -> dict[str, Any]:
    name, types = _TYPES[namespace]
    regions = ["West Europe", "North Europe", "East US", "West US"]
    return {
        "id": f"/subscriptions/{subscription}/providers/{name}",
        "namespace": name,
        "registrationState": "Registered",
        "resourceTypes": [{"resourceType": kind, "locations": regions, "apiVersions": []} for kind in types],
    }


def _authorization(world: World, call: ArmCall) -> Result:
    scope = f"/subscriptions/{call.path.subscription}/resourceGroups/{call.path.resource_group}"
    if call.path.kind == "permissions":
        everything = {"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}
        return Result(200, {"value": [everything]})
    if call.path.kind == "locks":
        lock = {
            "id": f"{scope}/providers/Microsoft.Authorization/locks/emulator",
            "name": "emulator",
            "type": "Microsoft.Authorization/locks",
            "properties": {"level": "CanNotDelete"},
        }
        return Result(200, {"value": [lock] if world.settings.delete_lock else []})
    raise ArmError(404, "InvalidResourceType", f"The resource type '{call.path.kind}' could not be found.")
