"""The invariants S1 to S13 and L1 to L3, each an English sentence beside its check, against the plain truth.

The judge sees the world itself and every save, never the reasoning of the code under test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.store.rules import ENDS
from providers.emulator.lifecycle import Group
from strategies.journal import Event
from strategies.model import CommandKind, Outcome, Rollout, TargetState, TrafficIntent
from strategies.names import parse_endpoint
from strategies.phases import EDGES, FORWARD, RETURNING_HOME, Phase
from strategies.plan import Target
from strategies.rebuild import Survey
from tests.simulation.lab import ViolationError
from tests.simulation.shares import Exposure, candidate_share, enabled, weights_of

if TYPE_CHECKING:
    from tests.simulation.processes import Process
    from tests.simulation.run import Simulation

WATCH_SECONDS = 5.0
GAP_SECONDS = 40.0
"""The longest a rollout may go without a tick while a process runs: two lease periods, a poll, a tick."""
_BLIND_STEPS = {
    (Phase.HOLDING, Phase.SHIFTING),
    (Phase.HOLDING, Phase.DRAINING),
    (Phase.DRAINING, Phase.DRAINED),
    (Phase.DRAINED, Phase.RETIRING),
}


class Judge:
    """Watches one world; raises ViolationError at the first broken guarantee."""

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
        self._before: tuple[set[str], bool] = (set(), True)

    def fail(self, rule: str, message: str) -> None:
        """Report a broken guarantee."""
        raise ViolationError(rule, f"{message} (second {self.lab.agenda.seconds:.1f})")

    # Acts

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
        self._before = hosts, any(self.lab.well(host) for host in hosts)

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
        before, well = self._before
        hosts = enabled(profile)
        first = not any(m.weight for m in intent.members) and intent.absent
        # S2: at least one enabled endpoint always serves.
        if before and not hosts and not (first and self._never_stable(where)):
            self.fail("S2", f"a split with every weight zero was written to {name}")
        if well and hosts and not any(self.lab.well(host) for host in hosts) and self._known_bad(profile, hosts):
            self.fail("S2", f"{name} was left with endpoints of which none serves: {sorted(hosts)}")

    def _never_stable(self, where: tuple[str, str]) -> bool:
        rollout = self.world.store.active(where[0])
        return rollout is not None and not rollout.target(where[1]).stable

    def _known_bad(self, profile: Any, hosts: set[str]) -> bool:
        ours = [e for e in profile.endpoints if e.target.lower() in hosts]
        limit = 3
        return bool(ours) and all(self.failed.get(e.name, 0) >= limit for e in ours)

    # Saves

    def saved(self, process: Process, before: Rollout, after: Rollout, events: tuple[Event, ...]) -> None:
        """Everything that can be told from two states of a rollout and the truth between them."""
        self._probes(process)
        self.waited[after.id] = 0.0
        for old, new in zip(before.targets, after.targets, strict=True):
            self._phases(before, old, new, events)
            self._blind(process, before, old, new)
            target = after.service.target(new.name)
            if new.asked is not None and (old.asked is None or old.asked.intent != new.asked.intent):
                self._intent(before, after, old, new, target)
            self._sick(old, new, target, after)
        self._abort(before, after)
        if after.outcome in ENDS and before.outcome not in ENDS:
            self._ended(after)

    def _probes(self, process: Process) -> None:
        for probe in process.probed:
            if probe.ok:
                self.clean.setdefault(probe.slot, []).append(self.lab.agenda.seconds)
                self.failed[probe.slot] = 0
            else:
                self.clean[probe.slot] = []
                self.failed[probe.slot] = self.failed.get(probe.slot, 0) + 1
        process.probed.clear()

    def _phases(self, before: Rollout, old: TargetState, new: TargetState, events: tuple[Event, ...]) -> None:
        """S9: every phase change is in EDGES, and every change of state has its event."""
        phase = old.phase
        for name, start, end in self.world.transitions:
            if name != old.name or start != phase:
                continue
            if end not in EDGES[start]:
                self.fail("S9", f"{name}: {start} became {end}")
            self.edges.add((start, end))
            phase = end
        if phase != new.phase:
            self.fail("S9", f"{old.name}: {old.phase} became {new.phase} by no edge of the table")
        told = [dict(e.data).get("after") for e in events if e.kind == "phase_changed" and e.target == new.name]
        if new.phase != old.phase and told[-1:] != [new.phase.value]:
            self.fail("S9", f"{old.name}: {old.phase} became {new.phase} and no event says so")
        if before.outcome in ENDS:
            self.fail("S9", f"{before.id} had ended and was saved again")

    def _blind(self, process: Process, before: Rollout, old: TargetState, new: TargetState) -> None:
        """S13: absence of data is never a pass: without a read of the routing nothing goes forward."""
        if (before.service.name, old.name) not in process.blind:
            return
        if (old.phase, new.phase) in _BLIND_STEPS or new.step > old.step:
            self.fail("S13", f"{old.name} went from {old.phase} to {new.phase} without having seen the routing")

    def _intent(self, before: Rollout, after: Rollout, old: TargetState, new: TargetState, target: Target) -> None:
        assert new.asked is not None
        share = new.asked.share
        where = (after.service.name, new.name)
        weights = weights_of(self.lab, self.world.profile_of(where))
        members = {m.endpoint: m for m in new.asked.intent.members}
        # S1: no weight to a group that has not been seen ready.
        for slot in new.candidate:
            member = members.get(slot.endpoint)
            if member is None or not member.weight or weights.get(slot.endpoint.lower()):
                continue
            group = self.lab.find_group(slot.name)
            since = group.runs[0].since if group is not None and group.runs else None
            if after.id in self.facts.settled:
                continue
            if group is None or group.provisioning != "Succeeded":
                self.fail("S1", f"{slot.name} gets traffic and is not up")
            began = (since - self.lab.agenda.started).total_seconds() if since else 1e9
            clean = sum(at >= began - 0.01 for at in self.clean.get(slot.endpoint, ()))
            if clean < target.probe.before:
                self.fail("S1", f"{slot.name} gets traffic after {clean} clean probes since its last start")
        # S5: the candidate's share rises only along the plan.
        was = old.asked.share if old.asked else 0.0
        if share > was and after.id not in self.facts.settled and new.phase is not Phase.RETIRING:
            self._rises(after, old, new, target, was)
        # S8: foreign endpoints keep their part of the traffic: the sum of our weights does not change.
        total = sum(m.weight for m in members.values())
        adopted = sum(slot.weight or 0 for slot in new.stable if slot.adopted)
        if members and total not in (target.weight or adopted or 1000, adopted or -1):
            self.fail("S8", f"the sum of our weights in {where} becomes {total}")
        # S2: a split with every weight zero is never intended.
        if members and total == 0:
            self.fail("S2", f"a split with every weight zero is asked for in {where}")

    def _rises(self, after: Rollout, old: TargetState, new: TargetState, target: Target, was: float) -> None:
        shares = [step.share for step in target.plan.steps]
        reached = max(i for i, s in enumerate(shares) if s <= was)
        allowed = shares[-1] if after.full else shares[reached + 1]
        if old.phase is not Phase.HOLDING:
            self.fail("S5", f"{new.name}: the share rises from {was:g} to {new.asked.share:g} in {old.phase}")
        if new.asked is not None and new.asked.share > allowed:
            self.fail("S5", f"{new.name}: the share rises from {was:g} to {new.asked.share:g}, beyond {allowed:g}")
        if was == 0:
            return
        # S3, S5: a step follows only on one that was confirmed by read-back and has reached the clients.
        profile = self.world.profile_of((after.service.name, new.name))
        since, ttl, share = self.exposure.in_force(profile, old)
        wait = target.drain.propagation_seconds + ttl
        if not (after.full or new.waived >= reached):
            wait += target.plan.steps[reached].hold_seconds
        if profile in self.facts.touched:
            return
        if abs(share - was) > 20 or (share == 0) != (was == 0):
            self.fail("S5", f"{new.name}: a step follows {was:g} %, but {share:g} % is in force")
        if self.lab.agenda.seconds - since < wait - self.facts.jumped - 0.01:
            stood = self.lab.agenda.seconds - since
            self.fail("S5", f"{new.name}: a step follows {was:g} % after {stood:.1f} s in force instead of {wait:g} s")

    def _sick(self, old: TargetState, new: TargetState, target: Target, after: Rollout) -> None:
        """S12: if the stable side is the sick one, traffic is not sent back to it."""
        if old.phase not in FORWARD or new.phase not in (Phase.RETURNING, Phase.CLEARING) or not old.exposed:
            return
        failures = [self.failed.get(slot.endpoint, 0) for slot in old.stable]
        if failures and min(failures) >= target.probe.failures and after.id not in self.facts.settled:
            self.fail("S12", f"{new.name}: traffic is sent back to a stable side that failed {failures} probes")

    def _abort(self, before: Rollout, after: Rollout) -> None:
        """S11: abort wins from every phase before retirement began, within one tick."""
        taken = [c for c in before.commands if before.handled < c.seq <= after.handled]
        if not any(c.kind is CommandKind.ABORT for c in taken) or before.aborted:
            return
        if any(c.kind is CommandKind.SETTLE for c in taken):
            return
        for old, new in zip(before.targets, after.targets, strict=True):
            if old.phase in FORWARD and new.phase not in RETURNING_HOME | {Phase.STUCK}:
                self.fail("S11", f"{new.name} is {new.phase} after an abort")

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
        if all(w.places[t].stable == "none" for w in self.lab.scenario.services for t in w.places if self.world.profile_of((w.service.name, t)) == profile):
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
