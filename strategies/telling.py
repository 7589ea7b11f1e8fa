"""What the sources have said, for whoever reads of it: proof, doubt, lost telemetry; and each change as an event.

Nothing here decides anything. An event tells that something began or ended, never that a number in it moved: a source
that fails again in other words has failed once, and a check that is tried again and again has begun once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from strategies.alone import asks_after, urgent
from strategies.counting import evidence_of
from strategies.drain import QUIET_PART
from strategies.echo import Echo
from strategies.events import Event, Value
from strategies.evidence import Evidence, proof
from strategies.gates import MetricRule
from strategies.lateness import is_lost, known_at, lost_seconds, needed
from strategies.model import Reason, Rollout, Side, TargetState
from strategies.phases import FORWARD, RETURNING_HOME, Phase
from strategies.plan import Target
from strategies.proof import deciding, e_of
from strategies.seen import CheckSeen, CheckState
from strategies.tail import pinned

_WATCHED = (Phase.HOLDING, Phase.SHIFTING, Phase.DRAINING, Phase.DRAINED)
_DRAINED = {Phase.DRAINING: Phase.DRAINED, Phase.CLEARING: Phase.REMOVING}


def proof_of(state: TargetState, target: Target) -> float | None:
    """The least proof for the candidate among the sources that decide on one target; None where there are none."""
    return min((proof(evidence_of(state, rule.name)) for rule in deciding(target)), default=None)


def numbers(state: TargetState, target: Target) -> dict[str, Value]:
    """The evidence against the candidate and the proof for it on one target, as an event carries them."""
    shown = proof_of(state, target)
    return {"e": round(e_of(state, target), 6), "proof": None if shown is None else round(shown, 6)}


def open_doubt(rollout: Rollout, state: TargetState) -> Reason | None:
    """What is not proven yet at a step whose time is over, within which nothing has to be, or what cannot wait."""
    if urgent(state.doubt) is not None:
        return state.doubt if state.phase in FORWARD else None
    if state.doubt is None or state.phase is not Phase.HOLDING:
        return None
    step = rollout.service.target(state.name).plan.steps[state.step]
    held = (rollout.ticked_at - state.since).total_seconds()
    return state.doubt if held >= step.hold_seconds else None


def doubted(doubt: Reason) -> str:
    """The name of the source that a doubt is about."""
    return str(dict(doubt.evidence).get("metric") or doubt.message.partition(":")[0])


def lost(rollout: Rollout) -> tuple[tuple[str, str], ...]:
    """Targets and their deciding sources that know nothing of the candidate any more, though it has requests."""
    return tuple(
        (state.name, rule.name)
        for state in rollout.targets
        for target in (rollout.service.target(state.name),)
        for rule in deciding(target)
        if _misses(state, target, rule, Side.CANDIDATE, rollout.ticked_at)
    )


def of_sources(before: Rollout, after: Rollout, name: str, now: datetime) -> Iterator[Event]:
    """The events of one target's sources, checks and doubts that lead from one state to the other."""
    old, new, target = before.target(name), after.target(name), after.service.target(name)
    for rule in target.metrics:
        yield from _problem(evidence_of(old, rule.name), evidence_of(new, rule.name), rule, name, now)
        yield from _echo(evidence_of(old, rule.name).echo, evidence_of(new, rule.name).echo, rule, name, now)
        for side in Side:
            yield from _telemetry((old, before.ticked_at), (new, now), target, rule, side)
    dry = {rule.name: rule.dry_run for rule in target.metrics}
    known = {(check.metric, check.step): check for check in old.checks}
    for check in new.checks:
        told = _check(known.get((check.metric, check.step)), check)
        if told is not None:
            kind, said = told
            more: dict[str, Value] = {"metric": check.metric, "step": check.step, **said}
            yield _event(now, kind, name, {**more, "dryRun": dry.get(check.metric, False)})
    yield from _doubt(before, after, old, new, now)
    yield from _measured(old, new, now)


def _event(now: datetime, kind: str, target: str, data: dict[str, Value]) -> Event:
    return Event(now, kind, target, tuple(data.items()))


def _problem(old: Evidence, new: Evidence, rule: MetricRule, target: str, now: datetime) -> Iterator[Event]:
    if _standing(old) == _standing(new):
        return
    if new.problem is None and not new.mistaken:
        yield _event(now, "metric_recovered", target, {"metric": rule.name})
        return
    said: dict[str, Value] = {"metric": rule.name, "problem": new.problem, "mistaken": new.mistaken}
    yield _event(now, "metric_failing", target, {**said, "dryRun": rule.dry_run})


def _echo(old: Echo | None, new: Echo | None, rule: MetricRule, target: str, now: datetime) -> Iterator[Event]:
    """A source counts our own probes: told once, with what it counted and how many they were."""
    if new is None or not new.heard or old == new:
        return
    side = Side.STABLE if new.leaving else Side.CANDIDATE
    said: dict[str, Value] = {"metric": rule.name, "side": side.value, "requests": new.requests}
    said |= {"probes": round(new.expected), "seconds": round(new.seconds, 1), "dryRun": rule.dry_run}
    yield _event(now, "probes_counted", target, said)


def _standing(seen: Evidence) -> tuple[bool, bool]:
    return seen.problem is not None, seen.mistaken


def _telemetry(
    before: tuple[TargetState, datetime],
    after: tuple[TargetState, datetime],
    target: Target,
    rule: MetricRule,
    side: Side,
) -> Iterator[Event]:
    """A side is lost when nothing was known of it for long; it is back when something new is, and not before."""
    (old, then), (new, now) = before, after
    said: dict[str, Value] = {"metric": rule.name, "side": side.value}
    if _misses(new, target, rule, side, now):
        if not _misses(old, target, rule, side, then):
            limit = {"limit": lost_seconds(target, rule), "dryRun": rule.dry_run}
            yield _event(now, "telemetry_lost", new.name, {**said, **limit})
        return
    silent = known_at(old, rule, side) is not None and not _is_fresh(old, target, rule, side, then)
    if silent and side in _wanted(old, target, rule) and _is_fresh(new, target, rule, side, now):
        yield _event(now, "telemetry_back", new.name, said)


def _misses(state: TargetState, target: Target, rule: MetricRule, side: Side, now: datetime) -> bool:
    return side in _wanted(state, target, rule) and is_lost(state, target, rule, side, now)


def _is_fresh(state: TargetState, target: Target, rule: MetricRule, side: Side, now: datetime) -> bool:
    known = known_at(state, rule, side)
    return known is not None and (now - known).total_seconds() <= lost_seconds(target, rule)


def _wanted(state: TargetState, target: Target, rule: MetricRule) -> tuple[Side, ...]:
    """The sides of which this source has to know something in the present phase; our own probes are no source."""
    stretch = target.plan.steps[state.step].stretch
    if state.phase not in _WATCHED or not rule.counts or rule.own or not state.stable or stretch not in rule.when:
        return ()
    return needed(stretch)


def _check(old: CheckSeen | None, new: CheckSeen) -> tuple[str, dict[str, Value]] | None:
    """What became of a check; another attempt at what came to no result is told only by how it ends."""
    if old is not None and (old.state, old.attempt) == (new.state, new.attempt):
        return None
    first = new.attempt == 0 and (old is None or old.state is CheckState.RUNNING)
    if new.state is CheckState.RUNNING:
        return ("check_begun", {}) if first and old is None else None
    if new.state is CheckState.UNKNOWN and not first:
        return None
    kind = {CheckState.PASSED: "check_passed", CheckState.FAILED: "check_failed"}.get(new.state, "check_unknown")
    return kind, {"why": _line(new.why), "output": _line(new.output)}


def _line(text: str) -> str:
    return " ".join(text.split())[:500]


def _doubt(before: Rollout, after: Rollout, old: TargetState, new: TargetState, now: datetime) -> Iterator[Event]:
    was, doubt = open_doubt(before, old), open_doubt(after, new)
    if doubt is not None:
        if was is None or _named(before, old, was) != _named(after, new, doubt):
            said: dict[str, Value] = {"code": doubt.code, "message": doubt.message, **dict(doubt.evidence)}
            said |= {"metric": doubted(doubt), "step": new.step, "asks": _asks(after, new, doubt)}
            yield _event(now, "step_undecided", new.name, said)
    elif was is not None and new.phase not in (*RETURNING_HOME, Phase.STUCK) and new.failure is None:
        person = after.full or max(new.waived, new.overruled) >= old.step
        decided: dict[str, Value] = {"code": was.code, "metric": doubted(was), "step": old.step}
        yield _event(now, "step_decided", new.name, {**decided, "by": "person" if person else "evidence"})


def _named(rollout: Rollout, state: TargetState, doubt: Reason) -> tuple[int, str, str, bool]:
    """What makes one doubt another one: its numbers change at every look."""
    return state.step, doubt.code, doubted(doubt), _asks(rollout, state, doubt)


def _asks(rollout: Rollout, state: TargetState, doubt: Reason) -> bool:
    """Whether the step has been undecided for so long that a person is asked."""
    longest = asks_after(rollout.service.target(state.name), state.step, doubt)
    return (rollout.ticked_at - state.since).total_seconds() >= longest


def _measured(old: TargetState, new: TargetState, now: datetime) -> Iterator[Event]:
    """How long clients stayed that were pinned to the side that has been drained."""
    if old.phase is new.phase or _DRAINED.get(old.phase) is not new.phase:
        return
    found = pinned(new.tail)
    if found is not None:
        said: dict[str, Value] = {"pinned": round(100 * found.part, 3), "hold": round(found.hold_seconds, 1)}
        yield _event(now, "drain_measured", new.name, {**said, "seconds": round(found.seconds(QUIET_PART), 1)})
