"""The judge of one world: S1 to S13 and L1 to L3, each an English sentence beside its check, against the plain truth.

What is checked at an act stands in `judge_acts`, at a save in `judge_saves`; here are beginnings, ends, clients, time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.emulator.lifecycle import Group
from strategies.begin import Survey
from strategies.model import Outcome, Rollout, TargetState
from strategies.names import parse_endpoint
from strategies.phases import Phase
from tests.simulation.judge_saves import Saves
from tests.simulation.shares import weights_of

if TYPE_CHECKING:
    pass

WATCH_SECONDS = 5.0
GAP_SECONDS = 40.0
"""The longest a rollout may go without a tick while a process runs: two lease periods, a poll, a tick."""


class Judge(Saves):
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
        where = (after.service.name, state.name)
        name = self.world.profile_of(where)
        profile = self.lab.profile(name)
        if profile is None or name in self.facts.touched:
            return
        promoted = state.phase is Phase.PROMOTED
        staying, leaving = (state.candidate, state.stable) if promoted else (state.stable, state.candidate)
        weights = weights_of(self.lab, name)
        for slot in leaving:
            if self.lab.endpoint(name, slot.endpoint) is not None:
                self.fail("S4", f"{after.id} ended and {slot.endpoint} still stands in {name}")
            group = self.lab.find_group(slot.name) if slot.name else None
            kept = slot.kept_until or slot.leftover
            if group is not None and not group.deleting and not kept:
                self.fail("L3", f"{after.id} ended and {slot.name} still runs")
        for slot in staying:
            wanted = slot.weight if slot.adopted and not promoted else None
            if wanted == 0:
                continue
            if not weights.get(slot.endpoint.lower()):
                self.fail("S2", f"{after.id} ended and {slot.endpoint} has no traffic")
            if wanted is not None and weights[slot.endpoint.lower()] != wanted:
                self.fail("S8", f"{after.id} was rolled back and {slot.endpoint} has not its former weight {wanted}")
        pairs = profile.tags.get("rollout-active", "")
        if f"{after.service.name}=" in pairs:
            self.fail("L3", f"{after.id} ended and {name} is still marked: {pairs}")
        place = self.world.wanted(after.service.name).places[state.name]
        # The TTL is restored in every terminal phase, by the last service to finish.
        if not pairs and profile.properties["dnsConfig"]["ttl"] != place.ttl:
            ttl = profile.properties["dnsConfig"]["ttl"]
            self.fail("L3", f"{after.id} ended and the TTL of {name} is {ttl}, not {place.ttl}")

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
        if all(
            w.places[t].stable == "none"
            for w in self.lab.scenario.services
            for t in w.places
            if self.world.profile_of((w.service.name, t)) == profile
        ):
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
        for group in self.lab.world.groups.all():
            service = group.body.get("tags", {}).get("rollout-service")
            if service is None or group.deleting or group.name in self.facts.by_hand | self.spare:
                continue
            # L3: no orphan: whatever was made serves, is retained, or is listed.
            if "rollout-keep-until" in group.body["tags"] or group.name in self.world.listed():
                continue
            self.fail("L3", f"{group.name} is an orphan: it neither serves nor is listed")

    def forget(self) -> None:
        """A lost store forgets its poison; what the world's marks still say is told by the survey."""
        self.taken_back.clear()
        self.waited.clear()
        self.made.clear()

    def ours(self, endpoint: str) -> bool:
        """Whether an endpoint's name is one of ours."""
        return parse_endpoint(endpoint) is not None
