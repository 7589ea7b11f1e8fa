"""What goes wrong in the world at large: incidents, sick sides, hands in the portal, lost stores and leases."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.store.ports import Store
from orchestrator.store.records import LeaseRecord
from providers.emulator.behaviour import Behaviour
from providers.emulator.monitor import Profile
from strategies.names import parse_endpoint
from tests.simulation.accidents_cluster import ClusterAccidents
from tests.simulation.accidents_metrics import MetricAccidents
from tests.simulation.doors import GROUPS, PROFILES
from tests.simulation.grounds import Ground, Standing
from tests.simulation.scene import HEALED_SECONDS, Accident

if TYPE_CHECKING:
    from tests.simulation.run import Simulation


class Accidents(ClusterAccidents, MetricAccidents):
    """Arms a scenario's accidents; each kind is a method that takes its size from 0 to 1."""

    def __init__(self, world: Simulation) -> None:
        self.world, self.lab = world, world.lab
        self.rng = random.Random(world.lab.scenario.seed * 41 + 5)
        for accident in world.lab.scenario.accidents:
            world.lab.agenda.at(accident.at, partial(self.happen, accident))

    def happen(self, accident: Accident) -> None:
        """Let one accident happen."""
        act: Callable[[float], None] = getattr(self, accident.kind)
        act(accident.size)

    def _end(self, seconds: float, heal: Callable[[], None]) -> None:
        latest = HEALED_SECONDS - self.lab.agenda.seconds
        self.lab.agenda.after(max(min(seconds, latest), 0.1), heal)

    def _break(self, only: Callable[[Standing], bool], rate: float, seconds: float, *, shared: bool = False) -> None:
        """Let what runs now fail, and later be as it was; `shared`: because of something that all of it needs."""
        running = {id(run): run for ground in self.lab.grounds.values() for run in ground.running(only)}
        broken = [(run, run.behaviour) for run in running.values()]
        for run, behaviour in broken:
            run.behaviour = Behaviour(behaviour.version, error_rate=rate)
        together = {id(run) for run, _ in broken} if shared else set()
        self.world.telemetry.shared |= together

        def heal() -> None:
            for run, behaviour in broken:
                run.behaviour = behaviour
            self.world.telemetry.shared -= together

        self._end(seconds, heal)

    def incident(self, size: float) -> None:
        """Both sides fail together."""
        self._break(lambda _: True, 0.3 + 0.7 * size, 10 + 40 * size, shared=True)

    def stable_sick(self, size: float) -> None:
        """What serves from before fails, or vanishes for a while."""
        self._break(lambda found: "-1-" in found.name or "-blue-" in found.name, 1.0, 20 + 100 * size)

    def blind(self, size: float) -> None:
        """The control plane does not answer."""
        self._flag("blind", 5 + 60 * size)

    def denied(self, size: float) -> None:
        """Nobody lets us write profiles."""
        self._flag("denied", 5 + 80 * size)

    def denied_groups(self, size: float) -> None:
        """Nobody lets us make groups."""
        self._flag("denied_groups", 5 + 30 * size)

    def locked(self, size: float) -> None:
        """A lock forbids deletions."""
        self._flag("locked", 20 + 100 * size)

    def profile_gone(self, size: float) -> None:
        """Somebody deletes a profile, and makes it again as it was."""
        profile = self._some_profile()
        if profile is None:
            return
        shown = self.lab.world.profiles.json(profile)
        self.lab.facts.touched |= {profile.name, *(ground.routing for ground in self._behind(profile.name))}
        path = f"{PROFILES}/{profile.name}"
        for wanted in self.lab.scenario.services:
            profiles = {place.profile for place in wanted.places.values()}
            self.lab.facts.touched |= profiles if profile.name in profiles else set()
        # Whoever makes it again as it was takes the blame for groups that went meanwhile.
        self.lab.facts.by_hand |= {self.lab.hosts.get(e.target.lower(), e.target) for e in profile.endpoints}
        self.world.by_hand("DELETE", path, None)
        self._note(profile.name)
        body = {key: shown[key] for key in ("location", "tags", "properties")}

        def again() -> None:
            self.world.by_hand("PUT", path, body)
            self._note(profile.name)

        self._end(5 + 60 * size, again)

    def _flag(self, name: str, seconds: float) -> None:
        setattr(self.world, name, True)
        self._end(seconds, lambda: setattr(self.world, name, False))

    def clock_jump(self, size: float) -> None:
        """A host's clock is set: far back where it is the only one, else by less than the margin is good for."""
        jump = 3.0 * size if size > 0.4 else -100.0 * size
        if self.lab.scenario.hosts > 1:
            jump = max(jump, -3.0)
        host = self.rng.randrange(self.lab.scenario.hosts)
        self.world.skews[host] = self.world.skews.get(host, 0.0) + jump
        for process in self.world.processes:
            if process.host == host:
                process.clock.skew = self.world.skews[host]
        self.lab.facts.jumped += max(jump, 0.0) if self.lab.scenario.hosts == 1 else abs(jump)

    def slow_provisioning(self, size: float) -> None:
        """New groups take longer."""
        self.lab.world.faults.add_provisioning(".", "ok", 5 + 30 * size, times=2)

    def failed_provisioning(self, size: float) -> None:
        """A new group fails."""
        self.lab.world.faults.add_provisioning(".", "failed", 5 * size, times=1)

    def no_capacity(self, size: float) -> None:
        """The region has no room, now or after a while."""
        self.lab.world.faults.add_provisioning(".", "refused" if size < 0.5 else "capacity", 3.0, times=1)

    def hidden_after_create(self, size: float) -> None:
        """A new group answers 404 for a while."""
        settings = self.lab.world.settings
        settings.not_found_after_create_seconds = 2 + 20 * size
        self._end(80.0, lambda: setattr(settings, "not_found_after_create_seconds", 0.0))

    def stale_profile(self, size: float) -> None:
        """The first reads after a profile's next write show it as it was before."""
        # Two services on one profile: what two reads in a row show is believed, so only one may be old.
        self.world.stale = 1 if len(self.lab.scenario.services) == 2 else 1 + int(3 * size)
        self._end(60.0, lambda: setattr(self.world, "stale", 0))

    def portal_weight(self, size: float) -> None:
        """Somebody changes one of our weights by hand."""
        self._portal(lambda properties: {**properties, "weight": 1 + int(size * 99)})

    def portal_disable(self, size: float) -> None:
        """Somebody switches one of our endpoints off by hand."""
        self._portal(lambda properties: {**properties, "endpointStatus": "Disabled"}, spare=True)

    def _portal(self, change: Callable[[dict[str, object]], dict[str, object]], *, spare: bool = False) -> None:
        profile = self._some_profile()
        if profile is None:
            return
        mine = [e for e in profile.endpoints if parse_endpoint(e.name) and e.enabled]
        if len(mine) < 1 + spare:
            return
        chosen = self.rng.choice(mine)
        self.lab.facts.touched.add(profile.name)
        path = f"{PROFILES}/{profile.name}/ExternalEndpoints/{chosen.name}"
        self.world.by_hand("PATCH", path, {"properties": change(dict(chosen.properties))})
        self._note(profile.name)

    def _some_profile(self) -> Profile | None:
        there = self.lab.world.profiles.all()
        return self.rng.choice(there) if there else None

    def portal_foreign(self, size: float) -> None:
        """The owner of a foreign endpoint changes its weight, or adds another."""
        profile = self._some_profile()
        if profile is None:
            return
        strangers = list(self.lab.strangers(profile))
        name = self.rng.choice(strangers) if strangers and size < 0.6 else f"new{int(size * 1000)}"
        host = f"{name}.{profile.name}.example.com"
        properties = {"target": host, "weight": 1 + int(size * 200), "priority": 700}
        self.world.by_hand("PUT", f"{PROFILES}/{profile.name}/ExternalEndpoints/{name}", {"properties": properties})
        for ground in self._behind(profile.name):
            self.lab.foreign[ground.routing] = ground.foreign()
        self._note(profile.name)

    def _behind(self, profile: str) -> list[Ground]:
        """What stands behind a profile: as its routing, or with it as the name in front."""
        return [ground for ground in self.lab.routings() if profile in (ground.routing, ground.place.profile)]

    def _note(self, profile: str) -> None:
        for ground in self._behind(profile):
            self.world.judge.exposure.note(ground)

    def hand_deletes_group(self, size: float) -> None:
        """Somebody deletes a candidate's group by hand."""
        mine = [g for g in self.lab.world.groups.all() if g.name in self.world.judge.made and not g.deleting]
        if mine:
            group = self.rng.choice(mine)
            self.lab.facts.by_hand |= {group.name, (group.fqdn or "").lower()}
            self.world.by_hand("DELETE", f"{GROUPS}/{group.name}", None)

    def lose_store(self, size: float) -> None:
        """The store is deleted while every process dies."""
        self.world.lose_store(1.0 + 10 * size)

    def lose_lease(self, size: float) -> None:
        """Another process takes a service's lease although it is held."""
        service = self.rng.choice(self.lab.scenario.services).service.name
        store = self.world.store
        record = store.lease_of(service)
        if record is not None and record.owner is not None:
            thief = replace(record.owner, host="elsewhere", pid=9999)
            taken = store.lease_take(service, thief, self.lab.clock.now(), seen=record)
            if taken is not None:
                self.lab.agenda.after(1 + 10 * size, partial(_release, store, taken))


def _release(store: Store, taken: LeaseRecord) -> None:
    store.lease_release(taken)
