"""managedFields: who owns which fields of an object, and how ownership moves with each write.

Appliers conflict with other owners of a field that they change; every other writer just takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from providers.emulator.kube import fields
from providers.emulator.kube.fields import Difference, Fields
from providers.emulator.kube.objects import copied
from providers.emulator.kube.shapes import Shape
from providers.emulator.kube.status import Refusal, failure

Json = dict[str, Any]
_SERVERS_OWN = ("name", "namespace", "creationTimestamp", "selfLink", "uid", "generation", "managedFields")
_NEVER = frozenset(
    [("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:resourceVersion")]
    + [("f:metadata", f"f:{name}") for name in _SERVERS_OWN]
)
BEFORE_APPLY = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: managers are told apart by name, operation, version and subresource."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    def told(self) -> str:
        """The words by which a conflict names this owner."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return text if self.operation == "Apply" else f"{text} using {self.api_version}"


@dataclass(frozen=True, slots=True)
class Owned:
    """What one writer owns, and since when."""

    fields: Fields
    time: str


Owners = dict[Writer, Owned]


def read(obj: Mapping[str, Any]) -> Owners:
    """Read an object's managedFields."""
    return {
        Writer(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
        ): Owned(fields.decode(entry.get("fieldsV1") or {}), entry.get("time", ""))
        for entry in obj["metadata"].get("managedFields") or ()
    }


def write(obj: Json, owners: Owners) -> None:
    """Write managedFields into an object; appliers come first, then the older entries."""
    entries = []
    order = sorted(owners, key=lambda one: (one.operation, owners[one].time, one.manager, one.api_version))
    for writer in order:
        entry = {
            "manager": writer.manager,
            "operation": writer.operation,
            "apiVersion": writer.api_version,
            "time": owners[writer].time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields.encode(owners[writer].fields),
        }
        entries.append({**entry, "subresource": writer.subresource} if writer.subresource else entry)
    obj["metadata"].pop("managedFields", None)
    if entries:
        obj["metadata"]["managedFields"] = entries


def of_update(owners: Owners, writer: Writer, change: Difference, time: str) -> Owners:
    """Return who owns what after a plain write: the writer has all that it changed, and takes it from all others."""
    found = _without(owners, change.removed)
    taken = change.added | change.modified
    for other in list(found):
        if other != writer:
            found[other] = replace(found[other], fields=found[other].fields - taken)
    before = owners[writer].fields if writer in owners else frozenset()
    own = (before | owns(taken, writer)) - change.removed
    found[writer] = Owned(own, owners[writer].time if writer in owners and own == before else time)
    return {one: owned for one, owned in found.items() if owned.fields}


def of_apply(owners: Owners, writer: Writer, named: Fields, change: Difference, force: bool) -> Owners:
    """Return who owns what after an apply of the fields `named`; raises Refusal (409) naming owners in the way."""
    taken = change.added | change.modified
    found = dict(owners)
    conflicts = {one: owned.fields & taken for one, owned in owners.items() if one != writer and owned.fields & taken}
    if conflicts and not force:
        raise _conflict(conflicts)
    for other, lost in conflicts.items():
        found[other] = replace(found[other], fields=found[other].fields - lost)
    found = _without(found, change.removed)
    before = owners.get(writer)
    found[writer] = Owned(named, before.time if before is not None else "")
    return {one: owned for one, owned in found.items() if owned.fields}


def owns(changed: set[fields.Path] | Fields, writer: Writer) -> Fields:
    """Of changed fields those that the writer can own: not the server's, and of a subresource only its part."""
    found = frozenset(path for path in changed if path not in _NEVER)
    if writer.subresource == "status":
        return frozenset(path for path in found if path[0] == "f:status" or path[:2] == ("f:metadata", "f:annotations"))
    return frozenset(path for path in found if path[0] != "f:status")


def _without(owners: Owners, removed: set[fields.Path]) -> Owners:
    return {one: replace(owned, fields=owned.fields - removed) for one, owned in owners.items()}


def _conflict(conflicts: Mapping[Writer, Fields]) -> Refusal:
    causes: list[Json] = []
    told: list[str] = []
    for writer in sorted(conflicts, key=lambda one: one.manager):
        paths = [fields.text_of(path) for path in sorted(conflicts[writer])]
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict with {writer.told()}", "field": path}
            for path in paths
        ]
        if len(paths) == 1:
            told.append(f"conflict with {writer.told()}: {paths[0]}")
        else:
            told.append(f"conflicts with {writer.told()}:\n" + "\n".join(f"- {path}" for path in paths))
    count = f"{len(causes)} conflict" + ("s" if len(causes) > 1 else "")
    message = f"Apply failed with {count}: " + "\n".join(told)
    return Refusal(409, failure(409, message, "Conflict", {"causes": causes}))


def merged(live: Any, config: Any, shape: Shape) -> Any:
    """Lay an applied configuration over what is live: part by part where parts are owned one by one."""
    left, right = fields.parts(live, shape), fields.parts(config, shape)
    if left is None or right is None:
        return copied(config)
    found = {key: part for key, (part, _) in left.items()}
    for key, (part, part_shape) in right.items():
        found[key] = merged(found[key], part, part_shape) if key in found else copied(part)
    return _whole(found, shape)


def given_up(had: Fields, held: Fields) -> Fields:
    """Of the fields that a manager had, those that nobody holds now; a part stays for the sake of what is below it."""
    parts = {path[:end] for path in held for end in range(1, len(path))}
    return frozenset(path for path in had - held if not (path[-1].startswith("f:") and path in parts))


def pruned(value: Any, lost: Fields, shape: Shape) -> Any:
    """Remove the fields `lost` from a value; an item of a list goes with all that is below it, an empty part itself."""
    found = fields.parts(value, shape)
    if found is None:
        return value
    kept: Json = {}
    for key, (part, part_shape) in found.items():
        inner = frozenset(path[1:] for path in lost if path[0] == key and len(path) > 1)
        if (key,) in lost:
            continue
        rest = pruned(part, inner, part_shape) if inner else part
        if rest or not part:
            kept[key] = rest
    return _whole(kept, shape)


def _whole(found: Json, shape: Shape) -> Any:
    if shape.kind == "list":
        return list(found.values())
    return {key.removeprefix("f:"): part for key, part in found.items()}
