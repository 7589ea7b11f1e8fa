"""One world from its seed to its end, and a report of what came of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from orchestrator.store.errors import EndedRollout
from orchestrator.store.memory import MemoryStore
from orchestrator.store.ports import Store
from orchestrator.store.records import Owner
from providers.emulator.arm import Arm
from strategies import commands, phases, steps
from strategies.model import CommandKind, Rollout
from strategies.phases import Phase
from tests.simulation.accidents import Accidents
from tests.simulation.accidents_cluster import WORST, neighbour
from tests.simulation.clients import Crowd
from tests.simulation.cluster_ground import ClusterGround
from tests.simulation.judge import WATCH_SECONDS, Judge
from tests.simulation.lab import Lab, ViolationError
from tests.simulation.people import Person, Watcher
from tests.simulation.processes import Process
from tests.simulation.scenario import scenario
from tests.simulation.scene import HEALED_SECONDS, Wanted
from tests.simulation.telemetry import Telemetry

LONGEST_SECONDS = 1500.0
"""When a world must have come to its end: the healing, and twice a rollout's deadlines."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one world; `violation` is None when every guarantee held."""

    seed: int
    violation: str | None
    rule: str | None
    ticks: int
    requests: int
    rollouts: int
    outcomes: tuple[str, ...]
    edges: frozenset[tuple[Phase, Phase]]
    journal: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The one line that reproduces it."""
        return f"python -m tests.simulation --seed {self.seed}"


class Simulation:
    """All actors of one world around its lab."""

    def __init__(self, seed: int, store: Store) -> None:
        self.lab, self.store = Lab(scenario(seed)), store
        self.blind = self.stalling = self.over = False
        self.locked = self.denied = self.denied_groups = False
        self.forbidden: tuple[str, ...] | None = None
        self.transitions: list[tuple[str, Phase, Phase]] = []
        self.living: set[Owner] = set()
        self.processes: list[Process] = []
        self.stale = 0
        self.skews: dict[int, float] = {}
        self.past: tuple[str, ...] = ()
        self.ticks = self._started = 0
        self._wanted = {w.service.name: w for w in self.lab.scenario.services}
        self.telemetry = Telemetry(self.lab)
        self.trials: dict[str, float] = {}
        """When each check was begun (seconds of the world), by its errand's key."""
        self.judge = Judge(self)
        self.crowd = Crowd(self)
        self.watchers = [Watcher(self, wanted) for wanted in self.lab.scenario.services]
        self.people = [Person(self, wanted) for wanted in self.lab.scenario.services]
        Accidents(self)
        for host in range(self.lab.scenario.hosts):
            self.start_process(host, 0.2 + host)

    @property
    def healed(self) -> bool:
        """Whether everything that goes wrong by chance is over."""
        return self.lab.agenda.seconds >= HEALED_SECONDS

    def wanted(self, service: str) -> Wanted:
        """A service as the scenario has it."""
        return self._wanted[service]

    def skew_of(self, host: int) -> float:
        """How far a host's clock is off."""
        return self.skews.get(host, 0.0)

    def may_live(self, owner: Owner) -> bool:
        """Whether a lease's owner may still run, as one on its host can tell."""
        return owner in self.living or owner.host == "elsewhere"

    def start_process(self, host: int, after: float) -> None:
        """Start a process on a host a little later."""

        def begin() -> None:
            if self.over:
                return
            self._started += 1
            process = Process(self, host, self._started)
            self.processes = [p for p in self.processes if p.alive] + [process]
            self.living.add(process.owner)
            process.run()

        self.lab.agenda.after(after, begin)

    def lose_store(self, after: float) -> None:
        """Kill every process, delete the store, and begin again."""
        self.lab.facts.stores_lost += 1
        for process in self.processes:
            if process.alive:
                process.die()
                self.start_process(process.host, after)
        self.past += _journal(self)
        self.store = MemoryStore()
        self.judge.forget()
        for watcher in self.watchers:
            watcher.lost = True

    def order(self, rollout: Rollout, kind: CommandKind, argument: str = "") -> None:
        """Record a command, unless the rollout has just ended."""
        try:
            self.store.command(rollout.id, kind, "a person", at=self.lab.clock.now(), argument=argument)
        except EndedRollout:
            return

    def grow_stale(self, where: tuple[str, str]) -> None:
        """Let the next reads of a profile that was just written show it as it was before."""
        profile = self.lab.profile(self._wanted[where[0]].places[where[1]].profile)
        if self.stale and not self.healed and profile is not None:
            self.lab.world.faults.stale_reads(profile.key, self.stale)

    def neighbour(self, ground: ClusterGround) -> None:
        """Somebody writes other fields of a route just before we do."""
        neighbour(self, ground, self.lab.rng, WORST)
        self.judge.exposure.note(ground)

    def by_hand(self, method: str, path: str, body: Any) -> None:
        """One call in the portal, whatever comes of it."""
        version = "2022-04-01" if "Microsoft.Network" in path else "2023-05-01"
        Arm(self.lab.world).call(method, path, body, version)

    def listed(self) -> set[str]:
        """The names of groups that serve or are left over on purpose, as the newest rollouts have them."""
        names: set[str] = set()
        for wanted in self.lab.scenario.services:
            for rollout in self.store.history(wanted.service.name, limit=20):
                for state in rollout.targets:
                    promoted = state.phase is Phase.PROMOTED
                    names |= {s.name for s in (*state.candidate, *state.stable) if s.leftover or s.kept_until}
                    names |= {s.name for s in (state.candidate if promoted else state.stable)}
            for target in wanted.service.targets:
                ground = self.lab.ground((wanted.service.name, target.name))
                names |= {found.name for found in ground.workloads() if ground.mentions(found.host)}
        return names

    def run(self) -> None:
        """Let the world run until everything has ended, or for as long as it may take."""
        self._watch()
        self.lab.agenda.run_until(LONGEST_SECONDS, lambda: self.over)
        self.over = True
        self.judge.finished()

    def _watch(self) -> None:
        self.judge.passed()
        idle = all(w.idle for w in self.watchers) and not self.store.active_ids()
        if idle and not self.store.retained_due(self.lab.clock.now().replace(year=2999)):
            self.over = True
            return
        self.lab.agenda.after(WATCH_SECONDS, self._watch)


@contextmanager
def noted(simulation: Simulation) -> Iterator[None]:
    """Note every change of phase as the table's own check sees it."""
    real = phases.check

    def check(target: str, before: Phase, after: Phase) -> Phase:
        simulation.transitions.append((target, before, after))
        return real(target, before, after)

    with mock.patch.object(steps, "check", check), mock.patch.object(commands, "check", check):
        yield


def run(seed: int, keep_journal: bool = False) -> Report:
    """Run the world of a seed; the same report every time."""
    if not scenario(seed).sqlite:
        return _run(seed, MemoryStore(through_json=seed % 7 == 3), keep_journal)
    from orchestrator.store.opening import open_store

    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'world.db'}")
        try:
            return _run(seed, store, keep_journal)
        finally:
            store.close()


def _run(seed: int, store: Store, keep_journal: bool) -> Report:
    simulation = Simulation(seed, store)
    violation = rule = None
    with noted(simulation):
        try:
            simulation.run()
        except ViolationError as error:
            violation, rule = str(error), error.rule
        except Exception as error:  # noqa: BLE001 - any error of the code under test is a finding, told with its seed
            import traceback

            last = traceback.extract_tb(error.__traceback__)[-1]
            violation = f"ERROR: {type(error).__name__}: {error} ({last.filename}:{last.lineno})"
            rule = "ERROR"
    journal = (*simulation.past, *_journal(simulation)) if violation or keep_journal else ()
    history = simulation.store.history(limit=50)
    return Report(
        seed,
        violation,
        rule,
        simulation.ticks,
        simulation.crowd.requests,
        len(history),
        tuple(r.outcome.value for r in history),
        frozenset(simulation.judge.edges),
        journal,
    )


def _journal(simulation: Simulation) -> tuple[str, ...]:
    lines = []
    for wanted in simulation.lab.scenario.services:
        for entry in simulation.store.events(wanted.service.name):
            event = entry.event
            data = " ".join(f"{key}={value}" for key, value in event.data)
            seconds = (event.at - simulation.lab.agenda.started).total_seconds()
            lines.append((seconds, f"{seconds:8.1f} {entry.rollout} {event.target or '-'} {event.kind} {data}"))
    return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))
