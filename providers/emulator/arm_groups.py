"""ARM calls on container groups and on what belongs to a region."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.paths import ArmCall, ResourceId
from providers.emulator.shapes import GROUP, check
from providers.emulator.values import ArmError, Result

if TYPE_CHECKING:
    from providers.emulator.lifecycle import Group
    from providers.emulator.world import World


def handle(world: World, call: ArmCall) -> Result:
    """Answer a call on the list of groups, on one group, on one of its actions or on a container's log."""
    if not call.path.rest:
        return _list(world, call)
    rid, verbs = call.path.resource(), tuple(part.lower() for part in call.path.rest[1:])
    if not verbs:
        act = _ONE.get(call.method)
        if act is None:
            raise not_allowed(call)
        return act(world, call, rid)
    if call.method == "POST" and verbs in (("restart",), ("start",), ("stop",)):
        return _action(world, call, rid, verbs[0])
    if call.method == "GET" and len(verbs) == 3 and (verbs[0], verbs[2]) == ("containers", "logs"):
        return _logs(world, rid, call.path.rest[2])
    raise not_allowed(call)


def not_allowed(call: ArmCall) -> ArmError:
    """Return the refusal of a method or path that the service does not have."""
    message = (
        f"The requested operation '{call.method}' is not supported on '{'/'.join(call.path.rest) or call.path.kind}'."
    )
    return ArmError(405, "MethodNotAllowed", message)


def body_of(call: ArmCall, shape: Any) -> dict[str, Any]:
    """Return a write's JSON object; raises ArmError 400 for anything else and for another shape."""
    if not isinstance(call.body, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content must be a JSON object.")
    check(call.body, shape)
    return call.body


def refuse_locked(world: World, what: str) -> None:
    """Raise ArmError 409 when a lock forbids deletions."""
    if world.settings.delete_lock:
        raise ArmError(
            409,
            "ScopeLocked",
            f"The scope '{what}' cannot perform delete operation because following scope(s) are locked. Please remove "
            "the lock and try again.",
        )


def _hidden(world: World, group: Group) -> bool:
    grace = world.settings.not_found_after_create_seconds
    return grace > 0 and world.now() < group.created_at + timedelta(seconds=grace)


def _list(world: World, call: ArmCall) -> Result:
    if call.method != "GET":
        raise not_allowed(call)
    subscription, group_name = call.path.subscription.lower(), call.path.resource_group.lower()
    mine = [
        world.groups.json(group, instance_view=False)
        for group in world.groups.all()
        if group.subscription.lower() == subscription
        and group_name in ("", group.resource_group.lower())
        and not _hidden(world, group)
    ]
    return Result(200, {"value": mine})


def _get(world: World, _call: ArmCall, rid: ResourceId) -> Result:
    if world.faults.take_stale(rid.key) and rid.key in world.before:
        shown = world.before[rid.key]
        return _absent(rid) if shown is None else Result(200, shown)
    group = world.groups.require(rid)
    if _hidden(world, group) or world.faults.take_missing(rid.key):
        return _absent(rid)
    return Result(200, world.groups.json(group))


def _absent(rid: ResourceId) -> Result:
    message = (
        f"The Resource 'Microsoft.ContainerInstance/containerGroups/{rid.name}' under resource group "
        f"'{rid.resource_group}' was not found."
    )
    return ArmError(404, "ResourceNotFound", message).result()


def _remember(world: World, rid: ResourceId) -> Any:
    group = world.groups.find(rid.key)
    return None if group is None else world.groups.json(group)


def _put(world: World, call: ArmCall, rid: ResourceId) -> Result:
    body, before = body_of(call, GROUP), _remember(world, rid)
    group, new = world.groups.put(rid, body)
    world.before[rid.key] = before
    headers = world.operations.headers(world.operations.begin(group), call.api_version)
    return Result(201 if new else 200, world.groups.json(group), headers)


def _patch(world: World, call: ArmCall, rid: ResourceId) -> Result:
    body, before = body_of(call, GROUP), _remember(world, rid)
    group = world.groups.patch(rid, body)
    world.before[rid.key] = before
    return Result(200, world.groups.json(group))


def _delete(world: World, call: ArmCall, rid: ResourceId) -> Result:
    refuse_locked(world, rid.id)
    before = _remember(world, rid)
    group = world.groups.delete(rid)
    if group is None:
        return Result(204)
    world.before[rid.key] = before
    operation = world.operations.begin(group, deletes=True)
    return Result(202, None, world.operations.headers(operation, call.api_version, location=True))


def _action(world: World, call: ArmCall, rid: ResourceId, verb: str) -> Result:
    before = _remember(world, rid)
    if verb == "stop":
        world.groups.stop(rid)
        world.before[rid.key] = before
        return Result(204)
    group = world.groups.restart(rid, start=verb == "start")
    world.before[rid.key] = before
    if verb == "restart":
        return Result(204)
    operation = world.operations.begin(group)
    return Result(202, None, world.operations.headers(operation, call.api_version, location=True))


def _logs(world: World, rid: ResourceId, container: str) -> Result:
    group = world.groups.require(rid)
    run = next((run for run in group.runs if run.name.lower() == container.lower()), None)
    if run is None:
        raise ArmError(404, "ContainerNotFound", f"The container '{container}' of group '{rid.name}' was not found.")
    lines = [f"{event.at.isoformat()} {event.name}: {event.message}" for event in run.events]
    return Result(200, {"content": "".join(line + "\n" for line in lines)})


def location(world: World, call: ArmCall) -> Result:
    """Answer a call on a region: its quotas, operations, cached images and capabilities."""
    rest = call.path.rest
    what = rest[1].lower() if len(rest) > 1 else ""
    if call.method != "GET":
        raise not_allowed(call)
    if what == "usages":
        return Result(200, {"value": world.groups.admission.usages(call.path.subscription, rest[0])})
    if what in ("cachedimages", "capabilities"):
        return Result(200, {"value": []})
    if what == "operations" and len(rest) > 2:
        return world.operations.status(rest[2])
    if what == "operationresults" and len(rest) > 2:
        return world.operations.result(rest[2], call.api_version)
    raise not_allowed(call)


_ONE = {"GET": _get, "PUT": _put, "PATCH": _patch, "DELETE": _delete}
