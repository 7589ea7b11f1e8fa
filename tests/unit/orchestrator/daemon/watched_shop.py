"""One service in the emulated cloud that is watched: finds are heeded as the daemon does, with the real engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.daemon.heed import Heeded, heed
from orchestrator.daemon.watched import Watched, watched_of
from orchestrator.manifest.loader import Loaded, from_snapshot
from orchestrator.store.records import Snapshot
from strategies.model import CommandKind, Outcome
from tests.unit.orchestrator.yard import TEMPLATE, Yard
from watchers.watch import Sight

FOLLOW = 'follow: {semver: "*", every: 1m}\n'


@dataclass
class Shop(Yard):
    """The yard, watched."""

    follow: str = FOLLOW

    def load(self) -> Loaded:
        text = TEMPLATE.replace("FLAVOUR_OF_TODAY", "plain")
        return from_snapshot(Snapshot(self.manifest + self.follow, "shop.yaml", (("t.yaml", text),)))

    @property
    def watched(self) -> Watched:
        return watched_of(self.load())

    def sight(self, version: str) -> Sight:
        return Sight(version, self.wish(version).digest)

    def find(self, version: str, load: Callable[[], Loaded] | None = None) -> Heeded:
        """Heed a find as the daemon does: with what the store remembers."""
        before = self.store.sighting("shop")
        return heed(self.app, self.watched, load or self.load, self.sight(version), before)

    def finish(self) -> str:
        """Drive what is under way to its end; answers how it ended."""
        (running,) = self.store.active_ids()
        return self.drive(running).rollout.outcome.value

    def deploy(self, version: str) -> None:
        assert self.find(version).sighting.outcome == "begun"
        assert self.finish() == "promoted"

    def rolled_out(self) -> list[str | None]:
        """The tags of all rollouts there ever were, oldest first."""
        return [rollout.revision.tag for rollout in reversed(self.store.history("shop"))]

    def take_back(self) -> None:
        (running,) = self.store.active_ids()
        self.drive(running, timeout_seconds=30.0)
        self.store.command(running, CommandKind.ABORT, "ana", at=self.clock.now(), reason="it is bad")
        assert self.drive(running).rollout.outcome is Outcome.ROLLED_BACK
