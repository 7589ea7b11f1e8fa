"""Fold what the sources gave at one look into what is remembered of a target: evidence, quiet, checks. Facts only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from strategies.drain import turned_quiet
from strategies.evidence import FAILURES, LATENCY, Evidence, begin_step, update
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Side, TargetState
from strategies.pairing import impossible, pair
from strategies.phases import Phase
from strategies.plan import Target
from strategies.seen import CheckSeen, CheckState, ProbeSeen, Reading, Tally, TargetSeen
from strategies.tail import measured
from strategies.values import evolve

LEAVING = {Phase.DRAINING: Side.STABLE, Phase.DRAINED: Side.STABLE, Phase.CLEARING: Side.CANDIDATE}
"""Which side leaves in which phase."""
TICKS = 3
"""How many intervals the newest one may be old before the source is taken for late."""
HURRY = timedelta(seconds=60)
"""How long after a step is in force one looks more often: what is broken is mostly broken at once."""
FASTEST_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
FINE_SECONDS = 10.0
"""Up to which interval a source can tell more when it is asked more often."""
_JUDGED = (Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED)
_AGAIN, _SELDOM = timedelta(seconds=60), timedelta(minutes=30)
"""After how long a check that came to no result is made again: each time after twice as long, up to the second."""
_DOUBLED = 10


@dataclass(frozen=True, slots=True)
class Asking:
    """A source that is due: from when on its intervals are wanted, how fine, and which side leaves."""

    metric: str
    since: datetime
    step_seconds: float
    leaving: Side | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A check that is looked at: at which step it was due, and how often it had been tried in vain before."""

    rule: MetricRule
    step: int
    attempt: int


def evidence_of(state: TargetState, metric: str) -> Evidence:
    """What is known of one metric, which may be nothing yet."""
    return next((each for each in state.metrics if each.metric == metric), Evidence(metric))


def late_seconds(rule: MetricRule, target: Target) -> float:
    """How old the newest interval of a source may be before the source is late."""
    return TICKS * max(rule.interval_seconds, target.probe.interval_seconds) + rule.lag_seconds


def latest_seconds(target: Target) -> float:
    """How long the slowest source that the drain asks may take to tell of a moment; 0 where there is none."""
    return max((late_seconds(rule, target) for rule in target.metrics if rule.drains), default=0.0)


def hurried(state: TargetState, now: datetime) -> bool:
    """Whether a step with traffic is in its first minute."""
    if state.phase not in (Phase.SHIFTING, Phase.HOLDING) or state.asked is None or not state.exposed:
        return False
    return now < (state.asked.confirmed_at or state.asked.at) + HURRY


def pace(rule: MetricRule, *, hurry: bool) -> float:
    """Seconds between two questions to a source; a coarse one is asked often enough not to be a whole interval late."""
    if rule.interval_seconds > FINE_SECONDS:
        return rule.interval_seconds / 4
    return min(rule.interval_seconds, FASTEST_SECONDS) if hurry else rule.interval_seconds


def to_ask(state: TargetState, target: Target, now: datetime) -> tuple[Asking, ...]:
    """Which sources are asked at this look; none where there is no stable side to compare with."""
    if state.phase not in (*_JUDGED, Phase.RETURNING, Phase.CLEARING) or not state.stable:
        return ()
    leaving, hurry = LEAVING.get(state.phase), hurried(state, now)
    found = []
    for rule in target.metrics:
        if rule.own or rule.kind is MetricKind.CHECK:
            continue
        known = evidence_of(state, rule.name)
        pause = pace(rule, hurry=hurry)
        if known.vain:
            # A source that does not answer takes its time for that, and the probes cannot wait.
            pause = max(pause, min(2.0**known.vain, LONGEST_PAUSE_SECONDS))
        if known.asked_at is not None and (now - known.asked_at).total_seconds() < 0.9 * pause:
            continue
        since = _watermark(state, known, leaving)
        fine = FASTEST_SECONDS if hurry and rule.interval_seconds <= FINE_SECONDS else rule.interval_seconds
        found.append(Asking(rule.name, since, fine, leaving))
    return tuple(found)


def _watermark(state: TargetState, known: Evidence, leaving: Side | None) -> datetime:
    """From when on a source is asked: where quiet and counts have come differently far, from the nearer one.

    While the candidate clears nothing is compared any more, and how far that has come is of no matter.
    """
    if not state.exposed:
        return known.stable_at or state.since
    counted = known.until or _beginning(state)
    quiet = (known.quiet_until if leaving else None) or counted
    return min(quiet, counted) if state.phase in _JUDGED else quiet


def _beginning(state: TargetState) -> datetime:
    return state.asked.at if state.asked is not None and state.exposed else state.since


def to_check(state: TargetState, target: Target, now: datetime) -> tuple[Trial, ...]:
    """Which checks are looked at; what has a result at its step is not.

    One that runs is followed to its end although its step is over: where it only reports, no step waits for it.
    """
    if state.phase not in _JUDGED:
        return ()
    found, rules = [], {rule.name: rule for rule in target.metrics if rule.kind is MetricKind.CHECK}
    for known in state.checks:
        if known.state is CheckState.RUNNING and known.metric in rules:
            found.append(Trial(rules[known.metric], known.step, known.attempt))
    stretch = target.plan.steps[state.step].stretch
    for rule in rules.values() if state.phase is Phase.HOLDING else ():
        made = checked(state, rule.name)
        if made is None and stretch in rule.when:
            found.append(Trial(rule, state.step, 0))
        elif made is not None and made.state is CheckState.UNKNOWN and now >= made.at + _again(made):
            found.append(Trial(rule, state.step, made.attempt + 1))
    return tuple(found)


def _again(made: CheckSeen) -> timedelta:
    return min(_AGAIN * (1 << min(made.attempt, _DOUBLED)), _SELDOM)


def checked(state: TargetState, metric: str, step: int | None = None) -> CheckSeen | None:
    """How far a check of a step is, by default of the present one; None where it has not been begun."""
    wanted = state.step if step is None else step
    return next((each for each in state.checks if each.metric == metric and each.step == wanted), None)


def fold(state: TargetState, target: Target, seen: TargetSeen, now: datetime) -> TargetState:
    """Take in every reading and every check of one look."""
    rules = {rule.name: rule for rule in target.metrics}
    for reading in (*seen.readings, *_own(state, target, seen.probes, now)):
        if reading.metric in rules:
            state = _reading(state, target, rules[reading.metric], reading)
    for check in seen.checks:
        state = _check(state, check)
    return state


def _own(state: TargetState, target: Target, probes: tuple[ProbeSeen, ...], now: datetime) -> Iterable[Reading]:
    """Our own probes of this look as a source of counts: both sides were probed in the same second."""
    rules = [rule for rule in target.metrics if rule.own]
    if not rules or not probes:
        return
    at = max(probe.at for probe in probes)
    begun = at - timedelta(milliseconds=1)
    sides = []
    for slots in (state.stable, state.candidate):
        ours = [probe.ok for probe in probes if probe.slot in {slot.endpoint for slot in slots}]
        failed = sum(not ok for ok in ours)
        sides.append((Tally(begun, at, len(ours), failed, instances=len(ours)),) if ours else ())
    for rule in rules:
        yield Reading(rule.name, now, sides[0], sides[1])


def _reading(state: TargetState, target: Target, rule: MetricRule, reading: Reading) -> TargetState:
    known = evidence_of(state, rule.name)
    counts = bool(reading.stable or reading.candidate)
    if counts or reading.problem is not None:
        # One that tells nothing is no answer yet: what ailed the source may ail it still.
        vain = 0 if counts else known.vain + 1
        known = evolve(known, problem=reading.problem, mistaken=reading.mistaken, vain=vain)
    stable, candidate = _possible(reading.stable), _possible(reading.candidate)
    known = evolve(
        known,
        asked_at=reading.at,
        stable_at=_newest(known.stable_at, stable),
        candidate_at=_newest(known.candidate_at, candidate),
        told_stable=_told(known.told_stable, known.stable_at, stable),
        told_candidate=_told(known.told_candidate, known.candidate_at, candidate),
        told_before=_told(known.told_before, known.stable_at, _before(state, stable)),
    )
    leaving = LEAVING.get(state.phase)
    if leaving is not None:
        tallies = stable if leaving is Side.STABLE else candidate
        if state.expires_at is not None and not rule.dry_run:
            state = evolve(state, tail=measured(state.tail, known.rate_before, tallies, state.expires_at, rule.name))
        known = turned_quiet(known, tallies)
        state = evolve(state, talkers=reading.talkers or (() if known.quiet_since else state.talkers))
    known = _counted(state, target, rule, reading, known)
    return _with(state, known)


def _possible(tallies: tuple[Tally, ...]) -> tuple[Tally, ...]:
    """The intervals in which no more failed than came: of the others it is not known how many came."""
    return tuple(tally for tally in tallies if tally.can_be)


def _told(known: tuple[int, float], newest: datetime | None, tallies: tuple[Tally, ...]) -> tuple[int, float]:
    """All requests of one side and the seconds in which they came; what was told before is not told anew."""
    new = [tally for tally in tallies if not tally.reset and (newest is None or tally.since >= newest)]
    requests = sum(tally.requests for tally in new)
    return known[0] + requests, known[1] + sum((tally.until - tally.since).total_seconds() for tally in new)


def _before(state: TargetState, tallies: tuple[Tally, ...]) -> tuple[Tally, ...]:
    """The intervals in which nobody was led to the candidate, however late they are told of."""
    if not state.exposed:
        return tallies
    return tuple(tally for tally in tallies if state.exposed_at is not None and tally.until <= state.exposed_at)


def _with(state: TargetState, known: Evidence) -> TargetState:
    if all(each.metric != known.metric for each in state.metrics):
        return evolve(state, metrics=(*state.metrics, known))
    return evolve(state, metrics=tuple(known if each.metric == known.metric else each for each in state.metrics))


def begin(state: TargetState, target: Target) -> TargetState:
    """Start the bets that belong to a new step."""
    for rule in target.metrics:
        if rule.counts:
            state = _with(state, begin_step(evidence_of(state, rule.name)))
    return state


def _newest(known: datetime | None, tallies: tuple[Tally, ...]) -> datetime | None:
    if not tallies:
        return known
    return tallies[-1].until if known is None else max(known, tallies[-1].until)


def _counted(state: TargetState, target: Target, rule: MetricRule, reading: Reading, known: Evidence) -> Evidence:
    """Count what belongs to both sides, as far as this rule bears on the present stretch."""
    if state.phase not in _JUDGED or not state.exposed or not state.stable:
        return known
    stretch = target.plan.steps[state.step].stretch
    settled = reading.at - timedelta(seconds=late_seconds(rule, target))
    after = known.until or _beginning(state)
    alone = stretch is When.AFTER
    joins = None if rule.sampled else timedelta(seconds=rule.interval_seconds)
    paired = pair(reading.stable, reading.candidate, after, settled, alone=alone, joins=joins)
    null = LATENCY if rule.kind is MetricKind.LATENCY else FAILURES
    bets = null if rule.counts and stretch in rule.when else None
    window = window_seconds(target, rule, float(state.ttl_shift or state.ttl_before or 0))
    for batch in paired.batches:
        # What comes late may be of the step before.
        in_step = state.phase is not Phase.HOLDING or batch.since >= state.since
        known = update(known, batch, bets, window, in_step=in_step, lumpy=target.by_resolver)
    if paired.odd is not None:
        # Whatever comes late comes within the time of a late source: after that the question is wrong.
        said = impossible(paired.odd, slow=rule.kind is MetricKind.LATENCY)
        problem = f"{known.problem}; {said}" if known.problem else said
        known = evolve(known, problem=problem, mistaken=known.mistaken or paired.odd.since <= settled)
    return evolve(known, until=paired.until if paired.until is not None else known.until)


def window_seconds(target: Target, rule: MetricRule, ttl: float) -> float | None:
    """How long what is counted may move together on one side alone; None where each request is a witness of its own.

    `ttl` is for how many seconds an answer of DNS is remembered, where DNS carries the split.
    """
    windows = [rule.interval_seconds] if rule.sampled else []
    # Our own probes ask each side directly: no resolver carries whole populations of them to the other.
    if target.by_resolver and not rule.own:
        windows.append(ttl)
    return max(*windows, 1.0) if windows else None


def _check(state: TargetState, seen: CheckSeen) -> TargetState:
    known = checked(state, seen.metric, seen.step)
    if known is None:
        return evolve(state, checks=(*state.checks, seen))
    if evolve(known, at=seen.at) == seen:
        return state
    if known.state is seen.state is CheckState.RUNNING and known.attempt == seen.attempt:
        seen = evolve(seen, at=known.at)
    return evolve(state, checks=tuple(seen if each is known else each for each in state.checks))
