"""One rollout under its lease: what `start` and the daemon share of driving it; no waiting, no signals, no patience."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from orchestrator.clock import Clock
from orchestrator.engine import Engine
from orchestrator.lease import Lease, LeaseLost, this_process
from orchestrator.store.errors import EndedRollout, StaleWrite, StoreUnavailable
from orchestrator.store.ports import Store
from strategies.model import Outcome, Rollout

CALL_SECONDS = 10.0
"""The longest a provider call may take; without that much rest of the lease none is begun."""
UNDER_WAY = frozenset({Outcome.RUNNING, Outcome.STUCK})
"""The outcomes of a rollout that still takes ticks."""


class Steering:
    """Ticks one rollout while it holds the service's lease, and reads it while somebody else does; for one thread.

    `engine` None never takes the lease. `goes_on` is asked before each act: False finishes the act in hand and begins
    no other.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        engine: Engine | None,
        rollout_id: str,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Read the rollout and take nothing yet; raises UnknownRollout and StoreUnavailable."""
        self.rollout = store.load(rollout_id)
        self.lease = Lease(store, self.rollout.service.name, clock, this_process())
        self.due: datetime | None = None
        """When the next tick is due (UTC); None where nothing says so yet, or the rollout is not ours."""
        self._store, self._clock, self._engine, self._goes_on = store, clock, engine, goes_on

    @property
    def held(self) -> bool:
        """Whether the lease is ours now."""
        return self.lease.held

    @property
    def ended(self) -> bool:
        """Whether the rollout, as last read, is history."""
        return self.rollout.outcome not in UNDER_WAY

    def once(self, *, take: bool = True) -> Rollout:
        """Tick if the lease is ours and it is time or a command waits, else read what is stored; answers the state.

        `take` False leaves a free lease to others. Call it at least as often as the lease is to be renewed. Idempotent
        as a tick is: a crash half-way is repaired by the next one. Raises StoreUnavailable when the store does not
        answer: then nothing was begun that is not saved.
        """
        try:
            if not self._leased(take):
                self.rollout, self.due = self._store.load(self.rollout.id), None
            else:
                self._drive(self._store.load(self.rollout.id))
        except (LeaseLost, StaleWrite, EndedRollout):
            self.rollout, self.due = self._store.load(self.rollout.id), None
        except StoreUnavailable:
            self.due = None
            raise
        return self.rollout

    def release(self) -> None:
        """Let go of the lease, so that the next process need not wait; idempotent.

        A store that does not answer leaves it to run out by itself.
        """
        with suppress(StoreUnavailable):
            self.lease.release()

    def _leased(self, take: bool) -> bool:
        if self._engine is None:
            return False
        if not self.lease.held and not (take and self.lease.acquire()):
            return False
        self.lease.keep()
        return True

    def _drive(self, latest: Rollout) -> None:
        if latest.outcome not in UNDER_WAY or self._engine is None:
            # Its owner has just ended it and let go of the lease: what is history takes no more ticks.
            self.rollout, self.due = latest, None
            return
        if self.due is not None and self._clock.now() < self.due and not latest.commands:
            self.rollout = latest
            return
        self.rollout = self._engine.tick(latest.id, self.lease.fence, self._may_act, self.lease.keep)
        self.due = self._engine.wake(self.rollout)

    def _may_act(self) -> bool:
        """Whether the lease outlasts one more call; a slow look may have used it up, so it is renewed first."""
        if not self._goes_on():
            return False
        if self.lease.rest() <= CALL_SECONDS:
            with suppress(StoreUnavailable):  # the rest of the lease says what may still be done
                self.lease.renew()
        return self.lease.rest() > CALL_SECONDS
