"""What is not yet so: the difference between what is wanted and what was seen, as acts.

At most one kind of act per target and tick. The tick that recorded an intent may act on it at once, because nothing can
have been sent before the intent was durable; any later tick may be the heir of a crash, so it believes only two equal
looks in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from strategies import traffic
from strategies.model import Rollout, Side, Slot, Stage, TargetState, TrafficIntent
from strategies.names import holder
from strategies.phases import TERMINAL, Phase
from strategies.plan import OnDrift, Target
from strategies.seen import BELIEVED, GroupState, Mark, Seen, TargetSeen, TrafficSeen
from strategies.steps import retired
from strategies.verdict import confirmed

AGAIN = timedelta(seconds=60)
"""How long an acknowledged deletion may take to show before it is asked for again."""
SETTLES = timedelta(seconds=15)
"""How long an acknowledged write to the routing may take to show in reads before it is sent again."""


@dataclass(frozen=True, slots=True)
class Ensure:
    """Create these workloads."""

    target: str
    marks: tuple[tuple[str, Mark], ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """Write this traffic state, decided upon the read `seen`."""

    target: str
    intent: TrafficIntent
    seen: TrafficSeen


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete these workloads, or with `keep_until` mark them as retained until then."""

    target: str
    names: tuple[str, ...]
    keep_until: datetime | None = None


Action = Ensure | Shift | Remove


def missing(rollout: Rollout, seen: Seen) -> tuple[Action, ...]:
    """The acts that bring the world nearer to what is wanted; none when it is so already."""
    acts: list[Action] = []
    for state in rollout.targets:
        if state.phase in TERMINAL or state.phase is Phase.STUCK:
            continue
        target, looked = rollout.service.target(state.name), seen.target(state.name)
        act = _shift(rollout, state, target, looked) or _ensure(rollout, state) or _remove(rollout, state, looked)
        if act is not None:
            acts.append(act)
    return tuple(acts)


def _shift(rollout: Rollout, state: TargetState, target: Target, seen: TargetSeen) -> Shift | None:
    asked = state.asked
    if asked is None or asked.shown or seen.traffic is None:
        return None
    if traffic.shows(seen.traffic, asked.intent, holder(rollout.service.name, state.name)):
        return None
    if asked.confirmed_at is not None:
        repairs = target.on_drift is OnDrift.REPAIR or not traffic.serves(seen.traffic)
        due = repairs and asked.off >= BELIEVED
    else:
        late = asked.acked_at is None or rollout.ticked_at >= asked.acked_at + SETTLES
        due = asked.at == rollout.ticked_at or (late and asked.off >= BELIEVED)
    return Shift(state.name, asked.intent, seen.traffic) if due else None


def _ensure(rollout: Rollout, state: TargetState) -> Ensure | None:
    if state.phase is not Phase.PREPARING:
        return None
    due = [s for s in state.candidate if s.fault is None and _may_create(s, rollout)]
    return Ensure(state.name, tuple((s.name, mark(rollout, state.name, s)) for s in due)) if due else None


def _may_create(slot: Slot, rollout: Rollout) -> bool:
    """A slot whose retained workload stands is asked for as well, which marks it anew; so is one made only in part."""
    if slot.stage is not Stage.INTENDED:
        return slot.stage is Stage.SEEN and (slot.kept_until is not None or slot.partial)
    return slot.intended_at == rollout.ticked_at


def mark(rollout: Rollout, target: str, slot: Slot) -> Mark:
    """What a candidate's workload is marked with."""
    revision = rollout.revision
    return Mark(
        service=rollout.service.name,
        target=target,
        revision=revision.id,
        number=rollout.number,
        slot=slot.number,
        rollout=rollout.id,
        digest=revision.digest,
        template=revision.template,
        image=revision.image,
        tag=revision.tag or "",
    )


def _remove(rollout: Rollout, state: TargetState, seen: TargetSeen) -> Remove | None:
    leaving = {Phase.RETIRING: Side.STABLE, Phase.REMOVING: Side.CANDIDATE}.get(state.phase)
    if leaving is None or (state.asked is not None and not confirmed(state)):
        return None
    slots = state.stable if leaving is Side.STABLE else state.candidate
    due = tuple(slot.name for slot in slots if _may_remove(slot, seen, rollout.ticked_at))
    if not due:
        return None
    keep = rollout.service.retain_seconds if leaving is Side.STABLE else 0.0
    return Remove(state.name, due, rollout.ticked_at + timedelta(seconds=keep) if keep else None)


def _may_remove(slot: Slot, seen: TargetSeen, now: datetime) -> bool:
    group = seen.group(slot.name) if slot.name else None
    if slot.retire_at is None or retired(slot) or group is None or group.state in (GroupState.ABSENT, GroupState.GOING):
        return False
    return slot.retire_acked_at is None or now >= slot.retire_acked_at + AGAIN
