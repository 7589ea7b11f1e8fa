"""Notifications of Docker Distribution, the registry that most others are built on."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from watchers.signals import Signal
from watchers.webhooks.reading import Junk, Source, decode, shaped, signal

_MANIFESTS = frozenset(
    {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
    }
)


class _Target(Struct):
    media_type: str | None = field(default=None, name="mediaType")
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None


class _Request(Struct):
    host: str | None = None


class _Event(Struct):
    action: str | None = None
    target: _Target | None = None
    request: _Request | None = None


class _Envelope(Struct):
    events: list[_Event]


def notification(_headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...]:
    """Read an envelope of events: manifests that were pushed under a tag are signals.

    Layers are pushed, mounted and pulled far more often than that, and our own questions come back as pulls.
    """
    events = shaped(decode(body), _Envelope).events
    if not events:
        raise Junk("the body.events: expected at least one event; got an empty array")
    return tuple(found for number, event in enumerate(events) for found in _pushed(event, f"the body.events[{number}]"))


def _pushed(event: _Event, where: str) -> tuple[Signal, ...]:
    target = event.target
    if event.action != "push" or target is None or target.media_type not in _MANIFESTS or not target.tag:
        return ()
    if not target.repository:
        raise Junk(f"{where}.target.repository: expected the repository that was pushed to")
    host = event.request.host if event.request else None
    return (signal(Source.DISTRIBUTION, host, target.repository, target.tag, digest=target.digest, where=where),)
