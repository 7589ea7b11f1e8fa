"""Sources of counts and checks as one process reaches them: gone, late, one-sided, begun anew, or asked wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from providers.ports import Errand, Finding, Question
from strategies.counting import FINE_SECONDS
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from strategies.seen import CheckSeen, CheckState, Reading, Tally
from tests.simulation.scene import SourceAt, Trial
from tests.simulation.telemetry import Gap

if TYPE_CHECKING:
    from tests.simulation.processes import Process

_LIES = 0.4
"""The part of the candidate's good answers that a source that lies takes for failures."""


class Source:
    """One metric of one target, told from what the workloads really answered."""

    def __init__(self, process: Process, where: tuple[str, str], rule: MetricRule, at: SourceAt) -> None:
        self.process, self.where, self.rule, self.at = process, where, rule, at
        self.lab, self.telemetry = process.lab, process.world.telemetry
        self.ground = process.lab.ground(where)

    def read(self, question: Question) -> Reading:
        """Tell each side's complete intervals, as far as nothing is wrong."""
        now, luck = self.process.clock.now(), self.process.luck
        if self._gap("gone") or (luck.out and luck.rng.random() < luck.scenario.call_faults):
            return Reading(self.rule.name, now, problem="the source does not answer")
        if self._gap("mistaken"):
            return Reading(self.rule.name, now, problem="unknown label", mistaken=True)
        grid = self._grid(question)
        stable = self._tallies(Side.STABLE, grid, self._names(question, Side.STABLE))
        candidate = self._tallies(Side.CANDIDATE, grid, self._names(question, Side.CANDIDATE))
        talkers = (("10.0.0.1", 1.0),) if question.leaving is not None else ()
        reading = Reading(self.rule.name, now, stable, candidate, talkers=talkers)
        self.process.world.judge.told(self.where, reading)
        return reading

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()

    def _gap(self, kind: str, side: Side | None = None) -> Gap | None:
        """The first gap of a kind that is open now, and hits this source and side."""
        if self.process.world.healed:
            return None
        seconds = self.lab.agenda.seconds
        return next((gap for gap in self._gaps(kind, side) if gap.begin <= seconds < gap.end), None)

    def _gaps(self, kind: str, side: Side | None) -> list[Gap]:
        mine = [gap for gap in self.telemetry.gaps if gap.kind == kind and gap.metric in (None, self.rule.name)]
        return [gap for gap in mine if side is None or gap.side in (None, side)]

    def _grid(self, question: Question) -> list[tuple[int, int]]:
        """The intervals that lie wholly in what is asked for, in whole seconds of the world."""
        begun, coarse = self.lab.agenda.started, self.rule.interval_seconds > FINE_SECONDS
        step = int(self.rule.interval_seconds if coarse else question.step_seconds)
        first = max(ceil((question.since - begun).total_seconds()), -10)
        if coarse:
            first = -(-first // step) * step
        newest = min((question.now - begun).total_seconds(), self.lab.agenda.seconds) - self.rule.lag_seconds
        return [(start, start + step) for start in range(first, int(newest) - step + 1, step)]

    def _names(self, question: Question, side: Side) -> tuple[str, ...]:
        """The side's workloads; those that were adopted are known to the source by its own word for them."""
        arm = question.stable if side is Side.STABLE else question.candidate
        if arm.groups:
            return arm.groups
        rollout = self.process.world.store.active(self.where[0])
        slots = rollout.target(self.where[1]).stable if rollout is not None and side is Side.STABLE else ()
        return tuple(name for name in (self.ground.counted_as(slot) for slot in slots) if name)

    def _tallies(self, side: Side, grid: list[tuple[int, int]], names: Sequence[str]) -> tuple[Tally, ...]:
        if not grid:
            return ()
        for name in names:
            self.telemetry.notice(name, self.ground.standing(name))
        late = self._gap("late", side)
        lost = self._gaps("lost", side)
        found = []
        for begin, end in grid:
            if late is not None and end > late.begin:
                break
            if any(begin < gap.end and end > gap.begin for gap in lost):
                continue
            tally = self._tally(side, begin, end, names)
            if tally is not None:
                found.append(tally)
        return tuple(found)

    def _tally(self, side: Side, begin: int, end: int, names: Sequence[str]) -> Tally | None:
        """One interval, or None where nobody was there to be counted."""
        told, (begin, end) = (begin, end), (self._sampled(side, begin), self._sampled(side, end))
        requests = failures = known = 0
        reset = any(begin < gap.begin <= end for gap in self._gaps("reset", side))
        for name in names:
            served = self.telemetry.served[name]
            born = served.starts[0] if served.starts else float("inf")
            began_anew = any(begin < start < end for start in served.starts[1:])
            if born > begin or (served.up_until < end and not self.at.at_gateway):
                continue
            answered, failed, slow, refused = served.within(begin, end)
            reset = reset or (began_anew and not self.at.at_gateway)
            bad = slow if self.rule.kind is MetricKind.LATENCY else failed
            more = refused if self.at.at_gateway else 0
            requests, failures, known = requests + answered + more, failures + bad + more, known + 1
        if not known:
            return None
        if self.at.lies and side is Side.CANDIDATE:
            failures = max(failures, int(_LIES * requests))
        failures = 0 if self.rule.kind is MetricKind.QUIET else failures
        return Tally(self._at(told[0]), self._at(told[1]), requests, failures, reset, known)

    def _sampled(self, side: Side, second: int) -> int:
        """When the counter was read that is taken for that of a second."""
        if not self.rule.sampled:
            return second
        every, phase = int(self.rule.interval_seconds), self.at.phases[side is Side.CANDIDATE]
        return (second - phase) // every * every + phase

    def _at(self, second: int) -> datetime:
        return self.lab.agenda.started + timedelta(seconds=second)


class SmokeTest:
    """One check of one target; what runs it remembers what it has begun, whoever asks."""

    def __init__(self, process: Process, trial: Trial) -> None:
        self.process, self.trial = process, trial

    def look(self, errand: Errand) -> CheckSeen:
        """Begin it where it has not been begun, and say how far it is."""
        world = self.process.world
        now, seconds = self.process.clock.now(), world.lab.agenda.seconds
        begun = world.trials.setdefault(errand.key, seconds)
        state = CheckState.RUNNING
        if seconds >= begun + self.trial.seconds:
            state = self._ended(errand)
        world.judge.checked(errand, self.trial.metric, state)
        return CheckSeen(self.trial.metric, errand.step, state, now, "as it was told")

    def _ended(self, errand: Errand) -> CheckState:
        first = errand.key.endswith("-0")
        match self.trial.outcome:
            case "fails":
                return CheckState.FAILED
            case "never":
                return CheckState.UNKNOWN
            case "unsure":
                return CheckState.UNKNOWN if first else CheckState.PASSED
            case _:
                return CheckState.PASSED

    def stop(self) -> None:
        """Nothing runs on its own."""

    def preflight(self, _errand: Errand) -> tuple[Finding, ...]:
        """Nothing to check."""
        return ()
