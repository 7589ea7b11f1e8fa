"""The row by which others see that an engine runs on this store: one of several daemons holds it."""

from __future__ import annotations

from contextlib import suppress

from orchestrator.clock import Clock
from orchestrator.holder import PRESENCE
from orchestrator.lease import RENEW_SECONDS, Lease, this_process
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.ports import Leases

TAKE_OVER_SECONDS = 1.0


class Presence:
    """Keeps the lease on `daemon`, or waits to take it over from the daemon that holds it."""

    def __init__(self, store: Leases, clock: Clock) -> None:
        """Hold nothing yet."""
        self._lease = Lease(store, PRESENCE, clock, this_process())

    @property
    def held(self) -> bool:
        """Whether this process is the daemon that others see."""
        return self._lease.held

    def keep(self, _name: str = "") -> float:
        """Take or renew the row; answers in how many seconds to come again. Raises StoreUnavailable; idempotent."""
        return RENEW_SECONDS if self._lease.acquire() else TAKE_OVER_SECONDS

    def release(self) -> None:
        """Let go, so that another daemon is seen at once; idempotent. A silent store lets the row run out."""
        with suppress(StoreUnavailable):
            self._lease.release()
