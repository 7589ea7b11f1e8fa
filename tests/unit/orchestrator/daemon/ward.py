"""A registry that is a dictionary, watched on a clock moved by hand, and all that the watching of it leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from orchestrator.daemon.heed import Heeded
from orchestrator.daemon.watched import Watched
from orchestrator.daemon.watching import Watching
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Sighting
from tests.unit.orchestrator.daemon.parts import Clock, Kept, Numbers, jobs_on, run
from watchers.errors import RegistryError
from watchers.policies import Policy, policy_of
from watchers.signals import Signal
from watchers.watch import Sight

HOST, REPOSITORY = "contoso.azurecr.io", "shop/web"
EVERY_SECONDS = 60.0


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def watched(service: str = "shop", repository: str = REPOSITORY, every: float = 60.0, **follow: Any) -> Watched:
    policy = policy_of(follow or {"semver": ">=1"})
    return Watched(service, f"{service}.yaml", HOST, repository, policy, every)


@dataclass
class Ward:
    """A registry that is a dictionary, and all that the watching of it leads to."""

    clock: Clock = field(default_factory=Clock)
    store: MemoryStore = field(default_factory=MemoryStore)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    trouble: RegistryError | None = None
    looks: list[tuple[float, str, str]] = field(default_factory=list)
    heeds: list[tuple[float, str, str | None]] = field(default_factory=list)
    decides: Callable[[Watched, Sight, Sighting], Heeded] | None = None

    def __post_init__(self) -> None:
        self.log, self.numbers = Kept(), Numbers()
        self.start()

    def start(self) -> None:
        """Begin anew with what the store remembers, as a restarted daemon does."""
        self.jobs = jobs_on(self.clock, self.log)
        self.jobs.on("stir", "chore", lambda _name: None)  # type: ignore[arg-type]
        self.watching = Watching(
            self.jobs,
            self.store,
            self.clock,
            self.log,
            self.numbers,
            registry_of=lambda host: cast(Any, host),
            look=self._look,
            heed=self._heed,
            seed=7,
        )

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
        self.looks.append((self.clock.monotonic(), repository, "thorough" if thorough else "hinted" if hinted else ""))
        if self.trouble is not None:
            raise self.trouble
        tags = self.tags.get(repository, {})
        tag = policy.follows if policy.follows in tags else policy.best(tags)
        return Sight(tag, tags.get(tag)) if tag is not None else Sight(None, None)

    def _heed(self, watched: Watched, sight: Sight, before: Sighting | None) -> Heeded:
        self.heeds.append((self.clock.monotonic(), watched.service, sight.tag))
        rule = watched.policy.text if watched.policy else ""
        known = before or Sighting(watched.service, watched.image, rule)
        known = replace(known, rule=rule, tag=sight.tag, digest=sight.digest, problem="", problem_at=None)
        if self.decides is not None:
            heeded = self.decides(watched, sight, known)
        else:
            heeded = Heeded(replace(known, handled=sight.digest or "", outcome="begun"))
        self.store.keep_sighting(heeded.sighting)
        return heeded

    def run(self, seconds: float) -> None:
        run(self.jobs, self.clock, seconds)

    def push(self, tag: str, number: int, repository: str = REPOSITORY) -> Signal:
        self.tags.setdefault(repository, {})[tag] = digest(number)
        return Signal(HOST, repository, tag, digest(number), "acr")

    def times(self, repository: str = REPOSITORY) -> list[float]:
        return [at for at, where, _ in self.looks if where == repository]


def begun() -> Ward:
    """A ward whose registry holds one version."""
    made = Ward()
    made.push("1.0.0", 1)
    return made
