"""Each repository is looked at in its turn, and at once when a webhook hints; what was seen is decided on.

The decision (`heed`) has a lane of its own: a slow cloud keeps nobody's registry from being looked at.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from orchestrator.daemon.jobs import Jobs
from orchestrator.daemon.pace import Hint, Watch, chases, delayed, failed, hinted, put_off, usual
from orchestrator.daemon.roster import Roster
from orchestrator.daemon.workers import Lane
from orchestrator.store.errors import UnreadableRecord
from watchers.errors import BUSY, RegistryError

if TYPE_CHECKING:
    from orchestrator.clock import Clock
    from orchestrator.daemon.directory import Watched
    from orchestrator.daemon.heed import Heeded
    from orchestrator.store.ports import Store
    from orchestrator.store.records import Sighting
    from orchestrator.telemetry.log import Log
    from watchers.policies import Policy
    from watchers.registry import Registry
    from watchers.signals import Signal
    from watchers.watch import Sight


PARDON_SECONDS = 5.0
"""How soon it is noticed that a suspension, or the ban on a revision, was lifted."""
UNREADABLE_SECONDS = 60.0


class Looks(Protocol):
    """`watchers.watch.look`, or its stand-in."""

    def __call__(
        self, registry: Registry, repository: str, policy: Policy, before: Sight | None, *, hinted: bool, thorough: bool
    ) -> Sight:
        """Ask once what the policy picks now; raises `watchers.errors`."""
        ...


class Notes(Protocol):
    """The numbers that are kept of watching."""

    def looked(self, host: str, outcome: str, seconds: float) -> None:
        """One look is over."""
        ...

    def troubled(self, service: str, kind: str, of: str = "watch") -> None:
        """A service cannot be watched, what it should run cannot begin, or its manifest or rollout needs a person."""
        ...

    def well(self, service: str, of: str = "watch") -> None:
        """A service is in no trouble of this origin any more."""
        ...

    def keep(self, services: Collection[str], hosts: Collection[str]) -> None:
        """Nothing else is watched now."""
        ...


Heeds = Callable[["Watched", "Sight", "Sighting | None"], "Heeded"]
"""Decides what becomes of what was seen, given what the store remembers of the service."""


class Watching:
    """All watches of this daemon; `update` and `hear` may be called from any thread."""

    def __init__(
        self,
        jobs: Jobs,
        store: Store,
        clock: Clock,
        log: Log,
        notes: Notes,
        *,
        registry_of: Callable[[str], Registry],
        look: Looks,
        heed: Heeds,
        seed: int = 0,
    ) -> None:
        """Watch nothing yet."""
        self._jobs, self._store, self._clock, self._log, self._notes = jobs, store, clock, log, notes
        self._registry_of, self._look, self._heed = registry_of, look, heed
        self._dice = random.Random(seed).random  # noqa: S311 - it spreads load and protects nothing
        self._roster = Roster()
        self._lock = threading.Lock()
        jobs.on("look", Lane.LOOK, self.look)
        jobs.on("heed", Lane.SUBMIT, self.heed)

    def __len__(self) -> int:
        return len(self._roster)

    @property
    def troubled(self) -> int:
        """How many services cannot be watched now."""
        return sum(bool(watch.problem) for watch in self._roster)

    def update(self, present: Collection[Watched], gone: Iterable[str]) -> None:
        """Take services in or as they are now, and let others go; whatever changed is looked at once, at once."""
        gone = [*gone, *(watched.service for watched in present if watched.policy is None)]
        for watched in present:
            if watched.policy is None:
                continue
            watch = self._roster.put(watched)
            self._jobs.nudge("look", watched.service)
            if watch.sight is not None:
                self._jobs.nudge("heed", watched.service)
        if sum([self._remove(service) for service in gone]):
            self._notes.keep(
                {watch.watched.service for watch in self._roster}, {watch.watched.host for watch in self._roster}
            )

    def hear(self, signals: Sequence[Signal]) -> int:
        """Look at what the signals are about, at once; answers how many watches that are. Quick, and never raises."""
        concerned = [(watch, signal) for signal in signals for watch in self._roster.concerned(signal)]
        for watch, signal in concerned:
            with self._lock:
                first, watch.hint = watch.hint is None, hinted(watch, signal, self._clock.monotonic())
            service = watch.watched.service
            if first:  # of a flood only the first is worth a line
                self._log.info("signal_heard", service=service, source=signal.why, tag=signal.tag, digest=signal.digest)
            self._jobs.nudge("look", service)
        return len(concerned)

    def ended(self, service: str) -> None:
        """A rollout of the service has ended: what waited for that is tried again, and how it ended is taken in."""
        if self._roster.get(service) is not None:
            self._jobs.nudge("heed", service)

    def look(self, service: str) -> float | None:
        """Look at one service's repository; answers in how many seconds to look again. Raises StoreUnavailable."""
        watch = self._roster.get(service)
        if watch is None or (policy := watch.watched.policy) is None:
            return None
        watched, hint = watch.watched, watch.hint
        try:
            told = self._store.sighting(service) if watch.sight is None else None
        except UnreadableRecord as error:  # what was handled is not known, so nothing is acted on
            self._trouble(watch, "UnreadableRecord", str(error), UNREADABLE_SECONDS)
            return UNREADABLE_SECONDS
        before = watch.sight if told is None else _known(watched, told)
        began = self._clock.monotonic()
        try:
            registry = self._registry_of(watched.host)
            # What was announced and is not there may be where only a thorough look reaches.
            missed = hint is not None and hint.tries > 0 and (hint.tag or hint.digest) is not None
            sight = self._look(registry, watched.repository, policy, before, hinted=hint is not None, thorough=missed)
        except RegistryError as error:
            outcome = "putOff" if error.code == BUSY else _kind(error)
            self._notes.looked(watched.host, outcome, self._clock.monotonic() - began)
            return self._unseen(watch, hint, error)
        same = before is not None and (before.tag, before.digest) == (sight.tag, sight.digest)
        self._notes.looked(watched.host, "unchanged" if same else "changed", self._clock.monotonic() - began)
        if self._roster.get(service) is not watch:  # it is watched no longer, or asks another question by now
            return 0.0
        self._seen(watch, sight, told)
        return self._next(watch, hint, met=hint is None or hint.met(sight))

    def heed(self, service: str) -> float | None:
        """Decide what becomes of what was last seen; None when that is done, else in how many seconds to try again."""
        watch = self._roster.get(service)
        if watch is None or watch.sight is None or watch.sight.digest is None:
            return None
        if watch.delays and not self._asked_anew(watch):
            return delayed(watch)
        sight, before = watch.sight, self._store.sighting(service)
        heeded = self._heed(watch.watched, sight, before)
        watch.problem = ""  # it was written over; should the registry still fail, the next look says so again
        if heeded.retry:
            return self._put_off(watch, heeded, before)
        said, watch.delays = heeded.sighting, 0
        self._notes.well(service)
        if before is None or (said.handled, said.outcome) != (before.handled, before.outcome):
            words = {"tag": sight.tag, "digest": sight.digest, "outcome": said.outcome, "rollout": said.rollout}
            self._log.info("sighting_handled", service=service, **words, message=said.message)
        if heeded.submission is not None:
            self._jobs.nudge("stir")
        # Whether a person has lifted the ban on a revision is written nowhere but in the ban itself.
        return PARDON_SECONDS if said.revision else None

    def _asked_anew(self, watch: Watch) -> bool:
        """Ask the registry again before what had to wait acts: something newer may have come meanwhile, and begun."""
        policy = watch.watched.policy
        if policy is None:
            return False
        try:
            registry = self._registry_of(watch.watched.host)
            sight = self._look(registry, watch.watched.repository, policy, watch.sight, hinted=False, thorough=False)
        except RegistryError:  # the look that is due anyway tells of it
            return False
        if sight.digest is not None:
            watch.sight = sight
        return sight.digest is not None

    def _put_off(self, watch: Watch, heeded: Heeded, before: Sighting | None) -> float:
        watch.delays += 1
        said, service = heeded.sighting, watch.watched.service
        why = said.problem or said.message
        if watch.delays == 1 or before is None or why != (before.problem or before.message):
            self._log.info("sighting_waits", service=service, tag=said.tag, digest=said.digest, message=why)
        if said.problem:
            self._notes.troubled(service, "waits")
        held = self._store.suspended(service, self._clock.now()) is not None
        return min(delayed(watch), PARDON_SECONDS) if held else delayed(watch)

    def _remove(self, service: str) -> bool:
        known = self._roster.remove(service)
        if known:
            self._jobs.drop("look", service)
            self._jobs.drop("heed", service)
        return known

    def _seen(self, watch: Watch, sight: Sight, told: Sighting | None) -> None:
        before, watch.sight, watch.failures = watch.sight, sight, 0
        changed = before is None or (before.tag, before.digest) != (sight.tag, sight.digest)
        if sight.digest is None:
            image, rule = watch.watched.image, watch.watched.policy.text if watch.watched.policy else ""
            self._trouble(watch, "NoTag", f"{image}: no tag fits {rule}; `rollout tags` says of each why not")
            return
        if watch.problem or (told is not None and told.problem and _handled(told, sight)):
            self._recovered(watch)
        if changed and not _handled(told, sight):
            self._jobs.nudge("heed", watch.watched.service)

    def _next(self, watch: Watch, hint: Hint | None, *, met: bool) -> float:
        """The seconds to the next look: soon while something announced has not turned up, else within the interval."""
        at_most = usual(watch, self._dice(), self._clock.monotonic())
        with self._lock:
            if hint is None or watch.hint is not hint:  # where another signal came meanwhile its look is due already
                return at_most
            again = None if met else hint.after(self._clock.monotonic())
            watch.hint = None if again is None else again[1]
        return at_most if again is None else min(again[0], at_most)

    def _unseen(self, watch: Watch, hint: Hint | None, error: RegistryError) -> float:
        """Tell what went wrong, once for each kind, and answer in how many seconds to ask again."""
        if error.code == BUSY:  # nobody was asked, and nothing is wrong
            watch.failures += 1
            return put_off(watch, error, self._dice())
        late = _kind(error) == "NotReady"
        if late and hint is None:
            with self._lock:
                hint = watch.hint = watch.hint or Hint(self._clock.monotonic())
        soon = self._next(watch, hint, met=False)
        chasing = watch.hint is not None and chases(error)
        if late and chasing:
            self._log.info("not_ready", service=watch.watched.service, message=str(error), again_in=round(soon, 1))
            return soon
        watch.failures += 1
        again = failed(watch, error, self._dice())
        again = min(again, soon) if chasing else again
        self._trouble(watch, _kind(error), str(error), again)
        return again

    def _trouble(self, watch: Watch, kind: str, message: str, again_in: float | None = None) -> None:
        """Tell a trouble once, for as long as it stays of its kind; the last good answer stays remembered."""
        if watch.problem == kind:
            return
        watched = watch.watched
        words = {"service": watched.service, "image": watched.image, "error": kind, "message": message}
        self._log.warning("look_failed", **words, again_in=None if again_in is None else round(again_in, 1))
        self._notes.troubled(watched.service, kind)
        # No more than that: meanwhile a find may be decided on, and what was decided must not be taken back.
        rule = watched.policy.text if watched.policy else ""
        self._store.note_problem(watched.service, message, self._clock.now(), image=watched.image, rule=rule)
        watch.problem = kind

    def _recovered(self, watch: Watch) -> None:
        service = watch.watched.service
        self._store.note_problem(service, "", None, image=watch.watched.image, rule="")
        self._log.info("look_recovered", service=service)
        self._notes.well(service)
        watch.problem = ""


def _kind(error: RegistryError) -> str:
    return type(error).__name__


def _known(watched: Watched, told: Sighting) -> Sight | None:
    """What the store remembers as the answer to the same question; None when it was another one, or none came."""
    from watchers.watch import Sight

    same = watched.policy is not None and (told.image, told.rule) == (watched.image, watched.policy.text)
    return Sight.known(told.tag, told.digest) if same and told.tag is not None else None


def _handled(told: Sighting | None, sight: Sight) -> bool:
    """Whether nothing is left to decide; a ban that a person may lift is looked after."""
    return told is not None and not told.revision and (told.handled, told.tag) == (sight.digest, sight.tag)
