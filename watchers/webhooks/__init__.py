"""What registries send when something was pushed: read as hints, and nothing in them is believed but where to look.

Pure: `read` takes a source's name, the headers and the body and returns signals, or the answer to a handshake. Who sent
them is for the caller to find out first, by `signed` where a source signs, else by the secret that came along:

    acr            Azure Container Registry's own webhooks      secret in the header Authorization
    eventgrid      Event Grid, both of its schemas              secret in a header or the address
    distribution   notifications of Docker Distribution         secret in a header
    dockerhub      Docker Hub                                   secret in the address, as it sends no headers
    github         GitHub's package events (ghcr.io)            signature, X-Hub-Signature-256
    signed         anybody, as `watchers.webhooks.signed` says  signature, X-Rollout-Signature
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from watchers.signals import Signal
from watchers.webhooks import azure, distribution, hosted, signed
from watchers.webhooks.reading import Handshake, Junk, Source

__all__ = ["Handshake", "Junk", "Source", "read"]

Parser = Callable[[Mapping[str, str], bytes], tuple[Signal, ...] | Handshake]

_PARSERS: Mapping[Source, Parser] = {
    Source.ACR: azure.registry_webhook,
    Source.EVENTGRID: azure.event_grid,
    Source.DISTRIBUTION: distribution.notification,
    Source.DOCKERHUB: hosted.docker_hub,
    Source.GITHUB: hosted.github,
    Source.SIGNED: signed.generic,
}


def read(source: Source, headers: Mapping[str, str], body: bytes) -> tuple[Signal, ...] | Handshake:
    """Read what a source sent: where to look again, each place once; nothing when it tells of anything but a push.

    `headers` are looked up in small letters or without regard to case. Raises Junk, and nothing else, for what the
    source cannot have meant.
    """
    said = _PARSERS[source](headers, body)
    return said if isinstance(said, Handshake) else tuple(dict.fromkeys(said))
