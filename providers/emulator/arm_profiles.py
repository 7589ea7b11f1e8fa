"""ARM calls on Traffic Manager profiles, their endpoints and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from providers.emulator.arm_groups import body_of, not_allowed, refuse_locked
from providers.emulator.paths import ArmCall, ResourceId
from providers.emulator.shapes import ENDPOINT, PROFILE
from providers.emulator.values import ArmError, Result

if TYPE_CHECKING:
    from providers.emulator.world import World


def handle(world: World, call: ArmCall) -> Result:
    """Answer a call on the list of profiles, on one profile or on one of its endpoints."""
    rest = call.path.rest
    if not rest:
        return _list(world, call)
    rid = call.path.resource()
    table = _ONE if len(rest) == 1 else _ENDPOINT if len(rest) == 3 else {}
    act = table.get(call.method)
    if act is None:
        raise not_allowed(call)
    return act(world, call, rid)


def name_available(world: World, call: ArmCall) -> Result:
    """Answer whether a relative DNS name is free, in either version of the question."""
    if call.method != "POST":
        raise not_allowed(call)
    body = body_of(call, {"name": str, "type": str})
    if not body.get("name") or str(body.get("type", "")).lower() != "microsoft.network/trafficmanagerprofiles":
        raise ArmError(
            400, "BadRequest", "The name and the type Microsoft.Network/trafficManagerProfiles are required."
        )
    return Result(200, world.profiles.available(body["name"]))


def _list(world: World, call: ArmCall) -> Result:
    if call.method != "GET":
        raise not_allowed(call)
    subscription, group = call.path.subscription.lower(), call.path.resource_group.lower()
    mine = [
        world.profiles.json(profile, call.api_version)
        for profile in world.profiles.all()
        if profile.subscription.lower() == subscription and group in ("", profile.resource_group.lower())
    ]
    return Result(200, {"value": mine})


def _get(world: World, call: ArmCall, rid: ResourceId) -> Result:
    absent = ArmError(404, "ResourceNotFound", f"The Resource '{rid.kind}/{rid.name}' was not found.")
    if world.faults.take_stale(rid.key) and rid.key in world.before:
        shown = world.before[rid.key]
        return absent.result() if shown is None else Result(200, shown)
    profile = world.profiles.require(rid)
    if world.faults.take_missing(rid.key):
        raise absent
    return Result(200, world.profiles.json(profile, call.api_version))


def _remember(world: World, call: ArmCall, rid: ResourceId) -> Any:
    profile = world.profiles.find(rid.key)
    return None if profile is None else world.profiles.json(profile, call.api_version)


def _put(world: World, call: ArmCall, rid: ResourceId) -> Result:
    body, before = body_of(call, PROFILE), _remember(world, call, rid)
    profile, new = world.profiles.put(rid, body)
    world.before[rid.key] = before
    return Result(201 if new else 200, world.profiles.json(profile, call.api_version))


def _patch(world: World, call: ArmCall, rid: ResourceId) -> Result:
    body, before = body_of(call, PROFILE), _remember(world, call, rid)
    profile = world.profiles.patch(rid, body)
    world.before[rid.key] = before
    return Result(200, world.profiles.json(profile, call.api_version))


def _deleted(world: World) -> Result:
    return Result(200, None if world.settings.empty_delete_body else {})


def _delete(world: World, call: ArmCall, rid: ResourceId) -> Result:
    refuse_locked(world, rid.id)
    before = _remember(world, call, rid)
    if not world.profiles.delete(rid):
        return Result(204)
    world.before[rid.key] = before
    return _deleted(world)


def _get_endpoint(world: World, call: ArmCall, rid: ResourceId) -> Result:
    profile, endpoint = world.profiles.require_endpoint(rid, call.path.rest[1], call.path.rest[2])
    return Result(200, world.profiles.endpoint_json(profile, endpoint))


def _write_endpoint(world: World, call: ArmCall, rid: ResourceId) -> Result:
    body, before = body_of(call, ENDPOINT), _remember(world, call, rid)
    kind, name = call.path.rest[1], call.path.rest[2]
    profile, endpoint, new = world.profiles.put_endpoint(rid, kind, name, body, merge=call.method == "PATCH")
    world.before[rid.key] = before
    return Result(201 if new else 200, world.profiles.endpoint_json(profile, endpoint))


def _delete_endpoint(world: World, call: ArmCall, rid: ResourceId) -> Result:
    refuse_locked(world, rid.id)
    before = _remember(world, call, rid)
    if not world.profiles.delete_endpoint(rid, call.path.rest[1], call.path.rest[2]):
        return Result(204)
    world.before[rid.key] = before
    return _deleted(world)


_ONE = {"GET": _get, "PUT": _put, "PATCH": _patch, "DELETE": _delete}
_ENDPOINT = {"GET": _get_endpoint, "PUT": _write_endpoint, "PATCH": _write_endpoint, "DELETE": _delete_endpoint}
