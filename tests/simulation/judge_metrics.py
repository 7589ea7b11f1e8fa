"""Evidence: who may be taken back or promoted for it, what may be counted, and whom the drain must wait for.

The judge hears every answer of a source and knows what the workloads really answered; from the code under test it
takes the saved states alone.
"""

from __future__ import annotations

from abc import ABC
from math import log
from typing import TYPE_CHECKING

from providers.ports import Errand
from strategies.counting import late_seconds
from strategies.evidence import ALPHA, BETA, proof
from strategies.gates import MetricKind, MetricRule, When
from strategies.journal import Event
from strategies.model import Reason, Rollout, Side, TargetState
from strategies.phases import Phase
from strategies.plan import AfterMost, Quiet, Target
from strategies.seen import CheckState, Reading
from tests.simulation.judge_saves import Saves
from tests.simulation.told import Told

if TYPE_CHECKING:
    from tests.simulation.processes import Process

_COUNTED = ("countsWorse", "broken")
_OPEN = {(Phase.DRAINED, Phase.RETIRING): Side.STABLE, (Phase.CLEARING, Phase.REMOVING): Side.CANDIDATE}
_MOST = 100.0
"""After how many failures of its own a candidate is taken back."""
_BOUNDED = 2 * log(1 / ALPHA)
"""And where one sample, or one TTL where DNS carries the split, may say only so much: in so many as say this."""
_BELIEVED = 2
"""So many failed probes in a row are no accident on the way."""
_LEAST = 200
"""Without one failure, fewer requests than these prove nothing."""


class Counting(Saves, ABC):
    """The judge's checks of everything that is counted."""

    def saved(self, process: Process, before: Rollout, after: Rollout, events: tuple[Event, ...]) -> None:
        """Compare two states with what sources told and workloads did."""
        super().saved(process, before, after, events)
        for old, new in zip(before.targets, after.targets, strict=True):
            target = after.service.target(new.name)
            if not target.metrics:
                continue
            self._kept(before, old)
            self._watermark(after, old, new, target)
            if new.failure is not None and old.failure is None:
                self._condemned(before, after, new.failure)
            if old.phase is Phase.HOLDING and new.phase in (Phase.SHIFTING, Phase.DRAINING):
                self._passed(process, after, old, new, target)
            if (leaving := _OPEN.get((old.phase, new.phase))) is not None:
                self._quiet(after, new, target, leaving)
            if (old.phase, new.phase) == (Phase.DRAINED, Phase.RETIRING):
                self._good_enough(after, new, target)
            self._asks(after, old, new, target)
            self._caught(after, new, target)
            self.evidence[after.id, new.name] = repr(new.metrics)
            self.world.telemetry.confirmed(after.service.name, new.share)

    # What was told

    def told(self, where: tuple[str, str], reading: Reading) -> None:
        """Take in what a source told a process; whether that lives to save it is another matter."""
        rollout = self.world.store.active(where[0])
        if rollout is None:
            return
        state, telemetry = rollout.target(where[1]), self.world.telemetry
        stable, candidate = self._names(rollout, state)
        step = rollout.service.target(where[1]).plan.steps[state.step]
        alone = step.stretch is When.AFTER
        known = self.heard.setdefault((rollout.id, where[1], reading.metric), Told())
        both, lone = known.hear(reading.stable, reading.candidate, self.lab.agenda.started, alone=alone)
        rule = next(rule for rule in rollout.service.target(where[1]).metrics if rule.name == reading.metric)
        window, most = int(max(state.ttl_shift or 0, rule.interval_seconds)), log(1 / ALPHA) / 3
        if rollout.service.target(where[1]).by_resolver:
            most = min(most, 0.5 * log(100 / max(state.share, 0.01)))
        bad = not alone and state.share <= 50 and telemetry.has_defect(candidate)
        before = int(rule.interval_seconds) if rule.sampled else 0
        for second in both:
            # What is sampled holds the time since the last sample, which may have begun before it was asked for.
            first = second - (before if second - 1 not in known.both else 0)
            known.stable_requests += telemetry.requests(stable, first, second + 1)
        known.shared = known.shared or (not alone and telemetry.failing_together)
        for second in lone:
            first = second - (before if second - 1 not in known.lone else 0)
            requests = telemetry.requests(candidate, first, second + 1)
            known.candidate_requests += requests
            if bad and requests:
                known.bad_requests += requests
                known.bad_windows[second // window] = most

    def _names(self, rollout: Rollout, state: TargetState) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names under which both sides' answers are counted."""
        ground = self.lab.ground((rollout.service.name, state.name))
        stable, candidate = (tuple(map(ground.counted_as, side)) for side in (state.stable, state.candidate))
        return stable, candidate

    def checked(self, errand: Errand, metric: str, state: CheckState) -> None:
        """Remember what a check said."""
        self.checks[errand.key.rpartition("-")[0], metric] = state

    # What may be decided

    def _condemned(self, before: Rollout, after: Rollout, why: Reason) -> None:
        """E1, E3, E4, S13: of the targets that share this reason, one at least must have it of its own."""
        metric = str(dict(why.evidence).get("metric", ""))
        found = []
        for new in after.targets:
            rule = next((r for r in after.service.target(new.name).metrics if r.name == metric), None)
            if new.failure is why and rule is not None:
                found.append(self._unfounded(before, after, new, why, rule))
        if found and all(found):
            self.fail(*next(each for each in found if each is not None))

    def _unfounded(
        self, before: Rollout, after: Rollout, new: TargetState, why: Reason, rule: MetricRule
    ) -> tuple[str, str] | None:
        # S13: a source's own failure, or its silence, is no failure of the release.
        if why.code not in (*_COUNTED, "silent", "checkFailed"):
            return "S13", f"{new.name}: taken back for {why.code} of {rule.name}"
        # E3: what only reports never decides.
        if rule.dry_run:
            return "E3", f"{new.name}: taken back for {rule.name}, which only reports"
        # E1: a version that fails nothing but what the stable side fails as well is never taken back for its counts.
        if why.code in _COUNTED and not any(self._own(after, state) for state in after.targets):
            return "E1", f"{new.name} fails nothing of its own and is taken back: {why.message}"
        if why.code == "silent" and max(self.failed.get(slot.endpoint, 0) for slot in new.candidate) < _BELIEVED:
            return "E1", f"{new.name} is taken back for one lost probe: {why.message}"
        step = before.target(new.name).step
        if why.code == "checkFailed" and self._check(after, new.name, step, rule.name) is not CheckState.FAILED:
            return "E4", f"{new.name}: taken back for {rule.name}, which has not failed"
        return None

    def _own(self, rollout: Rollout, state: TargetState) -> bool:
        return self.world.telemetry.fails_alone(self._names(rollout, state)[1])

    def _check(self, rollout: Rollout, target: str, step: int, metric: str) -> CheckState | None:
        return self.checks.get((f"{rollout.id}-{target}-{metric}-{step}", metric))

    def _passed(self, process: Process, after: Rollout, old: TargetState, new: TargetState, target: Target) -> None:
        """E2, E4, S13: everything takes proof from every source that decides, fresh counts, and every check's word."""
        step = target.plan.steps[old.step]
        if after.full or max(new.overruled, new.waived) >= old.step:
            return
        for rule in target.metrics:
            if rule.dry_run or step.stretch not in rule.when:
                continue
            if rule.kind is MetricKind.CHECK:
                if self._check(after, new.name, old.step, rule.name) is not CheckState.PASSED:
                    self.fail("E4", f"{new.name}: step {old.step} is left and {rule.name} has not passed")
                continue
            if rule.counts and new.stable:
                self._fresh(process, after, new, step.stretch, rule, target)
            if step.stretch is When.DURING and new.asked is not None and new.asked.share == 100 and rule.counts:
                self._proven(new, rule)

    def _fresh(
        self, process: Process, after: Rollout, new: TargetState, stretch: When, rule: MetricRule, target: Target
    ) -> None:
        """S13: absence of data is never a pass."""
        if rule.own:
            return
        known = self.heard.get((after.id, new.name, rule.name), Told())
        sides = (Side.STABLE,) if stretch is When.BEFORE else tuple(Side)
        decided = (after.ticked_at - self.lab.agenda.started).total_seconds() - process.clock.skew
        limit = late_seconds(rule, target) + abs(process.clock.skew) + self.facts.jumped + 1
        for side in (Side.CANDIDATE,) if stretch is When.AFTER else sides:
            newest = known.of(side).newest
            if newest is None or decided - newest > limit:
                self.fail("S13", f"{new.name}: a step is left, and {rule.name} knows of {side} up to {newest} only")

    def _proven(self, new: TargetState, rule: MetricRule) -> None:
        if not new.stable:
            return
        seen = next((each for each in new.metrics if each.metric == rule.name), None)
        shown = proof(seen) if seen is not None else 0.0
        if seen is None or shown < 1 / BETA:
            self.fail("E2", f"{new.name}: everything is given with a proof of {shown:.3g} by {rule.name}")
        if not seen.stable_failures and seen.candidate_requests < _LEAST:
            self.fail("E2", f"{new.name}: everything is given after {seen.candidate_requests} requests")

    def _asks(self, after: Rollout, old: TargetState, new: TargetState, target: Target) -> None:
        """E5: what stays undecided for longer than its limit asks a person, and what only reports holds nothing."""
        if new.doubt is None or new.phase is not Phase.HOLDING:
            return
        rule = next((each for each in target.metrics if each.name == dict(new.doubt.evidence).get("metric")), None)
        if rule is not None and rule.dry_run:
            self.fail("E3", f"{new.name} is held for {rule.name}, which only reports")
        held = (after.ticked_at - new.since).total_seconds()
        if held > target.asks_after(new.step) and not new.asks_person and old.phase is new.phase:
            self.fail("E5", f"{new.name} is undecided for {held:.0f} s and nobody is asked: {new.doubt.message}")

    def _good_enough(self, after: Rollout, new: TargetState, target: Target) -> None:
        """E10: the old side, if it failed less, is not given up while nearly all fails, but by a person's word."""
        if after.full or new.overruled >= new.step or not new.stable:
            return
        for rule in target.metrics:
            seen = next((each for each in new.metrics if each.metric == rule.name), None)
            if rule.dry_run or not rule.counts or When.AFTER not in rule.when or seen is None or not seen.recent:
                continue
            last, well = seen.recent[-1], 5 * seen.stable_failures <= seen.stable_requests
            newest = (after.ticked_at - last.until).total_seconds() <= late_seconds(rule, target)
            if (
                newest
                and well
                and last.candidate_requests >= _LEAST
                and last.candidate_failures > 0.9 * last.candidate_requests
            ):
                self.fail("E10", f"{new.name}: the old side goes while {last.candidate_failures} fail by {rule.name}")

    # What may be counted

    def _kept(self, before: Rollout, old: TargetState) -> None:
        """E6: whoever takes over finds the evidence bit for bit as it was saved."""
        known = self.evidence.get((before.id, old.name))
        if known is not None and known != repr(old.metrics):
            self.fail("E6", f"{old.name}: {before.id} is loaded with other evidence than it was saved with")

    def _watermark(self, after: Rollout, old: TargetState, new: TargetState, target: Target) -> None:
        """E7: no interval is counted twice, and none of which one side is not known."""
        was = {seen.metric: seen for seen in old.metrics}
        own = {rule.name for rule in target.metrics if rule.own}
        for seen in new.metrics:
            earlier = was.get(seen.metric)
            if seen is earlier or seen.metric in own:
                continue
            had = earlier.until if earlier is not None else None
            if had is not None and (seen.until is None or seen.until < had):
                self.fail("E7", f"{new.name}: {seen.metric} is counted from {seen.until} on, after {had}")
            known = self.heard.get((after.id, new.name, seen.metric), Told())
            if seen.stable_requests > known.stable_requests or seen.candidate_requests > known.candidate_requests:
                counted = f"{seen.stable_requests} and {seen.candidate_requests} requests"
                there = f"{known.stable_requests} and {known.candidate_requests} were told of both sides"
                self.fail("E7", f"{new.name}: {seen.metric} has {counted}, and {there}")

    # Whom the drain waits for

    def _quiet(self, after: Rollout, new: TargetState, target: Target, leaving: Side) -> None:
        """E8: no side goes while a source says that it gets requests, or says nothing any more of one that did."""
        rule = target.drain
        if rule.quiet is Quiet.NONE or after.id in self.facts.settled or new.approved > target.plan.last:
            return
        if (leaving is Side.STABLE and not new.stable) or (leaving is Side.CANDIDATE and not new.exposed):
            return
        since = new.asked.confirmed_at if new.asked is not None else None
        waited = (after.ticked_at - since).total_seconds() if since is not None else 0.0
        if rule.then is AfterMost.FORCE and waited >= rule.most_seconds:
            return
        wanted = rule.quiet_seconds if rule.quiet_seconds is not None else max(2.0 * (new.ttl_shift or 0), 60.0)
        deciding = {each.name for each in target.metrics if not (each.dry_run or each.own)}
        for (rollout, name, metric), told in self.heard.items():
            if (rollout, name) != (after.id, new.name) or metric not in deciding or not told.of(leaving).counted:
                continue
            quiet = self._quiet_for(after, new, leaving, metric, told)
            if quiet < wanted - 0.01:
                self.fail("E8", f"{new.name}: {leaving} goes after {quiet:g} s of quiet by {metric}, of {wanted:g} s")

    def _quiet_for(self, after: Rollout, new: TargetState, leaving: Side, metric: str, told: Told) -> int:
        """For how long, up to the newest second of which it was told, hardly anybody came and nothing is missing."""
        names = self._names(after, new)[leaving is Side.CANDIDATE]
        place = self.world.wanted(after.service.name).places[new.name]
        refused = any(at.at_gateway for at in place.sources if at.metric == metric)
        rule = next(rule for rule in after.service.target(new.name).metrics if rule.name == metric)
        every = int(rule.interval_seconds) if rule.sampled else 0
        newest = max(told.of(leaving).seconds, default=0)
        # The newest sample is as old as that, and so was the one in which the quiet began.
        second = newest - every
        while second in told.of(leaving).seconds:
            if self.world.telemetry.requests(names, second, second + 1, refused=refused) > 1:
                break
            second -= 1
        return newest - second

    # What must be noticed

    def _caught(self, after: Rollout, new: TargetState, target: Target) -> None:
        """E9: who fails alone, though its probes are clean, is taken back before it has failed too many."""
        defect = self.world.telemetry.defect(after.service.name, after.revision.tag or "")
        if new.phase not in (Phase.SHIFTING, Phase.HOLDING) or new.failure is not None or defect is None:
            return
        if target.plan.steps[new.step].stretch is not When.DURING or not new.stable or defect.rate < 0.1:
            return
        for rule in target.metrics:
            known = self.heard.get((after.id, new.name, rule.name))
            if known is None or rule.dry_run or rule.kind is not MetricKind.FAILURES or When.DURING not in rule.when:
                continue
            bounded = _BOUNDED if target.by_resolver or rule.sampled else 0.0
            # What fails for everybody hides what fails here alone, and has to be outweighed first.
            if (
                not known.shared
                and known.bad_requests > _MOST / defect.rate
                and sum(known.bad_windows.values()) > bounded
            ):
                self.fail("E9", f"{new.name}: {known.bad_requests} requests to who fails {defect.rate:g} of them")
