"""Every rollout under way is ticked at its time; what was retained for a while is deleted when its time is over."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.workers import Lane
from orchestrator.lease import RENEW_SECONDS, Lease, this_process
from orchestrator.steering import Steering
from orchestrator.store.errors import StoreUnavailable
from orchestrator.surroundings import sweep
from orchestrator.wiring import App
from providers.errors import ProviderError

if TYPE_CHECKING:
    from orchestrator.store.records import Retained
    from orchestrator.telemetry.log import Log

STIR_SECONDS = 0.25
HELD_ELSEWHERE_SECONDS = 1.0
DUE_SECONDS = 5.0
REFUSED_SECONDS = 60.0
"""How soon a deletion that was refused, or a service that somebody else works on, is tried again."""

Ended = Callable[[str], None]
"""Is told the name of a service whose rollout has ended."""


class Driving:
    """The rollouts of one store, each with an engine and a lease of its own; nothing is kept of one that has ended."""

    def __init__(self, app: App, jobs: Jobs, log: Log, *, goes_on: Callable[[], bool], ended: Ended) -> None:
        """Know no rollout yet; `goes_on` False keeps every engine from beginning another act."""
        self._app, self._jobs, self._log = app, jobs, log
        self._goes_on, self._ended = goes_on, ended
        self._steerings: dict[str, Steering] = {}
        self._newest: dict[str, int] = {}
        self._sweepers: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._stirred_at = app.clock.monotonic()
        jobs.on("stir", Lane.CHORE, self.stir)
        jobs.on("tick", Lane.TICK, self.tick)
        jobs.on("due", Lane.CHORE, self.find_due)
        jobs.on("sweep", Lane.SUBMIT, self.sweep)

    @property
    def active(self) -> int:
        """How many rollouts are under way."""
        return len(self._newest)

    @property
    def held(self) -> int:
        """How many of them this process runs now."""
        with self._lock:
            return sum(steering.held for steering in self._steerings.values())

    @property
    def unstirred_seconds(self) -> float:
        """How long ago the store last said what is under way."""
        return self._app.clock.monotonic() - self._stirred_at

    def begin(self) -> None:
        """Plan the recurring work."""
        self._jobs.nudge("stir")
        self._jobs.nudge("due")

    def stir(self, _name: str = "") -> float:
        """Notice rollouts that began or ended and commands that were written, by whomever; one query."""
        before, newest = self._newest, self._app.store.stirrings()
        for rollout_id, command in newest.items():
            if before.get(rollout_id, -1) < command:
                self._jobs.nudge("tick", rollout_id)
        self._newest, self._stirred_at = newest, self._app.clock.monotonic()
        for rollout_id in before.keys() - newest.keys():
            # Where another process ended it our next look may be a while away; where we did it is planned no more.
            if self._jobs.knows("tick", rollout_id):
                self._jobs.nudge("tick", rollout_id)
        return STIR_SECONDS

    def tick(self, rollout_id: str) -> float | None:
        """Tick one rollout under its lease, or see whether its owner still lives; None when it has ended."""
        steering = self._taken(rollout_id)
        try:
            rollout = steering.once()
            if steering.ended:
                steering.release()
        finally:
            self._put_back(rollout_id, steering)
        if steering.ended:
            self._app.forget(rollout_id)
            self._ended(rollout.service.name)
            return None
        if not steering.held:
            return HELD_ELSEWHERE_SECONDS
        if steering.due is None:
            # Somebody else wrote meanwhile; whoever asks again at once may only be in his way again.
            return STIR_SECONDS
        # Between two ticks that lie far apart the lease is renewed.
        return min(max((steering.due - self._app.clock.now()).total_seconds(), 0.0), RENEW_SECONDS)

    def find_due(self, _name: str = "") -> float:
        """Plan a sweep for each service that retains something beyond its time."""
        for service in {entry.service for entry in self._app.store.retained_due(self._app.clock.now())}:
            if not self._jobs.knows("sweep", service):
                self._jobs.nudge("sweep", service)
        return DUE_SECONDS

    def sweep(self, service: str) -> float | None:
        """Delete what a service retained until now, under its lease; None when nothing is left to do."""
        lease = self._sweepers.setdefault(service, Lease(self._app.store, service, self._app.clock, this_process()))
        if not lease.acquire():
            return DUE_SECONDS
        try:
            again = self._sweep(service)
        except ProviderError as error:
            self._log.warning("retained_not_deleted", service=service, message=str(error))
            again = REFUSED_SECONDS
        finally:
            try:
                lease.release()
            except StoreUnavailable as error:
                self._log.warning("lease_not_released", service=service, error=str(error))
        if again is None:
            self._sweepers.pop(service, None)
        return again

    def release(self) -> None:
        """Let go of every lease, so that another process need not wait; a tick still in flight keeps its own."""
        with self._lock:
            steerings, self._steerings = list(self._steerings.values()), {}
        for steering in steerings:
            steering.release()

    def _taken(self, rollout_id: str) -> Steering:
        """Take a rollout's steering out of the shelf while it is in use."""
        with self._lock:
            found = self._steerings.pop(rollout_id, None)
        if found is None:
            app = self._app
            found = Steering(app.store, app.clock, app.engine(), rollout_id, self._goes_on)
        return found

    def _put_back(self, rollout_id: str, steering: Steering) -> None:
        if not steering.ended:
            with self._lock:
                self._steerings[rollout_id] = steering

    def _sweep(self, service: str) -> float | None:
        now = self._app.clock.now()
        due = [entry for entry in self._app.store.retained(service) if entry.until <= now]
        for target in dict.fromkeys(entry.target for entry in due):
            entry = next(each for each in due if each.target == target)
            self._sweep_target(service, entry)
        left = [entry for entry in self._app.store.retained(service) if entry.until <= now]
        return REFUSED_SECONDS if left else None

    def _sweep_target(self, service: str, entry: Retained) -> None:
        from orchestrator.manifest.loader import from_snapshot

        # The rollout's own snapshot, not today's manifest: the service may be watched no longer, or live elsewhere now.
        loaded = from_snapshot(self._app.store.snapshot(entry.rollout))
        _, refused = sweep(self._app, service, entry.target, self._app.hands(loaded)[entry.target])
        for note in refused:
            self._log.warning("retained_not_deleted", service=service, target=entry.target, message=note)
        if not refused:
            self._log.info("retained_deleted", service=service, target=entry.target)
