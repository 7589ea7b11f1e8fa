"""S1 to S8 at the moment of an act: who may write, what is created and deleted, how a profile looks afterwards.

The judge sees the world itself and every save, never the reasoning of the code under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from strategies.model import TrafficIntent
from strategies.phases import Phase
from strategies.seen import CheckState
from tests.simulation.grounds import Ground, View
from tests.simulation.judge_cluster import ClusterWrites, Writing
from tests.simulation.lab import ViolationError
from tests.simulation.shares import Exposure
from tests.simulation.told import Told

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.run import Simulation

_FAILURES = 3
"""So many failed probes in a row, and everybody knows that an endpoint is bad."""


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
        self.drained: dict[tuple[str, str], float] = {}
        self.clusters: dict[str, ClusterWrites] = {}
        self.evidence: dict[tuple[str, str], str] = {}
        self.heard: dict[tuple[str, str, str], Told] = {}
        self.checks: dict[tuple[str, str], CheckState] = {}
        for ground in world.lab.grounds.values():
            ground.listen(self.clusters, self)

    def fail(self, rule: str, message: str) -> NoReturn:
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

    def creating(self, where: tuple[str, str], name: str) -> None:
        """S7: every create happens at most once per rollout and slot; a name that is there is never put again."""
        if self.lab.ground(where).standing(name) is not None:
            self.fail("S7", f"{name} is created although it is there")
        if name in self.made and name not in self.facts.by_hand:
            self.fail("S7", f"{name} is created a second time")

    def created(self, name: str) -> None:
        """Remember what was made."""
        self.made.add(name)

    def retiring(self, where: tuple[str, str], name: str, *, keep: bool) -> None:
        """S3, S4 and S8 at the moment at which a deletion is sent."""
        found = self.lab.ground(where).standing(name)
        if found is None or found.deleting:
            return
        # S8: only what carries our mark is deleted.
        if found.service != where[0]:
            self.fail("S8", f"{name} is deleted, which does not bear the mark of {where[0]}")
        # S4: the endpoint or backend leaves the routing, in whatever way it stands there, before the group is deleted.
        for ground in self.lab.grounds.values():
            if ground.mentions(found.host):
                self.fail("S4", f"{name} is deleted or retained while it still stands in {ground.routing}")
        if keep:
            return
        carried = self.lab.ground(where).carried()
        if carried is not None and found.host in carried.served and name not in self.facts.by_hand:
            self.fail("S3", f"{name} is deleted while the gateways still lead requests there")
        # S3: nothing is deleted before the last answer that names it has expired, plus propagation and margin.
        target = self.world.wanted(where[0]).service.target(where[1])
        expiry = self.exposure.expiry.get(found.host)
        if expiry is not None and name not in self.facts.by_hand:
            margin = target.drain.margin_seconds or 10.0
            earliest = expiry + target.drain.propagation_seconds + margin - self.facts.jumped
            if self.lab.agenda.seconds < earliest - 0.01:
                early = earliest - self.lab.agenda.seconds
                self.fail("S3", f"{name} is deleted {early:.1f} s before its last possible client has gone")

    def shifting(self, where: tuple[str, str]) -> Writing:
        """Remember how a routing stood before a write."""
        ground = self.lab.ground(where)
        view = ground.view()
        served = view.served if view else frozenset()
        return Writing(where, served, any(ground.well(host) for host in served), view.ttl if view else 0)

    def shifted(self, act: Writing, intent: TrafficIntent, *, whole: bool) -> None:
        """S2 and S8 after a write to a routing; `whole` says whether it returned."""
        where, ground = act.where, self.lab.ground(act.where)
        view = ground.view()
        self.exposure.note(ground)
        if view is None:
            return
        # S8: what is not ours survives byte for byte.
        if ground.foreign() != self.lab.foreign[ground.routing]:
            self.fail("S8", f"something foreign in {ground.routing} was changed: {ground.foreign()}")
        # The TTL is raised again only when no rollout of ours needs it low any more.
        if act.served and view.ttl > act.ttl and ground.marks():
            self.fail("S3", f"the TTL of {ground.routing} is raised while {ground.marks()} is under way")
        served = view.served
        first = not any(m.weight for m in intent.members) and intent.absent
        # S2: at least one enabled endpoint always serves, and nobody is led to where nobody serves.
        closes = intent.entrance is False
        if act.served and not served and not ((first or closes) and self._never_stable(where)):
            self.fail("S2", f"a split with every weight zero was written to {ground.routing}")
        if view.entered and not view.hosts and self._has_entrance(where):
            self.fail("S2", f"the entrance to {ground.routing} stands open and leads to nobody")
        if whole and ground.by_call:
            self._as_intended(ground, view, intent)
        rollout = self.world.store.active(where[0])
        settled = rollout is not None and rollout.id in self.facts.settled
        if (
            act.well
            and served
            and not settled
            and not any(ground.well(host) for host in served)
            and self._known_bad(where, served)
        ):
            self.fail("S2", f"{ground.routing} was left with endpoints of which none serves: {sorted(served)}")

    def _as_intended(self, ground: Ground, view: View, intent: TrafficIntent) -> None:
        """S5: a write that returned gives in every rule to each of ours exactly what was wanted."""
        wanted = {member.address or member.endpoint: member.weight for member in intent.members}
        for part in view.parts:
            ours = {name: weight for name, weight in part.items() if ground.is_our_backend(name)}
            # What somebody brought back into a route after it was gone is nobody's any more.
            ours = {name: weight for name, weight in ours.items() if name in wanted or name not in self.facts.by_hand}
            if ours and wanted:
                have = {name: ours.get(name, 0) for name in {*ours, *wanted}}
                if have != {name: wanted.get(name, 0) for name in have}:
                    self.fail("S5", f"{ground.routing} was written with {ours}; wanted was {wanted}")

    def _has_entrance(self, where: tuple[str, str]) -> bool:
        return self.world.wanted(where[0]).service.target(where[1]).entrance

    def _never_stable(self, where: tuple[str, str]) -> bool:
        rollout = self.world.store.active(where[0])
        return rollout is not None and not rollout.target(where[1]).stable

    def _known_bad(self, where: tuple[str, str], served: frozenset[str]) -> bool:
        rollout, ground = self.world.store.active(where[0]), self.lab.ground(where)
        if rollout is None:
            return False
        state = rollout.target(where[1])
        ours = {ground.host(slot): slot for slot in (*state.stable, *state.candidate)}
        found = [ours[host] for host in served if host in ours]
        return bool(found) and all(self.failed.get(slot.endpoint, 0) >= _FAILURES for slot in found)
