"""S1 to S8 at the moment of an act: who may write, what is created and deleted, how a profile looks afterwards.

The judge sees the world itself and every save, never the reasoning of the code under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strategies.model import TrafficIntent
from strategies.phases import Phase
from tests.simulation.lab import ViolationError
from tests.simulation.shares import Exposure, enabled

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.run import Simulation


class Acts:
    """What the judge remembers, and its checks of single acts."""

    def __init__(self, world: Simulation) -> None:
        self.world, self.lab = world, world.lab
        self.facts = world.lab.facts
        self.exposure = Exposure(world.lab)
        self.clean: dict[str, list[float]] = {}
        self.failed: dict[str, int] = {}
        self.made: set[str] = set()
        self.waited: dict[str, float] = {}
        self.taken_back: set[tuple[str, str]] = set()
        self.served: set[str] = set()
        self.spare: set[str] = set()
        self.edges: set[tuple[Phase, Phase]] = set()
        self.collecting = False
        self._before: tuple[set[str], bool, int] = (set(), True, 0)

    def fail(self, rule: str, message: str) -> None:
        """Report a broken guarantee."""
        raise ViolationError(rule, f"{message} (second {self.lab.agenda.seconds:.1f})")

    def may_write(self, process: Process, service: str) -> None:
        """S6: nobody acts without the service's lease."""
        if self.collecting:
            return
        record = self.world.store.lease_of(service)
        holds = record is not None and record.owner == process.owner and record.fence == process.fences.get(service)
        if not holds:
            self.fail("S6", f"{process.owner.host}/{process.owner.pid} acts on {service} without its lease")
        if process.leases[service].rest() <= 0:
            self.fail("S6", f"{process.owner.host}/{process.owner.pid} acts on {service} after its lease ran out")

    def creating(self, name: str) -> None:
        """S7: every create happens at most once per rollout and slot; a name that is there is never put again."""
        if self.lab.find_group(name) is not None:
            self.fail("S7", f"{name} is created although it is there")
        if name in self.made and name not in self.facts.by_hand:
            self.fail("S7", f"{name} is created a second time")

    def created(self, name: str) -> None:
        """Remember what was made."""
        self.made.add(name)

    def retiring(self, where: tuple[str, str], name: str, *, keep: bool) -> None:
        """S3, S4 and S8 at the moment at which a deletion is sent."""
        group = self.lab.find_group(name)
        if group is None or group.deleting:
            return
        # S8: only what carries our mark is deleted.
        if group.body.get("tags", {}).get("rollout-service") != where[0]:
            self.fail("S8", f"{name} is deleted, which does not bear the mark of {where[0]}")
        host = (group.fqdn or "").lower()
        # S4: the endpoint leaves the profile before the group is deleted.
        for profile in self.lab.world.profiles.all():
            if any(e.target.lower() == host for e in profile.endpoints):
                self.fail("S4", f"{name} is deleted or retained while it still stands in profile {profile.name}")
        if keep:
            return
        # S3: nothing is deleted before the last answer that names it has expired, plus propagation and margin.
        target = self.world.wanted(where[0]).service.target(where[1])
        expiry = self.exposure.expiry.get(host)
        if expiry is not None and name not in self.facts.by_hand:
            margin = target.drain.margin_seconds or 10.0
            earliest = expiry + target.drain.propagation_seconds + margin - self.facts.jumped
            if self.lab.agenda.seconds < earliest - 0.01:
                early = earliest - self.lab.agenda.seconds
                self.fail("S3", f"{name} is deleted {early:.1f} s before its last possible client has gone")

    def shifting(self, where: tuple[str, str]) -> None:
        """Remember how a profile stood before a write."""
        name = self.world.profile_of(where)
        profile = self.lab.profile(name)
        hosts = enabled(profile) if profile else set()
        ttl = int(profile.properties["dnsConfig"]["ttl"]) if profile else 0
        self._before = hosts, any(self.lab.well(host) for host in hosts), ttl

    def shifted(self, where: tuple[str, str], intent: TrafficIntent) -> None:
        """S2 and S8 after a write to a profile."""
        name = self.world.profile_of(where)
        profile = self.lab.profile(name)
        self.exposure.note(name)
        if profile is None:
            return
        # S8: foreign endpoints survive byte for byte.
        if self.lab.strangers(profile) != self.lab.foreign[name]:
            self.fail("S8", f"a foreign endpoint of {name} was changed: {self.lab.strangers(profile)}")
        if profile.tags.get("team") != "a":
            self.fail("S8", f"a foreign tag of {name} was changed: {profile.tags}")
        before, well, ttl = self._before
        # The TTL is raised again only when no rollout of ours needs it low any more.
        if before and profile.properties["dnsConfig"]["ttl"] > ttl and "rollout-active" in profile.tags:
            self.fail("S3", f"the TTL of {name} is raised while {profile.tags['rollout-active']} is under way")
        hosts = enabled(profile)
        first = not any(m.weight for m in intent.members) and intent.absent
        # S2: at least one enabled endpoint always serves.
        if before and not hosts and not (first and self._never_stable(where)):
            self.fail("S2", f"a split with every weight zero was written to {name}")
        rollout = self.world.store.active(where[0])
        settled = rollout is not None and rollout.id in self.facts.settled
        if (
            well
            and hosts
            and not settled
            and not any(self.lab.well(host) for host in hosts)
            and self._known_bad(profile, hosts)
        ):
            self.fail("S2", f"{name} was left with endpoints of which none serves: {sorted(hosts)}")

    def _never_stable(self, where: tuple[str, str]) -> bool:
        rollout = self.world.store.active(where[0])
        return rollout is not None and not rollout.target(where[1]).stable

    def _known_bad(self, profile: Any, hosts: set[str]) -> bool:
        ours = [e for e in profile.endpoints if e.target.lower() in hosts]
        limit = 3
        return bool(ours) and all(self.failed.get(e.name, 0) >= limit for e in ours)
