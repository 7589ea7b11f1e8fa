"""From a call's body to an object of its kind: media types, JSON or YAML, version and kind, unknown fields."""

from __future__ import annotations

from typing import Any

from providers.emulator.kube import decode
from providers.emulator.kube.call import JSON_TYPE, Call
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.status import bad_request, unsupported_media

Json = dict[str, Any]
_YAML = "application/yaml"
_WRITTEN = (JSON_TYPE, _YAML, "application/vnd.kubernetes.protobuf")
_SHOWN = 30


def read(call: Call, kind: Kind) -> tuple[Json, list[str]]:
    """Read the object that a POST or PUT brings, with the warnings it earns; raises Refusal."""
    media = call.content_type.partition(";")[0].strip()
    # Without a Content-Type the body is JSON: that is how the Python client sends what it creates.
    if media and media not in _WRITTEN[:2]:
        raise unsupported_media(_WRITTEN)
    return typed(call, kind, _parsed(call, kind, media))


def typed(call: Call, kind: Kind, body: Json) -> tuple[Json, list[str]]:
    """Read a JSON value as an object of the kind, with the warnings it earns; raises Refusal (400)."""
    _check_kind(kind, body)
    try:
        found = decode.decode(body, kind.kind, kind.custom)
    except decode.Undecodable as error:
        raise cannot(kind, str(error)) from error
    found.object["apiVersion"], found.object["kind"] = kind.api_version, kind.kind
    found.object.setdefault("metadata", {})
    unknown = [f'unknown field "{path}"' for path in found.unknown]
    validation = call.query.get("fieldValidation") or "Warn"
    if unknown and validation == "Strict":
        raise cannot(kind, f"strict decoding error: {', '.join(unknown)}")
    return found.object, unknown if validation == "Warn" else []


def cannot(kind: Kind, why: str) -> Exception:
    """400 for a body that cannot become an object of the kind."""
    message = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'
    return bad_request(message)


def _parsed(call: Call, kind: Kind, media: str) -> Json:
    try:
        body = decode.parse_yaml(call.body) if media == _YAML else decode.parse_json(call.body)
    except decode.Undecodable as error:
        raise _unrecognized(kind, str(error), _beginning(call.body)) from error
    if not isinstance(body, dict):
        word = "array" if isinstance(body, list) else "string" if isinstance(body, str) else "number"
        struct = (
            'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        )
        told = f"json: cannot unmarshal {word} into Go value of type {struct}"
        raise _unrecognized(kind, told, call.body[:_SHOWN].hex())
    return body


def _beginning(body: bytes) -> str:
    text = body.decode(errors="replace")
    if not text:
        return "<empty>"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


def _unrecognized(kind: Kind, why: str, shown: str) -> Exception:
    message = f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get version/kind;"
    return bad_request(f"{message} json parse error: {why} ({shown})")


def _check_kind(kind: Kind, body: Json) -> None:
    version, name = body.get("apiVersion") or kind.api_version, body.get("kind") or kind.kind
    if version != kind.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({kind.api_version})"
        )
    if name != kind.kind:
        short = version.rpartition("/")[2]
        group = kind.group.partition(".")[0] or "core"
        why = f"converting ({short}.{name}) to ({group}.{kind.kind}): unknown conversion"
        raise bad_request(f'{name} in version "{short}" cannot be handled as a {kind.kind}: {why}')
