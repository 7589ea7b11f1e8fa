"""The pipeline of every call to Azure's services: no retries, no redirects, no logs of bodies, nothing too late.

A token can take longer than an act may last, so the act's end is looked at again when it is there; the connections of
`providers.attempts` look once more before the first byte of a request leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from providers.attempts import pool_classes, present, refuse_late
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.errors import retry_after
from providers.errors import Denied, NotSent
from providers.retry import Retry

_CONNECT_PART = 0.25


def timeouts(seconds: float) -> dict[str, float]:
    """Divide the seconds of one request into the options that azure.core knows for connecting and for the answer."""
    connect = max(seconds * _CONNECT_PART, 0.001)
    return {"connection_timeout": connect, "read_timeout": max(seconds - connect, 0.001)}


@dataclass(slots=True)
class Closed:
    """Until when each provider wants no more calls for a subscription, as its Retry-After said; one entry for each.

    `monotonic` is what counts; `now` (UTC) is for the message only.
    """

    monotonic: Callable[[], float]
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _until: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)

    def refuse(self, key: tuple[str, str]) -> None:
        """Raise NotSent while the provider `key[0]` wants no calls for the subscription `key[1]`."""
        until, said = self._until.get(key, (-math.inf, ""))
        left = until - self.monotonic()
        if left <= 0:
            return
        whose = f" for subscription {key[1]}" if key[1] else ""
        message = f"{key[0]} wants no more calls{whose} until {said}; nothing was sent"
        raise NotSent(message, code="WaitingForService", retry_after=left)

    def heed(self, key: tuple[str, str], status: int, headers: Any) -> None:
        """Remember an answer's Retry-After where it speaks for the provider: on 429, and on 503."""
        seconds = retry_after(headers) if status in (429, 503) else None
        if not seconds or not math.isfinite(seconds):
            return
        until = self.monotonic() + seconds
        if until > self._until.get(key, (-math.inf, ""))[0]:
            said = self.now() + timedelta(seconds=min(seconds, timedelta(days=365).total_seconds()))
            self._until[key] = (until, f"{said:%Y-%m-%dT%H:%M:%SZ}")


def policies(
    credentials: Credentials, retry: Retry, closed: Closed, key: tuple[str, str], endpoint: Endpoint
) -> list[Any]:
    """Return the policies of one client of `endpoint`, whose provider and subscription (or none) are `key`."""
    from azure.core.pipeline.policies import (
        ContentDecodePolicy,
        HeadersPolicy,
        RequestIdPolicy,
        SansIOHTTPPolicy,
        UserAgentPolicy,
    )
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    asked = urlsplit(endpoint.url)

    class SameHost(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            got = urlsplit(request.http_request.url)
            if (got.scheme, got.netloc.lower()) != (asked.scheme, asked.netloc.lower()):
                raise Denied(f"Azure handed back an address on another host, which gets no token of ours: {got.netloc}")

    class WhenWelcome(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, _request: Any) -> None:
            closed.refuse(key)

        def on_response(self, _request: Any, response: Any) -> None:
            closed.heed(key, response.http_response.status_code, response.http_response.headers)

    class StaticToken(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            request.http_request.headers["Authorization"] = "Bearer emulator"

    class InTime(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            left = retry.left()
            refuse_late(left)
            under_way = present()
            if under_way is not None:
                under_way.ready = True
                request.context.options.update(timeouts(min(under_way.seconds, left)))

    token = (
        StaticToken()
        if endpoint.emulated
        else ARMChallengeAuthenticationPolicy(credentials.credential(), endpoint.scope)
    )
    agent = UserAgentPolicy(base_user_agent="rollout")
    return [
        RequestIdPolicy(),
        HeadersPolicy(),
        agent,
        SameHost(),
        WhenWelcome(),
        token,
        InTime(),
        ContentDecodePolicy(),
    ]


def transport(through_proxies: bool) -> Any:
    """Return a transport whose connections look at the present attempt before they send; retries nothing."""
    from azure.core.pipeline.transport import RequestsTransport

    made = RequestsTransport(use_env_settings=through_proxies)
    made.open()
    for scheme in ("http://", "https://"):
        made.session.mount(scheme, _adapter())
    return made


def _adapter() -> Any:
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry as Retries

    classes = pool_classes()

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **more: Any) -> None:
            super().init_poolmanager(*args, **more)
            self.poolmanager.pool_classes_by_scheme = classes

        def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
            manager = super().proxy_manager_for(*args, **more)
            manager.pool_classes_by_scheme = classes
            return manager

    # total=False hands errors up as they are, so that a connection that was never made can be told from one that broke.
    return Adapter(max_retries=Retries(total=False, redirect=False, raise_on_status=False))
