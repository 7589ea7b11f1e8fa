"""All of the daemon's work joined: one loop, from the first scan to the graceful end. Sockets are not its business."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.daemon.driving import Driving
from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.nexts import Nexts
from orchestrator.daemon.presence import Presence
from orchestrator.daemon.watching import Looks, Notes, Watching
from orchestrator.daemon.workers import Lane, Workers
from orchestrator.steering import CALL_SECONDS
from orchestrator.telemetry.metrics import MANIFEST, ROLLOUT
from orchestrator.wiring import App

if TYPE_CHECKING:
    from orchestrator.daemon.directory import Changes, Directory, Watched
    from orchestrator.daemon.heed import Heeded
    from orchestrator.manifest.loader import Loaded
    from orchestrator.store.records import Sighting
    from orchestrator.telemetry.log import Log
    from watchers.registry import Registry
    from watchers.signals import Signal
    from watchers.watch import Sight

SCAN_SECONDS, SCAN_MOST_SECONDS = 5.0, 30.0
"""How soon the directory is looked at again: as a rule, and at most where there is so much that it takes its time."""
SCAN_REST = 100.0
"""The rest after a scan, in times of what it took: looking for changes is kept near a hundredth of a core."""
SCAN_LONG_SECONDS = 1800.0
"""A scan that takes so long hangs; many thousands of manifests on a slow disk take their minutes."""
SLICE_SECONDS = 0.25
"""The longest wait of the loop: how soon a signal to the process is noticed."""
DEAF_SECONDS = 20.0
"""A daemon that the store has told nothing for so long does no work, whether or not a question to it has failed yet."""
STUCK_SECONDS = 30.0
"""A loop that made no turn for so long is not alive."""
STOP_SECONDS = CALL_SECONDS + 2.0
"""How long the act in hand may take to its end when the daemon stops."""

Heed = Callable[[App, "Watched", "Callable[[], Loaded]", "Sight", "Sighting | None"], "Heeded"]


class Daemon:
    """Watches what a directory names and runs every rollout of the app's store; `hear` takes webhooks' signals."""

    def __init__(
        self,
        app: App,
        directory: Directory,
        workers: Workers,
        log: Log,
        notes: Notes,
        *,
        registry_of: Callable[[str], Registry],
        look: Looks,
        heed: Heed,
        seed: int = 0,
    ) -> None:
        """Do nothing yet; `seed` spreads the looks."""
        self._app, self._directory, self._workers, self._log, self._notes = app, directory, workers, log, notes
        self._heed = heed
        self.stopping = False
        self._broken: set[str] = set()
        self.begun = False
        """Whether the manifests have been read once."""
        self._beat = app.clock.monotonic()
        self.jobs = Jobs(app.clock, workers, log)
        self.presence = Presence(app.store, app.clock)
        self.driving = Driving(app, self.jobs, log, goes_on=lambda: not self.stopping, ended=self._ended)
        self.nexts = Nexts(app, self.jobs, log)
        self.watching = Watching(
            self.jobs,
            app.store,
            app.clock,
            log,
            notes,
            registry_of=registry_of,
            look=look,
            heed=self._heeded,
            seed=seed,
        )
        self.jobs.on("scan", Lane.CHORE, self.scan, long_seconds=SCAN_LONG_SECONDS)
        self.jobs.on("presence", Lane.CHORE, self.presence.keep)

    def begin(self) -> None:
        """Plan all work; every repository is due as soon as the first scan of the directory has found it.

        What is under way does not wait for that: thousands of manifests take their time to be read.
        """
        self.jobs.nudge("presence")
        self.driving.begin()
        self.nexts.begin()
        self.jobs.nudge("scan")

    def run(self, asked_to_stop: Callable[[], bool]) -> None:
        """Turn until asked to stop, which is asked several times a second; nothing that a job does ends it."""
        while not asked_to_stop():
            self.turn()
            self.jobs.pause(SLICE_SECONDS)

    def turn(self) -> int:
        """Hand over what is due; answers how many jobs that were."""
        self._beat = self._app.clock.monotonic()
        return self.jobs.turn()

    def stop(self) -> bool:
        """Begin no other act, wait for what is in hand, and let go of every lease; False when something overstayed.

        What had no time to end is as safe as after a crash: its lease runs out, and whoever takes it resumes.
        """
        self.stopping = True
        in_time = self._workers.stop(STOP_SECONDS)
        self.driving.release()
        self.presence.release()
        return in_time

    def hear(self, signals: Sequence[Signal]) -> None:
        """Look at what the signals are about, at once; quick, from any thread."""
        self.watching.hear(signals)

    def scan(self, _name: str = "") -> float:
        """Take in what changed in the directory; answers in how many seconds to look again."""
        began = self._app.clock.monotonic()
        changes = self._directory.scan()
        took = self._app.clock.monotonic() - began
        self._tell(changes)
        self.watching.update((*changes.added, *changes.changed), [each.service for each in changes.removed])
        self.begun = True
        return max(SCAN_SECONDS, min(SCAN_REST * took, SCAN_MOST_SECONDS))

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether it does its work, and what keeps it from that."""
        if self.stopping:
            return False, ("the daemon is stopping",)
        reasons = [] if self.begun else ["the manifests are being read"]
        if self.jobs.store_silent:
            reasons.append("the store does not answer")
        elif (deaf := self.driving.unstirred_seconds) > DEAF_SECONDS:
            reasons.append(f"the store has not told for {deaf:.0f} s what is under way")
        return not reasons, tuple(reasons)

    def alive(self) -> tuple[bool, tuple[str, ...]]:
        """Whether its loop turns and its jobs come back, and what says that they do not."""
        still = self._app.clock.monotonic() - self._beat
        if self.stopping:
            return True, ()
        reasons = [f"the daemon's loop has stood still for {still:.0f} s"] if still >= STUCK_SECONDS else []
        for job, seconds in self.jobs.hanging():
            reasons.append(f"the job {' '.join(filter(None, job))} has not come back for {seconds:.0f} s")
        return not reasons, tuple(reasons)

    def _heeded(self, watched: Watched, sight: Sight, before: Sighting | None) -> Heeded:
        return self._heed(self._app, watched, partial(self._directory.load, watched.service), sight, before)

    def _ended(self, service: str) -> None:
        self._notes.well(service, ROLLOUT)
        self.nexts.ended(service)
        self.watching.ended(service)

    def _tell(self, changes: Changes) -> None:
        for said, services in (
            ("service_added", changes.added),
            ("service_changed", changes.changed),
            ("service_removed", changes.removed),
        ):
            for watched in services:
                rule = watched.policy.text if watched.policy else None
                self._log.info(said, service=watched.service, file=watched.file, image=watched.image, follows=rule)
        broken = {problem.service for problem in changes.problems if problem.service is not None}
        for service in broken:
            self._notes.troubled(service, "Manifest", MANIFEST)
        for service in self._broken - broken:
            self._notes.well(service, MANIFEST)
        self._broken = broken
        for problem in changes.appeared:
            self._log.warning("manifest_broken", service=problem.service, file=problem.file, message=problem.message)
        for problem in changes.mended:
            self._log.info("manifest_mended", service=problem.service, file=problem.file, message=problem.message)
