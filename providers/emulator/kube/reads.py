"""Reading one object or a list: selectors, consistent pages, and versions that are too old or not there yet."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from providers.emulator.kube.call import Call, Reply
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.objects import Objects, clone
from providers.emulator.kube.selectors import Test, parse_fields, parse_labels
from providers.emulator.kube.status import bad_request, expired, internal, not_found, too_large_version

Json = dict[str, Any]
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)
_NEWEST = -1


def get(objects: Objects, call: Call) -> Reply:
    """Return one object; a status subresource is the whole object too."""
    target = call.target
    found = objects.get(target.kind, target.namespace, target.name or "")
    if found is None:
        raise not_found(target.kind, target.name or "")
    return Reply(200, found)


def selects(call: Call) -> Test:
    """Read both selectors of a call."""
    labels = parse_labels(call.query.get("labelSelector", ""))
    fields = parse_fields(call.query.get("fieldSelector", ""), call.target.kind)
    return lambda obj: labels(obj) and fields(obj)


def listing(objects: Objects, call: Call) -> Reply:
    """Return a page of a list, or all of it."""
    kind, limit, test = call.target.kind, call.number("limit") or 0, selects(call)
    version, start = _position(objects, call)
    stored = _state(objects, kind, version)
    found = [
        (name if call.target.namespace else f"{namespace}/{name}", obj)
        for (namespace, name), obj in sorted(stored.items())
        if call.target.namespace in (None, namespace) and test(obj)
    ]
    rest = [one for one in found if one[0] > start] if start else found
    page, more = (rest[:limit], rest[limit:]) if limit else (rest, [])
    metadata: Json = {"resourceVersion": str(version)}
    if more:
        # A server spells the place in the second token of one list with a slash in front.
        metadata["continue"] = _token(version, ("/" if start and call.target.namespace else "") + page[-1][0])
        if not call.query.get("labelSelector") and not call.query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(more)
    elif kind.custom:
        metadata["continue"] = ""
    return Reply(200, listed(kind, metadata, [clone(obj) for _, obj in page]))


def listed(kind: Kind, metadata: Json, items: list[Json]) -> Json:
    """A list as a body: the items of built-in kinds do not repeat their kind."""
    if not kind.custom:
        for item in items:
            del item["kind"], item["apiVersion"]
    return {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata, "items": items}


def version_of(call: Call) -> int:
    """Read `resourceVersion` of a query, 0 when there is none; raises Refusal (500) for what is no number."""
    text = call.query.get("resourceVersion") or "0"
    if not text.isdecimal():
        raise internal(f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _position(objects: Objects, call: Call) -> tuple[int, str]:
    token = call.query.get("continue")
    if token:
        version, start = _read_token(token)
        if version == _NEWEST:
            return objects.version, start
        if version < objects.compacted:
            raise expired(_TOO_OLD, _token(_NEWEST, start))
        return version, start
    version = version_of(call)
    if version > objects.version:
        raise too_large_version(version, objects.version)
    if version and call.query.get("resourceVersionMatch") == "Exact":
        if version < objects.compacted:
            raise expired("The resourceVersion for the provided list is too old.")
        return version, ""
    return objects.version, ""


def _state(objects: Objects, kind: Kind, version: int) -> dict[tuple[str, str], Json]:
    """All objects of a kind as they were at a version: the present, and history back to it."""
    found = {(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]): obj for obj in objects.each(kind)}
    for change in reversed(objects.history):
        if change.version <= version:
            break
        if change.kind is kind:
            metadata = change.object["metadata"]
            key = (metadata.get("namespace", ""), metadata["name"])
            if change.before is None:
                found.pop(key, None)
            else:
                found[key] = change.before
    return found


def before_last_write(objects: Objects, call: Call) -> Json | None:
    """One object as it was before it was last written, None when it was not there."""
    target = call.target
    for change in reversed(objects.history):
        metadata = change.object["metadata"]
        where = (change.kind, metadata.get("namespace", ""), metadata["name"])
        if where == (target.kind, target.namespace or "", target.name):
            return None if change.before is None else clone(change.before)
    return None


def _token(version: int, last: str) -> str:
    body = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": f"{last}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, str]:
    refused = "invalid continue token: continue key is not valid: "
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"{refused}illegal base64 data at input byte 0") from error
    try:
        body = json.loads(raw)
        return int(body["rv"]), str(body["start"]).rstrip("\0").lstrip("/")
    except (ValueError, KeyError, TypeError) as error:
        first = raw[:1].decode("latin-1")
        shown = first if first.isprintable() else f"\\u{ord(first or chr(0)):04x}"
        raise bad_request(f"{refused}invalid character '{shown}' looking for beginning of value") from error
