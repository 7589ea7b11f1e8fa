"""The SDK clients, made when first needed, with a pipeline of our own (`providers.azure.pipeline`).

The SDKs' usual pipeline retries, follows redirects and registers resource providers by itself, each with waits of its
own. Here `providers.retry` alone decides when a call is tried again, and a URL that a service hands back (a next page)
is followed only on the host that was asked. When a service wants us back is remembered beyond the call.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from providers.attempts import Attempt, attempt
from providers.azure import pipeline
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.errors import translate
from providers.errors import Missing, NotSent, Transient
from providers.retry import Retry

T = TypeVar("T")
CONTAINERS = "Microsoft.ContainerInstance"
NETWORK = "Microsoft.Network"
INSIGHTS = "Microsoft.Insights"
LOGS = "Log Analytics"
_PATIENCE: ContextVar[float | None] = ContextVar("the seconds that reading calls have together", default=None)


@dataclass(slots=True)
class Clients:
    """The management clients of one identity and endpoint, one per subscription; safe to share between threads."""

    credentials: Credentials = field(default_factory=Credentials)
    retry: Retry = field(default_factory=Retry)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """The time (UTC) that messages name; nothing is decided by it."""
    _closed: pipeline.Closed | None = field(default=None, init=False, repr=False)
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

    def metrics(self, subscription: str) -> Any:
        """Return an azure.core PipelineClient for the metrics of a subscription's resources; it sends raw requests."""
        return self._make(INSIGHTS, subscription, _plain)

    def logs(self) -> Any:
        """Return an azure.core PipelineClient for queries over logs (`Endpoint.logs`); it sends raw requests."""
        return self._make(LOGS, "", _plain, self.credentials.endpoint.logs)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let all reading calls inside share this much time, and each attempt take as much of it as is left."""
        token = _PATIENCE.set(seconds)
        try:
            with replace(self.retry, budget_seconds=seconds).act():
                yield
        finally:
            _PATIENCE.reset(token)

    def read(self, doing: str, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """Run one reading SDK call under the retry policy; raises `providers.errors`. `doing` begins every message."""
        given = _PATIENCE.get()
        retry = self.retry if given is None else replace(self.retry, budget_seconds=given, attempt_seconds=given)

        def once(seconds: float) -> T:
            with attempt(seconds, retry) as present:
                return _run(doing, call, present, args, more)

        return retry.read(once)

    def write(self, doing: str, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """Run one writing SDK call, tried again only after Throttled; raises `providers.errors`.

        What failed before the request left is NotSent; a plain Transient means that it may have been taken.
        """

        def once(seconds: float) -> T:
            with attempt(seconds, self.retry) as present:
                try:
                    return _run(doing, call, present, args, more)
                except Transient as error:
                    if _never_left(error, present):
                        raise NotSent(f"{error.message}; nothing was sent", code=error.code) from error
                    raise

        return self.retry.write(once)

    def close(self) -> None:
        """Close every connection; the clients are made anew when needed again."""
        with self._lock:
            made, self._made = self._made, {}
        for client in made.values():
            client.close()
        self.credentials.close()

    def _make(self, kind: str, subscription: str, factory: Callable[..., Any], endpoint: Endpoint | None = None) -> Any:
        where = endpoint or self.credentials.endpoint
        with self._lock:
            key = (kind, subscription.lower())
            if self._closed is None:
                self._closed = pipeline.Closed(self.retry.monotonic, self.now)
            if key not in self._made:
                # A proxy that the environment names has no business between us and an emulator on this machine.
                through_proxies = not where.emulated
                self._made[key] = factory(
                    self.credentials.credential(),
                    subscription,
                    where.url,
                    policies=pipeline.policies(self.credentials, self.retry, self._closed, key, where),
                    transport=pipeline.transport(through_proxies),
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


def _plain(_credential: Any, _subscription: str, url: str, **more: Any) -> Any:
    from azure.core import PipelineClient

    return PipelineClient(url, **more)


def _run(doing: str, call: Callable[..., T], present: Attempt, args: tuple[Any, ...], more: dict[str, Any]) -> T:
    try:
        return call(*args, **pipeline.timeouts(present.seconds), **more)
    except Exception as error:
        namespace = NETWORK if "trafficmanager" in type(getattr(call, "__self__", call)).__module__ else CONTAINERS
        raise translate(error, doing, namespace) from error


def _never_left(error: Transient, present: Attempt) -> bool:
    """Whether an undecided error is known to have come up before any byte of the request left.

    azure.core's ServiceRequestError alone does not say so: a TLS error or a timeout while the answer is read is one.
    """
    from azure.core.exceptions import ServiceRequestError

    if type(error) is not Transient:
        return False
    return not present.ready or (isinstance(error.__cause__, ServiceRequestError) and not present.began)
