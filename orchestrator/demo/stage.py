"""The play: v1 serves under constant load, v2 replaces it, v3 takes traffic, begins to fail, and is taken back."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orchestrator.cli.failures import Terminated
from orchestrator.demo import scenery
from orchestrator.demo.evidence import ClientCounts
from orchestrator.demo.fronts import Front, Part, added, between, shares, total_of
from orchestrator.demo.proof import Proof, Release, detection
from orchestrator.demo.setting import Setting, alone
from orchestrator.engine import Listener
from orchestrator.manifest.loader import Loaded, load
from orchestrator.runner import Driver, Ending, Patience
from orchestrator.store.memory import MemoryStore
from orchestrator.submit import Wish, submit
from orchestrator.wiring import App
from providers.emulator.load import LoadGenerator, LoadPlan
from providers.emulator.loopback import LoopbackEmulator
from strategies.journal import Event
from strategies.model import Outcome, Rollout

CALM_SECONDS = 1.5
RELEASE_SECONDS = 75.0
"""A release that takes longer is given up, so that the demo ends on a machine that stands still."""


class PlayError(Exception):
    """The stage could not be set; the text says why."""


@dataclass(slots=True)
class Scene:
    """What is on stage right now, for whoever draws it; written by the play alone, and whole values at a time."""

    title: str = "setting the stage"
    version: str = ""
    """The version that is released in this scene, or was last."""
    stable: str | None = None
    load: LoadGenerator | None = None
    """The crowd at the first front door."""
    fronts: tuple[Front, ...] = ()
    """All front doors; `crowds` are those who come through them, by target."""
    crowds: dict[str, LoadGenerator] = field(default_factory=dict)
    rollout: Rollout | None = None
    journal: list[Event] = field(default_factory=list)
    marks: list[tuple[datetime, str]] = field(default_factory=list)
    """Moments worth a word on the time axis."""
    began: float = field(default_factory=time.monotonic)


Show = Callable[[Scene], None]


class Play:
    """Everything the demo needs, open from `opened` on; releases are played one after the other."""

    def __init__(
        self,
        emulator: LoopbackEmulator,
        loaded: Loaded,
        scene: Scene,
        show: Show,
        *,
        setting: Setting,
        first: Loaded | None = None,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self.emulator, self.loaded, self.scene, self._show = emulator, loaded, scene, show
        self._set, self._first = setting, first or loaded
        self._failing = False
        self._decided: Rollout | None = None
        self.app = App(MemoryStore(), listeners=(self._note, *listeners))
        self.digests = {
            tag: emulator.register_image(scenery.REPOSITORY, tag, behaviour)
            for tag, behaviour in scenery.VERSIONS.items()
        }

    def run(self) -> Proof:
        """Play all three acts; raises PlayError when not even the first version could be brought up."""
        first = self._drive(scenery.FIRST, None, f"{scenery.FIRST} goes live: the first release, no clients yet")
        if first.outcome is not Outcome.PROMOTED:
            why = first.failure.message if first.failure else first.targets[0].note
            raise PlayError(f"the first release did not come up: {why}")
        with self._crowds() as crowds:
            self._calm()
            title = f"{scenery.GOOD}, a good version, replaces {scenery.FIRST}"
            good = self._release(crowds, scenery.GOOD, scenery.FIRST, title)
            serving = scenery.GOOD if good.rollout.outcome is Outcome.PROMOTED else scenery.FIRST
            title = f"{scenery.BAD}, a bad version, takes its first traffic"
            bad = self._release(crowds, scenery.BAD, serving, title)
        # Counted only now that every request has been answered: each belongs to the release in which it was sent.
        self._count(good, crowds, bad.began_at, bad.retired)
        self._count(bad, crowds, None, _retired(crowds))
        left = self.emulator.call(self._set.leftovers, self.emulator.world, self.digests[serving])
        self.scene.title = "the end"
        self._show(self.scene)
        return Proof(good, bad, tuple(left), time.monotonic() - self.scene.began)

    def _release(self, crowds: Mapping[str, LoadGenerator], version: str, stable: str, title: str) -> Release:
        """Roll out one version under load to its end."""
        self._decided = None
        retired = _retired(crowds)
        began_at, began, heard = _now(), time.monotonic(), len(self.scene.journal)
        self.scene.marks.append((began_at, version))
        rollout = self._drive(version, stable, title)
        seconds = time.monotonic() - began
        if rollout.outcome is Outcome.ROLLED_BACK:
            self.scene.marks.append((_now(), "rolled back"))
        self._calm()
        events = self.scene.journal[heard:]
        seen = [crowd.snapshot() for crowd in crowds.values()]
        first = min((each.first_at[version] for each in seen if version in each.first_at), default=None)
        failed = [each.first_failed_at[version] for each in seen if version in each.first_failed_at]
        found = detection(events, self._decided, first, min(failed, default=None))
        before = sum(retired.values())
        return Release(
            version, stable, rollout, began_at, seconds, before, found, retired=retired, events=tuple(events)
        )

    def _count(
        self, release: Release, crowds: Mapping[str, LoadGenerator], until: datetime | None, retired: Mapping[str, int]
    ) -> None:
        """Count what each crowd had of a release, from its beginning to a moment."""
        counted = {target: between(crowd, release.began_at, until) for target, crowd in crowds.items()}
        release.count(added(counted.values()), {}, sum(retired.values()))
        parts = []
        for front in self._set.fronts:
            late = retired[front.target] - release.retired[front.target]
            if front.pooled:
                late = self.emulator.call(self._too_late, release.rollout, front.target)
                release.to_retired += late
            state = next(state for state in release.rollout.targets if state.name == front.target)
            target = release.rollout.service.target(front.target)
            steps = shares(crowds[front.target], target, release.version, release.events) if front.pooled else ()
            parts.append(Part(front, state.phase.value, total_of(counted[front.target]), late, steps))
        release.parts = tuple(parts) if len(parts) > 1 else ()

    def _too_late(self, rollout: Rollout, target: str) -> int:
        """How many requests reached pods of a release's Deployments after their deletion had begun."""
        late = self.emulator.world.calls.requests_to_retired
        states = (state for state in rollout.targets if state.name == target)
        return sum(late[slot.name] for state in states for slot in (*state.stable, *state.candidate))

    def _drive(self, version: str, stable: str | None, title: str) -> Rollout:
        self.scene.title, self.scene.version, self.scene.stable = title, version, stable
        loaded = self._first if stable is None else self.loaded
        submission = submit(self.app, Wish(loaded, self.digests[version], version, actor="demo"))
        if submission.rollout is None:
            raise PlayError(f"the release of {version} was not begun: {submission.message}")
        patience = Patience(timeout_seconds=RELEASE_SECONDS)
        driver = Driver(self.app.store, self.app.clock, self.app.engine(), submission.rollout.id, patience)
        drive = driver.run(watch=self._watch)
        if drive.ending is Ending.INTERRUPTED:
            raise Terminated if drive.signal == signal.SIGTERM else KeyboardInterrupt
        return drive.rollout

    def _watch(self, rollout: Rollout, _drives: bool) -> None:
        self.scene.rollout = rollout
        if self._decided is None and rollout.failure is not None:
            self._decided = rollout
            self.scene.title = f"{self.scene.version} is taken back{' everywhere' if self._set.where else ''}"
            self.scene.marks.append((_now(), "turned back"))
        if self.scene.version == scenery.BAD and not self._failing:
            self._spoil()
        self._show(self.scene)

    def _spoil(self) -> None:
        """Let the bad version begin to fail once its first clients have been served for a while."""
        crowd = self.scene.crowds.get(self._set.fronts[-1].target)
        first = crowd.snapshot().first_at.get(scenery.BAD) if crowd else None
        if first is not None and _now() - first >= timedelta(seconds=self._set.good_for_seconds):
            self._failing = True
            self.emulator.call(self._set.begin_to_fail, self.emulator.world, scenery.BAD)
            self.scene.title = f"{scenery.BAD} begins to fail half of its requests{self._set.where}"
            self.scene.marks.append((_now(), "fails"))

    def _note(self, _rollout: Rollout, events: tuple[Event, ...]) -> None:
        self.scene.journal += events

    def _calm(self) -> None:
        """Let the clients go on for a moment before the next scene."""
        until = time.monotonic() + CALM_SECONDS
        while time.monotonic() < until:
            self._show(self.scene)
            time.sleep(0.1)

    @contextmanager
    def _crowds(self) -> Iterator[dict[str, LoadGenerator]]:
        """Send constant load to every front door while the block runs."""
        with ExitStack() as stack:
            crowds = {front.target: stack.enter_context(self._crowd(front)) for front in self._set.fronts}
            self.scene.crowds, self.scene.load = crowds, crowds[self._set.fronts[0].target]
            yield crowds

    def _crowd(self, front: Front) -> LoadGenerator:
        plan = LoadPlan(url=front.url, dns=self.emulator.dns, rate=front.rate, clients=front.clients)
        return LoadGenerator(plan, retired=None if front.pooled else self._is_retired)

    def _is_retired(self, address: str) -> bool:
        return self.emulator.world.addresses.retired_at(address) is not None


def _now() -> datetime:
    return datetime.now(UTC)


def _retired(crowds: Mapping[str, LoadGenerator]) -> dict[str, int]:
    return {target: crowd.snapshot().to_retired for target, crowd in crowds.items()}


@contextmanager
def opened(
    scene: Scene, show: Show, listeners: tuple[Listener, ...] = (), setting: Setting | None = None
) -> Iterator[Play]:
    """Set the stage on free ports of this machine, and leave nothing behind."""
    where = setting or alone()
    scene.fronts = where.fronts
    with ExitStack() as stack:
        emulator = stack.enter_context(LoopbackEmulator(envoy=where.envoy))
        emulator.call(where.build, emulator.world)
        folder = tempfile.TemporaryDirectory(prefix="rollout-demo-")
        path = Path(stack.enter_context(folder))
        # A proxy for the outside world, as CI machines have one, would be asked for this machine's addresses as well.
        doors = {"ROLLOUT_AZURE_ENDPOINT": emulator.url, "ROLLOUT_DNS": emulator.dns, "no_proxy": "127.0.0.1"}
        stack.enter_context(_environment({**doors, **where.environment(path, emulator.url)}))
        versions: dict[str, str] = {}
        counts = stack.enter_context(ClientCounts(lambda: scene.crowds, lambda digest: versions.get(digest, "")))
        (first,) = load([str((where.write_first or where.write)(path, emulator.registry_host, counts.url))])
        (loaded,) = load([str(where.write(path, emulator.registry_host, counts.url))])
        if not where.keeps_files:
            # Gone again before the curtain rises: a killed demo leaves nothing on the disk.
            folder.cleanup()
        play = Play(emulator, loaded, scene, show, setting=where, first=first, listeners=listeners)
        versions |= {digest: tag for tag, digest in play.digests.items()}
        stack.callback(play.app.close)
        yield play


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
