"""An API server as the adapters speak to it: raw JSON over verbs, so that one adapter serves every door.

`client.ClusterApi` is the real one, over the `kubernetes` package; the emulator brings one without sockets.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
FIELD_MANAGER = "rollout"


class Api(Protocol):
    """One API server, as one identity; every method raises `providers.errors`, and `doing` begins each message."""

    def act(self) -> AbstractContextManager[None]:
        """Let all calls inside share one budget of time, as `providers.retry.Retry.act` does."""
        ...

    def now(self) -> datetime:
        """The time (UTC) with which answers are stamped."""
        ...

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """GET `path` and return its JSON; tried again after passing errors. Raises Missing where there is nothing."""
        ...

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
        """Send one write and return the answer's JSON; tried again only after Throttled, which was not taken.

        Raises Conflict on 409 of any kind (`code` is the Status's reason: `AlreadyExists`, `Conflict`), Invalid on
        422, Missing on 404. A plain Transient means that it may have been taken.
        """
        ...

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """GET `path` once, within the timeout, and return HTTP status and the beginning of the body as text.

        For probes through the server's service proxy: any status is an answer. Raises Transient when none came, NotSent
        when the server was not reached.
        """
        ...
