"""A person's word to a rollout, whichever way it comes: what is pointless and why, and the pardon of a revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.result import outcome_of, phase_of
from strategies.commands import FAILED, can_serve
from strategies.model import CommandKind, Outcome, Reason, Rollout, Side
from strategies.phases import Phase

if TYPE_CHECKING:
    from orchestrator.clock import Clock
    from orchestrator.store.ports import Store


def verb_of(kind: CommandKind) -> str:
    """What a person types for it."""
    return "promote --full" if kind is CommandKind.PROMOTE_FULL else kind.value


def pointless(rollout: Rollout, kind: CommandKind, argument: str = "") -> Reason | None:
    """Why the word would be passed over in silence by a rollout that stands like this; None when it has an effect.

    `argument` is the side to settle on.
    """
    name = rollout.service.name
    if kind is CommandKind.SETTLE and rollout.outcome is not Outcome.STUCK:
        stands = f"{outcome_of(rollout)}, {phase_of(rollout).value}"
        return Reason("notStuck", f"{name} is not stuck ({stands}): `rollout abort {name}` takes the candidate back")
    if kind is CommandKind.SETTLE and not _standing(rollout, Side(argument)):
        message = f"the {argument} side of {name} is gone or being deleted and cannot serve: settle on the other"
        return Reason("sideGone", message)
    if kind is CommandKind.ABORT and not rollout.may_turn and rollout.aborted is None and not rollout.failure:
        message = (
            f"too late to abort {name}: the old side is being taken out or deleted, so the candidate stays; "
            f"`rollout undo {name}` goes back once this rollout has ended"
        )
        return Reason("tooLate", message)
    judged = rollout.paused is not None and rollout.paused.code == FAILED
    if kind is CommandKind.RETRY and not judged:
        message = (
            f"no verdict paused {name}, so there is nothing to judge anew; `rollout why {name}` says where it stands"
        )
        return Reason("nothingToRetry", message)
    if kind is CommandKind.RESUME and rollout.paused is None:
        return Reason("notPaused", f"{name} is not paused; `rollout why {name}` says what it waits for")
    return None


def without_rollout(service: str, kind: CommandKind) -> Reason:
    """Why a word finds nobody: no rollout of the service is under way."""
    verb = verb_of(kind)
    if kind is CommandKind.ABORT:
        return Reason("nothingUnderWay", f"nothing is under way for {service}; nothing to abort")
    return Reason(
        "nothingUnderWay",
        f"nothing is under way for {service}, so there is nothing to {verb}; `rollout start FILE` begins",
    )


def pardon(store: Store, clock: Clock, service: str, actor: str) -> Rollout:
    """Lift the poison of what was rolled back last, and return that rollout; starting it again is a wish of its own.

    Not idempotent: sent again there is nothing to pardon, which raises Refused. A crash between the two writes leaves
    the revision pardoned without the line in the journal that says who did it.
    """
    latest = store.latest(service)
    if latest is None or not store.is_poisoned(service, latest.revision.id):
        from orchestrator.wish import Refused

        message = (
            f"no revision of {service} that was rolled back last is held back in this store; "
            "`rollout start FILE --retry` lifts what another store or the profile remembers"
        )
        raise Refused("nothingToRetry", message)
    store.pardon(service, latest.revision.id)
    from strategies.journal import event

    store.record(latest.id, (event(clock.now(), "revision_pardoned", revision=latest.revision.id, actor=actor),))
    return latest


def _standing(rollout: Rollout, side: Side) -> bool:
    return all(can_serve(state, side) for state in rollout.targets if state.phase is Phase.STUCK)
