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
from orchestrator.demo.proof import Proof, Release, detection
from orchestrator.engine import Listener
from orchestrator.manifest.loader import Loaded, load
from orchestrator.runner import Driver, Ending, Patience
from orchestrator.store.memory import MemoryStore
from orchestrator.submit import Wish, submit
from orchestrator.wiring import App
from providers.emulator.load import LoadGenerator, LoadPlan
from providers.emulator.loopback import LoopbackEmulator
from providers.ports import Metrics
from strategies.journal import Event
from strategies.model import Outcome, Rollout

RATE = 60.0
CLIENTS = 40
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
    rollout: Rollout | None = None
    journal: list[Event] = field(default_factory=list)
    marks: list[tuple[datetime, str]] = field(default_factory=list)
    """Moments worth a word on the time axis."""
    began: float = field(default_factory=time.monotonic)


Show = Callable[[Scene], None]


class Play:
    """Everything the demo needs, open from `opened` on; releases are played one after the other."""

    def __init__(
        self, emulator: LoopbackEmulator, loaded: Loaded, scene: Scene, show: Show, listeners: tuple[Listener, ...] = ()
    ) -> None:
        self.emulator, self.loaded, self.scene, self._show = emulator, loaded, scene, show
        self._counts: Metrics | None = None
        self._failing = False
        self._decided: Rollout | None = None
        self.app = App(MemoryStore(), metrics_of=lambda _id, _target: self._counts, listeners=(self._note, *listeners))
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
        with self._crowd() as crowd:
            self._calm()
            title = f"{scenery.GOOD}, a good version, replaces {scenery.FIRST}"
            good = self._release(crowd, scenery.GOOD, scenery.FIRST, title)
            serving = scenery.GOOD if good.rollout.outcome is Outcome.PROMOTED else scenery.FIRST
            title = f"{scenery.BAD}, a bad version, takes its first traffic"
            bad = self._release(crowd, scenery.BAD, serving, title)
        # Counted only now that every request has been answered: each belongs to the release in which it was sent.
        total = crowd.snapshot()
        good.count(crowd.counts(good.began_at), crowd.counts(bad.began_at), bad.retired_before)
        bad.count(crowd.counts(bad.began_at), {}, total.to_retired)
        left = self.emulator.call(scenery.leftovers, self.emulator.world, self.digests[serving])
        self.scene.title = "the end"
        self._show(self.scene)
        return Proof(good, bad, tuple(left), time.monotonic() - self.scene.began)

    def _release(self, crowd: LoadGenerator, version: str, stable: str, title: str) -> Release:
        """Roll out one version under load to its end."""
        self._counts, self._decided = ClientCounts(crowd, stable, version), None
        retired, began_at, began, heard = crowd.snapshot().to_retired, _now(), time.monotonic(), len(self.scene.journal)
        self.scene.marks.append((began_at, version))
        rollout = self._drive(version, stable, title)
        seconds = time.monotonic() - began
        if rollout.outcome is Outcome.ROLLED_BACK:
            self.scene.marks.append((_now(), "rolled back"))
        self._calm()
        seen = crowd.snapshot()
        found = detection(
            self.scene.journal[heard:], self._decided, seen.first_at.get(version), seen.first_failed_at.get(version)
        )
        return Release(version, stable, rollout, began_at, seconds, retired, found)

    def _drive(self, version: str, stable: str | None, title: str) -> Rollout:
        self.scene.title, self.scene.version, self.scene.stable = title, version, stable
        submission = submit(self.app, Wish(self.loaded, self.digests[version], version, actor="demo"))
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
            self.scene.title = f"{self.scene.version} is taken back"
            self.scene.marks.append((_now(), "turned back"))
        if self.scene.version == scenery.BAD and not self._failing:
            self._spoil()
        self._show(self.scene)

    def _spoil(self) -> None:
        """Let the bad version begin to fail once its first clients have been served for a while."""
        first = self.scene.load.snapshot().first_at.get(scenery.BAD) if self.scene.load else None
        if first is not None and _now() - first >= timedelta(seconds=scenery.GOOD_FOR_SECONDS):
            self._failing = True
            self.emulator.call(scenery.begin_to_fail, self.emulator.world, scenery.BAD)
            self.scene.title = f"{scenery.BAD} begins to fail half of its requests"
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
    def _crowd(self) -> Iterator[LoadGenerator]:
        """Send constant load to the profile's name while the block runs."""
        plan = LoadPlan(url=scenery.ADDRESS, dns=self.emulator.dns, rate=RATE, clients=CLIENTS)
        with LoadGenerator(plan, retired=self._is_retired) as crowd:
            self.scene.load = crowd
            yield crowd

    def _is_retired(self, address: str) -> bool:
        return self.emulator.world.addresses.retired_at(address) is not None


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened(scene: Scene, show: Show, listeners: tuple[Listener, ...] = ()) -> Iterator[Play]:
    """Set the stage on free ports of this machine, and leave nothing behind."""
    with ExitStack() as stack:
        emulator = stack.enter_context(LoopbackEmulator())
        # A proxy for the outside world, as CI machines have one, would be asked for this machine's addresses as well.
        doors = {"ROLLOUT_AZURE_ENDPOINT": emulator.url, "ROLLOUT_DNS": emulator.dns, "no_proxy": "127.0.0.1"}
        stack.enter_context(_environment(doors))
        # Gone again before the curtain rises: a killed demo leaves nothing on the disk.
        with tempfile.TemporaryDirectory(prefix="rollout-demo-") as folder:
            (loaded,) = load([str(scenery.write(Path(folder), emulator.registry_host))])
        play = Play(emulator, loaded, scene, show, listeners)
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
