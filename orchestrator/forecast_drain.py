"""When the clients of a side that leaves have gone, as far as rules and the last drain tell; pure.

After share zero is in force, what still comes is `phi * exp(-t / H)` of what came before: so no more than the part eps
does after propagation + TTL + H ln(phi / eps), where `phi` is the part that is pinned and `H` its mean hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.forecast_entries import Entry, Kind
from orchestrator.forecast_traffic import counts_the_leaving, quiet_matters
from strategies.drain import margin_seconds, quiet_seconds, settle_seconds
from strategies.model import Outcome, Rollout
from strategies.plan import AfterMost, Target
from strategies.tail import Pinned, pinned

RESTS = (0.01, 0.001)
"""The parts of former requests that a plan speaks of; the smaller one is what counts as quiet."""


@dataclass(frozen=True, slots=True)
class Draining:
    """How long one target's drain takes, in seconds after the read-back of share zero.

    `rule_seconds` is the least by the rule; `left` pairs each of `RESTS` with when no more than it comes, empty where
    no drain has shown how many clients are `pinned`. `quiet_seconds` is how long there must be quiet then, None where
    nothing can tell; `most_seconds` when that ends in any case, and `then` how.
    """

    target: str
    rule_seconds: float
    pinned: Pinned | None
    left: tuple[tuple[float, float], ...]
    quiet_seconds: float | None
    counted: bool
    most_seconds: float | None
    then: AfterMost


def draining(target: Target, found: Pinned | None, entries: Sequence[Entry]) -> Draining | None:
    """The drain of one target's stable side in a forecast of these entries; None where nothing is drained."""
    mine = [entry for entry in entries if entry.target == target.name]
    drain = next((entry for entry in mine if entry.kind is Kind.DRAIN), None)
    shift = next((entry for entry in reversed(mine) if entry.kind is Kind.SHIFT), None)
    if drain is None or shift is None or not drain.names:
        return None
    rule, ttl = target.drain, shift.ttl_seconds or 0
    heard = settle_seconds(rule, ttl)
    left = () if found is None else tuple((rest, heard + found.seconds(rest)) for rest in RESTS)
    waits = quiet_matters(target)
    return Draining(
        target.name,
        heard + margin_seconds(rule, ttl),
        found,
        left,
        quiet_seconds(rule, ttl) if waits else None,
        counts_the_leaving(target),
        rule.most_seconds if waits else None,
        rule.then,
    )


def last_pinned(history: Iterable[Rollout], target: str) -> Pinned | None:
    """What the newest drain of a target has shown of pinned clients; `history` is the service's, newest first."""
    for rollout in history:
        if rollout.outcome is Outcome.RUNNING:
            continue
        for state in rollout.targets:
            if state.name == target and (found := pinned(state.tail)) is not None:
                return found
    return None
