"""Container Instances behind a Traffic Manager profile: what stood there before, and the truth about it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.emulator.lifecycle import Group
from providers.emulator.monitor import Endpoint, Profile
from strategies import names
from strategies.model import Slot
from tests.simulation import doors
from tests.simulation.doors import GROUPS
from tests.simulation.grounds import Ground, Running, Standing, View

if TYPE_CHECKING:
    from tests.simulation.lab import Lab
    from tests.simulation.processes import Process
    from tests.simulation.scene import Wanted


class AzureGround(Ground):
    """One target of container groups; its routing is a profile."""

    def __init__(self, lab: Lab, wanted: Wanted, target: str) -> None:
        super().__init__(lab, wanted, target)
        self.routing = self.place.profile
        self._stand()

    def hands(
        self, rng: random.Random, process: Process | None = None
    ) -> tuple[InProcessWorkloads, InProcessTraffic, InProcessProbes]:
        """The plain ports."""
        del process
        world, service = self.lab.world, self.wanted.service
        return (
            doors.workloads(world, service, self.name),
            doors.traffic(world, service, self.name, self.place.profile),
            doors.probes(world, rng),
        )

    # What stood there before

    def _stand(self) -> None:
        """Make the target's profile and whoever serves there before the first release."""
        endpoints: list[dict[str, Any]] = []
        name, place = self.wanted.service.name, self.place
        if place.stable == "marked":
            endpoints = self._marked()
        elif place.stable == "adopted":
            for number in range(place.replicas_before):
                host = self._group(f"{name}-{self.name}-blue-{number}", {})
                weights = (300, 200) if place.replicas_before == 2 else (500,)
                endpoints.append(
                    doors.endpoint(f"{name}-{self.name}-hand{number}", host, weights[number], enabled=True)
                )
        for stranger, weight, enabled in place.foreign:
            host = f"{stranger}.{place.profile}.example.com"
            self.lab.world.profiles.monitor.foreign[host] = True
            endpoints.append(doors.endpoint(stranger, host, weight, enabled=enabled))
        old = self.lab.profile(place.profile)
        if old is not None:
            endpoints = [_listed(e) for e in old.endpoints] + endpoints
        doors.make_profile(self.lab.world, place.profile, place.ttl, endpoints)

    def _marked(self) -> list[dict[str, Any]]:
        """What an earlier release of ours left: marked groups and their endpoints."""
        service, place = self.wanted.service, self.place
        total = service.target(self.name).weight or 1000
        count = place.replicas_before
        endpoints = []
        for position, mark in enumerate(self.marks_before()):
            host = self._group(names.group_name(service.name, mark.revision[:8], 1, mark.slot), doors.tags(mark))
            weight = total // count + (position < total % count)
            endpoints.append(doors.endpoint(names.endpoint_name(mark), host, weight, enabled=True))
        return endpoints

    def _group(self, name: str, tags: dict[str, str]) -> str:
        service = self.wanted.service.name
        image = f"registry.example.com/{service}@{self.lab.digests[service, 'v1']}"
        doors.write(self.lab.world, "PUT", f"{GROUPS}/{name}", {**doors.template(image, name), "tags": tags})
        found = self.lab.find_group(name)
        assert found is not None, name
        return found.fqdn or ""

    # The truth

    @property
    def profile(self) -> Profile | None:
        """The profile as it stands."""
        return self.lab.profile(self.routing)

    def standing(self, name: str) -> Standing | None:
        """A group by its name."""
        found = self.lab.find_group(name)
        return None if found is None else self._standing(found)

    def workloads(self) -> list[Standing]:
        """All groups that bear a mark of ours."""
        found = (self._standing(group) for group in self.lab.world.groups.all())
        return [standing for standing in found if standing.service is not None]

    def _standing(self, group: Group) -> Standing:
        tags, since = group.body.get("tags", {}), group.runs[0].since if group.runs else None
        return Standing(
            group.name,
            (group.fqdn or "").lower(),
            group.deleting,
            group.provisioning == "Succeeded",
            (since - self.lab.agenda.started).total_seconds() if since else None,
            tags.get("rollout-service"),
            "rollout-keep-until" in tags,
        )

    def view(self) -> View | None:
        """The profile as it stands."""
        profile = self.profile
        if profile is None:
            return None
        weights = {e.name.lower(): e.properties["weight"] if e.enabled else 0 for e in profile.endpoints}
        hosts = frozenset(e.target.lower() for e in profile.endpoints if e.enabled)
        return View(hosts, (weights,), int(profile.properties["dnsConfig"]["ttl"]))

    def key(self, slot: Slot) -> str:
        """An endpoint's name in lower case."""
        return slot.endpoint.lower()

    def mentions(self, host: str) -> bool:
        """Whether any endpoint leads to this host."""
        profile = self.profile
        return profile is not None and any(e.target.lower() == host for e in profile.endpoints)

    def well(self, host: str) -> bool:
        """Whether a host would answer now if it does not roll dice."""
        group = self.lab.world.groups.by_name(host)
        if group is None:
            return not self.lab.world.groups.zone_of(host)
        run = group.runs[0] if group.runs else None
        if run is None or run.since is None:
            return False
        age = (self.lab.clock.now() - run.since).total_seconds()
        return not (run.behaviour.error_rate and age >= run.behaviour.errors_after_seconds)

    def host(self, slot: Slot) -> str:
        """The host name behind a slot."""
        return (slot.address or "").lower()

    def counted_as(self, slot: Slot) -> str:
        """A group's name; that of an adopted one is found by its address."""
        if slot.name:
            return slot.name
        group = self.lab.world.groups.by_name(slot.address or "")
        return group.name if group else ""

    def foreign(self) -> Any:
        """Every endpoint that is not ours, and the profile's other tags."""
        profile = self.profile
        return None if profile is None else (self.lab.strangers(profile), profile.tags.get("team"))

    def marks(self) -> str:
        """The profile's mark."""
        profile = self.profile
        return profile.tags.get("rollout-active", "") if profile else ""

    def running(self, only: Callable[[Standing], bool]) -> list[Running]:
        """What runs in the groups that are meant."""
        groups = [group for group in self.lab.world.groups.all() if only(self._standing(group))]
        return [run for group in groups for run in group.runs]

    def unrestored(self) -> str:
        """The TTL is restored in every terminal phase, by the last service to finish."""
        profile = self.profile
        ttl = profile.properties["dnsConfig"]["ttl"] if profile else self.place.ttl
        if self.marks() or ttl == self.place.ttl:
            return ""
        return f"the TTL of {self.routing} is {ttl}, not {self.place.ttl}"


def _listed(endpoint: Endpoint) -> dict[str, Any]:
    return {"name": endpoint.name, "type": doors.EXTERNAL, "properties": dict(endpoint.properties)}
