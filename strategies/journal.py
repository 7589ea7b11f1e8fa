"""What happened, as typed events: the difference between two states of a rollout, in words a reader can rely on.

Every change of state is explained by events that are stored in the same transaction, and every reader (events, why,
history, logs, notifications, metrics) reads them and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from strategies.detours import is_for_probes
from strategies.events import Event, Value, event
from strategies.model import Outcome, Reason, Rollout, Slot, TargetState, TrafficIntent
from strategies.phases import EDGES, Phase
from strategies.telling import numbers, of_sources

__all__ = ["Event", "Value", "event", "explain", "submitted"]


def submitted(rollout: Rollout) -> Event:
    """The first event of every rollout."""
    return event(
        rollout.created_at,
        "rollout_submitted",
        revision=rollout.revision.id,
        digest=rollout.revision.digest,
        tag=rollout.revision.tag,
        previous=rollout.previous.id if rollout.previous else None,
        number=rollout.number,
    )


def explain(before: Rollout, after: Rollout, now: datetime) -> tuple[Event, ...]:
    """All events that lead from `before` to `after`; the same two states always give the same events."""
    events = list(_commands(before, after))
    events += _reasons(before, after, now)
    for old, new in zip(before.targets, after.targets, strict=True):
        # What was found out stands before what was done for it.
        events += of_sources(before, after, new.name, now)
        events += _target(old, new, now)
        events += _phase(old, new, after, now)
    if before.outcome != after.outcome:
        reason = after.failure or after.aborted
        kind = "rollout_ended" if after.outcome is not Outcome.RUNNING else "rollout_resumed"
        said = {"reason": reason.message, "code": reason.code} if reason else {}
        events.append(event(now, kind, outcome=after.outcome.value, **said))
    return tuple(events)


def _commands(before: Rollout, after: Rollout) -> Iterator[Event]:
    for command in before.commands:
        if before.handled < command.seq <= after.handled:
            yield event(
                command.at,
                "command_taken",
                command=command.kind.value,
                actor=command.actor,
                reason=command.reason,
                argument=command.argument,
            )


def _reasons(before: Rollout, after: Rollout, now: datetime) -> Iterator[Event]:
    if after.paused != before.paused:
        if after.paused:
            yield _reason(now, "rollout_paused", after.paused)
        else:
            yield event(now, "rollout_unpaused")
    if after.aborted and not before.aborted:
        yield _reason(now, "rollout_aborted", after.aborted)
    if after.failure and after.failure != before.failure:
        yield _reason(now, "verdict_unhealthy", after.failure)
    if after.superseded_by and not before.superseded_by:
        yield event(now, "rollout_superseded", by=after.superseded_by)


def _reason(now: datetime, kind: str, reason: Reason, target: str | None = None) -> Event:
    return Event(now, kind, target, (("code", reason.code), ("message", reason.message), *reason.evidence))


def _target(old: TargetState, new: TargetState, now: datetime) -> Iterator[Event]:
    for before, slot in zip(old.candidate + old.stable, new.candidate + new.stable, strict=True):
        yield from _slot(before, slot, new.name, now)
    if new.asked != old.asked and new.asked and (old.asked is None or old.asked.intent != new.asked.intent):
        weights = {f"weight.{m.endpoint}": m.weight for m in new.asked.intent.members}
        ttl, led = new.asked.intent.ttl_seconds, _led(new.asked.intent)
        yield event(now, "share_intended", new.name, share=new.asked.share, ttl=ttl, **led, **weights)
    if new.asked and new.asked.confirmed_at and (old.asked is None or old.asked.confirmed_at != new.asked.confirmed_at):
        yield event(new.asked.confirmed_at, "weight_confirmed", new.name, share=new.share, ttl=new.ttl_shift)
    if new.drift_since and not old.drift_since:
        yield event(now, "drift_seen", new.name, intended=new.share)
    if old.drift_since and not new.drift_since:
        yield event(now, "drift_gone", new.name)
    if new.failure and new.failure != old.failure:
        yield _reason(now, "target_unhealthy", new.failure, new.name)
    if new.problem != old.problem:
        yield event(now, "look_failed" if new.problem else "look_recovered", new.name, problem=new.problem)
    # A split that was just written takes its time, and then is confirmed: that is told, and no more.
    told = new if new.lags else old
    if new.lags != old.lags and told.asked is not None and told.asked.confirmed_at is not None:
        yield event(now, "routing_lags" if new.lags else "routing_caught_up", new.name, why=new.lags)


def _phase(old: TargetState, new: TargetState, after: Rollout, now: datetime) -> Iterator[Event]:
    """The edges that were taken, with what the sources had said by then."""
    if (old.phase, old.step) == (new.phase, new.step):
        return
    said = numbers(new, after.service.target(new.name))
    for left, entered in pairwise(_path(old.phase, new.phase)):
        data: dict[str, Value] = {"before": left.value, "after": entered.value, "step": new.step}
        yield event(now, "phase_changed", new.name, **data, **said)


def _led(intent: TrafficIntent) -> dict[str, Value]:
    """What leads requests to the candidate besides its share, and the name in front; nothing where there is neither."""
    matches = {detour.match.words for detour in intent.detours if not is_for_probes(detour)}
    told: dict[str, Value] = {"match": "; ".join(sorted(matches))} if matches else {}
    if intent.mirrors:
        told["mirror"] = max(mirror.percent for mirror in intent.mirrors)
    if intent.entrance is not None:
        told["entrance"] = intent.entrance
    return told


def _path(before: Phase, after: Phase) -> tuple[Phase, ...]:
    """The edges that were taken: a target that is turned back may go one edge further in the same tick."""
    between = [phase for phase in EDGES[before] if after in EDGES[phase]]
    direct = before is after or after in EDGES[before] or not between
    return (before, after) if direct else (before, between[0], after)


def _slot(old: Slot, new: Slot, target: str, now: datetime) -> Iterator[Event]:
    who = new.name or new.endpoint
    if new.stage != old.stage:
        yield event(now, f"group_{new.stage.value}", target, group=who, address=new.address)
    if new.ready and not old.ready:
        yield event(now, "group_ready", target, group=who, address=new.address, probes=new.clean)
    if new.fault and not old.fault:
        yield event(now, "group_faulty", target, group=who, why=new.fault)
    if new.failed == 1 and old.failed == 0:
        yield event(now, "probe_failing", target, group=who)
    if new.failed == 0 and old.failed > 0:
        yield event(now, "probe_clean", target, group=who, failures=old.failed)
    if new.leftover and not old.leftover:
        yield event(now, "group_left_over", target, group=who, why=new.leftover)
    if new.kept_until and not old.kept_until:
        yield event(now, "group_retained", target, group=who, until=new.kept_until.isoformat())
