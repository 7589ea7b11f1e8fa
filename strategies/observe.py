"""Fold one look into what is remembered of a target: slots, split, TTL, probes, counts. Facts only; nothing is decided.

A missing or different read changes nothing by itself; the second in a row does.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from strategies import traffic
from strategies.counting import fold
from strategies.detours import is_for_probes
from strategies.drain import expiry
from strategies.listening import listen
from strategies.model import Asked, Reason, Slot, Stage, TargetState
from strategies.names import group_name, holder, parse_endpoint
from strategies.phases import Phase
from strategies.plan import ProbeRule, Target
from strategies.seen import BELIEVED, Ack, Act, GroupSeen, GroupState, Refusal, TargetSeen, TrafficSeen
from strategies.values import evolve

GRACE = timedelta(seconds=60)
"""How long a workload may stay invisible after its creation was taken (regional caches of the control plane)."""
CRASHES = 3
"""Container restarts that make a crash loop."""


def observe(
    state: TargetState,
    target: Target,
    seen: TargetSeen,
    service: str,
    now: datetime,
    *,
    ran: float = 0.0,
    elsewhere: bool = False,
) -> TargetState:
    """Fold everything one look showed of this target into its state; `ran` seconds were spent since the last one.

    `elsewhere`: clients have been led to the candidate's revision on another target.
    """
    state = _acts(state, seen)
    state = evolve(
        state,
        spent_seconds=state.spent_seconds + ran,
        problem=seen.problem or _unread(state, seen),
        lags=_lags(state, seen.traffic),
        probed_at=max((probe.at for probe in seen.probes), default=state.probed_at),
        candidate=tuple(_slot(s, target, seen, now) for s in state.candidate),
        stable=tuple(_slot(s, target, seen, now) for s in state.stable),
    )
    state = _misled(state, seen.traffic)
    if seen.traffic is not None:
        state = _traffic(state, target, seen.traffic, service)
    return listen(fold(state, target, seen, now), target, seen, now, elsewhere=elsewhere)


def _misled(state: TargetState, seen: TrafficSeen | None) -> TargetState:
    """Forget clean probes of who has lost its detour for them: somebody else may have answered the last ones."""
    wanted = state.asked.intent.detours if state.asked is not None else ()
    if seen is None or not seen.exists or not any(is_for_probes(d) and d not in seen.detours for d in wanted):
        return state
    lost = {d.endpoint for d in wanted if is_for_probes(d) and d not in seen.detours}

    def forget(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
        return tuple(evolve(slot, clean=0, ready=False) if slot.endpoint in lost else slot for slot in slots)

    return evolve(state, candidate=forget(state.candidate), stable=forget(state.stable))


def _unread(state: TargetState, seen: TargetSeen) -> str | None:
    """Which candidate's workloads this look says nothing about: what they were before is no fact of now."""
    if state.phase is Phase.PENDING:
        return None
    names = [slot.name for slot in state.candidate if slot.name and seen.group(slot.name) is None]
    return f"workloads: {', '.join(names)} could not be read" if names else None


def _lags(state: TargetState, seen: TrafficSeen | None) -> str | None:
    """Why what we asked of the routing is not, or not everywhere, what it does; no answer adds nothing to it."""
    if seen is None:
        return state.lags
    if state.asked is None or (seen.whole and seen.taken):
        return None
    return seen.why or "it does not say yet that it has taken what was written"


def _acts(state: TargetState, seen: TargetSeen) -> TargetState:
    for ack in seen.acks:
        if ack.act is Act.SHIFT and state.asked is not None and state.asked.at <= ack.at:
            # A split that had drifted and was written again is not confirmed until it is read back.
            confirmed_at = None if state.drift_since is not None else state.asked.confirmed_at
            asked = evolve(state.asked, acked_at=ack.at, off=0, shown=0, confirmed_at=confirmed_at)
            state = evolve(state, asked=asked, refused=None)
    for refusal in seen.refusals:
        if refusal.act is Act.SHIFT and refusal.final:
            state = evolve(state, refused=Reason("shiftRefused", f"{refusal.code}: {refusal.message}"))
    return state


def _slot(slot: Slot, target: Target, seen: TargetSeen, now: datetime) -> Slot:
    for ack in seen.acks:
        slot = _acked(slot, ack) if ack.name and ack.name == slot.name else slot
    for refusal in seen.refusals:
        slot = _refused(slot, refusal) if refusal.name and refusal.name == slot.name else slot
    group = seen.group(slot.name) if slot.name else None
    if group is not None:
        slot = _absent(slot, now) if group.state is GroupState.ABSENT else _present(slot, group)
    elif slot.adopted and seen.traffic is not None:
        endpoint = seen.traffic.endpoint(slot.endpoint)
        slot = evolve(slot, address=endpoint.address if endpoint else slot.address)
    slot = _probed(slot, seen)
    return slot if group is None else _readiness(slot, group, target.probe)


def _acked(slot: Slot, ack: Ack) -> Slot:
    if ack.act is Act.RETIRE:
        return evolve(slot, retire_acked_at=ack.at)
    if ack.act is not Act.ENSURE:
        return slot
    slot = evolve(slot, held=False)
    if slot.stage is not Stage.INTENDED:
        return slot
    return evolve(slot, stage=Stage.BEGUN, begun_at=ack.at, absences=0, failing_why="")


def _refused(slot: Slot, refusal: Refusal) -> Slot:
    said = f"{refusal.code}: {refusal.message}"
    if refusal.act is Act.ENSURE:
        return evolve(slot, fault=said) if refusal.final else evolve(slot, failing_why=said, held=refusal.waits)
    if refusal.act is Act.RETIRE and refusal.final:
        return evolve(slot, leftover=said)
    return slot


def _absent(slot: Slot, now: datetime) -> Slot:
    slot = evolve(slot, absences=slot.absences + 1, ready=False)
    if slot.stage is Stage.BEGUN and slot.begun_at is not None and now < slot.begun_at + GRACE:
        return evolve(slot, absences=0)
    if slot.stage is Stage.BEGUN:
        return evolve(slot, stage=Stage.INTENDED, begun_at=None)
    if slot.stage is Stage.SEEN and slot.absences >= BELIEVED and not _young(slot, now):
        fault = slot.fault or (None if slot.retire_at else "it was deleted, but not by us")
        return evolve(slot, stage=Stage.GONE, fault=fault)
    return slot


def _young(slot: Slot, now: datetime) -> bool:
    """Whether it was made so lately that one region's cache may still not know what another one showed."""
    return slot.intended_at is not None and slot.retire_acked_at is None and now < slot.intended_at + GRACE


def _present(slot: Slot, group: GroupSeen) -> Slot:
    address, found = group.address or slot.address, group.id or slot.id
    slot = evolve(slot, stage=Stage.SEEN, absences=0, address=address, id=found, kept_until=group.keep_until)
    slot = evolve(slot, partial=group.partial)
    if slot.retire_at is not None:
        return slot
    if group.state is GroupState.COMING and group.why and not slot.failed:
        slot = evolve(slot, failing_why=group.why)
    if group.state is GroupState.FAILED:
        return evolve(slot, fault=group.why or "provisioning failed")
    if group.state is GroupState.GOING:
        return evolve(slot, fault="it is being deleted, but not by us")
    slot = _restarted(slot, group)
    if slot.crashes >= CRASHES:
        return evolve(slot, fault=f"crash loop: {slot.crashes} container restarts. {group.why}".strip())
    return slot


def _restarted(slot: Slot, group: GroupSeen) -> Slot:
    """Count restarts; clean probes from before one say nothing about what runs now.

    What the containers of a stable side, or of a retained workload, went through before this rollout is no crash loop
    of today.
    """
    if slot.restarts is None and group.state is not GroupState.RUNNING and group.restarts == 0:
        return slot
    before = 0 if slot.intended_at and not _was_retained(slot) else group.restarts
    known = before if slot.restarts is None else slot.restarts
    more = max(group.restarts - known, 0)
    return evolve(slot, restarts=group.restarts, crashes=slot.crashes + more, clean=0 if more else slot.clean)


def _was_retained(slot: Slot) -> bool:
    """Whether it was made by an earlier rollout, whose name it keeps."""
    mark = parse_endpoint(slot.endpoint)
    return mark is not None and slot.name != group_name(mark.service, mark.revision, mark.number, mark.slot)


def _readiness(slot: Slot, group: GroupSeen, rule: ProbeRule) -> Slot:
    """Ready: running, no restart since its clean probes, and enough of them in a row through the real address."""
    running = group.state is GroupState.RUNNING and slot.address is not None
    return evolve(slot, ready=running and slot.fault is None and slot.clean >= rule.before)


def _probed(slot: Slot, seen: TargetSeen) -> Slot:
    for probe in seen.probes:
        if probe.slot != slot.endpoint:
            continue
        if probe.ok:
            slot = evolve(slot, clean=slot.clean + 1, failed=0, failing_since=None, failing_why="")
        else:
            since = slot.failing_since or probe.at
            slot = evolve(slot, ready=False, clean=0, failed=slot.failed + 1)
            slot = evolve(slot, failing_since=since, failing_why=probe.why)
    return slot


def _traffic(state: TargetState, target: Target, seen: TrafficSeen, service: str) -> TargetState:
    gone = not seen.exists and (
        state.ttl_before is not None or (state.asked is not None and bool(state.asked.confirmed_at))
    )
    state = evolve(
        state,
        lost=state.lost + 1 if gone else 0,
        observed=traffic.share_in(seen, state),
        online=seen.taken
        and traffic.online(seen, state.candidate)
        and (seen.parents_healthy or not state.parents_were_healthy),
        parents_were_healthy=state.parents_were_healthy or (seen.parents_healthy and not state.exposed),
        routed_as=seen.address or state.routed_as,
    )
    if seen.exists and state.ttl_lowered_at is None:
        # Another service may restore the TTL between our first look and our own lowering.
        longest = max(seen.ttl_chain, seen.ttl_original or 0, state.ttl_before or 0)
        state = evolve(state, ttl_before=longest)
    if seen.exists and state.ttl_original is None and (seen.ttl_original is not None or target.ttl_during is not None):
        # A TTL that another service of ours has lowered is ours to restore when we are the last to finish.
        state = evolve(state, ttl_original=seen.ttl_original if seen.ttl_original is not None else seen.ttl_seconds)
    if state.asked is None:
        return state
    if traffic.shows(seen, state.asked.intent, holder(service, state.name)):
        if not seen.taken:
            # Written as wanted, by us or after somebody's change of something else, and not in force yet.
            return evolve(state, asked=evolve(state.asked, off=0))
        return _shown(state, state.asked, seen)
    asked = evolve(state.asked, off=state.asked.off + 1, shown=0)
    drifts = asked.confirmed_at is not None and asked.off >= BELIEVED
    return evolve(state, asked=asked, drift_since=state.drift_since or (seen.at if drifts else None))


def _shown(state: TargetState, asked: Asked, seen: TrafficSeen) -> TargetState:
    was_off = state.drift_since is not None
    asked = evolve(asked, off=0, shown=asked.shown + 1)
    surely = asked.acked_at is not None and seen.at >= asked.acked_at
    if not (surely or asked.shown >= BELIEVED or (asked.confirmed_at and not was_off)):
        return evolve(state, asked=asked)
    if asked.confirmed_at is not None and not was_off:
        return evolve(state, asked=asked)
    lowered = state.ttl_lowered_at
    if lowered is None and asked.intent.ttl_original is not None:
        lowered = seen.at
    # Without a lowering of our own, another rollout's may fall between our write and this read: the longer one counts.
    longest = seen.ttl_chain if lowered is not None else max(seen.ttl_chain, state.ttl_before or 0)
    return evolve(
        state,
        asked=evolve(asked, confirmed_at=seen.at),
        share=asked.share,
        drift_since=None,
        ttl_lowered_at=lowered,
        ttl_shift=seen.ttl_chain,
        expires_at=expiry(seen.at, longest, lowered, state.ttl_before),
    )
