"""The side that leaves, and how far its drain is: judged in one place for whoever decides, tells or forecasts it."""

from __future__ import annotations

from datetime import datetime

from strategies.counting import LEAVING, latest_seconds
from strategies.drain import Drain, drain
from strategies.model import Side, TargetState
from strategies.plan import Target


def was_named(state: TargetState) -> bool:
    """Whether any answer or route can ever have named the side that leaves in this phase."""
    return bool(state.stable) if LEAVING[state.phase] is Side.STABLE else state.exposed


def drain_of(state: TargetState, target: Target, now: datetime) -> Drain:
    """Judge the drain of the side that leaves in this phase, with a person's word and the time that sources may take.

    Raises KeyError in a phase in which no side leaves.
    """
    agreed = state.approved > target.plan.last or state.settled
    late = latest_seconds(target)
    return drain(state, target.drain, now, named=was_named(state), agreed=agreed, late_seconds=late)
