"""PATCH in its four media types: JSON patch, merge patch, strategic merge patch and server-side apply."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.emulator.kube import decode, fields, managed, patch, strategic
from providers.emulator.kube.bodies import typed
from providers.emulator.kube.call import Call, Reply
from providers.emulator.kube.managed import Writer
from providers.emulator.kube.objects import Json, clone, stamp
from providers.emulator.kube.rbac import Asked
from providers.emulator.kube.shapes import Shape, shape_of
from providers.emulator.kube.status import (
    Causes,
    Refusal,
    bad_request,
    conflict,
    failure,
    invalid,
    invalid_options,
    rejected,
    unsupported_media,
    unsupported_patch,
)
from providers.emulator.kube.writes import Writes, check_names, empty, warned

JSON_PATCH, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
_ACCEPTED = (JSON_PATCH, MERGE, STRATEGIC, APPLY)


def media_type(call: Call) -> str:
    """Return which of the four a PATCH is; raises Refusal (415)."""
    media = call.content_type.partition(";")[0].strip()
    if media not in _ACCEPTED:
        raise unsupported_patch()
    if media == STRATEGIC and call.target.kind.custom:
        raise unsupported_media((JSON_PATCH, MERGE, APPLY))
    return media


def answer(writes: Writes, call: Call) -> Reply:
    """Answer a PATCH of an object or its status."""
    media = media_type(call)
    call.check_options()
    if media == APPLY:
        return _apply(writes, call)
    content = parsed(call, media)
    before = writes.standing(call)
    after, warnings = patched(call, before, content, media)
    return warned(Reply(200, writes.change(call, before, after)), warnings)


def parsed(call: Call, media: str) -> Any:
    """Read the body of a patch that is JSON; raises Refusal (400)."""
    try:
        content = decode.parse_json(call.body)
    except decode.Undecodable as error:
        raise bad_request(f"error decoding patch: {error}") from error
    wanted, go_type = (list, "[]handlers.jsonPatchOp") if media == JSON_PATCH else (dict, "map[string]interface {}")
    if not isinstance(content, wanted):
        word = decode.json_type(content)
        raise bad_request(f"error decoding patch: json: cannot unmarshal {word} into Go value of type {go_type}")
    return content


def patched(call: Call, before: Json, content: Any, media: str) -> tuple[Json, list[str]]:
    """Return the object that a patch makes of what stands, decoded and with the warnings it earns."""
    kind = call.target.kind
    try:
        if media == JSON_PATCH:
            after = patch.apply(before, content)
        elif media == MERGE:
            after = patch.merge(before, content)
        else:
            after = strategic.merge(before, content, shape_of(kind.kind))
    except patch.Misfit as error:
        raise rejected() from error
    if not isinstance(after, dict):
        raise rejected()
    try:
        found, warnings = typed(call, kind, after)
    except Refusal as refusal:
        raise _unreadable(refusal, after, media) from refusal
    check_names(call, found)
    return found, warnings


def _unreadable(refusal: Refusal, after: Json, media: str) -> Refusal:
    """A patched object that cannot be read is 422 after a JSON patch or merge patch, and shown as a whole."""
    message = str(refusal)
    if media == STRATEGIC or "strict decoding error" in message or "cannot be handled as" not in message:
        return refusal
    causes = Causes()
    shown = decode.compact(after)
    causes.invalid("patch", shown, message.partition(": ")[2])
    return invalid(' ""', {}, causes.found)


def _apply(writes: Writes, call: Call) -> Reply:
    kind = call.target.kind
    config = _configuration(call)
    shape = shape_of(kind.kind)
    writer = Writer(call.query["fieldManager"], "Apply", kind.api_version, call.target.subresource or "")
    before = writes.objects.get(kind, call.target.namespace, call.target.name or "")
    given = config["metadata"].pop("resourceVersion", None)
    if given and (before is None or given != before["metadata"]["resourceVersion"]):
        raise conflict(kind, call.target.name or "")
    _check_fields(call, config, shape, "")
    named = managed.owns(fields.applied(config, shape), writer)
    live = before or {**empty(kind), "apiVersion": kind.api_version, "kind": kind.kind}
    owners = managed.read(live)
    if before is not None and not owners:
        everything = managed.owns(fields.applied(live, shape), writer)
        first = Writer(managed.BEFORE_APPLY, "Update", kind.api_version)
        owners[first] = managed.Owned(everything, stamp(writes.objects.now()))
    mine = owners.get(writer)
    others = [owned.fields for one, owned in owners.items() if one != writer]
    merged = managed.merged(live, config, shape)
    if mine is not None:
        merged = managed.pruned(merged, managed.given_up(mine.fields, named.union(*others)), shape)
    change = fields.compare(_owned_part(live, writer), _owned_part(merged, writer), shape)
    after = managed.of_apply(owners, writer, named, change, call.flag("force"))
    found, warnings = typed(replace(call, query={**call.query, "fieldValidation": "Ignore"}), kind, merged)
    check_names(call, found)
    changed = (
        before is None or change.added or change.modified or change.removed or mine is None or mine.fields != named
    )
    if changed and writer in after:
        after[writer] = replace(after[writer], time=stamp(writes.objects.now()))
    if before is None:
        # What an apply makes must be allowed to be made, besides the patch.
        call.user.check(Asked("create", kind.group, kind.plural, "", call.target.namespace, call.target.name))
        return warned(Reply(201, writes.make(call, found, after)), warnings)
    return warned(Reply(200, writes.change(call, before, found, after)), warnings)


def _owned_part(obj: Json, writer: Writer) -> Json:
    """What of an object an applier can change: its own resource's part."""
    if writer.subresource == "status":
        return {"metadata": obj["metadata"], "status": obj.get("status")}
    return {key: value for key, value in obj.items() if key != "status"}


def _configuration(call: Call) -> Json:
    if not call.query.get("fieldManager"):
        causes = Causes()
        causes.required("fieldManager", "is required for apply patch")
        raise invalid_options("PatchOptions", causes.found)
    kind = call.target.kind
    try:
        config = decode.parse_yaml(call.body)
    except decode.Undecodable as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    if not isinstance(config, dict):
        raise bad_request("error decoding YAML: the body is no object")
    version, name = config.get("apiVersion") or "", config.get("kind") or ""
    if (version, name) != (kind.api_version, kind.kind):
        raise bad_request(f"invalid object type: {version if version else '/'}, Kind={name}")
    found = clone(config)
    metadata = found.get("metadata")
    found["metadata"] = metadata if isinstance(metadata, dict) else {}
    if found["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    check_names(call, found)
    return found


def _check_fields(call: Call, value: Any, shape: Shape, path: str) -> None:
    """Refuse fields that the schema does not know: an apply cannot own what has no place."""
    if shape.kind == "struct" and isinstance(value, dict):
        for key, part in value.items():
            if key not in shape.fields:
                target, kind = call.target, call.target.kind
                where = "/".join(filter(None, (target.namespace, target.name)))
                message = (
                    f"failed to create typed patch object ({where}; {kind.api_version}, Kind={kind.kind}):"
                    f" {path}.{key}: field not declared in schema"
                )
                raise Refusal(500, failure(500, message))
            _check_fields(call, part, shape.fields[key].shape, f"{path}.{key}")
    elif shape.kind == "list" and isinstance(value, list) and shape.item is not None:
        for item in value:
            _check_fields(call, item, shape.item, path)
