"""The play: v1 serves under constant load, v2 replaces it, v3 takes traffic, begins to fail, and is taken back."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orchestrator.demo import scenery
from orchestrator.demo.evidence import ClientCounts
from orchestrator.manifest.loader import Loaded, load
from orchestrator.runner import Driver, Patience
from orchestrator.store.memory import MemoryStore
from orchestrator.submit import Wish, submit
from orchestrator.wiring import App
from providers.emulator.load import LoadGenerator, LoadPlan
from providers.emulator.load_counts import LoadSnapshot
from providers.emulator.loopback import LoopbackEmulator
from providers.ports import Metrics
from strategies.journal import Event
from strategies.model import Rollout

RATE = 60.0
CLIENTS = 40
CALM_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the play: how it ended, what the clients saw meanwhile, and when the verdict fell."""

    version: str
    rollout: Rollout
    before: LoadSnapshot
    after: LoadSnapshot
    seconds: float
    detected_seconds: float | None

    @property
    def requests(self) -> int:
        """All client requests during this release."""
        return self.after.total.requests - self.before.total.requests

    @property
    def failed(self) -> int:
        """All failed client requests during this release."""
        return self.after.total.failed - self.before.total.failed

    @property
    def to_retired(self) -> int:
        """Requests sent to a group's address after its deletion began."""
        return self.after.to_retired - self.before.to_retired

    @property
    def reasons(self) -> dict[str, int]:
        """Failures of this release by what went wrong."""
        kinds = {kind: count - self.before.reasons.get(kind, 0) for kind, count in self.after.reasons.items()}
        return {kind: count for kind, count in kinds.items() if count}


@dataclass(slots=True)
class Scene:
    """What is on stage right now, for whoever draws it."""

    title: str
    emulator: LoopbackEmulator
    load: LoadGenerator | None = None
    rollout: Rollout | None = None


Show = Callable[[Scene], None]


class Play:
    """Everything the demo needs, open from `opened` on; releases are played one after the other."""

    def __init__(self, emulator: LoopbackEmulator, loaded: Loaded, show: Show) -> None:
        self.emulator, self.loaded, self.show = emulator, loaded, show
        self.scene = Scene("setting the stage", emulator)
        self.journal: list[Event] = []
        self._counts: Metrics | None = None
        self.app = App(MemoryStore(), metrics_of=lambda _id, _target: self._counts, listeners=(self._note,))
        self.digests = {
            tag: emulator.register_image(scenery.REPOSITORY, tag, behaviour)
            for tag, behaviour in scenery.VERSIONS.items()
        }

    def _note(self, _rollout: Rollout, events: tuple[Event, ...]) -> None:
        self.journal += events

    def release(self, version: str, stable: str | None, title: str) -> Release | Rollout:
        """Roll out one version to its end; with a load running, also count what its clients saw."""
        self.scene.title = title
        if self.scene.load is not None and stable is not None:
            self._counts = ClientCounts(self.scene.load, stable, version)
        before = self.scene.load.snapshot() if self.scene.load else None
        began, first_event = time.monotonic(), len(self.journal)
        wish = Wish(self.loaded, self.digests[version], version, actor="demo")
        submission = submit(self.app, wish)
        if submission.rollout is None:
            raise RuntimeError(f"the demo's release of {version} was not begun: {submission.message}")
        driver = Driver(self.app.store, self.app.clock, self.app.engine(), submission.rollout.id, Patience())
        rollout = driver.run(watch=self._watch).rollout
        if self.scene.load is None or before is None:
            return rollout
        self.calm()
        after = self.scene.load.snapshot()
        detected = _detected(self.journal[first_event:], after.first_at.get(version))
        return Release(version, rollout, before, after, time.monotonic() - began, detected)

    def _watch(self, rollout: Rollout, _drives: bool) -> None:
        self.scene.rollout = rollout
        self.show(self.scene)

    def calm(self) -> None:
        """Let the clients go on for a moment, so that a late failure is counted where it belongs."""
        until = time.monotonic() + CALM_SECONDS
        while time.monotonic() < until:
            self.show(self.scene)
            time.sleep(0.1)

    @contextmanager
    def crowd(self) -> Iterator[None]:
        """Send constant load to the profile's name while the block runs."""
        plan = LoadPlan(
            url=f"http://contoso-shop.trafficmanager.net:{scenery.PORT}/",
            dns=self.emulator.dns,
            rate=RATE,
            clients=CLIENTS,
        )
        with LoadGenerator(plan, retired=self._is_retired) as load:
            self.scene.load = load
            yield
        self.scene.load = None

    def _is_retired(self, address: str) -> bool:
        return self.emulator.world.addresses.retired_at(address) is not None

    def leftovers(self) -> list[str]:
        """Groups and endpoints that belong neither to the version that serves nor to anybody else."""
        state = self.emulator.call(self.emulator.world.state)
        serving = self.digests["v2"]
        return [name for name, group in state["groups"].items() if serving not in str(group)]


def _detected(events: list[Event], first_request: datetime | None) -> float | None:
    """Seconds from the candidate's first request, or its first failed probe, to the decision to take it back."""
    decided = next((e.at for e in events if e.kind == "verdict_unhealthy"), None)
    failing = next((e.at for e in events if e.kind == "probe_failing"), None)
    begun = min((moment for moment in (first_request, failing) if moment is not None), default=None)
    return None if decided is None or begun is None else (decided - begun).total_seconds()


@contextmanager
def opened(show: Show) -> Iterator[Play]:
    """Set the stage in a temporary folder on free ports of this machine, and leave nothing behind."""
    with ExitStack() as stack:
        emulator = stack.enter_context(LoopbackEmulator())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rollout-demo-")))
        before = {name: os.environ.get(name) for name in ("ROLLOUT_AZURE_ENDPOINT", "ROLLOUT_DNS")}
        os.environ |= {"ROLLOUT_AZURE_ENDPOINT": emulator.url, "ROLLOUT_DNS": emulator.dns}
        try:
            (loaded,) = load([str(scenery.write(folder, emulator.registry_host))])
            play = Play(emulator, loaded, show)
            yield play
            play.app.close()
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
