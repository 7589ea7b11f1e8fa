"""The JSON result of `start` and `status`: one pure function of a rollout, and the exit code that goes with it.

    share      {"intended", "confirmed", "observed"}, percent; null where nothing is known
    evidence   what the sources of a target said: see `orchestrator.counted`
    outcome    promoted | rolledBack | waiting | timedOut | superseded | refused | stuck | running | none
    state      of a group: intended, starting, ready, failing, faulty, retained, leftover or gone
    times      RFC 3339 in UTC, ending in Z

`stable` and `candidate` keep their roles for the whole of a rollout: after a promotion the candidate is what serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.counted import evidence_of, observed
from orchestrator.exit_codes import ExitCode
from orchestrator.outlook import decides_at
from orchestrator.stamps import stamp
from strategies.model import Outcome, Reason, Revision, Rollout, Slot, Stage, TargetState
from strategies.phases import RETURNING_HOME, TERMINAL, Phase

if TYPE_CHECKING:
    from orchestrator.store.records import Sighting

SCHEMA = 1
_CODES = {
    "none": ExitCode.PROMOTED,
    "promoted": ExitCode.PROMOTED,
    "rolledBack": ExitCode.ROLLED_BACK,
    "waiting": ExitCode.WAITING,
    "running": ExitCode.TIMED_OUT,
    "timedOut": ExitCode.TIMED_OUT,
    "superseded": ExitCode.SUPERSEDED,
    "refused": ExitCode.REFUSED,
    "stuck": ExitCode.STUCK,
}
_ORDER = list(Phase)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one group is: its provider's id and the address that is probed, as far as they are known.

    `fqdn` is its name for whoever can resolve it; None where its address is that.
    """

    id: str | None = None
    url: str | None = None
    fqdn: str | None = None


Locate = Callable[[str, Slot], Place]
"""Finds the place of a target's slot; what a rollout itself does not know."""


def _unknown(_target: str, _slot: Slot) -> Place:
    return Place()


def exit_code_of(outcome: str) -> ExitCode:
    """The exit code of an outcome word; one that is still running counts as work going on. KeyError for other words."""
    return _CODES[outcome]


def outcome_of(rollout: Rollout) -> str:
    """The contract's word for where a rollout stands, told apart by whether only a person's word is missing."""
    if rollout.outcome is Outcome.RUNNING and _awaits_person(rollout):
        return "waiting"
    return rollout.outcome.value


def _awaits_person(rollout: Rollout) -> bool:
    """What `strategies.advance.awaits_person` says; said again because loading the whole of it doubles what we cost."""
    return rollout.paused is not None or any(s.asks_person or s.phase is Phase.STUCK for s in rollout.targets)


def phase_of(rollout: Rollout) -> Phase:
    """One phase for all targets: stuck before anything, then the way back, then the least advanced of the wave."""
    phases = [state.phase for state in rollout.targets]
    if Phase.STUCK in phases:
        return Phase.STUCK
    going = [state.phase for state in _wave(rollout) if state.phase not in TERMINAL] or [
        phase for phase in phases if phase not in TERMINAL
    ]
    back = [phase for phase in phases if phase in RETURNING_HOME and phase not in TERMINAL]
    if back or going:
        return min(back or going, key=_ORDER.index)
    return Phase.ROLLED_BACK if Phase.ROLLED_BACK in phases else Phase.PROMOTED


def reason_of(rollout: Rollout) -> Reason:
    """Why the rollout is where it is: the verdict or the word that turned it, what it waits for, or how it ended."""
    stuck = next((s.failure for s in rollout.targets if s.phase is Phase.STUCK and s.failure), None)
    if stuck is not None:
        return stuck
    if rollout.superseded_by:
        by = rollout.superseded_by
        return Reason("superseded", f"superseded by newer revision {by[:8]}", (("by", by),))
    said = rollout.failure or rollout.aborted or rollout.paused
    if said is not None:
        return said
    if rollout.outcome is Outcome.PROMOTED:
        return Reason("promoted", "the candidate serves everything; the old side was drained and is out of the routing")
    under_way = [s for s in _wave(rollout) if s.phase not in TERMINAL]
    waiting = [s for s in rollout.targets if s.asks_person] or sorted(under_way, key=lambda s: doubt_of(s) is None)
    for state in waiting or rollout.targets:
        doubt = doubt_of(state)
        if doubt is not None:
            return Reason(doubt.code, state.note, doubt.evidence)
        return Reason("approval" if state.asks_person else state.phase.value, state.note or state.phase.value)
    return Reason("none", "the rollout has no targets")


def doubt_of(state: TargetState) -> Reason | None:
    """What is not proven yet, where that is what the target waits for: its note says so then."""
    doubt = state.doubt if state.phase is Phase.HOLDING else None
    return doubt if doubt is not None and state.note.startswith(doubt.message) else None


def result(
    rollout: Rollout,
    *,
    engine: str,
    outcome: str | None = None,
    reason: Reason | None = None,
    locate: Locate = _unknown,
) -> dict[str, Any]:
    """The contract's document about one rollout, as plain values.

    `outcome` and `reason` say what the rollout itself does not know: that the caller's patience ran out, or that it
    was refused. `engine` is `daemon`, `self` or `none`.
    """
    return {
        "schema": SCHEMA,
        "rollout": rollout.id,
        "service": rollout.service.name,
        "outcome": outcome or outcome_of(rollout),
        "phase": phase_of(rollout).value,
        "engine": engine,
        "share": mean_share(rollout),
        "startedAt": stamp(rollout.created_at),
        "endedAt": stamp(rollout.ended_at),
        "reason": reason_document(reason or reason_of(rollout)),
        "stable": _side(rollout.previous, rollout, "stable", locate),
        "candidate": _side(rollout.revision, rollout, "candidate", locate),
        "targets": [_target(rollout, state) for state in rollout.targets],
        "leftovers": _leftovers(rollout, locate),
    }


def blank(service: str, outcome: str, reason: Reason, *, engine: str = "none") -> dict[str, Any]:
    """The same document where there is no rollout to tell of: none is known, or none was begun."""
    return {
        "schema": SCHEMA,
        "rollout": None,
        "service": service,
        "outcome": outcome,
        "phase": None,
        "engine": engine,
        "share": {"intended": None, "confirmed": None, "observed": None},
        "startedAt": None,
        "endedAt": None,
        "reason": reason_document(reason),
        "stable": None,
        "candidate": None,
        "targets": [],
        "leftovers": [],
    }


def watch_document(sighting: Sighting | None) -> dict[str, Any] | None:
    """What the watcher last saw of a service and what became of it; None where nothing is watched and nothing wrong."""
    if sighting is None or not sighting.tells:
        return None
    return {
        "image": sighting.image or None,
        "rule": sighting.rule or None,
        "tag": sighting.tag,
        "digest": sighting.digest,
        "seenAt": stamp(sighting.seen_at),
        "outcome": sighting.outcome or None,
        "message": sighting.message or None,
        "problem": sighting.problem or sighting.manifest_problem or None,
        "problemAt": stamp(sighting.problem_at if sighting.problem else sighting.manifest_problem_at),
    }


def reason_document(reason: Reason) -> dict[str, Any]:
    """A reason as plain values."""
    return {"code": reason.code, "message": reason.message, "evidence": dict(reason.evidence)}


def share_of(rollout: Rollout, state: TargetState) -> dict[str, float | None]:
    """What was asked of one target's routing, what read-back confirmed, and what clients got; percent.

    The last is by requests where a source counts them and has counted enough, else by the weights last read.
    """
    intended = state.asked.share if state.asked is not None else state.share
    seen = observed(state, rollout.service.target(state.name))
    return {"intended": intended, "confirmed": state.share, "observed": seen.share if seen else state.observed}


def mean_share(rollout: Rollout) -> dict[str, float | None]:
    """The mean of the current wave's shares; null where no target knows its own."""
    shares = [share_of(rollout, state) for state in _wave(rollout)]
    return {key: _mean(share[key] for share in shares) for key in ("intended", "confirmed", "observed")}


def group_state(slot: Slot, *, stable: bool = False) -> str:
    """One word for what became of a group; one of the stable side served before we looked, so being seen is enough."""
    if slot.stage is Stage.GONE:
        return "gone"
    for word, holds in (("leftover", slot.leftover), ("retained", slot.kept_until), ("faulty", slot.fault)):
        if holds:
            return word
    if slot.failed:
        return "failing"
    if slot.ready or slot.adopted or (stable and slot.stage is Stage.SEEN):
        return "ready"
    return "intended" if slot.stage is Stage.INTENDED else "starting"


def _wave(rollout: Rollout) -> list[TargetState]:
    wave = rollout.wave
    return [state for state in rollout.targets if rollout.service.target(state.name).wave == wave]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 6) if known else None


def _side(revision: Revision | None, rollout: Rollout, side: str, locate: Locate) -> dict[str, Any] | None:
    slots = [(state.name, slot) for state in rollout.targets for slot in _slots(state, side)]
    if revision is None and not slots:
        return None
    return {
        "revision": revision.id if revision else None,
        "digest": revision.digest if revision else None,
        "image": revision.image if revision else None,
        "tag": revision.tag if revision else None,
        "groups": [_group(target, slot, side, locate(target, slot)) for target, slot in slots],
    }


def _slots(state: TargetState, side: str) -> Sequence[Slot]:
    return state.stable if side == "stable" else state.candidate


def _group(target: str, slot: Slot, side: str, place: Place) -> dict[str, Any]:
    return {
        "target": target,
        "name": slot.name or slot.endpoint,
        "id": place.id,
        "fqdn": place.fqdn or slot.address,
        "url": place.url,
        "state": group_state(slot, stable=side == "stable"),
    }


def _target(rollout: Rollout, state: TargetState) -> dict[str, Any]:
    target = rollout.service.target(state.name)
    return {
        "name": state.name,
        "wave": target.wave,
        "phase": state.phase.value,
        "step": state.step,
        "steps": target.plan.last,
        "share": share_of(rollout, state),
        "since": stamp(state.since),
        "note": state.note,
        "waitsForPerson": state.asks_person,
        "decidesAt": stamp(decides_at(rollout, state)),
        "address": state.routed_as,
        "evidence": evidence_of(rollout, state),
        "reason": reason_document(state.failure) if state.failure else None,
        "problem": state.problem or state.lags,
        "driftSince": stamp(state.drift_since),
    }


def _leftovers(rollout: Rollout, locate: Locate) -> list[dict[str, Any]]:
    return [
        {"target": state.name, "name": slot.name, "id": locate(state.name, slot).id, "why": slot.leftover}
        for state in rollout.targets
        for slot in (*state.candidate, *state.stable)
        if slot.leftover
    ]
