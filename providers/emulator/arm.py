"""Azure Resource Manager in front of the world: routing, API versions, tokens, faults, long-running operations.

`Arm.call` is one ARM call on plain JSON values and `Arm.handle` the same over HTTP messages; the in-process ports use
the first, the doors with sockets or the real SDKs the second, so that there is one behaviour behind all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from providers.emulator import arm_groups, arm_profiles, arm_reads
from providers.emulator.http import Request, Response
from providers.emulator.paths import ArmCall, ArmPath, parse
from providers.emulator.values import ArmError, Result

if TYPE_CHECKING:
    from providers.emulator.faults import Fault
    from providers.emulator.world import World

VERSIONS = {
    "microsoft.containerinstance": ("2023-05-01", "2024-05-01-preview"),
    "microsoft.network": ("2022-04-01", "2026-09-01"),
}
_URLS = ("Location", "Azure-AsyncOperation")


@dataclass(frozen=True, slots=True)
class Reply:
    """A call's result with the seconds by which an injected fault delays it."""

    result: Result
    delay_seconds: float = 0.0


class Arm:
    """The ARM endpoint of a world as one door shows it.

    `base_url` begins the URLs of long-running operations; `retry_after_seconds`, when given, is sent as `Retry-After`
    with every operation that still runs (a door under SDKs with an injected clock must leave it out).
    """

    def __init__(
        self,
        world: World,
        base_url: str = "https://management.azure.com",
        retry_after_seconds: int | None = None,
    ) -> None:
        """Open a door on a world."""
        self.world = world
        self.base_url = base_url.rstrip("/")
        self._retry_after = retry_after_seconds

    def handle(self, request: Request) -> Response:
        """Answer one HTTP request; never raises for anything that the request holds."""
        query = {key.lower(): value for key, value in request.query.items()}
        try:
            token = (request.header("Authorization") or "").partition(" ")
            if token[0].lower() != "bearer" or not token[2].strip():
                raise ArmError(
                    401,
                    "AuthenticationFailed",
                    "Authentication failed. The 'Authorization' header is missing.",
                    {"WWW-Authenticate": f'Bearer authorization_uri="{self.base_url}/oauth2/authorize"'},
                )
            body = _parsed(request)
        except ArmError as error:
            self.world.calls.record(request.method, request.path, error.status, self.world.now())
            return self._response(Reply(error.result()))
        return self._response(self.call(request.method, request.path, body, query.get("api-version")))

    def call(self, method: str, path: str, body: Any = None, api_version: str | None = None) -> Reply:
        """Carry out one call and log it; refusals, injected ones included, are replies and never raised."""
        world = self.world
        world.tick()
        fault = world.faults.take(method, path)
        if fault is not None and fault.status is not None and not fault.after_commit:
            result = _failed(fault)
        else:
            try:
                result = self._route(ArmCall(method, parse(path), body, _version(parse(path), api_version)))
            except ArmError as error:
                result = error.result()
            if fault is not None and fault.status is not None:
                result = _failed(fault)
        world.calls.record(method, path, result.status, world.now())
        return Reply(result, fault.delay_seconds if fault is not None else 0.0)

    def _route(self, call: ArmCall) -> Result:
        handler = _HANDLERS.get((call.path.provider, call.path.kind))
        if handler is None and call.path.provider == "microsoft.network" and not call.path.subscription:
            handler = arm_profiles.name_available
        if handler is None:
            return arm_reads.handle(self.world, call)
        return handler(self.world, call)

    def _response(self, reply: Reply) -> Response:
        result = reply.result
        headers = {"x-ms-request-id": f"{len(self.world.calls.arm):08d}-0000-0000-0000-000000000000"}
        for name, value in result.headers.items():
            headers[name] = self.base_url + value if name in _URLS else value
        running = any(name in headers for name in _URLS) or result.status == 202 or _still_running(result.body)
        if running and self._retry_after is not None:
            headers.setdefault("Retry-After", str(self._retry_after))
        if result.body is None:
            return Response(result.status, headers, b"", reply.delay_seconds)
        headers["Content-Type"] = "application/json; charset=utf-8"
        return Response(result.status, headers, json.dumps(result.body).encode(), reply.delay_seconds)


def _still_running(body: Any) -> bool:
    return isinstance(body, Mapping) and body.get("status") == "Pending"


def _parsed(request: Request) -> Any:
    if not request.body.strip():
        return None
    try:
        return json.loads(request.body)
    except (ValueError, UnicodeDecodeError) as error:
        message = f"The request content was invalid and could not be deserialized: '{error}'."
        raise ArmError(400, "InvalidRequestContent", message) from error


def _version(path: ArmPath, given: str | None) -> str:
    if not given:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    known = VERSIONS.get(path.provider)
    if known is not None and given not in known:
        raise ArmError(
            400,
            "InvalidApiVersionParameter",
            f"The api-version '{given}' is invalid. The supported versions are '{','.join(known)}'.",
        )
    return given


def _failed(fault: Fault) -> Result:
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    message = f"The emulator was asked to fail this call with {fault.status} {fault.code}."
    return Result(fault.status or 500, {"error": {"code": fault.code, "message": message}}, headers)


Handler = Callable[["World", ArmCall], Result]
_HANDLERS: dict[tuple[str, str], Handler] = {
    ("microsoft.containerinstance", "containergroups"): arm_groups.handle,
    ("microsoft.containerinstance", "locations"): arm_groups.location,
    ("microsoft.network", "trafficmanagerprofiles"): arm_profiles.handle,
    ("microsoft.network", "checktrafficmanagernameavailability"): arm_profiles.name_available,
    ("microsoft.network", "checktrafficmanagernameavailabilityv2"): arm_profiles.name_available,
}
