"""Checks ARM traffic of the emulator against the official descriptions in `../shared/azure`, where these are present.

`described(handler)` wraps an ARM handler and raises AssertionError for a request that was accepted, or a response, that
the description does not allow: an undocumented status, a missing or unknown property, a wrong type or word, and a
read-only property in a request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from providers.emulator.http import Request, Response

SPECS = Path(__file__).resolve().parents[2] / "shared" / "azure"
FILES = {
    ("microsoft.containerinstance", "2023-05-01"): "containerinstance/2023-05-01/containerInstance.json",
    (
        "microsoft.containerinstance",
        "2024-05-01-preview",
    ): "containerinstance/2024-05-01-preview/containerInstance.json",
    ("microsoft.network", "2022-04-01"): "trafficmanager/2022-04-01/trafficmanager.json",
    ("microsoft.network", "2026-09-01"): "trafficmanager/2026-09-01/trafficmanager.json",
}
_DEEPEST = 24
# Required when written and by its own documentation never shown again, so a response cannot hold it.
_NEVER_SHOWN = {"workspaceKey"}
Handler = Callable[[Request], Response]


def present() -> bool:
    """Say whether the official descriptions are on this machine."""
    return all((SPECS / name).is_file() for name in FILES.values())


@dataclass(frozen=True)
class Operation:
    """One described operation: which paths it answers, its request body's schema and its responses' schemas."""

    method: str
    path: re.Pattern[str]
    request: dict[str, Any] | None
    responses: dict[str, dict[str, Any] | None]


@cache
def _document(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def _target(reference: str, file: Path) -> tuple[dict[str, Any], Path]:
    name, _, pointer = reference.partition("#")
    common = re.search(r"common-types/resource-management/(v\d+/\w+\.json)$", name)
    if common is not None:
        file = SPECS / "common-types" / common[1]
    elif name:
        file = (file.parent / name).resolve()
    found: Any = _document(file)
    for part in pointer.strip("/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found, file


def _schema(given: dict[str, Any], file: Path, writing: bool, depth: int = 0) -> dict[str, Any]:
    """Turn a described schema into one without references that allows nothing undescribed."""
    if depth > _DEEPEST:
        return {}
    if "$ref" in given:
        found, where = _target(given["$ref"], file)
        return _schema(found, where, writing, depth + 1)
    kept = {key: given[key] for key in ("type", "enum", "minimum", "maximum", "pattern") if key in given}
    if "items" in given:
        kept["items"] = _schema(given["items"], file, writing, depth + 1)
    properties: dict[str, Any] = {}
    required = list(given.get("required", []))
    for part in given.get("allOf", []):
        inner = _schema(part, file, writing, depth + 1)
        properties |= inner.get("properties", {})
        required += inner.get("required", [])
    for name, value in given.get("properties", {}).items():
        if writing and value.get("readOnly"):
            properties[name] = {"not": {}, "description": "read-only"}
            required = [entry for entry in required if entry != name]
        else:
            properties[name] = _schema(value, file, writing, depth + 1)
    if properties:
        kept |= {"type": "object", "properties": properties, "additionalProperties": False}
        kept["required"] = sorted(set(required) - (set() if writing else _NEVER_SHOWN))
        if not kept["required"]:
            del kept["required"]
    elif isinstance(given.get("additionalProperties"), dict):
        kept["additionalProperties"] = _schema(given["additionalProperties"], file, writing, depth + 1)
    return kept


@cache
def operations(provider: str, version: str) -> tuple[Operation, ...]:
    """Return all described operations of a provider in an API version."""
    file = SPECS / FILES[provider, version]
    found = []
    for path, methods in _document(file)["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        for method, told in methods.items():
            body = next((p["schema"] for p in told["parameters"] if p.get("in") == "body"), None)
            answers = {
                status: _schema(answer["schema"], file, writing=False) if "schema" in answer else None
                for status, answer in told["responses"].items()
            }
            request = None if body is None else _schema(body, file, writing=True)
            found.append(Operation(method.upper(), re.compile(pattern + "/?$", re.IGNORECASE), request, answers))
    return tuple(found)


def _find(request: Request) -> Operation | None:
    provider = re.search(r"/providers/(microsoft\.\w+)/(?!locations/[^/]+/operation)", request.path, re.IGNORECASE)
    version = next((value for key, value in request.query.items() if key.lower() == "api-version"), "")
    if provider is None or (provider[1].lower(), version) not in FILES:
        return None
    path = re.sub("/+", "/", request.path)
    described = operations(provider[1].lower(), version)
    return next((op for op in described if op.method == request.method and op.path.match(path)), None)


def _check(value: Any, schema: dict[str, Any], what: str) -> None:
    errors = sorted(jsonschema.Draft4Validator(schema).iter_errors(value), key=lambda error: str(error.path))
    told = [f"{what}: {'.'.join(map(str, error.path)) or '(top)'}: {error.message[:300]}" for error in errors]
    assert not told, "\n".join(told)


def described(handler: Handler) -> Handler:
    """Wrap a handler so that all it accepts and answers is checked; without the descriptions it is left alone."""
    if not present():
        return handler

    def handle(request: Request) -> Response:
        response = handler(request)
        operation = _find(request)
        if operation is None:
            return response
        what = f"{request.method} {request.path} -> {response.status}"
        failed = response.status >= 400
        schema = operation.responses.get("default" if failed else str(response.status))
        assert failed or str(response.status) in operation.responses, f"{what}: undocumented status"
        if operation.request is not None and not failed:
            _check(json.loads(request.body), operation.request, f"request of {what}")
        if schema is not None and response.body:
            _check(json.loads(response.body), schema, what)
        return response

    return handle
