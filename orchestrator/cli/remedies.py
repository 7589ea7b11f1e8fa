"""What a person can do about a rollout, as lines that can be typed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from orchestrator.result import doubt_of
from strategies.commands import can_approve, can_retry, can_serve
from strategies.model import Outcome, Rollout, Side, Slot
from strategies.phases import Phase

_SETTLING = (
    (Side.CANDIDATE, "the candidate serves, the old side goes"),
    (Side.STABLE, "the old side serves, the candidate goes"),
)


@dataclass(frozen=True, slots=True)
class Remedy:
    """One command line and what it leads to."""

    command: str
    does: str


def remedies(rollout: Rollout, *, engine_runs: bool, poisoned: bool = False) -> list[Remedy]:
    """The commands that make sense now, the likeliest first; `poisoned` is the rollout's own revision's."""
    name = rollout.service.name
    if rollout.outcome is Outcome.STUCK:
        stuck = [state for state in rollout.targets if state.phase is Phase.STUCK]
        return [
            Remedy(f"rollout settle {name} --serving {side.value} --reason TEXT", what)
            for side, what in _SETTLING
            if all(can_serve(state, side) for state in stuck)
        ]
    if rollout.outcome is not Outcome.RUNNING:
        return _after(rollout, poisoned=poisoned)
    ways = [] if engine_runs else [Remedy("rollout start FILE", "no engine runs: run it again, it attaches")]
    ways += _going_on(rollout)
    if rollout.may_turn and rollout.aborted is None and rollout.failure is None:
        ways.append(Remedy(f"rollout abort {name}", "everything back to the old side"))
    ways += _leftover(rollout)
    return ways


def _going_on(rollout: Rollout) -> list[Remedy]:
    name = rollout.service.name
    anew = [Remedy(f"rollout retry {name}", "forget the verdict and judge anew")] if can_retry(rollout) else []
    if rollout.paused is not None:
        return anew or [Remedy(f"rollout resume {name}", "go on from here")]
    if rollout.aborted is not None or rollout.failure is not None:
        return []
    undecided = any(doubt_of(state) is not None for state in rollout.targets)
    if any(state.asks_person for state in rollout.targets):
        does = "go on without proof" if undecided else "let it go on"
        return anew or ([Remedy(f"rollout approve {name}", does)] if can_approve(rollout) else [])
    if undecided:
        return [
            Remedy(f"rollout promote {name}", "go on to the next step without proof"),
            Remedy(f"rollout pause {name}", "stay at this share, whatever is proven"),
        ]
    if any(state.phase is Phase.HOLDING for state in rollout.targets):
        return [
            Remedy(f"rollout promote {name}", "skip this hold"),
            Remedy(f"rollout pause {name}", "stay at this share"),
        ]
    return []


def _after(rollout: Rollout, *, poisoned: bool) -> list[Remedy]:
    name = rollout.service.name
    ways = _leftover(rollout)
    if rollout.outcome is Outcome.PROMOTED:
        return [*ways, Remedy(f"rollout undo {name}", "back to the revision before")]
    if poisoned:
        ways.append(Remedy(f"rollout retry {name}", "pardon this revision, so that `start` takes it again"))
    return [*ways, Remedy("rollout start FILE --tag TAG", "roll out another version")]


def _leftover(rollout: Rollout) -> list[Remedy]:
    slots = [slot for state in rollout.targets for slot in (*state.candidate, *state.stable) if slot.leftover]
    return [Remedy(_deletion(slot), f"left over: {slot.leftover}") for slot in slots]


def _deletion(slot: Slot) -> str:
    """The command that deletes a workload by hand, as far as its own id says where it is."""
    parts = (slot.id or "").split("/")
    places = {key.lower(): value for key, value in pairwise(parts)}
    if "namespaces" in places:
        return f"kubectl delete deployment {slot.name} --namespace {places['namespaces']}"
    return f"az container delete --name {slot.name} --resource-group {places.get('resourcegroups', 'GROUP')}"
