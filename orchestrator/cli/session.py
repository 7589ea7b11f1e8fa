"""What one run of a verb works with: its options, its output, and the desk and store, opened when they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from orchestrator.cli.options import Options
from orchestrator.cli.output import Output
from orchestrator.clock import Clock, SystemClock
from orchestrator.holder import PRESENCE, YIELDS_SECONDS, live_holder
from orchestrator.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from orchestrator.desk import Desk
    from orchestrator.store.ports import Store
    from orchestrator.store.records import LeaseRecord, Owner

T = TypeVar("T")
SILENCE_SECONDS = 60.0
"""How long a daemon that answered before may be silent: a restart is over by then."""
_AGAIN_SECONDS = 0.5


class Session:
    """One run of one verb; leaving it closes what was opened."""

    def __init__(
        self,
        options: Options,
        out: Output,
        clock: Clock | None = None,
        store: Store | None = None,
        desk: Desk | None = None,
    ) -> None:
        """Open nothing yet; a store or desk that is given stays the giver's to close."""
        self.options, self.out, self.clock = options, out, clock or SystemClock()
        self._store, self._opened = store, False
        self._desk, self._made = desk, False
        self._process: Owner | None = None
        self.at_end: Callable[[int], None] | None = None
        """What is done with the exit code when the verb has ended, in whichever way."""

    @property
    def remote(self) -> bool:
        """Whether the verb goes to a daemon's API."""
        return self.options.server is not None

    @property
    def store(self) -> Store:
        """The store that `--store` names, or the one behind `--server`; raises StoreMisplaced or StoreUnavailable."""
        if self._store is None:
            if self.remote:
                return self.desk.store
            from orchestrator.store.opening import open_store

            self._store, self._opened = open_store(self.options.store), True
        return self._store

    @property
    def desk(self) -> Desk:
        """Where wishes go: this process's hands, or the daemon behind `--server`."""
        if self._desk is None:
            self._desk, self._made = self._far() if self.options.server is not None else self._near(), True
        return self._desk

    def holder(self, key: str) -> LeaseRecord | None:
        """The lease of a process that, as far as can be told, works on `key` (a service: runs its rollout) now."""
        if self.remote:
            return self.desk.holder(key)
        return live_holder(self.store, key, self.clock.now(), self.process)

    @property
    def process(self) -> Owner:
        """The process that we are, as leases name it."""
        if self._process is None:
            from orchestrator.lease import this_process

            self._process = this_process()
        return self._process

    def daemon(self) -> bool:
        """Whether a daemon works on the store, so that what is submitted there is taken up by it."""
        return self.remote or self.holder(PRESENCE) is not None

    def engine(self, service: str) -> str:
        """The contract's word: `daemon` when another process's engine goes on, `none` when nobody's does."""
        return "daemon" if self.remote or self.holder(service) is not None or self.daemon() else "none"

    def goes_on(self, service: str, seconds: float) -> bool:
        """Whether to leave a rollout to others after so long: to its driver, or to a daemon that may yet take it."""
        return self.remote or self.holder(service) is not None or (seconds < YIELDS_SECONDS and self.daemon())

    @property
    def forgetful(self) -> bool:
        """Whether this is a CI runner that remembers nothing but what is on its own disk."""
        local = (self.options.store or "sqlite").startswith("sqlite")
        return local and not self.remote and os.environ.get("CI", "").lower() == "true"

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask again, for as long as a store is asked, when a daemon that has answered before does not; else once."""
        since: float | None = None
        while True:
            try:
                return ask()
            except StoreUnavailable as error:
                now = self.clock.monotonic()
                since = now if since is None else since
                if not getattr(error, "known", False) or now - since >= SILENCE_SECONDS:
                    raise
                self.clock.sleep(_AGAIN_SECONDS)

    def _near(self) -> Desk:
        from orchestrator.cli.follow import listeners, log_of
        from orchestrator.desk import LocalDesk
        from orchestrator.wiring import App

        app = App(cast("Store", _Deferred(self)), self.clock, listeners=listeners(self), log=log_of(self))
        return LocalDesk(app, self._remembered)

    def _far(self) -> Desk:
        from orchestrator.remote.client import RemoteDesk

        return RemoteDesk.at(self.options.server or "", os.environ.get("ROLLOUT_TOKEN"))

    def _remembered(self) -> Store | None:
        """The store, unless it would have to be made first."""
        from pathlib import Path

        from orchestrator.store.opening import default_url

        url = self.options.store or default_url()
        path = url.removeprefix("sqlite:///")
        if path != url and not Path(path).expanduser().exists():
            return None
        return self.store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made and self._desk is not None:
            self._desk.close()
        if self._opened and self._store is not None:
            self._store.close()


class _Deferred:
    """A session's store that is not opened before it is used: `plan` and `tags` must not make one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session.store, name)

    def close(self) -> None:
        """Leave it open: the session closes what it has opened."""
