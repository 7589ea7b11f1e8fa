"""Drive one rollout to its end, or follow whoever drives it; taking over at once when that process dies.

The one loop behind `start` and every verb that follows: with the lease it ticks, without it it watches the store.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from types import FrameType

from orchestrator.clock import Clock
from orchestrator.engine import Engine
from orchestrator.holder import live_holder
from orchestrator.lease import Lease
from orchestrator.steering import Steering
from orchestrator.store.errors import EndedRollout, StoreUnavailable
from orchestrator.store.ports import Store
from strategies.advance import awaits_person
from strategies.model import CommandKind, Outcome, Rollout

SLICE_SECONDS = 0.25
"""The longest sleep: how soon a new command, a signal or a dead owner is noticed."""
STORE_SECONDS = 60.0
"""How long a store that does not answer is asked again; nothing is decided or begun meanwhile."""


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
    problem: str = ""
    """Why the drive could not go on, where the store no longer answered."""


@dataclass(slots=True)
class _Signals:
    caught: int = 0
    count: int = field(default=0)
    answered: bool = False
    """Whether the first one has had its effect on the rollout."""

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
    """Drives one rollout while it holds the service's lease, and follows whoever holds it while it does not.

    `engine` None only follows. For `yields_seconds` from its beginning it leaves a free lease to a running daemon.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        engine: Engine | None,
        rollout_id: str,
        patience: Patience,
        *,
        yields_seconds: float = 0.0,
    ) -> None:
        """Read the rollout; nothing is taken before `run`."""
        self.store, self.clock, self.patience = store, clock, patience
        self.steering = Steering(store, clock, engine, rollout_id)
        self._timeout = patience.timeout_seconds
        self._began = clock.monotonic()
        self._drives_from = self._began + yields_seconds
        self._silent_since: float | None = None

    @property
    def rollout(self) -> Rollout:
        """The rollout as it was last read."""
        return self.steering.rollout

    @property
    def lease(self) -> Lease:
        """The lease on its service."""
        return self.steering.lease

    def run(
        self, watch: Callable[[Rollout, bool], None] | None = None, until: Callable[[Rollout], bool] | None = None
    ) -> Drive:
        """Go on until the rollout ends, is stuck, `until` holds, or patience or a signal ends it.

        `watch` is told of every state and whether this process drives. A timeout with `abort` goes on to the end. A
        store that does not answer is asked again for STORE_SECONDS, then the drive ends as timed out with the problem.
        """
        with _signals() as caught:
            try:
                while (ending := self._round(caught, watch, until)) is None:
                    self._sleep()
                return ending
            finally:
                self.steering.release()

    def _round(
        self,
        caught: _Signals,
        watch: Callable[[Rollout, bool], None] | None,
        until: Callable[[Rollout], bool] | None,
    ) -> Drive | None:
        try:
            self._once()
            if watch is not None:
                watch(self.rollout, self.lease.held)
            ending = self._ending(caught, until)
        except StoreUnavailable as error:
            return self._without_store(caught, error)
        self._silent_since = None
        return ending

    def _without_store(self, caught: _Signals, error: StoreUnavailable) -> Drive | None:
        """Nothing can be saved, so nothing is done: wait a while, unless a signal or the caller's patience says not."""
        now = self.clock.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        silent = now - self._silent_since
        wants_abort = self.patience.on_interrupt is OnInterrupt.ABORT
        if caught.count > (1 if wants_abort else 0):
            return self._drive(Ending.INTERRUPTED, engine="none", signal=caught.caught)
        impatient = self.patience.on_timeout is OnTimeout.LEAVE and self._timed_out()
        if silent < STORE_SECONDS and not impatient:
            return None
        problem = f"the store has not answered for {silent:.0f} s: {error}"
        return replace(self._drive(Ending.TIMED_OUT, engine="none"), problem=problem)

    def _once(self) -> None:
        self.steering.once(take=self.clock.monotonic() >= self._drives_from)

    def _ending(self, caught: _Signals, until: Callable[[Rollout], bool] | None) -> Drive | None:
        if self.rollout.outcome is not Outcome.RUNNING:
            stuck = self.rollout.outcome is Outcome.STUCK
            return self._drive(Ending.STUCK if stuck else Ending.ENDED, engine="self" if self.lease.held else "none")
        if until is not None and until(self.rollout):
            return self._drive(Ending.UNTIL)
        if caught.count and not self._goes_on_after(caught):
            return self._drive(Ending.INTERRUPTED, signal=caught.caught)
        if not self._timed_out():
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

    def _timed_out(self) -> bool:
        return self._timeout is not None and self.clock.monotonic() - self._began >= self._timeout

    def _engine_word(self) -> str:
        """Whether an engine goes on when this process stops."""
        if self.lease.held:
            return "none"
        holder = live_holder(self.store, self.lease.key, self.clock.now(), self.lease.owner)
        return "none" if holder is None else "daemon"

    def _goes_on_after(self, caught: _Signals) -> bool:
        """Whether a signal only aborts the rollout: the first one may, any later one means that we are to leave."""
        if self.patience.on_interrupt is not OnInterrupt.ABORT:
            return False
        if not caught.answered:
            if self.rollout.aborted is None:
                self._say(CommandKind.ABORT, "interrupted")
            caught.answered = True
        return caught.count == 1

    def _say(self, kind: CommandKind, reason: str) -> None:
        with suppress(EndedRollout):  # its owner has just ended it, as the next look shows
            self.store.command(self.rollout.id, kind, self.patience.actor, at=self.clock.now(), reason=reason)

    def _sleep(self) -> None:
        limit = timedelta(seconds=SLICE_SECONDS)
        due = self.steering.due
        wait = limit if due is None else min(limit, due - self.clock.now())
        self.clock.sleep(max(wait.total_seconds(), 0.0))
