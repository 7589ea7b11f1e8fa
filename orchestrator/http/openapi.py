"""The API's own description in OpenAPI 3.1, made of the table that is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.http.api_fields import Field
from orchestrator.http.api_routes import ROOT, ROUTES, Route
from orchestrator.http.api_schemas import SCHEMAS, ref
from orchestrator.remote.calls import CALLS, WIRE, WIRE_HEADER, Call
from orchestrator.remote.wire import version

_ABOUT = """\
Everything that the command line does, for tools of your own. Tokens have one of two scopes: `read` looks, `operate`
also begins and decides; beyond loopback one is demanded, as `Authorization: Bearer TOKEN`. Answers may gain fields.
A refused wish is 409 with the document of the rollout that was refused, whose `reason.code` is for programs; every
other refusal is `{"error": {"code", "message"}}`, and 400 names every problem at once. After 202 ask again when the
rollout that is told of has ended.
"""
_ERRORS = {
    400: "The request cannot be meant; every problem is named.",
    401: "A token is missing or not known.",
    403: "The token's scope does not reach this far.",
    404: "Nothing is known by this name.",
    409: "It cannot be done as things stand.",
    413: "The body is too large.",
    429: "Too many wait already.",
    502: "Azure or the registry refused or did not answer.",
    503: "The store does not answer, or too much is in hand; come back in a moment.",
    504: "It took too long; what was begun is found by asking again.",
}
_NAME = {
    "name": "service",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"},
}


def openapi() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"{ROOT}{route.path}", {})[route.method.lower()] = _operation(route)
    for call in CALLS.values():
        paths[f"{ROOT}/calls/{call.name}"] = {"post": _call(call)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "rollout", "version": version(), "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.says,
        "description": f"Scope: {route.scope}.",
        "security": [{"token": [route.scope]}],
        "parameters": list(_parameters(route)),
        "responses": _responses(route),
    }
    if route.body:
        required = any(field.required for field in route.body)
        operation["requestBody"] = {"required": required, "content": _json(_body(route.body))}
    return operation


def _parameters(route: Route) -> Iterator[dict[str, Any]]:
    if "{service}" in route.path:
        yield _NAME
    for field in route.query:
        yield {"name": field.name, "in": "query", "required": field.required, "schema": field.schema()}


def _body(fields: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: field.schema() for field in fields},
        "required": [field.name for field in fields if field.required],
        "additionalProperties": False,
    }


def _responses(route: Route) -> dict[str, Any]:
    found = {
        str(status): {
            "description": "Refused: see `reason`." if status == 409 else "Done.",
            "content": _json(ref(name)),
        }
        for status, name in route.answers.items()
    }
    errors = [400, 401, 403, 503, *route.errors]
    errors += [404] if "{service}" in route.path else []
    errors += [413] if route.body else []
    errors += [502, 504] if route.slow else []
    return {**found, **{str(s): _refusal(s) for s in sorted(errors) if str(s) not in found}}


def _refusal(status: int) -> dict[str, Any]:
    return {"description": _ERRORS[status], "content": _json(ref("Error"))}


def _call(call: Call) -> dict[str, Any]:
    """The command line's own way, which is bound to its version."""
    said = (getattr(call.of, call.name).__doc__ or "").partition("\n")[0]
    return {
        "operationId": f"call_{call.name}",
        "summary": said,
        "description": f"Scope: {call.scope}. What the command line itself asks; it changes with the version, so tools "
        "of your own use the other paths.",
        "tags": ["calls"],
        "security": [{"token": [call.scope]}],
        "parameters": [
            {"name": WIRE_HEADER, "in": "header", "required": True, "schema": {"const": str(WIRE)}},
        ],
        "requestBody": {"required": True, "content": _json({"type": "object"})},
        "responses": {
            "200": {"description": "The result.", "content": _json({})},
            **{str(status): _refusal(status) for status in (400, 401, 403, 404, 409, 413, 502, 503, 504)},
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
