"""One service in a folder, its registry as a dictionary, and a whole daemon over both, on a clock moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from orchestrator.daemon.daemon import Daemon
from orchestrator.daemon.directory import Directory
from orchestrator.daemon.heed import heed
from orchestrator.daemon.workers import InlineWorkers
from orchestrator.manifest.variables import Variables
from orchestrator.result import outcome_of
from providers.emulator.behaviour import Behaviour
from strategies.model import Rollout
from tests.unit.orchestrator.daemon.parts import Kept, Numbers, run
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE, Yard
from watchers.errors import RegistryError
from watchers.policies import Policy
from watchers.signals import Signal
from watchers.watch import Sight

HOST, REPOSITORY = "contoso.azurecr.io", "shop/web"
EVERY_SECONDS = 60.0
FOLLOW = "follow: {semver: '>=1', every: 60s}\n"


@dataclass
class House:
    """One service in a folder, its registry as a dictionary, and the daemon over both."""

    folder: Path
    yard: Yard = field(default_factory=Yard)
    tags: dict[str, str] = field(default_factory=dict)
    trouble: RegistryError | None = None

    def __post_init__(self) -> None:
        self.log, self.numbers = Kept(), Numbers()
        self.write(MANIFEST + FOLLOW)
        (self.folder / "t.yaml").write_text(TEMPLATE)
        self.start()

    def write(self, manifest: str) -> None:
        (self.folder / "shop.yaml").write_text(manifest)

    def start(self) -> None:
        """Start a daemon, as a new process would."""
        self.app = self.yard.app
        self.directory = Directory(self.folder, Variables(), self.yard.store, self.yard.clock)
        self.daemon = Daemon(
            self.app,
            self.directory,
            InlineWorkers(),
            self.log,
            self.numbers,
            registry_of=lambda host: cast(Any, host),
            look=self._look,
            heed=heed,
        )
        self.daemon.begin()
        self.daemon.turn()

    def _look(
        self,
        registry: object,
        repository: str,
        policy: Policy,
        before: Sight | None,
        *,
        hinted: bool = False,
        thorough: bool = False,
    ) -> Sight:
        if self.trouble is not None:
            raise self.trouble
        tag = policy.best(self.tags)
        return Sight(tag, self.tags.get(tag or ""))

    def push(self, tag: str, *, hook: bool = False, behaviour: Behaviour | None = None) -> str:
        image = self.yard.world.register_image(REPOSITORY, tag, behaviour or Behaviour(tag, start_seconds=2.0))
        self.tags[tag] = image.digest
        if hook:
            self.hook(tag)
        return image.digest

    def hook(self, tag: str) -> None:
        self.daemon.hear([Signal(HOST, REPOSITORY, tag, self.tags.get(tag), "acr")])

    def run(self, seconds: float) -> None:
        run(self.daemon.jobs, self.yard.clock, seconds)

    @property
    def history(self) -> list[Rollout]:
        return self.yard.store.history("shop")

    def ended(self) -> list[tuple[str | None, str]]:
        """Tag and outcome of every rollout, oldest first."""
        return [(each.revision.tag, outcome_of(each)) for each in reversed(self.history)]

    def creates(self) -> int:
        return sum(call.method == "PUT" and "containerGroups" in call.path for call in self.yard.world.calls.writes())
