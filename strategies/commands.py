"""What people and newer revisions ask of a rollout under way, folded into its state; an abort wins over everything."""

from __future__ import annotations

from strategies.evidence import renewed
from strategies.model import (
    Asked,
    Command,
    CommandKind,
    Reason,
    Rollout,
    Side,
    Slot,
    Stage,
    TargetState,
    TrafficIntent,
)
from strategies.phases import FORWARD, Phase, check
from strategies.plan import Target
from strategies.seen import CheckSeen, CheckState
from strategies.values import evolve

FAILED = "failed"
"""The code of a pause that a failed verdict caused."""
_DRAINS = (Phase.DRAINING, Phase.DRAINED, Phase.CLEARING)


def take(rollout: Rollout) -> Rollout:
    """Fold in every command of the inbox, in order, and remember which was the last."""
    for command in sorted(rollout.commands, key=lambda c: c.seq):
        if command.seq > rollout.handled:
            rollout = evolve(_apply(rollout, command), handled=command.seq)
    return rollout


def _apply(rollout: Rollout, command: Command) -> Rollout:
    said = Reason(command.kind.value, _sentence(command), (("actor", command.actor),))
    match command.kind:
        case CommandKind.PAUSE:
            return evolve(rollout, paused=rollout.paused or said)
        case CommandKind.RESUME:
            return evolve(rollout, paused=None)
        case CommandKind.RETRY:
            return _retry(rollout)
        case CommandKind.APPROVE | CommandKind.PROMOTE:
            return _go_on(rollout, waive=command.kind is CommandKind.PROMOTE)
        case CommandKind.PROMOTE_FULL:
            # A deadline that paused it must not pause it again at once.
            rollout = evolve(rollout, full=True, paused=None, wave_seconds=0.0, spent_seconds=0.0)
            return _go_on(rollout, waive=True)
        case CommandKind.ABORT:
            return evolve(rollout, aborted=rollout.aborted or said) if rollout.may_turn else rollout
        case CommandKind.SUPERSEDE:
            return _supersede(rollout, command, said)
        case CommandKind.SETTLE:
            return _settle(rollout, Side(command.argument))


def _sentence(command: Command) -> str:
    why = f": {command.reason}" if command.reason else ""
    return f"{command.kind.value} by {command.actor}{why}"


def can_retry(rollout: Rollout) -> bool:
    """Whether a verdict stands that can be judged anew: one that paused the rollout, or that it was resumed against."""
    if rollout.paused is not None:
        return rollout.paused.code == FAILED
    turned = rollout.failure is not None or rollout.aborted is not None
    return not turned and any(state.failure is not None for state in rollout.targets)


def can_approve(rollout: Rollout) -> bool:
    """Whether anything that asks a person would go on at their approval: nobody can approve that probes are clean."""
    return any(_heeds(state, rollout.service.target(state.name)) for state in rollout.targets if state.asks_person)


def _heeds(state: TargetState, target: Target) -> bool:
    if state.drift_since is not None or state.phase in _DRAINS:
        return True
    awaited = target.plan.steps[state.step].approve and state.approved < state.step
    return state.phase is Phase.HOLDING and (state.doubt is not None or awaited)


def _retry(rollout: Rollout) -> Rollout:
    if not can_retry(rollout):
        return rollout
    targets = tuple(
        evolve(
            state,
            failure=None,
            spent_seconds=0.0,
            metrics=tuple(renewed(seen) for seen in state.metrics),
            checks=tuple(_tried(check) for check in state.checks),
            doubt=None,
            candidate=tuple(_pardoned(slot) for slot in state.candidate),
        )
        for state in rollout.targets
    )
    return evolve(rollout, paused=None, failure=None, targets=targets, wave_seconds=0.0, spent_seconds=0.0)


def _tried(check: CheckSeen) -> CheckSeen:
    """A check that failed is tried anew; what it said then is no result of now."""
    return evolve(check, state=CheckState.UNKNOWN) if check.state is CheckState.FAILED else check


def _pardoned(slot: Slot) -> Slot:
    return evolve(slot, failed=0, clean=0, fault=None, crashes=0, failing_since=None)


def _go_on(rollout: Rollout, *, waive: bool) -> Rollout:
    def agree(state: TargetState) -> TargetState:
        if state.drift_since is not None and state.asked is not None and state.phase in FORWARD and not waive:
            # Somebody else's change of our split was held for a person: the word is to write ours again.
            again = Asked(state.asked.intent, rollout.ticked_at, state.asked.share)
            return evolve(state, asked=again, drift_since=None)
        asked = state.doubt is not None and state.asks_person
        overruled = state.step if waive or asked else state.overruled
        if state.phase in _DRAINS:
            whole = len(rollout.service.target(state.name).plan.steps)
            return evolve(state, approved=state.approved if asked else whole, overruled=overruled)
        if state.phase is not Phase.HOLDING:
            return state
        waived = state.step if waive else state.waived
        return evolve(state, approved=state.step, waived=waived, overruled=overruled)

    return evolve(rollout, targets=tuple(agree(state) for state in rollout.targets))


def may_supersede(rollout: Rollout) -> bool:
    """Whether a newer rollout may take this one's place; a candidate that has everything already is let finish."""
    unfinished = any(
        s.phase in (Phase.PENDING, Phase.PREPARING, Phase.HOLDING, Phase.SHIFTING) for s in rollout.targets
    )
    return unfinished and rollout.can_return and not rollout.aborted


def _supersede(rollout: Rollout, command: Command, said: Reason) -> Rollout:
    if not may_supersede(rollout):
        return rollout
    return evolve(rollout, superseded_by=command.argument, aborted=said)


def can_serve(state: TargetState, side: Side) -> bool:
    """Whether a person may settle on this side: not one of it is gone, or on its way out."""
    slots = state.candidate if side is Side.CANDIDATE else state.stable
    return all(slot.stage is not Stage.GONE and slot.retire_at is None for slot in slots)


def _settle(rollout: Rollout, serving: Side) -> Rollout:
    def settled(state: TargetState) -> TargetState:
        if state.phase is not Phase.STUCK or not can_serve(state, serving):
            return state
        after = Phase.RETIRING if serving is Side.CANDIDATE else Phase.RETURNING
        after = check(state.name, state.phase, after)
        state = evolve(state, phase=after, since=rollout.ticked_at, spent_seconds=0.0, settled=True)
        state = evolve(state, failure=None, refused=None)
        # Whatever stands in the routing by now, a person has said what shall: it is written again.
        asked = state.asked and Asked(_not_yet_left(rollout, state), rollout.ticked_at, state.asked.share)
        return evolve(state, asked=asked)

    return evolve(rollout, targets=tuple(settled(state) for state in rollout.targets))


def _not_yet_left(rollout: Rollout, state: TargetState) -> TrafficIntent:
    """What was last asked, with our mark on: the leaving is asked anew, with the TTL as others need it by then."""
    intent = state.asked.intent if state.asked is not None else TrafficIntent()
    if intent.active is not None:
        return intent
    return evolve(intent, active=rollout.id, ttl_seconds=None, ttl_original=state.ttl_original, rolled_back=None)
