"""The stage of one world: the emulated cloud with what stood in it before, and the plain truth about it at any time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.lifecycle import Group
from providers.emulator.monitor import Endpoint, Profile
from providers.emulator.settings import Settings
from providers.emulator.world import World
from strategies import names
from strategies.model import Revision
from strategies.seen import Mark
from tests.simulation import doors
from tests.simulation.agenda import Agenda
from tests.simulation.doors import GROUPS, PROFILES
from tests.simulation.scenario import Place, Scenario, Wanted

_EXTERNAL = "Microsoft.Network/trafficManagerProfiles/externalEndpoints"
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
        for wanted in scenario.services:
            for target, place in wanted.places.items():
                self._place(wanted, target, place)
        self.clock.advance(11)
        self.world.tick()
        self.agenda.started = self.clock.now()
        self.foreign = {p.name: self.strangers(p) for p in self.world.profiles.all()}

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

    def _place(self, wanted: Wanted, target: str, place: Place) -> None:
        """Make a target's profile and whoever serves there before the first release."""
        endpoints: list[dict[str, Any]] = []
        name = wanted.service.name
        if place.stable == "marked":
            endpoints = self._marked(wanted, target)
        elif place.stable == "adopted":
            for number in range(place.replicas_before):
                host = self._group(f"{name}-{target}-blue-{number}", name, {})
                weights = (300, 200) if place.replicas_before == 2 else (500,)
                endpoints.append(_endpoint(f"{name}-{target}-hand{number}", host, weights[number], enabled=True))
        for stranger, weight, enabled in place.foreign:
            host = f"{stranger}.{place.profile}.example.com"
            self.world.profiles.monitor.foreign[host] = True
            endpoints.append(_endpoint(stranger, host, weight, enabled=enabled))
        old = self.world.profiles.find(f"{PROFILES}/{place.profile}".lower())
        if old is not None:
            endpoints = [_listed(e) for e in old.endpoints] + endpoints
        monitor = {"protocol": "HTTP", "port": 8080, "path": "/healthz", "intervalInSeconds": 10}
        monitor |= {"timeoutInSeconds": 5, "toleratedNumberOfFailures": 2}
        properties = {
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": place.profile, "ttl": place.ttl},
            "monitorConfig": monitor,
            "endpoints": endpoints,
        }
        body = {"location": "global", "tags": {"team": "a"}, "properties": properties}
        doors.write(self.world, "PUT", f"{PROFILES}/{place.profile}", body)

    def _marked(self, wanted: Wanted, target: str) -> list[dict[str, Any]]:
        """What an earlier release of ours left: marked groups and their endpoints."""
        service, place = wanted.service, wanted.places[target]
        revision, first = self.revision(service.name, "v1"), 0
        for other in service.targets:
            if other.name == target:
                break
            first += wanted.places[other.name].replicas_before
        total = service.target(target).weight or 1000
        count = place.replicas_before
        endpoints = []
        for position in range(count):
            slot = first + position
            told = {"rollout": "r1", "digest": revision.digest, "template": "template", "image": service.image}
            mark = Mark(service.name, target, revision.id, 1, slot, tag="v1", **told)
            name = names.group_name(service.name, revision.short, 1, first + position)
            host = self._group(name, service.name, doors.tags(mark))
            weight = total // count + (position < total % count)
            endpoints.append(_endpoint(names.endpoint_name(mark), host, weight, enabled=True))
        return endpoints

    def _group(self, name: str, service: str, tags: dict[str, str]) -> str:
        image = f"registry.example.com/{service}@{self.digests[service, 'v1']}"
        doors.write(self.world, "PUT", f"{GROUPS}/{name}", {**doors.template(image, name), "tags": tags})
        return self.group(name).fqdn or ""

    def hands(self, wanted: Wanted, target: str) -> tuple[InProcessWorkloads, InProcessTraffic, InProcessProbes]:
        """The plain ports of one target, without faults."""
        return (
            doors.workloads(self.world, wanted.service, target),
            doors.traffic(self.world, wanted.service, target, wanted.places[target].profile),
            doors.probes(self.world, self.rng),
        )

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

    def group(self, name: str) -> Group:
        """A group that must be there."""
        found = self.find_group(name)
        assert found is not None, name
        return found

    def endpoint(self, profile: str, name: str) -> Endpoint | None:
        """An endpoint as it stands."""
        there = self.profile(profile)
        return next((e for e in there.endpoints if e.name.lower() == name.lower()), None) if there else None

    def strangers(self, profile: Profile) -> dict[str, dict[str, Any]]:
        """What is not ours in a profile: every such endpoint's properties by name."""
        adopted = {name for wanted in self.scenario.services for t in wanted.service.targets for name in t.adopt}
        return {
            e.name: dict(e.properties)
            for e in profile.endpoints
            if names.parse_endpoint(e.name) is None and e.name not in adopted
        }

    def well(self, host: str) -> bool:
        """Whether a host would answer now if it does not roll dice."""
        group = self.world.groups.by_name(host)
        if group is None:
            return not self.world.groups.zone_of(host)
        run = group.runs[0] if group.runs else None
        if run is None or run.since is None:
            return False
        age = (self.clock.now() - run.since).total_seconds()
        return not (run.behaviour.error_rate and age >= run.behaviour.errors_after_seconds)


def _endpoint(name: str, host: str, weight: int, *, enabled: bool) -> dict[str, Any]:
    status = "Enabled" if enabled else "Disabled"
    properties = {"target": host, "weight": weight, "endpointStatus": status, "priority": 500 + len(host)}
    return {"name": name, "type": _EXTERNAL, "properties": properties}


def _listed(endpoint: Endpoint) -> dict[str, Any]:
    return {"name": endpoint.name, "type": _EXTERNAL, "properties": dict(endpoint.properties)}
