"""One small function per phase: where a target goes next, or what it waits for. All pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from strategies import counting, proof, traffic, waves
from strategies.alone import fails_alone, urgent
from strategies.asking import needs_word, undecided, unsettled, unwell
from strategies.drain import drain, settle_seconds, with_rates
from strategies.evidence import in_force
from strategies.leaving import drain_of
from strategies.model import Reason, Rollout, Side, Slot, Stage, TargetState
from strategies.names import holder
from strategies.phases import Phase, check
from strategies.plan import Quiet, Step, Target
from strategies.seen import BELIEVED, TargetSeen
from strategies.values import evolve
from strategies.verdict import Health, confirmed, decide, settled, stable_sick

_ALONE = "the stable side cannot serve just now, so the candidate is not deleted"


def enter(state: TargetState, phase: Phase, now: datetime) -> TargetState:
    """Move a target along the table."""
    return evolve(state, phase=check(state.name, state.phase, phase), since=now, spent_seconds=0.0, refused=None)


def step(rollout: Rollout, state: TargetState, seen: TargetSeen, now: datetime) -> TargetState:
    """Move one target at most one edge along, or leave it with a note that says what it waits for."""
    target = rollout.service.target(state.name)
    state = evolve(state, asks_person=False)
    match state.phase:
        case Phase.PENDING:
            return _pending(rollout, state, target, now)
        case Phase.PREPARING:
            return _preparing(rollout, state, target, now)
        case Phase.HOLDING:
            return _holding(rollout, state, target, now)
        case Phase.SHIFTING:
            return _shifting(rollout, state, target, now)
        case Phase.DRAINING:
            return _draining(rollout, state, target, now)
        case Phase.DRAINED:
            return _drained(rollout, state, now)
        case Phase.RETURNING:
            return _returning(rollout, state, target, now)
        case Phase.CLEARING:
            return _clearing(rollout, state, target, now)
        case Phase.RETIRING | Phase.REMOVING:
            return _leaving(rollout, state, target, seen, now)
        case _:
            return state


def _pending(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    wait = waves.before_wave(rollout, target.wave, now)
    if rollout.paused or wait:
        return evolve(state, note=wait or "paused")
    intended = tuple(evolve(slot, intended_at=now) for slot in state.candidate)
    return evolve(enter(state, Phase.PREPARING, now), candidate=intended, note="the candidate's groups are created")


def _preparing(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    under_way = all(slot.stage is not Stage.INTENDED for slot in state.candidate)
    lowers = target.ttl_during is not None and state.ttl_original not in (None, target.ttl_during)
    leads = target.probe.routed and all(slot.address for slot in state.candidate)
    if under_way and (lowers or leads) and all(slot.address for slot in state.stable):
        state = traffic.ask(state, traffic.at_step(state, target, traffic.HOME, rollout.id, rollout.succeeds), 0.0, now)
    state = evolve(state, candidate=tuple(_again(slot, now) for slot in state.candidate))
    waiting = [slot for slot in state.candidate if not slot.ready or slot.kept_until is not None]
    if waiting:
        held = any(slot.held for slot in waiting)
        return evolve(state, asks_person=held, note="; ".join(_how_far(slot, target) for slot in waiting))
    return evolve(enter(state, Phase.HOLDING, now), step=0, note="ready")


def _again(slot: Slot, now: datetime) -> Slot:
    """Intend anew what two looks did not show, so that each creation is preceded by an intent that is durable."""
    if slot.stage is not Stage.INTENDED or slot.fault is not None or slot.absences < BELIEVED:
        return slot
    return evolve(slot, intended_at=now, absences=0)


def _how_far(slot: Slot, target: Target) -> str:
    if slot.stage is not Stage.SEEN or slot.address is None:
        refused = f": {slot.failing_why}" if slot.failing_why else ""
        return f"{slot.name} is {slot.stage.value}{refused}"
    why = f", last one: {slot.failing_why}" if slot.failing_why else ""
    return f"{slot.name}: {slot.clean} of {target.probe.before} clean probes{why}"


def _holding(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    step = target.plan.steps[state.step]
    waived = rollout.full or state.waived >= state.step
    state = _to_who_is_left(rollout, state, target, now)
    verdict = decide(rollout, state, now)
    doubt = None if waived or state.overruled >= state.step else proof.doubt(state, target, now)
    state = evolve(state, doubt=doubt)
    if needs_word(verdict):
        return unwell(state, verdict)
    unclear = unsettled(state, verdict) or urgent(doubt)
    rest = step.hold_seconds - (now - state.since).total_seconds()
    if unclear is None and rest > 0 and not waived:
        return evolve(state, note=f"holds at {_says(step)} for another {rest:.0f} s")
    unclear = unclear or doubt
    if unclear is not None:
        return undecided(state, target, unclear, now)
    if step.approve and state.approved < state.step and not waived:
        return evolve(state, asks_person=True, note=f"waits for `rollout approve` at {_says(step)}")
    if rollout.paused is not None:
        return evolve(state, note=rollout.paused.message)
    if state.step == target.plan.last:
        return _begin_drain(state, target, Phase.DRAINING, now)
    following = target.plan.last if rollout.full else state.step + 1
    wanted = target.plan.steps[following]
    state = counting.begin(evolve(enter(state, Phase.SHIFTING, now), step=following), target)
    return evolve(
        traffic.ask(state, traffic.at_step(state, target, wanted, rollout.id, rollout.succeeds), wanted.share, now),
        note=f"asks for {_says(wanted)}",
    )


def _to_who_is_left(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    """Give the part of a stable slot that is gone to who is left: whatever else is in doubt, it answers nobody."""
    step = target.plan.steps[state.step]
    if step.share <= 0 or not any(slot.stage is Stage.GONE for slot in state.stable):
        return state
    return traffic.ask(state, traffic.at_step(state, target, step, rollout.id, rollout.succeeds), step.share, now)


def _says(step: Step) -> str:
    """A step's traffic in words."""
    matching = " and requests that match" if step.match is not None else ""
    copies = f" and copies of {step.mirror:g} %" if step.mirror > 0 else ""
    return f"{step.share:g} %{matching}{copies}"


def _shifting(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    state = _to_who_is_left(rollout, state, target, now)
    if not confirmed(state):
        return evolve(state, note="waits for the read-back of the split")
    wait = settle_seconds(target.drain, state.ttl_shift or 0)
    if not settled(state, now, wait):
        return evolve(state, note=f"confirmed; {wait:g} s for propagation and TTL")
    if not state.online:
        return evolve(state, note="waits until the routing layer reports every candidate endpoint Online")
    step = target.plan.steps[state.step]
    if target.entrance and step.share > 0 and state.asked is not None and state.asked.intent.entrance is None:
        opening = traffic.at_step(state, target, step, rollout.id, rollout.succeeds)
        return evolve(traffic.ask(state, opening, step.share, now), note="in force, so the entrance is opened")
    tried = tuple(in_force(seen) for seen in state.metrics)
    return evolve(enter(state, Phase.HOLDING, now), metrics=tried, note="the step is in force")


def _begin_drain(state: TargetState, target: Target, phase: Phase, now: datetime) -> TargetState:
    leaving = counting.LEAVING[phase]
    return evolve(with_rates(enter(state, phase, now), leaving, target), doubt=None, note="drains")


def _draining(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    drained = drain_of(state, target, now)
    state = evolve(state, note=drained.note, asks_person=drained.asks)
    verdict = decide(rollout, state, now)
    if needs_word(verdict):
        return unwell(state, verdict)
    state = evolve(state, doubt=_kept_for(state, target, now))
    if state.doubt is not None:
        return undecided(state, target, state.doubt, now)
    if not (drained.done and confirmed(state) and state.online and verdict.health is Health.HEALTHY):
        return state
    return evolve(enter(state, Phase.DRAINED, now), drained_at=now)


def _kept_for(state: TargetState, target: Target, now: datetime) -> Reason | None:
    """Why the old side is not given up though it has drained; a person may say that it is."""
    return None if state.overruled >= state.step else fails_alone(state, target, now)


def _drained(rollout: Rollout, state: TargetState, now: datetime) -> TargetState:
    wait = waves.before_retiring(rollout, state.name, now)
    target = rollout.service.target(state.name)
    verdict = decide(rollout, state, now)
    if verdict.health is not Health.HEALTHY:
        return unwell(state, verdict)
    state = evolve(state, doubt=_kept_for(state, target, now))
    if state.doubt is not None:
        return undecided(state, target, state.doubt, now)
    if not (confirmed(state) and state.online):
        return evolve(state, note="waits for Online and a clean read")
    drained = drain_of(state, target, now)
    if not drained.done:
        # The old side was in the answers again meanwhile (a hand-made change, since undone): they must expire anew.
        return evolve(state, note=drained.note, asks_person=drained.asks)
    if rollout.paused or wait:
        return evolve(state, note=wait or "paused")
    return evolve(enter(state, Phase.RETIRING, now), note="the old side leaves the routing")


def _returning(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    if not state.exposed:
        return evolve(_begin_drain(state, target, Phase.CLEARING, now), note="the candidate had no traffic")
    state = traffic.ask(state, traffic.at_step(state, target, traffic.HOME, rollout.id, rollout.succeeds), 0.0, now)
    if confirmed(state):
        return _begin_drain(state, target, Phase.CLEARING, now)
    state = evolve(state, note="waits for the read-back of the way back")
    return _unless_hopeless(rollout, state, now)


def _clearing(rollout: Rollout, state: TargetState, target: Target, now: datetime) -> TargetState:
    drained = drain_of(state, target, now)
    state = evolve(state, note=drained.note, asks_person=drained.asks)
    if not drained.done or (state.exposed and not confirmed(state)):
        return _unless_late(rollout, state, now)
    if _alone(state, target):
        return _unless_late(rollout, evolve(state, note=_ALONE), now)
    return evolve(enter(state, Phase.REMOVING, now), note="the candidate leaves the routing")


def _alone(state: TargetState, target: Target) -> bool:
    """Whether the candidate that was to be deleted may be the only side that can serve, and no person said so."""
    return state.exposed and not state.settled and stable_sick(state, target)


def _leaving(rollout: Rollout, state: TargetState, target: Target, seen: TargetSeen, now: datetime) -> TargetState:
    """Out of the routing first, then deleted: a name that routes to nothing can be taken over."""
    leaving = Side.STABLE if state.phase is Phase.RETIRING else Side.CANDIDATE
    slots = state.stable if leaving is Side.STABLE else state.candidate
    going = any(slot.retire_at is not None for slot in slots)
    if (state.asked is not None or state.phase is Phase.RETIRING) and not going:
        asked = state.asked
        leaves = asked is not None and asked.intent.active is None and asked.at >= state.since
        if seen.traffic is not None and not (leaves and confirmed(state)):
            # Asked anew until it is confirmed: who is the last to finish, and restores the TTL, shows only then.
            others = any(name != holder(rollout.service.name, state.name) for name, _ in seen.traffic.active)
            bad = None if rollout.superseded_by else rollout.revision.short
            own = (rollout.id, *rollout.succeeds)
            gone = traffic.left(state, target, leaving, others_active=others, rolled_back=bad, own=own)
            state = traffic.ask(state, gone, 100.0 if leaving is Side.STABLE else 0.0, now)
            leaves = True
        if not (leaves and confirmed(state)):
            return _unless_hopeless(rollout, evolve(state, note="waits for the read-back of leaving"), now)
        if leaving is Side.STABLE and state.drained_at is None:
            # Settled by a person, or rebuilt: nobody has waited for the last clients yet, or measured their quiet.
            rule = replace(target.drain, quiet=Quiet.NONE)
            drained = drain(state, rule, now, named=bool(slots), agreed=True)
            if not drained.done:
                return evolve(state, note=drained.note)
            state = evolve(state, drained_at=now)
    if leaving is Side.CANDIDATE and not going and _alone(state, target):
        return _unless_late(rollout, evolve(state, note=_ALONE), now)
    slots = tuple(_to_retire(slot, now) for slot in slots)
    state = evolve(state, stable=slots) if leaving is Side.STABLE else evolve(state, candidate=slots)
    if all(retired(slot) for slot in slots):
        end = Phase.PROMOTED if leaving is Side.STABLE else Phase.ROLLED_BACK
        return evolve(enter(state, end, now), note="")
    return _unless_late(rollout, evolve(state, note="waits for the deletion of the leaving groups"), now)


def _to_retire(slot: Slot, now: datetime) -> Slot:
    return slot if slot.retire_at is not None or slot.adopted else evolve(slot, retire_at=now)


def retired(slot: Slot) -> bool:
    """Whether a leaving slot is done with: gone, never made, kept on purpose, forbidden to us, or not ours."""
    never_made = slot.stage is Stage.INTENDED and (slot.intended_at is None or slot.absences >= BELIEVED)
    return never_made or slot.stage is Stage.GONE or slot.adopted or bool(slot.kept_until or slot.leftover)


def _unless_hopeless(rollout: Rollout, state: TargetState, now: datetime) -> TargetState:
    if state.refused is not None:
        return evolve(enter(state, Phase.STUCK, now), failure=state.refused)
    return _unless_late(rollout, state, now)


def _unless_late(rollout: Rollout, state: TargetState, now: datetime) -> TargetState:
    limit = rollout.service.deadlines.wave_seconds
    if state.spent_seconds <= limit or state.asks_person:
        return state
    return evolve(enter(state, Phase.STUCK, now), failure=Reason("tooLong", f"{state.note}, for over {limit:g} s"))
