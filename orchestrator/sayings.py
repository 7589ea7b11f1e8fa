"""A person's word to a rollout or about a service, whichever way it comes: what is pointless and why, and the words
that no engine has to take: the pardon of a revision, and holding services back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.result import outcome_of, phase_of
from orchestrator.stamps import stamp
from orchestrator.words import demand_fit, demand_hold
from strategies.commands import can_retry, can_serve
from strategies.journal import event
from strategies.model import CommandKind, Outcome, Reason, Rollout, Side
from strategies.phases import Phase

if TYPE_CHECKING:
    from orchestrator.clock import Clock
    from orchestrator.store.ports import Store
    from orchestrator.store.records import Suspension
    from strategies.journal import Event

_MOST_JOURNALS = 1000
"""Holding back all services is written into the journals of as many recent rollouts, not of all that ever were."""


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
    if kind is CommandKind.RETRY and not can_retry(rollout):
        message = (
            f"no verdict stopped {name}, so there is nothing to judge anew; `rollout why {name}` says where it stands"
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
    store.record(latest.id, (event(clock.now(), "revision_pardoned", revision=latest.revision.id, actor=actor),))
    return latest


def known(store: Store, service: str) -> bool:
    """Whether a rollout, a watch or a manifest of the service is remembered; a name mistyped is most likely not."""
    return store.latest(service) is not None or store.sighting(service) is not None or bool(store.manifest(service))


def suspend(store: Store, suspension: Suspension) -> None:
    """Hold back new rollouts of one service or of all, and write it into the journal of each that has one.

    Idempotent: the same suspension sent again is written once. A crash half-way leaves the suspension, which names who
    and why itself, with fewer lines about it. Raises BadInput for words that cannot be kept or cannot be meant.
    """
    demand_fit({"suspension": suspension})
    demand_hold(suspension.reason, suspension.until, suspension.at)
    before = _held_by_itself(store, suspension.service, suspension.at)
    store.suspend(suspension)
    if before is not None and replace(before, at=suspension.at) == suspension:
        return
    said = {"actor": suspension.actor, "reason": suspension.reason, "until": stamp(suspension.until)}
    happened = event(suspension.at, "service_suspended", **said, all=suspension.service is None)
    _tell(store, suspension.service, happened)


def unsuspend(store: Store, clock: Clock, service: str | None, *, actor: str, reason: str) -> None:
    """Lift the suspension of one service, or the one of all, and write down who did and why.

    Idempotent: what is not held back is left alone, and nothing is written. It is written down before it is lifted, so
    that a crash between the two leaves the service held back rather than let go by nobody. Raises BadInput.
    """
    demand_fit({"service": service, "actor": actor, "reason": reason})
    now = clock.now()
    if _held_by_itself(store, service, now) is not None:
        happened = event(now, "service_unsuspended", actor=actor, reason=reason, all=service is None)
        _tell(store, service, happened)
    store.unsuspend(service)


def _held_by_itself(store: Store, service: str | None, now: datetime) -> Suspension | None:
    """The suspension of the service itself, or, without a name, the one of all."""
    found = store.suspended(service or "", now)
    return found if found is not None and found.service == service else None


def _tell(store: Store, service: str | None, happened: Event) -> None:
    """Write an event about services into their journals, which are those of their rollouts."""
    if service is not None:
        latest = store.latest(service)
        newest = {} if latest is None else {service: latest}
    else:
        newest = {each.service.name: each for each in reversed(store.history(None, _MOST_JOURNALS))}
    for rollout in newest.values():
        store.record(rollout.id, (happened,))


def _standing(rollout: Rollout, side: Side) -> bool:
    return all(can_serve(state, side) for state in rollout.targets if state.phase is Phase.STUCK)
