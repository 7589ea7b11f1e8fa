"""The same decisions at a fraction of the cost: the product's evidence code without the rest of a tick.

Both sides' intervals are paired by `strategies.pairing`, bet on by `strategies.evidence` and judged by
`strategies.proof`; `strategies.wake` and `strategies.counting` say when to look and what to ask, once for all runs,
because without a doubt that depends on nothing but the time since the last step. Left out is what does not bear on
counts when every resource is well: workloads, probes, read-back, acts. Whether that holds is compared run by run with
the whole tick loop of `stage`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from math import log

from strategies import counting, proof
from strategies.drain import settle_seconds
from strategies.evidence import ALPHA, FAILURES, LATENCY, Evidence, begin_step, e_value, in_force, update
from strategies.gates import MetricKind, MetricRule
from strategies.model import Reason, Rollout, TargetState, with_target
from strategies.pairing import pair
from strategies.phases import Phase
from strategies.plan import Target
from strategies.seen import Reading, TargetSeen
from strategies.values import evolve
from strategies.wake import wake
from tests.benchmarks.decisions.stage import MINUTE, NAME, End, Setting, Source, ticks
from tests.benchmarks.decisions.traffic import Tape

_PROVEN = log(1 / ALPHA)


@cache
def _opened(setting: Setting) -> Rollout:
    """The rollout as the whole tick loop leaves it when it has asked for the first share."""
    run = ticks(setting, None)
    while True:
        run.tick()
        if run.state.exposed:
            return run.rollout
        if not run.go_on():
            raise RuntimeError("the rollout ended before the candidate had a request")


@dataclass(frozen=True, slots=True)
class Beat:
    """One look: seconds after the step was asked for, what is asked, and for how long the step has been held."""

    at: float
    asked: tuple[counting.Asking, ...]
    held: float | None
    begins: bool


class Rhythm:
    """The looks of one step, made as they are needed; `ago` is how long before it each source was last asked."""

    def __init__(self, setting: Setting, ago: tuple[float, ...]) -> None:
        rollout = _opened(setting)
        self._setting, self._rollout = setting, rollout
        self._target, self._state = rollout.service.target(NAME), rollout.target(NAME)
        if ago:
            times = [MINUTE - timedelta(seconds=seconds) for seconds in ago]
            both = zip(self._state.metrics, times, strict=True)
            metrics = tuple(evolve(seen, asked_at=at, until=MINUTE) for seen, at in both)
            self._state = evolve(self._state, metrics=metrics)
        self._now, self._beats = MINUTE, list[Beat]()

    def __iter__(self) -> Iterator[Beat]:
        number = 0
        while True:
            if number == len(self._beats):
                self._beats.append(self._beat())
            yield self._beats[number]
            number += 1

    def _beat(self) -> Beat:
        self._now = _next(self._rollout, self._state, self._now, self._setting.every)
        state, now = self._state, self._now
        due = counting.to_ask(state, self._target, now)
        asked = state.asked
        if asked is not None and asked.confirmed_at is None:
            state = evolve(state, asked=evolve(asked, confirmed_at=now), ttl_shift=self._setting.ttl or 0)
        readings = tuple(Reading(each.metric, now) for each in due)
        state = counting.fold(state, self._target, TargetSeen(NAME, readings=readings), now)
        begins = state.phase is Phase.SHIFTING and _settled(state, self._target, now)
        if begins:
            state = evolve(state, phase=Phase.HOLDING, since=now)
        held = (now - state.since).total_seconds() if state.phase is Phase.HOLDING and not begins else None
        self._state, self._rollout = state, evolve(self._rollout, ticked_at=now)
        return Beat((now - MINUTE).total_seconds(), due, held, begins)


def _next(rollout: Rollout, state: TargetState, now: datetime, every: float | None) -> datetime:
    if every is not None:
        return now + timedelta(seconds=every)
    due = wake(evolve(rollout, targets=(state,)), now)
    if due is None:
        raise RuntimeError("a rollout under way is not looked at again")
    return due


def _settled(state: TargetState, target: Target, now: datetime) -> bool:
    confirmed = state.asked.confirmed_at if state.asked else None
    wait = settle_seconds(target.drain, state.ttl_shift or 0)
    return confirmed is not None and (now - confirmed).total_seconds() >= wait


@cache
def _rhythm(setting: Setting, ago: tuple[float, ...]) -> Rhythm:
    return Rhythm(setting, ago)


def decided(setting: Setting, tapes: tuple[Tape, ...]) -> End:
    """Decide one run from its counts alone."""
    rollout = _opened(setting)
    run = _Run(setting, rollout, rollout.service.target(NAME), rollout.target(NAME).metrics, tapes)
    return run.decided()


class _Run:
    def __init__(
        self, setting: Setting, rollout: Rollout, target: Target, seen: tuple[Evidence, ...], tapes: tuple[Tape, ...]
    ) -> None:
        self.setting, self.rollout, self.target = setting, rollout, target
        self.seen = {each.metric: each for each in seen}
        self.source = Source(tapes, None if setting.every is None else int(setting.every))
        self.rules = {rule.name: rule for rule in target.metrics}
        self.step, self.state = 1, rollout.target(NAME)
        self.begun, self.asked_at = MINUTE, dict.fromkeys(self.seen, MINUTE)
        self.newest = dict.fromkeys(self.seen, MINUTE)
        self.held_since: datetime | None = None

    def decided(self) -> End:
        """Go from step to step."""
        ago: tuple[float, ...] = ()
        while True:
            self.source.moved(self.target.plan.steps[self.step].share / 100, self.begun)
            end = self._step(ago)
            if end is not None:
                return end
            ago = tuple((self.begun - at).total_seconds() for at in self.asked_at.values())

    def _step(self, ago: tuple[float, ...]) -> End | None:
        begun, hold, told = self.begun, self.target.plan.steps[self.step].hold_seconds, False
        for beat in _rhythm(self.setting, ago):
            now = begun + timedelta(seconds=beat.at)
            if beat.asked:
                told = self._told(beat, now)
            if beat.begins:
                self.held_since = now
                self.seen = {name: in_force(each) for name, each in self.seen.items()}
            if beat.asked and told:
                found = self._condemned(now, beat)
                if found is not None:
                    return self._end("rolledBack", now, found.code)
            if beat.held is None or beat.held < hold:
                continue
            doubt = proof.doubt(self._as_state(now, beat), self.target, now)
            if doubt is None:
                return self._moved(now)
            if beat.held >= self.target.longest_seconds:
                return self._end("asked", now, doubt.code)
        raise AssertionError("a rhythm has no end")

    def _told(self, beat: Beat, now: datetime) -> bool:
        """Take in what the sources give; whether this look can condemn at all.

        Without a new failure every bet falls, and so does their mean, which is no more than the highest of them (where
        DNS carries the split a window's bound may rise meanwhile). Only
        what most requests fail on may be condemned otherwise, when the stable side turns out to be well.
        """
        self.source.failed = 0
        for asking in beat.asked:
            known = self.seen[asking.metric]
            reading = self.source.read(asking.metric, known.until or MINUTE, asking.step_seconds, now)
            self.asked_at[asking.metric] = now
            if reading.stable:
                self.newest[asking.metric] = reading.stable[-1].until
            self.seen[asking.metric] = self._counted(known, self.rules[asking.metric], reading)
        sources = self.seen.values()
        may_rise = self.source.failed > 0 or self.setting.ttl is not None
        return (may_rise and any(map(_may_prove, sources))) or any(map(_mostly_fails, sources))

    def _counted(self, known: Evidence, rule: MetricRule, reading: Reading) -> Evidence:
        settled = reading.at - timedelta(seconds=counting.late_seconds(rule, self.target))
        after = known.until or MINUTE
        joins = None if rule.sampled else timedelta(seconds=rule.interval_seconds)
        paired = pair(reading.stable, reading.candidate, after, settled, joins=joins)
        null = LATENCY if rule.kind is MetricKind.LATENCY else FAILURES
        ttl = float(max(self.setting.ttl, 1)) if self.setting.ttl is not None else None
        for batch in paired.batches:
            in_step = self.held_since is None or batch.since >= self.held_since
            known = update(known, batch, null, ttl, in_step=in_step, lumpy=ttl is not None)
        return known if paired.until == known.until else evolve(known, until=paired.until)

    def _condemned(self, now: datetime, beat: Beat) -> Reason | None:
        if self.setting.bare:
            # With one start, and that from the beginning, both halves of the capital are the same bet.
            e = max(e_value(each, 1) for each in self.seen.values())
            return Reason("countsWorse", "") if e >= 1 / ALPHA else None
        state = self._as_state(now, beat)
        return proof.condemned(with_target(self.rollout, state), state, now)

    def _as_state(self, now: datetime, beat: Beat) -> TargetState:
        """What the proof is asked about: the evidence as known now, the newest interval of both sides included."""
        ends = self.newest.values()
        known = tuple(evolve(x, stable_at=at, candidate_at=at) for x, at in zip(self.seen.values(), ends, strict=True))
        phase = Phase.SHIFTING if beat.held is None else Phase.HOLDING
        return evolve(self.state, step=self.step, phase=phase, metrics=known)

    def _moved(self, now: datetime) -> End | None:
        self.step += 1
        if self.step == self.target.plan.last:
            return self._end("promoted", now)
        self.begun, self.held_since = now, None
        if not self.setting.bare:
            self.seen = {name: begin_step(each) for name, each in self.seen.items()}
        return None

    def _end(self, outcome: str, now: datetime, why: str = "") -> End:
        passed = (now - MINUTE).total_seconds()
        return End(outcome, passed, self.source.served(passed), why)


def _may_prove(seen: Evidence) -> bool:
    """Whether any single bet has multiplied its stake by as much as all of them together would have to."""
    if seen.window is not None:
        return True
    bets = seen.against
    lowest = (min(column) for column in zip(*seen.starts, strict=True))
    return any(bet - min(start, 0.0) >= _PROVEN for bet, start in zip(bets, lowest, strict=True))


def _mostly_fails(seen: Evidence) -> bool:
    return any(2 * part.candidate_failures > part.candidate_requests for part in seen.recent)
