"""The Status bodies with which the server refuses, word for word as a real one writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.kube.kinds import Kind

Json = dict[str, Any]
STALE = "the object has been modified; please apply your changes to the latest version and try again"
UNCHECKED = (
    "some validation rules were not checked because the object was invalid;"
    " correct the existing errors to complete validation"
)


class Refusal(Exception):  # noqa: N818 - it is an answer, and the answer is what it is called
    """A call that is refused: HTTP status, body (a Status, or plain text) and the headers that belong to it."""

    def __init__(self, status: int, body: Json | str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(body if isinstance(body, str) else body.get("message"))
        self.status, self.body, self.headers = status, body, dict(headers or {})


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is wrong with one field: `reason` as in `details.causes`, `message` without the field."""

    field: str
    reason: str
    message: str


@dataclass(slots=True)
class Causes:
    """What is wrong with an object, found one by one."""

    found: list[Cause] = field(default_factory=list)

    def invalid(self, path: str, value: Any, why: str) -> None:
        """The value is not allowed."""
        self.found.append(Cause(path, "FieldValueInvalid", f"Invalid value: {shown(value)}: {why}"))

    def unsorted(self, path: str, value: Json, why: str) -> None:
        """As `invalid`, with the keys of the value in the order in which they are given."""
        told = json.dumps(value, separators=(",", ":"))
        self.found.append(Cause(path, "FieldValueInvalid", f"Invalid value: {told}: {why}"))

    def required(self, path: str, why: str = "") -> None:
        """The value is missing."""
        self.found.append(Cause(path, "FieldValueRequired", f"Required value: {why}" if why else "Required value"))

    def forbidden(self, path: str, why: str) -> None:
        """The field may not be set or changed."""
        self.found.append(Cause(path, "FieldValueForbidden", f"Forbidden: {why}"))

    def unsupported(self, path: str, value: Any, allowed: Iterable[str]) -> None:
        """The value is none of those that there are."""
        these = ", ".join(f'"{one}"' for one in allowed)
        message = f"Unsupported value: {shown(value)}: supported values: {these}"
        self.found.append(Cause(path, "FieldValueNotSupported", message))

    def duplicate(self, path: str, value: Any) -> None:
        """The value stands in the list twice."""
        self.found.append(Cause(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}"))

    def missing(self, path: str, value: Any) -> None:
        """The value names something that does not exist."""
        self.found.append(Cause(path, "FieldValueNotFound", f"Not found: {shown(value)}"))

    def too_many(self, path: str, count: int, most: int) -> None:
        """The list is too long."""
        message = f"Too many: {count}: must have at most {most} items"
        self.found.append(Cause(path, "FieldValueTooMany", message))

    def too_long(self, path: str, most: int) -> None:
        """The text is too long, in bytes."""
        self.found.append(Cause(path, "FieldValueTooLong", f"Too long: may not be more than {most} bytes"))

    def wrong_type(self, path: str, got: str, why: str) -> None:
        """The value has another JSON type than the schema says (custom kinds; built-in ones do not even decode)."""
        self.found.append(Cause(path, "FieldValueTypeInvalid", f'Invalid value: "{got}": {why}'))


def shown(value: Any) -> str:
    """A value as error texts show it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=isinstance(value, dict))


def failure(code: int, message: str, reason: str | None = None, details: Json | None = None) -> Json:
    """A Status that says what failed."""
    body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    if reason is not None:
        body["reason"] = reason
    if details is not None:
        body["details"] = details
    return {**body, "code": code}


def success(kind: Kind, name: str, uid: str) -> Json:
    """The Status that answers a deletion."""
    details = _named(kind, name, kind.plural)
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**details, "uid": uid},
    }


def _named(kind: Kind, name: str, word: str) -> Json:
    return {**({"name": name} if name else {}), **({"group": kind.group} if kind.group else {}), "kind": word}


def qualified(kind: Kind) -> str:
    """The Kind with its group, as 422 texts name it."""
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def not_found(kind: Kind, name: str) -> Refusal:
    """404 for one object."""
    details = _named(kind, name, kind.plural)
    return Refusal(404, failure(404, f'{kind.resource} "{name}" not found', "NotFound", details))


def no_resource() -> Refusal:
    """404 for a path below a group that is served."""
    return Refusal(404, failure(404, "the server could not find the requested resource", "NotFound", {}))


def no_page() -> Refusal:
    """404 for a path that no group serves: plain text, not a Status."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Refusal(404, "404 page not found\n", headers)


def not_allowed() -> Refusal:
    """405 for a method that the path does not take."""
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, failure(405, message, "MethodNotAllowed", {}))


def already_exists(kind: Kind, name: str, being_deleted: bool = False) -> Refusal:
    """409 for a name that is taken."""
    before = "object is being deleted: " if being_deleted else ""
    message = f'{before}{kind.resource} "{name}" already exists'
    return Refusal(409, failure(409, message, "AlreadyExists", _named(kind, name, kind.plural)))


def conflict(kind: Kind, name: str, why: str = STALE) -> Refusal:
    """409 for a write that was decided upon another version of the object."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return Refusal(409, failure(409, message, "Conflict", _named(kind, name, kind.plural)))


def precondition(kind: Kind, name: str, why: str) -> Refusal:
    """409 for a deletion whose precondition does not hold; here the Kind is named, not the plural."""
    message = f'Operation cannot be fulfilled on {qualified(kind)} "{name}": {why}'
    return Refusal(409, failure(409, message, "Conflict", _named(kind, name, kind.kind)))


def invalid(subject: str, details: Json, causes: Sequence[Cause]) -> Refusal:
    """422 with one cause for each field; `subject` is what the message names, such as `Deployment.apps "web"`."""
    told = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    message = f"{subject} is invalid: {told[0] if len(told) == 1 else '[' + ', '.join(told) + ']'}"
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return Refusal(422, failure(422, message, "Invalid", {**details, "causes": listed}))


def invalid_object(kind: Kind, name: str, causes: Sequence[Cause]) -> Refusal:
    """422 for an object of a kind."""
    return invalid(f'{qualified(kind)} "{name}"', _named(kind, name, kind.kind), causes)


def invalid_resource(kind: Kind, name: str, causes: Sequence[Cause]) -> Refusal:
    """422 that names the plural, as the storage does when a PUT lacks the version it needs."""
    return invalid(f'{kind.resource} "{name}"', _named(kind, name, kind.plural), causes)


def invalid_options(options: str, causes: Sequence[Cause]) -> Refusal:
    """422 for the options of a call: CreateOptions, PatchOptions, UpdateOptions or DeleteOptions."""
    return invalid(f'{options}.meta.k8s.io ""', {"group": "meta.k8s.io", "kind": options}, causes)


def rejected() -> Refusal:
    """422 for a JSON patch that does not fit the object: a failed test, a missing path, an index out of range."""
    message = "the server rejected our request due to an error in our request"
    return Refusal(422, failure(422, message, "Invalid", {}))


def bad_request(message: str) -> Refusal:
    """400 for what cannot be read."""
    return Refusal(400, failure(400, message, "BadRequest"))


def internal(message: str) -> Refusal:
    """500 as some plain mistakes of callers are answered: without a reason."""
    return Refusal(500, failure(500, message))


def expired(message: str, go_on: str | None = None) -> Refusal:
    """410 for a version that is not kept any more; `go_on` is a token to continue with all the same."""
    body = failure(410, message, "Expired")
    return Refusal(410, {**body, "metadata": {"continue": go_on}} if go_on is not None else body)


def too_large_version(wanted: int, current: int) -> Refusal:
    """504 for a version that is not there yet."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return Refusal(504, failure(504, message, "Timeout", details), {"Retry-After": "1"})


def unauthorized() -> Refusal:
    """401 for a token that nobody has."""
    return Refusal(401, failure(401, "Unauthorized", "Unauthorized"))


def forbidden(message: str, details: Json) -> Refusal:
    """403 by role based access control."""
    body = failure(403, message, "Forbidden", details)
    return Refusal(403, body, {"X-Content-Type-Options": "nosniff"})


def unsupported_media(accepted: Iterable[str]) -> Refusal:
    """415 that lists what would be accepted."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return Refusal(415, failure(415, message, "UnsupportedMediaType"))


def unsupported_patch() -> Refusal:
    """415 for a PATCH in a media type that is no patch at all."""
    return Refusal(415, failure(415, "415: Unsupported Media Type", "UnsupportedMediaType", {}))


def not_acceptable() -> Refusal:
    """406 for an Accept header that nothing satisfies."""
    message = (
        "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml,"
        " application/vnd.kubernetes.protobuf, application/json;stream=watch,"
        " application/vnd.kubernetes.protobuf;stream=watch"
    )
    return Refusal(406, failure(406, message, "NotAcceptable", {}))
