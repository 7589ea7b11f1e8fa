"""The wanted split as a value, and whether a read shows it."""

from __future__ import annotations

from datetime import datetime

from strategies import split
from strategies.detours import Detour, Mirror, for_probes, is_for_probes
from strategies.model import Asked, Member, Side, Slot, Stage, TargetState, TrafficIntent
from strategies.plan import Step, Target
from strategies.seen import Monitor, TrafficSeen
from strategies.values import evolve

DEFAULT_WEIGHT = 1000


def weight_of(state: TargetState, target: Target) -> int:
    """The sum of our weights: as the manifest says, else what the adopted endpoints had, else 1000."""
    adopted = sum(slot.weight or 0 for slot in state.stable if slot.adopted)
    return target.weight or adopted or DEFAULT_WEIGHT


HOME = Step(0)
"""No traffic for the candidate: before its first step, and on its way back."""


def at_step(
    state: TargetState, target: Target, step: Step, rollout_id: str, succeeds: tuple[str, ...] = ()
) -> TrafficIntent:
    """The traffic while the rollout runs: the candidate as `step` says, TTL lowered where asked, our mark on.

    A candidate that was never exposed is no member at share 0. Without a stable side share 0 means leaving altogether;
    where there is an entrance that is closed first, and what is behind it stays until those who know the way are gone.
    """
    share, detours, mirrors = step.share, _detours(state, target, step), _mirrors(state, step)
    closing = target.entrance and share <= 0 and state.exposed and not state.stable
    # Beside nobody it cannot stand with weight 0: a rule in which every weight is zero answers nobody. With weight 0 it
    # is on its way back, to whoever has no store: one that only our own probes reach is not named.
    beside = bool(state.stable) and (state.exposed or step.leads)
    in_it = share > 0 or closing or beside
    candidate = state.candidate if in_it else ()
    leaving = () if in_it or not state.exposed else _endpoints(state.candidate)
    lowered = target.ttl_during is not None and state.ttl_original is not None
    members = _members(state, target, 100.0 if closing else share, state.stable, candidate)
    # What is gone and gets nothing is not named either: a route that names it is not taken as a whole.
    lost = {slot.endpoint for slot in (*state.stable, *candidate) if not _stands_there(slot)}
    lost &= {member.endpoint for member in members if not member.weight}
    return TrafficIntent(
        members=tuple(member for member in members if member.endpoint not in lost),
        absent=(*leaving, *(member.endpoint for member in members if member.endpoint in lost)),
        ttl_seconds=target.ttl_during if lowered else None,
        ttl_original=state.ttl_original,
        active=rollout_id,
        own=(rollout_id, *succeeds),
        detours=detours,
        mirrors=mirrors,
        entrance=_entrance(state, target, closing=closing),
    )


def _detours(state: TargetState, target: Target, step: Step) -> tuple[Detour, ...]:
    """Where matching requests go, and our own probes of both sides where they come through the routing."""
    found = []
    if step.match is not None:
        found += [Detour(step.match, slot.endpoint, slot.address or "") for slot in state.candidate]
    if target.probe.routed:
        known = (slot for slot in (*state.stable, *state.candidate) if slot.address and _stands_there(slot))
        found += [for_probes(slot.endpoint, slot.address or "") for slot in known]
    return tuple(found)


def _stands_there(slot: Slot) -> bool:
    """Whether there is anything of it that a routing could lead to."""
    return slot.stage is not Stage.GONE and not slot.partial


def _mirrors(state: TargetState, step: Step) -> tuple[Mirror, ...]:
    if step.mirror <= 0:
        return ()
    return tuple(Mirror(slot.endpoint, slot.address or "", step.mirror) for slot in state.candidate)


def _members(
    state: TargetState, target: Target, share: float, stable: tuple[Slot, ...], candidate: tuple[Slot, ...]
) -> tuple[Member, ...]:
    return split.members(share, weight_of(state, target), stable, candidate, target.most)


def _entrance(state: TargetState, target: Target, *, closing: bool) -> bool | None:
    """Whether the name in front shall lead here: once a split that answers is in force, and until it is to leave.

    Before that it is left alone: somebody else's backends may stand behind it.
    """
    if not target.entrance:
        return None
    if closing:
        return False
    return True if state.stable or state.share > 0 else None


def left(
    state: TargetState,
    target: Target,
    leaving: Side,
    *,
    others_active: bool,
    rolled_back: str | None,
    own: tuple[str, ...] = (),
) -> TrafficIntent:
    """The traffic when one side has left: the other has everything, the TTL is as it was, our mark is off.

    While another service of ours rolls out on the same profile the TTL is left to the last to finish.
    """
    staying = state.candidate if leaving is Side.STABLE else ()
    stable = () if leaving is Side.STABLE else state.stable
    share = 100.0 if leaving is Side.STABLE else 0.0
    gone = state.stable if leaving is Side.STABLE else state.candidate
    restore = state.ttl_original is not None and not others_active
    return TrafficIntent(
        members=_members(state, target, share, stable, staying),
        absent=_endpoints(gone),
        ttl_seconds=state.ttl_original if restore else None,
        own=own,
        rolled_back=rolled_back if leaving is Side.CANDIDATE else None,
        entrance=_entrance(state, target, closing=state.exposed and not (stable or staying)),
    )


def _endpoints(slots: tuple[Slot, ...]) -> tuple[str, ...]:
    return tuple(slot.endpoint for slot in slots)


def shows(seen: TrafficSeen, intent: TrafficIntent, holder: str) -> bool:
    """Whether a read shows exactly what is intended of our endpoints, TTL and mark; foreign ones do not matter.

    `holder` is `names.holder` of the service and target.
    """
    if not seen.exists:
        # Of several routes one may be left that still names what shall be gone.
        named = any(seen.endpoint(name) for name in intent.absent)
        return not named and not any(member.weight for member in intent.members)
    if not (seen.weighted and seen.whole):
        return False
    if not _led_as_wanted(seen, intent):
        return False
    if not all(_stands(seen, member) for member in intent.members):
        return False
    if any(seen.endpoint(name) for name in intent.absent):
        return False
    if not (_ttl_stands(seen, intent) or _theirs(seen, intent, holder)):
        return False
    if intent.rolled_back is not None and dict(seen.rolled_back).get(holder) != intent.rolled_back:
        return False
    return dict(seen.active).get(holder) == intent.active


def _led_as_wanted(seen: TrafficSeen, intent: TrafficIntent) -> bool:
    """Whether detours, mirrors and the entrance are as wanted; one that could not be read is no drift."""
    if (set(seen.detours), set(seen.mirrors)) != (set(intent.detours), set(intent.mirrors)):
        return False
    return intent.entrance is None or seen.entrance in (None, intent.entrance)


def _ttl_stands(seen: TrafficSeen, intent: TrafficIntent) -> bool:
    """Whether the TTL is as wanted; while it is lowered, another rollout of ours may want it lower still."""
    if intent.ttl_seconds is None:
        return True
    lowered = intent.ttl_original is not None
    return seen.ttl_seconds <= intent.ttl_seconds if lowered else seen.ttl_seconds == intent.ttl_seconds


def _theirs(seen: TrafficSeen, intent: TrafficIntent, holder: str) -> bool:
    """Whether the TTL is for another rollout of ours to restore, because we are leaving and it is still under way."""
    return intent.active is None and any(name != holder for name, _ in seen.active)


def _stands(seen: TrafficSeen, member: Member) -> bool:
    endpoint = seen.endpoint(member.endpoint)
    if endpoint is None:
        return False
    if member.weight == 0:
        return not endpoint.enabled
    same_address = endpoint.address.lower() == member.address.lower()
    return endpoint.enabled and endpoint.weight == member.weight and same_address


def share_in(seen: TrafficSeen, state: TargetState) -> float | None:
    """The candidate's share of our enabled weights as a read shows it, in percent; None when nothing of ours serves."""
    ours = dict.fromkeys(Side, 0)
    for side, slots in ((Side.STABLE, state.stable), (Side.CANDIDATE, state.candidate)):
        for slot in slots:
            endpoint = seen.endpoint(slot.endpoint)
            ours[side] += endpoint.weight if endpoint and endpoint.enabled else 0
    whole = sum(ours.values())
    return 100 * ours[Side.CANDIDATE] / whole if whole else None


def online(seen: TrafficSeen, slots: tuple[Slot, ...]) -> bool:
    """Whether the routing layer itself takes every enabled endpoint of these slots for healthy."""
    found = [seen.endpoint(slot.endpoint) for slot in slots]
    return all(e is not None and (not e.enabled or e.monitor in (Monitor.ONLINE, Monitor.UNMONITORED)) for e in found)


def serves(seen: TrafficSeen) -> bool:
    """Whether any enabled endpoint is not known to be bad."""
    return any(e.enabled and e.monitor not in (Monitor.DEGRADED, Monitor.OFF) for e in seen.endpoints)


def ask(state: TargetState, intent: TrafficIntent, share: float, now: datetime) -> TargetState:
    """Record a wanted traffic state; the same one again changes nothing."""
    if state.asked is not None and state.asked.intent == intent:
        return state
    led = bool(intent.mirrors) or not all(is_for_probes(detour) for detour in intent.detours)
    if not state.exposed and (share > 0 or led):
        state = evolve(state, exposed=True, exposed_at=now)
    return evolve(state, asked=Asked(intent, now, share))
