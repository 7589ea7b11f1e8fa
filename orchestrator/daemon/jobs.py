"""The loop: what is due is handed to the workers; what fails is told, and tried again with growing delay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from orchestrator.clock import Clock
from orchestrator.daemon.agenda import Agenda
from orchestrator.daemon.workers import Lane, Workers
from orchestrator.store.errors import StoreUnavailable
from orchestrator.telemetry.faults import told
from orchestrator.telemetry.log import Log

STORE_WAITS = (0.25, 5.0)
"""How soon a job that found the store silent is tried again: at first, and at most, in seconds."""
DEFECT_WAITS = (1.0, 60.0)
"""The same for a job that failed for a reason nobody foresaw."""


LONG_SECONDS = 300.0
"""A run that takes so long hangs: thirty calls that each took all the time that a call may."""
TEND_SECONDS = 0.02
"""How soon the loop sees again to tasks that wait for a thread."""


class Job(NamedTuple):
    """What is on the agenda: a kind of work and whose it is."""

    kind: str
    name: str = ""


Run = Callable[[str], float | None]
"""Does a kind of work for one name; answers in how many seconds it is due again, None for never."""


class Jobs:
    """Kinds of work, the agenda of all of it, and what went wrong last.

    `nudge`, `drop` and the questions may come from any thread; `turn` and `pause` are the loop's.
    """

    def __init__(self, clock: Clock, workers: Workers, log: Log) -> None:
        """Know no kind of work yet."""
        self._clock, self._workers, self._log = clock, workers, log
        self._kinds: dict[str, tuple[Lane, Run]] = {}
        self._long: dict[str, float] = {}
        self._agenda: Agenda[Job] = Agenda()
        self._changed = threading.Condition()
        self._failures: dict[Job, int] = {}
        self._silent: set[Job] = set()
        self._running: dict[Job, float] = {}
        self._awaited = 0.0
        self.behind_seconds = 0.0
        """How late the loop came for what was due longest, at its last turn."""
        self.defects = 0
        """How many runs failed for a reason nobody foresaw."""

    def on(self, kind: str, lane: Lane, run: Run, *, long_seconds: float = LONG_SECONDS) -> None:
        """Say how a kind of work is done, on which lane, and after how long a run of it is taken to hang."""
        self._kinds[kind] = (lane, run)
        self._long[kind] = long_seconds

    def nudge(self, kind: str, name: str = "", *, after: float = 0.0) -> None:
        """Let a job be due in `after` seconds, or earlier if it is already; in flight it runs once more afterwards."""
        due = self._clock.monotonic() + after
        with self._changed:
            self._agenda.nudge(Job(kind, name), due)
            if due < self._awaited:
                self._changed.notify_all()

    def drop(self, kind: str, name: str = "") -> None:
        """Forget a job; a run in flight is its last. Idempotent."""
        job = Job(kind, name)
        with self._changed:
            self._agenda.drop(job)
            news = self._healed(job)
        for each in news:
            self._log.info(each)

    def knows(self, kind: str, name: str = "") -> bool:
        """Whether the job waits or is in flight."""
        with self._changed:
            return Job(kind, name) in self._agenda

    def __len__(self) -> int:
        with self._changed:
            return len(self._agenda)

    @property
    def in_flight(self) -> int:
        """How many runs have been handed over and are not over."""
        with self._changed:
            return self._agenda.in_flight

    def hanging(self) -> tuple[tuple[Job, float], ...]:
        """The runs that have taken too long, with their seconds so far, the longest first."""
        with self._changed:
            now = self._clock.monotonic()
            lasting = [(job, now - begun) for job, begun in self._running.items()]
        too_long = [each for each in lasting if each[1] > self._long[each[0].kind]]
        return tuple(sorted(too_long, key=lambda each: -each[1]))

    @property
    def store_silent(self) -> bool:
        """Whether some job last found that the store does not answer."""
        return bool(self._silent)

    def turn(self) -> int:
        """Hand over all that is due; answers how many jobs that were."""
        with self._changed:
            now = self._clock.monotonic()
            self.behind_seconds = max(now - self._agenda.next_due(), 0.0)
            due = self._agenda.take(now)
        for job in due:
            self._workers.submit(self._kinds[job.kind][0], partial(self._run, job))
        return len(due)

    def due_in(self) -> float:
        """Return the seconds until the next job is due; 0 or less when one is."""
        with self._changed:
            return self._agenda.next_due() - self._clock.monotonic()

    def pause(self, most: float) -> None:
        """Wait until the next job is due, for at most so many seconds; a nudge ends it early."""
        if self._workers.tend():
            most = min(most, TEND_SECONDS)
        with self._changed:
            now = self._clock.monotonic()
            self._awaited = min(self._agenda.next_due(), now + most)
            if self._awaited > now:
                self._changed.wait(self._awaited - now)
            self._awaited = 0.0

    def _run(self, job: Job) -> None:
        error: Exception | None = None
        # What stands if not even an exception comes back.
        after: float | None = DEFECT_WAITS[1]
        with self._changed:
            self._running[job] = self._clock.monotonic()
        try:
            after = self._kinds[job.kind][1](job.name)
        except Exception as raised:  # noqa: BLE001 - one job's defect must stop neither the others nor itself for ever
            error = raised
        finally:
            # Before anything is told: whatever goes wrong in the telling, the job comes again.
            after, news = self._landed(job, error, after)
        for each in news:
            if each == "job_failed" and error is not None:
                self._log.warning(each, job=job.kind, name=job.name, **told(error), again_in=after)
            elif each == "store_unavailable":
                self._log.warning(each, error=str(error))
            else:
                self._log.info(each)

    def _landed(self, job: Job, error: Exception | None, after: float | None) -> tuple[float | None, list[str]]:
        """Take note that a run is over and plan the next one; answers in how many seconds, and what is to be told."""
        with self._changed:
            del self._running[job]
            if error is None:
                news = self._healed(job)
            else:
                after, news = self._failed(job, error)
            self._agenda.done(job, None if after is None else self._clock.monotonic() + after)
            if job not in self._agenda:
                news += self._healed(job)
            if self._agenda.next_due() < self._awaited:
                self._changed.notify_all()
        return after, news

    def _failed(self, job: Job, error: Exception) -> tuple[float, list[str]]:
        """Count a failure; under the lock. A silent store is told once, by the first who found it so."""
        silent = isinstance(error, StoreUnavailable)
        first, most = STORE_WAITS if silent else DEFECT_WAITS
        failures = self._failures[job] = self._failures.get(job, 0) + 1
        after = min(first * 2.0 ** min(failures - 1, 30), most)
        if not silent:
            self.defects += 1
            return after, ["job_failed"]
        news = [] if self._silent else ["store_unavailable"]
        self._silent.add(job)
        return after, news

    def _healed(self, job: Job) -> list[str]:
        """Forget what went wrong with a job; under the lock. The last that found the store silent says it is back."""
        self._failures.pop(job, None)
        back = self._silent == {job}
        self._silent.discard(job)
        return ["store_back"] if back else []
