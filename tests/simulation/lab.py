"""The stage of one world: the emulated cloud with what stood in it before, and the plain truth about it at any time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.lifecycle import Group
from providers.emulator.monitor import Endpoint, Profile
from providers.emulator.settings import Settings
from providers.emulator.world import World
from strategies import names
from strategies.model import Revision
from tests.simulation.agenda import Agenda
from tests.simulation.azure_ground import AzureGround
from tests.simulation.cluster_ground import ClusterGround
from tests.simulation.doors import GROUPS, PROFILES
from tests.simulation.grounds import Ground
from tests.simulation.scene import Scenario, Wanted

LATE_SECONDS = 8.0
"""The longest a call of a stalled process may be on its way: shorter than `steering.CALL_SECONDS`."""


class ViolationError(AssertionError):
    """A guarantee did not hold: its number, and what was seen."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule, self.message = rule, message


class Crash(BaseException):
    """A process died here; nothing may catch this but the simulation, as nothing catches SIGKILL."""


@dataclass(slots=True)
class Facts:
    """What happened that excuses a failure or widens a bound; nothing here is known to the code under test."""

    touched: set[str] = field(default_factory=set)
    """Profiles in which a person changed something of ours."""
    by_hand: set[str] = field(default_factory=set)
    """Group names deleted by a person, and names of hosts where nothing of ours ever ran."""
    stores_lost: int = 0
    jumped: float = 0.0
    """Seconds by which clocks were put forward or are apart."""
    settled: set[str] = field(default_factory=set)
    """Rollouts that a person settled."""
    sick: set[str] = field(default_factory=set)
    """Group names whose stable image was made sick."""
    ever_bad: set[str] = field(default_factory=set)
    """Digests of images that fail by themselves."""


class Lab:
    """Builds a scenario's cloud; hands out ports and truths."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed * 7919 + 1)
        self.clock = ManualClock()
        self.agenda = Agenda(self.clock)
        settings = Settings(propagation_seconds=scenario.propagation, delete_seconds=scenario.delete_seconds)
        settings.writes_per_five_minutes = settings.writes_per_hour = settings.group_quota = 10_000
        settings.core_quota = 10_000.0
        self.world = World(self.clock, random.Random(scenario.seed * 104729 + 3), settings)
        self.facts = Facts()
        self.hosts: dict[str, str] = {}
        self.digests: dict[tuple[str, str], str] = {}
        for wanted in scenario.services:
            self._images(wanted)
        self.grounds: dict[tuple[str, str], Ground] = {}
        for wanted in scenario.services:
            for target, place in wanted.places.items():
                kind = ClusterGround if place.cluster else AzureGround
                self.grounds[wanted.service.name, target] = kind(self, wanted, target)
        self.clock.advance(11 + scenario.lag)
        self.world.tick()
        self.agenda.started = self.clock.now()
        self.foreign = {ground.routing: ground.foreign() for ground in self.routings()}

    def _images(self, wanted: Wanted) -> None:
        behaviours = {"v1": Behaviour("v1"), **{r.tag: r.behaviour for r in wanted.releases}}
        for tag, behaviour in behaviours.items():
            image = self.world.register_image(wanted.service.name, tag, behaviour)
            self.digests[wanted.service.name, tag] = image.digest
            if behaviour != Behaviour(tag, start_seconds=behaviour.start_seconds):
                self.facts.ever_bad.add(image.digest)

    def revision(self, service: str, tag: str) -> Revision:
        """The revision that a tag of a service stands for."""
        return names.revision(self.digests[service, tag], "template", image=service, tag=tag)

    def ground(self, where: tuple[str, str]) -> Ground:
        """What a target of a service stands on."""
        return self.grounds[where]

    def routings(self) -> list[Ground]:
        """One ground for each profile and each set of routes."""
        return list({ground.routing: ground for ground in self.grounds.values()}.values())

    # The truth

    def remember(self, host: str) -> None:
        """Keep the name of the group behind a host, for when it is gone."""
        group = self.world.groups.by_name(host)
        if group is not None:
            self.hosts[host] = group.name

    def profile(self, name: str) -> Profile | None:
        """A profile as it stands."""
        return self.world.profiles.find(f"{PROFILES}/{name}".lower())

    def find_group(self, name: str) -> Group | None:
        """A group by its name, being deleted or not."""
        return self.world.groups.find(f"{GROUPS}/{name}".lower())

    def endpoint(self, profile: str, name: str) -> Endpoint | None:
        """An endpoint as it stands."""
        there = self.profile(profile)
        return next((e for e in there.endpoints if e.name.lower() == name.lower()), None) if there else None

    def strangers(self, profile: Profile) -> dict[str, dict[str, Any]]:
        """What is not ours in a profile: every such endpoint's properties by name."""
        adopted = {name for wanted in self.scenario.services for t in wanted.service.targets for name in t.adopt}
        adopted |= {f"{service}_{target}" for service, target in self.grounds}
        return {
            e.name: dict(e.properties)
            for e in profile.endpoints
            if names.parse_endpoint(e.name) is None and e.name not in adopted
        }
