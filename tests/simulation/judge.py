"""The judge of one world: S1 to S13, L1 to L3, W1 to W3 and E1 to E9, each a sentence beside its check.

What is checked at an act stands in `judge_acts`, at a save in `judge_saves`, `judge_waves` and `judge_metrics`; here
are beginnings, ends, clients, time. All is held against the plain truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.emulator.lifecycle import Group
from strategies.begin import Survey
from strategies.model import Outcome, Rollout, TargetState
from strategies.names import holder
from strategies.phases import Phase
from tests.simulation.cluster_ground import ClusterGround
from tests.simulation.judge_metrics import Counting
from tests.simulation.shares import weights_of

if TYPE_CHECKING:
    from providers.emulator.kube.traffic import Routed

WATCH_SECONDS = 5.0
ENDING_SECONDS = 120.0
"""How long everything that is being deleted may take to go."""
GAP_SECONDS = 40.0
"""The longest a rollout may go without a tick while a process runs: two lease periods, a poll, a tick."""


class Judge(Counting):
    """Watches one world; raises ViolationError at the first broken guarantee."""

    def _ended(self, after: Rollout) -> None:
        service = after.service.name
        if after.outcome is Outcome.ROLLED_BACK:
            self.taken_back.add((service, after.revision.id))
            # S10: a revision that was rolled back is remembered in the same transaction.
            if not self.world.store.is_poisoned(service, after.revision.id):
                self.fail("S10", f"{after.revision.short} was rolled back and is not poisoned")
        for state in after.targets:
            self._end_of(after, state)

    def _end_of(self, after: Rollout, state: TargetState) -> None:
        """The guarantee: promoted, the new side has everything and the old one is gone; else the old as before."""
        ground = self.lab.ground((after.service.name, state.name))
        view = ground.view()
        if view is None or ground.routing in self.facts.touched:
            return
        promoted = state.phase is Phase.PROMOTED
        staying, leaving = (state.candidate, state.stable) if promoted else (state.stable, state.candidate)
        weights = weights_of(view)
        for slot in leaving:
            if ground.key(slot) in weights or ground.mentions(ground.host(slot)):
                self.fail("S4", f"{after.id} ended and {slot.endpoint} still stands in {ground.routing}")
            group = ground.standing(slot.name) if slot.name else None
            kept = slot.kept_until or slot.leftover
            if group is not None and not group.deleting and not kept:
                self.fail("L3", f"{after.id} ended and {slot.name} still runs")
        for slot in staying:
            wanted = slot.weight if slot.adopted and not promoted else None
            if wanted == 0:
                continue
            if not weights.get(ground.key(slot)):
                self.fail("S2", f"{after.id} ended and {slot.endpoint} has no traffic")
            if wanted is not None and weights[ground.key(slot)] != wanted:
                self.fail("S8", f"{after.id} was rolled back and {slot.endpoint} has not its former weight {wanted}")
        if f"{holder(after.service.name, state.name)}=" in ground.marks():
            self.fail("L3", f"{after.id} ended and {ground.routing} is still marked: {ground.marks()}")
        if left := ground.unrestored():
            self.fail("L3", f"{after.id} ended and {left}")

    # Beginnings

    def submitted(self, rollout: Rollout, found: Survey, *, retried: bool, resumed: bool) -> None:
        """S10 and S6 at a rollout's beginning."""
        self.spare |= {name for _, name in found.spare}
        key = (rollout.service.name, rollout.revision.id)
        if key in self.taken_back and not (retried or resumed):
            self.fail("S10", f"{rollout.revision.short} was rolled back and is rolled out again")
        if retried:
            self.taken_back.discard(key)

    # Clients

    def named(self, profile: str) -> None:
        """A name was answered with somebody."""
        self.served.add(profile)

    def nobody_named(self, profile: str, code: str) -> None:
        """S2: a name that led somewhere once leads somewhere always."""
        if profile not in self.served or profile in self.facts.touched:
            return
        places = [place for wanted in self.lab.scenario.services for place in wanted.places.values()]
        if all(place.stable == "none" for place in places if place.profile == profile):
            return
        self.fail("S2", f"{profile} is answered with nobody ({code})")

    def reached_nobody(self, profile: str, host: str) -> None:
        """S3: no client ever reaches a group that is retired."""
        if not self.lab.world.groups.zone_of(host):
            return
        name = self.lab.hosts.get(host, host)
        if name not in self.facts.by_hand:
            self.fail("S3", f"a client of {profile} was sent to {name}, whose deletion has begun")

    def refused(self, profile: str, group: Group) -> None:
        """S1: no client is sent to a group that was never up."""
        run = group.runs[0] if group.runs else None
        if (run is None or (run.ended_at is None and run.since is None)) and group.name not in self.facts.by_hand:
            self.fail("S1", f"a client of {profile} was sent to {group.name}, which is not up yet")

    def opening(self, ground: ClusterGround) -> None:
        """S2: an entrance is opened only when the gateway already leads somewhere."""
        host, path = ground.gateway_host, ground.probed_path
        routed = ground.cluster.traffic.route(host, path, {}, self.lab.rng)
        if routed.pod is None and routed.status != 503 and ground.routing not in self.facts.touched:
            self.fail("S2", f"the entrance to {ground.routing} is opened while the gateway answers {routed.status}")

    def led_to(self, ground: ClusterGround, deployment: str) -> None:
        """S3: no request reaches a pod whose Deployment is on its way out, and no copy of one does."""
        self.served.add(ground.routing)
        found = ground.standing(deployment)
        if (found is None or found.deleting) and deployment not in self.facts.by_hand:
            self.fail("S3", f"a client of {ground.routing} was led to {deployment}, whose deletion has begun")

    def led_nowhere(self, ground: ClusterGround, routed: Routed, backend: str, *, ours: bool) -> None:
        """S1, S2, S3: the gateway answers for itself only where a bad release has nobody to answer."""
        if ground.routing in self.facts.touched or backend in self.facts.by_hand:
            return
        if routed.status == 503 and ours and ground.is_our_backend(backend):
            found = ground.standing(backend)
            if found is None or found.deleting:
                self.fail("S3", f"a client of {ground.routing} was led to {backend}, which is gone or going")
            if backend not in self.clusters[ground.cluster.name].ever_up:
                self.fail("S1", f"a client of {ground.routing} was led to {backend}, which was never up")
        elif routed.status != 503:
            first = ground.place.stable == "none" and not ground.place.profile
            if not first and (ground.routing in self.served or ground.place.profile):
                self.fail("S2", f"a client of {ground.routing} is answered {routed.status} by the gateway itself")

    # Time

    def passed(self) -> None:
        """L2: a crash anywhere costs at most a lease period and a tick."""
        up = any(p.alive and not p.stalled for p in self.world.processes)
        for rollout_id in self.world.store.active_ids():
            self.waited[rollout_id] = self.waited.get(rollout_id, 0.0) + WATCH_SECONDS * up
            if self.waited[rollout_id] > GAP_SECONDS:
                self.fail("L2", f"{rollout_id} was not looked at for {GAP_SECONDS:g} s while a process ran")

    def finished(self) -> None:
        """L1 and L3 at the world's end."""
        for rollout_id in self.world.store.active_ids():
            rollout = self.world.store.load(rollout_id)
            said = "; ".join(f"{s.name} {s.phase}: {s.note}" for s in rollout.targets)
            self.fail("L1", f"{rollout_id} has not ended: {said}")
        if self.lab.scenario.clustered:
            # What belongs to a Deployment goes after it, and pods take their time.
            self.lab.clock.advance(ENDING_SECONDS)
            self.lab.world.tick()
        listed = self.world.listed()
        for ground in self.lab.grounds.values():
            for found in ground.workloads():
                if found.deleting or found.kept or found.name in self.facts.by_hand | self.spare:
                    continue
                # L3: no orphan: whatever was made serves, is retained, or is listed.
                if found.name not in listed:
                    self.fail("L3", f"{found.name} is an orphan: it neither serves nor is listed")

    def forget(self) -> None:
        """A lost store forgets its poison; what the world's marks still say is told by the survey."""
        self.taken_back.clear()
        self.waited.clear()
        self.made.clear()
        self.evidence.clear()
        self.heard.clear()
