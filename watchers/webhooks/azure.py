"""Azure Container Registry: its own webhooks, and the same events by way of Event Grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from watchers.signals import Signal
from watchers.webhooks.reading import Handshake, Junk, Source, decode, header, shaped, signal

VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
PUSHED = "Microsoft.ContainerRegistry.ImagePushed"
_LONGEST_CODE = 1024


class _Target(Struct):
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None


class _Request(Struct):
    host: str | None = None


class _Happening(Struct):
    """What both ways say of one push; a deletion has no tag, a ping has neither target nor repository."""

    action: str
    target: _Target | None = None
    request: _Request | None = None


class _Event(Struct):
    """One event in either schema; the type's name tells them apart."""

    event_type: str | None = field(default=None, name="eventType")
    type: str | None = None
    specversion: str | None = None
    data: Any = None


class _Validation(Struct):
    validation_code: str = field(name="validationCode")


def registry_webhook(_headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
    """Read a webhook of the registry itself: a push with a tag is a signal, all other actions are none.

    With the quarantine policy an image's push is told only once it is released, so `quarantine` is no news; nor are
    `delete`, `chart_push`, `chart_delete` and `ping`.
    """
    return _pushed(Source.ACR, shaped(decode(body), _Happening), "the body")


def event_grid(_headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...] | Handshake:
    """Read a delivery of Event Grid: an array in its own schema, or CloudEvents 1.0, one or a batch.

    A subscription may also bring events of other kinds; they are none. A request to prove that the subscription is
    wanted is answered with the code it carries; the address it carries is never visited.
    """
    sent = decode(body)
    events = shaped(sent if isinstance(sent, list) else [sent], list[_Event])
    if not events:
        raise Junk("the body: expected at least one event; got an empty array")
    found: list[Signal] = []
    for number, event in enumerate(events):
        where = f"the body[{number}].data"
        kind = event.event_type or event.type
        if not kind or (event.event_type is None and event.specversion != "1.0"):
            raise Junk(f"the body[{number}]: expected `eventType`, or `type` and `specversion` 1.0")
        if kind == VALIDATION:
            return _validated(shaped(event.data, _Validation, where).validation_code, where)
        if kind == PUSHED:
            found += _pushed(Source.EVENTGRID, shaped(event.data, _Happening, where), where)
    return tuple(found)


def asks_for_validation(headers: Mapping[str, str]) -> bool:
    """Say whether a delivery of Event Grid calls itself a handshake; whether it is one, the body says."""
    return header(headers, "aeg-event-type").lower() == "subscriptionvalidation"


def may_send(headers: Mapping[str, str], per_minute: int) -> Handshake:
    """Answer the handshake of CloudEvents, an OPTIONS request: this origin may send so many requests a minute.

    Raises Junk without a usable origin. It grants nothing by itself: every delivery still shows the secret.
    """
    origin = header(headers, "WebHook-Request-Origin").strip()
    if not origin or len(origin) > 253 or not all(c.isascii() and (c.isalnum() or c in ".-:/*") for c in origin):
        raise Junk("expected the header WebHook-Request-Origin with the sender's name, as in eventgrid.azure.net")
    return Handshake(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": str(per_minute)})


def _validated(code: str, where: str) -> Handshake:
    if not code or len(code) > _LONGEST_CODE:
        raise Junk(f"{where}.validationCode: expected a code of at most {_LONGEST_CODE} characters")
    return Handshake({"validationResponse": code})


def _pushed(source: Source, happening: _Happening, where: str) -> tuple[Signal, ...]:
    """A push by digest alone has no tag: nobody follows it."""
    if happening.action != "push":
        return ()
    target = happening.target
    if target is None or not target.repository:
        raise Junk(f"{where}.target.repository: expected the repository that was pushed to")
    if not target.tag:
        return ()
    host = happening.request.host if happening.request else None
    return (signal(source, host, target.repository, target.tag, digest=target.digest, where=where),)
