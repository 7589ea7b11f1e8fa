"""What every store does alike: the pure part of submitting and saving, so that the kinds cannot drift apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.store.errors import StaleWrite
from strategies.journal import Event, submitted
from strategies.model import Outcome, Rollout

ENDS = frozenset({Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.SUPERSEDED})
"""A stuck rollout has not ended: it waits for a person, and holds its service until then."""


def first(rollout: Rollout, events: Sequence[Event]) -> tuple[Rollout, tuple[Event, ...]]:
    """Make what is stored of a submitted rollout and the journal's beginning."""
    fresh = settled(replace(rollout, version=0, commands=()))
    return fresh, (submitted(fresh), *events)


def following(rollout: Rollout, expected: int) -> Rollout:
    """Make what is stored when `rollout` replaces the state of version `expected`; commands are kept elsewhere."""
    return settled(replace(rollout, version=expected + 1, commands=()))


def unhandled(rollout: Rollout, given: Rollout) -> Rollout:
    """Give a saved rollout those of the commands it came with that its state has not handled."""
    return replace(rollout, commands=tuple(c for c in given.commands if c.seq > rollout.handled))


def settled(rollout: Rollout) -> Rollout:
    """Set the end's time on a rollout whose outcome is an end, and take it off any other."""
    if rollout.outcome not in ENDS:
        return replace(rollout, ended_at=None) if rollout.ended_at else rollout
    return rollout if rollout.ended_at else replace(rollout, ended_at=rollout.ticked_at)


def poison_of(rollout: Rollout) -> str | None:
    """Say why the rollout's revision must not come again by itself; None unless it was rolled back."""
    if rollout.outcome is not Outcome.ROLLED_BACK:
        return None
    reason = rollout.failure or rollout.aborted
    return reason.message if reason else f"rolled back by rollout {rollout.id}"


def stale_version(rollout: Rollout, expected: int, stored: int) -> StaleWrite:
    """Name a lost update."""
    return StaleWrite(
        f"rollout {rollout.id}: version {expected} was expected, {stored} is stored; load it again and decide again"
    )


def stale_fence(rollout: Rollout, fence: int, stored: int | None) -> StaleWrite:
    """Name a writer whose lease has gone to somebody else."""
    holds = "nobody holds it" if stored is None else f"its fence is {stored}"
    return StaleWrite(
        f"rollout {rollout.id}: saved under fence {fence} of the lease on {rollout.service.name}, but {holds}; "
        "stop acting and take the lease again"
    )
