"""The loop: what is due is handed to the workers; what fails is told, and tried again with growing delay."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from orchestrator.clock import Clock
from orchestrator.daemon.agenda import Agenda
from orchestrator.daemon.workers import Lane, Workers
from orchestrator.store.errors import StoreUnavailable
from orchestrator.telemetry.log import Log

STORE_WAITS = (0.25, 5.0)
"""How soon a job that found the store silent is tried again: at first, and at most, in seconds."""
DEFECT_WAITS = (1.0, 60.0)
"""The same for a job that failed for a reason nobody foresaw."""


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
        self._agenda: Agenda[Job] = Agenda()
        self._changed = threading.Condition()
        self._failures: dict[Job, int] = {}
        self._silent: set[Job] = set()
        self._awaited = 0.0
        self.behind_seconds = 0.0
        """How late the loop came for what was due longest, at its last turn."""
        self.defects = 0
        """How many runs failed for a reason nobody foresaw."""

    def on(self, kind: str, lane: Lane, run: Run) -> None:
        """Say how a kind of work is done, and on which lane."""
        self._kinds[kind] = (lane, run)

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
        self._well(job)

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
        try:
            after = self._kinds[job.kind][1](job.name)
        except StoreUnavailable as error:
            after = self._wait(job, STORE_WAITS)
            self._hush(job, error)
        except Exception as error:  # noqa: BLE001 - one job's defect must stop neither the others nor itself for ever
            after = self._wait(job, DEFECT_WAITS)
            self.defects += 1
            self._log.warning(
                "job_failed", job=job.kind, name=job.name, error=_named(error), place=_place(error), again_in=after
            )
        else:
            self._well(job)
        with self._changed:
            self._agenda.done(job, None if after is None else self._clock.monotonic() + after)
            dropped = job not in self._agenda
            if self._agenda.next_due() < self._awaited:
                self._changed.notify_all()
        if dropped:
            self._well(job)

    def _wait(self, job: Job, waits: tuple[float, float]) -> float:
        first, most = waits
        with self._changed:
            failures = self._failures[job] = self._failures.get(job, 0) + 1
        return float(min(first * 2.0 ** min(failures - 1, 30), most))

    def _hush(self, job: Job, error: StoreUnavailable) -> None:
        with self._changed:
            first = not self._silent
            self._silent.add(job)
        if first:
            self._log.warning("store_unavailable", error=str(error))

    def _well(self, job: Job) -> None:
        """Forget what went wrong with a job; the last one that found the store silent says that it is back."""
        if job not in self._failures:
            return
        with self._changed:
            self._failures.pop(job, None)
            back = job in self._silent and len(self._silent) == 1
            self._silent.discard(job)
        if back:
            self._log.info("store_back")


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    return f"{Path(last.filename).name}:{last.lineno} in {last.name}"
