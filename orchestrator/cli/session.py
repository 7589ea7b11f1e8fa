"""What one run of a verb works with: its options, its output, and the store, opened when it is first needed."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.cli.failures import Failure
from orchestrator.cli.options import Options
from orchestrator.cli.output import Output
from orchestrator.clock import Clock, SystemClock
from orchestrator.exit_codes import ExitCode

if TYPE_CHECKING:
    from orchestrator.store.ports import Store
    from orchestrator.store.records import LeaseRecord, Owner


class Session:
    """One run of one verb; leaving it closes what was opened."""

    def __init__(self, options: Options, out: Output, clock: Clock | None = None, store: Store | None = None) -> None:
        """Open nothing yet; a store that is given stays the giver's to close."""
        self.options, self.out, self.clock = options, out, clock or SystemClock()
        self._store, self._opened = store, False
        self._process: Owner | None = None

    @property
    def store(self) -> Store:
        """The store that `--store` names; raises StoreMisplaced or StoreUnavailable."""
        if self._store is None:
            from orchestrator.store.opening import open_store

            self._store, self._opened = open_store(self.options.store), True
        return self._store

    def holder(self, service: str) -> LeaseRecord | None:
        """The lease of a process that, as far as this host can tell, runs the service's rollout now."""
        from orchestrator.holder import live_holder

        return live_holder(self.store, service, self.clock.now(), self.process)

    @property
    def process(self) -> Owner:
        """The process that we are, as leases name it."""
        if self._process is None:
            from orchestrator.lease import this_process

            self._process = this_process()
        return self._process

    def engine(self, service: str) -> str:
        """The contract's word: `daemon` when another process's engine goes on, `none` when nobody's does."""
        return "none" if self.holder(service) is None else "daemon"

    def check_server(self) -> None:
        """Refuse what needs a daemon's API; raises Failure with exit code 7."""
        if self.options.server is not None:
            raise Failure(
                "--server (ROLLOUT_SERVER): this version has no daemon to ask; "
                "leave it out and name the shared store with --store",
                ExitCode.REFUSED,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened and self._store is not None:
            self._store.close()
