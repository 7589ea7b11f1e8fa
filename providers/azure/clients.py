"""The SDK clients, made when first needed, with a pipeline of our own: no retries, no redirects, no logs of bodies.

The SDKs' usual pipeline retries, follows redirects and registers resource providers by itself, each with waits of its
own. Here `providers.retry` alone decides when a call is tried again, and a URL that a service hands back (a next page)
is followed only on the host that was asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from providers.azure.credentials import Credentials
from providers.azure.errors import translate
from providers.errors import Denied, Missing
from providers.retry import Retry

T = TypeVar("T")
CONTAINERS = "Microsoft.ContainerInstance"
NETWORK = "Microsoft.Network"


@dataclass(slots=True)
class Clients:
    """The management clients of one identity and endpoint, one per subscription; safe to share between threads."""

    credentials: Credentials = field(default_factory=Credentials)
    retry: Retry = field(default_factory=Retry)
    _made: dict[tuple[str, str], Any] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def containers(self, subscription: str) -> Any:
        """Return the ContainerInstanceManagementClient of a subscription."""
        from azure.mgmt.containerinstance import ContainerInstanceManagementClient

        return self._make(CONTAINERS, subscription, ContainerInstanceManagementClient)

    def traffic(self, subscription: str) -> Any:
        """Return the TrafficManagerManagementClient of a subscription."""
        from azure.mgmt.trafficmanager import TrafficManagerManagementClient

        return self._make(NETWORK, subscription, TrafficManagerManagementClient)

    def read(self, doing: str, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """Run one reading SDK call under the retry policy; raises `providers.errors`. `doing` begins every message."""
        return self.retry.read(lambda seconds: _run(doing, call, seconds, args, more))

    def write(self, doing: str, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """Run one writing SDK call, tried again only when it was certainly not taken; raises `providers.errors`."""
        return self.retry.write(lambda seconds: _run(doing, call, seconds, args, more))

    def close(self) -> None:
        """Close every connection; the clients are made anew when needed again."""
        with self._lock:
            made, self._made = self._made, {}
        for client in made.values():
            client.close()
        self.credentials.close()

    def _make(self, kind: str, subscription: str, factory: Callable[..., Any]) -> Any:
        from azure.core.pipeline.transport import RequestsTransport

        with self._lock:
            key = (kind, subscription.lower())
            if key not in self._made:
                # A proxy that the environment names has no business between us and an emulator on this machine.
                through_proxies = not self.credentials.endpoint.emulated
                self._made[key] = factory(
                    self.credentials.credential(),
                    subscription,
                    self.credentials.endpoint.url,
                    policies=_policies(self.credentials),
                    transport=RequestsTransport(use_env_settings=through_proxies),
                )
            return self._made[key]


def raw(response: Any, _deserialized: Any, _headers: Any) -> Any:
    """Hand back an answer's JSON instead of the SDK's model, which forgets fields newer than itself (`cls=raw`)."""
    return json.loads(response.http_response.text())


def nothing(_response: Any, _deserialized: Any, _headers: Any) -> None:
    """Hand back nothing of an answer (`cls=nothing`)."""


def read_profile(clients: Clients, subscription: str, resource_group: str, profile: str) -> Any:
    """Return a profile's raw body, or None when the service says that it does not exist."""
    doing = f"reading Traffic Manager profile {profile} ({resource_group})"
    try:
        return clients.read(doing, clients.traffic(subscription).profiles.get, resource_group, profile, cls=raw)
    except Missing as error:
        if error.code.lower() == "subscriptionnotfound":
            raise
        return None


def _run(doing: str, call: Callable[..., T], seconds: float, args: tuple[Any, ...], more: dict[str, Any]) -> T:
    try:
        return call(*args, connection_timeout=seconds, read_timeout=seconds, **more)
    except Exception as error:
        namespace = NETWORK if "trafficmanager" in type(getattr(call, "__self__", call)).__module__ else CONTAINERS
        raise translate(error, doing, namespace) from error


def _policies(credentials: Credentials) -> list[Any]:
    from azure.core.pipeline.policies import (
        ContentDecodePolicy,
        HeadersPolicy,
        RequestIdPolicy,
        SansIOHTTPPolicy,
        UserAgentPolicy,
    )
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    endpoint = credentials.endpoint
    asked = urlsplit(endpoint.url)

    class SameHost(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            got = urlsplit(request.http_request.url)
            if (got.scheme, got.netloc.lower()) != (asked.scheme, asked.netloc.lower()):
                raise Denied(f"Azure handed back an address on another host, which gets no token of ours: {got.netloc}")

    class StaticToken(SansIOHTTPPolicy[Any, Any]):
        def on_request(self, request: Any) -> None:
            request.http_request.headers["Authorization"] = "Bearer emulator"

    token = (
        StaticToken()
        if endpoint.emulated
        else ARMChallengeAuthenticationPolicy(credentials.credential(), endpoint.scope)
    )
    agent = UserAgentPolicy(base_user_agent="rollout")
    return [RequestIdPolicy(), HeadersPolicy(), agent, SameHost(), token, ContentDecodePolicy()]
