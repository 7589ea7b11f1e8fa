"""Which side nobody but our own probes is led to, and which sources count those. Nothing is decided by it."""

from __future__ import annotations

from datetime import datetime

from strategies.counting import LEAVING
from strategies.drain import earliest
from strategies.echo import listened
from strategies.evidence import Evidence
from strategies.gates import MetricKind
from strategies.model import Side, TargetState
from strategies.phases import Phase
from strategies.plan import Target
from strategies.seen import CheckState, TargetSeen
from strategies.values import evolve


def listen(state: TargetState, target: Target, seen: TargetSeen, now: datetime, *, elsewhere: bool) -> TargetState:
    """Compare what each source has told at this look with our probes.

    `elsewhere`: clients reach the same revision on another target, and a query need not tell targets apart.
    """
    side = None if elsewhere else _waiting(state)
    side = side or _left(state, target, now)
    names = {slot.endpoint for slot in (state.candidate if side is Side.CANDIDATE else state.stable)}
    probed = tuple(probe.at for probe in seen.probes if probe.ok and probe.slot in names)
    told = {reading.metric: reading for reading in seen.readings}

    def heard(known: Evidence) -> Evidence:
        if side is None:
            return known if known.echo is None or known.echo.heard else evolve(known, echo=None)
        reading = told.get(known.metric)
        tallies = () if reading is None else reading.candidate if side is Side.CANDIDATE else reading.stable
        return evolve(known, echo=listened(known.echo, probed, tallies, leaving=side is Side.STABLE))

    counting = {rule.name for rule in target.metrics if not rule.own and rule.kind is not MetricKind.CHECK}
    return evolve(state, metrics=tuple(heard(each) if each.metric in counting else each for each in state.metrics))


def _waiting(state: TargetState) -> Side | None:
    """The candidate that is up and gets no traffic yet, unless a check is run against it."""
    checked = any(check.state is CheckState.RUNNING for check in state.checks)
    return Side.CANDIDATE if state.phase is Phase.HOLDING and not state.exposed and not checked else None


def _left(state: TargetState, target: Target, now: datetime) -> Side | None:
    """The stable side once no answer that names it should be remembered any more."""
    if LEAVING.get(state.phase) is not Side.STABLE or state.expires_at is None:
        return None
    return Side.STABLE if now >= earliest(state.expires_at, target.drain, state.ttl_shift or 0) else None
