"""Drive one rollout to its end, or follow whoever drives it; taking over at once when that process dies.

The one loop behind `start` and every verb that follows: with the lease it ticks, without it it watches the store.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import FrameType

from orchestrator.clock import Clock
from orchestrator.engine import Engine
from orchestrator.lease import Lease, LeaseLost, this_process
from orchestrator.store.errors import StaleWrite
from orchestrator.store.ports import Store
from strategies.advance import awaits_person
from strategies.model import CommandKind, Outcome, Rollout

SLICE_SECONDS = 0.25
"""The longest sleep: how soon a new command, a signal or a dead owner is noticed."""
CALL_SECONDS = 10.0
"""The longest a provider call may take; without that much rest of the lease none is begun."""


class OnTimeout(StrEnum):
    """What becomes of the rollout when the caller's patience ends."""

    LEAVE = "leave"
    PAUSE = "pause"
    ABORT = "abort"


class OnInterrupt(StrEnum):
    """What becomes of the rollout when the caller is interrupted."""

    LEAVE = "leave"
    ABORT = "abort"


class Ending(StrEnum):
    """Why the drive ended."""

    ENDED = "ended"
    STUCK = "stuck"
    TIMED_OUT = "timedOut"
    INTERRUPTED = "interrupted"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the caller waits, and what happens then."""

    timeout_seconds: float | None = None
    on_timeout: OnTimeout = OnTimeout.LEAVE
    on_interrupt: OnInterrupt = OnInterrupt.LEAVE
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Drive:
    """What came of it: the last state, why it ended, and whether another process's engine goes on."""

    rollout: Rollout
    ending: Ending
    engine: str
    signal: int = 0
    waits_for_person: bool = False


@dataclass(slots=True)
class _Signals:
    caught: int = 0
    count: int = field(default=0)

    def note(self, number: int, _frame: FrameType | None) -> None:
        self.caught, self.count = number, self.count + 1


@contextmanager
def _signals() -> Iterator[_Signals]:
    """Turn SIGINT and SIGTERM into a note while driving, so that the act in hand is finished and nothing is torn."""
    caught = _Signals()
    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, caught.note)
    except ValueError:  # only the main thread can; elsewhere the owner of the process stops us
        before.clear()
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Driver:
    """Drives one rollout while it holds the service's lease, and follows whoever holds it while it does not."""

    def __init__(self, store: Store, clock: Clock, engine: Engine, rollout_id: str, patience: Patience) -> None:
        self.store, self.clock, self.engine, self.patience = store, clock, engine, patience
        self.rollout = store.load(rollout_id)
        self.lease = Lease(store, self.rollout.service.name, clock, this_process())
        self._due: datetime | None = None
        self._timeout = patience.timeout_seconds
        self._began = clock.monotonic()

    def run(
        self, watch: Callable[[Rollout, bool], None] | None = None, until: Callable[[Rollout], bool] | None = None
    ) -> Drive:
        """Go on until the rollout ends, is stuck, `until` holds, or patience or a signal ends it.

        `watch` is told of every state and whether this process drives. A timeout with `abort` goes on to the end.
        """
        with _signals() as caught:
            try:
                while True:
                    self._once()
                    if watch is not None:
                        watch(self.rollout, self.lease.held)
                    if (ending := self._ending(caught, until)) is not None:
                        return ending
                    self._sleep()
            finally:
                self.lease.release()

    def _once(self) -> None:
        """Tick if the lease is ours and it is time, else read what the owner has saved."""
        try:
            if not self.lease.held and not self.lease.acquire():
                self.rollout, self._due = self.store.load(self.rollout.id), None
                return
            self.lease.keep()
            latest = self.store.load(self.rollout.id)
            if latest.outcome not in (Outcome.RUNNING, Outcome.STUCK):
                # Its owner has just ended it and let go of the lease: what is history takes no more ticks.
                self.rollout, self._due = latest, None
                return
            if self._due is not None and self.clock.now() < self._due and not latest.commands:
                self.rollout = latest
                return
            self.rollout = self.engine.tick(latest.id, self.lease.fence, self._may_act)
            self._due = self.engine.wake(self.rollout)
        except (LeaseLost, StaleWrite):
            self.rollout, self._due = self.store.load(self.rollout.id), None

    def _may_act(self) -> bool:
        """Whether the lease outlasts one more call; a slow look may have used it up, so it is renewed first."""
        if self.lease.rest() <= CALL_SECONDS:
            self.lease.renew()
        return self.lease.rest() > CALL_SECONDS

    def _ending(self, caught: _Signals, until: Callable[[Rollout], bool] | None) -> Drive | None:
        if self.rollout.outcome is not Outcome.RUNNING:
            stuck = self.rollout.outcome is Outcome.STUCK
            return self._drive(Ending.STUCK if stuck else Ending.ENDED, engine="self" if self.lease.held else "none")
        if until is not None and until(self.rollout):
            return self._drive(Ending.UNTIL)
        if caught.count and not self._goes_on_after(caught):
            return self._drive(Ending.INTERRUPTED, signal=caught.caught)
        if self._timeout is None or self.clock.monotonic() - self._began < self._timeout:
            return None
        if self.patience.on_timeout is OnTimeout.ABORT:
            self._say(CommandKind.ABORT, "--timeout ran out")
            self._timeout = None
            return None
        if self.patience.on_timeout is OnTimeout.PAUSE:
            self._say(CommandKind.PAUSE, "--timeout ran out")
            self._once()
        return self._drive(Ending.TIMED_OUT)

    def _drive(self, ending: Ending, *, engine: str | None = None, signal: int = 0) -> Drive:
        person = awaits_person(self.rollout)
        return Drive(self.rollout, ending, engine or self._engine_word(), signal, person)

    def _engine_word(self) -> str:
        """Whether an engine goes on when this process stops."""
        if self.lease.held:
            return "none"
        holder = self.lease.holder()
        return "daemon" if holder is not None and holder.owner is not None else "none"

    def _goes_on_after(self, caught: _Signals) -> bool:
        if self.patience.on_interrupt is not OnInterrupt.ABORT or caught.count > 1:
            return False
        if self.rollout.aborted is None:
            self._say(CommandKind.ABORT, "interrupted")
        caught.count = 0
        return True

    def _say(self, kind: CommandKind, reason: str) -> None:
        self.store.command(self.rollout.id, kind, self.patience.actor, at=self.clock.now(), reason=reason)

    def _sleep(self) -> None:
        limit = timedelta(seconds=SLICE_SECONDS)
        wait = limit if self._due is None else min(limit, self._due - self.clock.now())
        self.clock.sleep(max(wait.total_seconds(), 0.0))
