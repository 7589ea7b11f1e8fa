"""A cluster's API server without a socket, as `providers.kubernetes.api.Api`: what the real adapters speak to in tests.

There is no retrying here: whoever calls sees each fault that the world injects, in the adapters' own errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from providers.errors import Transient
from providers.kubernetes.api import JSON
from providers.kubernetes.errors import refused

if TYPE_CHECKING:
    from providers.emulator.kube.api import KubeApi, Reply

PATIENCE_SECONDS = 5.0


class HasApi(Protocol):
    """Whatever has an API server, such as a cluster."""

    @property
    def api(self) -> KubeApi:
        """The API server."""
        ...


class InProcessApi:
    """One API server as one user; an answer later than `PATIENCE_SECONDS` has acted and reads as a timeout."""

    def __init__(self, cluster_or_api: HasApi | KubeApi, user: str | None = None) -> None:
        """Open the door; `user` None is the one who may do everything."""
        self._api: KubeApi = cluster_or_api.api if hasattr(cluster_or_api, "api") else cluster_or_api
        self._user = user

    @contextmanager
    def act(self) -> Iterator[None]:
        """Do nothing more than `Api.act` promises: no call here takes any time."""
        yield

    def now(self) -> datetime:
        """Return the cluster's time (UTC)."""
        return self._api.now()

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """GET `path` and return its JSON; raises Missing where there is nothing."""
        return self._ask(doing, self._api.call("GET", path, query or {}, user=self._user))

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one write and return the answer's JSON; raises as `Api.write` says."""
        reply = self._api.call(method, path, query or {}, body, content_type=content_type, user=self._user)
        return self._ask(doing, reply)

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """GET `path` once and return HTTP status and body as text; raises Transient for a late answer."""
        reply = self._api.call("GET", path, query or {}, user=self._user, headers=headers)
        self._in_time(f"asking {path}", reply, timeout_seconds)
        return reply.status, reply.text()

    def _ask(self, doing: str, reply: Reply) -> Any:
        self._in_time(doing, reply, PATIENCE_SECONDS)
        if reply.status >= 400:
            raise refused(reply.status, reply.body, reply.headers, doing)
        return reply.body

    @staticmethod
    def _in_time(doing: str, reply: Reply, seconds: float) -> None:
        if reply.delay_seconds > seconds:
            raise Transient(f"{doing}: no answer within {seconds:g} s", code="Timeout")
