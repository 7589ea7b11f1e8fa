"""One thing that happened, as a value: what the journal is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; `data` holds plain values by key."""

    at: datetime
    kind: str
    target: str | None = None
    data: tuple[tuple[str, Value], ...] = ()


def event(at: datetime, kind: str, target: str | None = None, **data: Value) -> Event:
    """Make an event from keyword values, in the order given."""
    return Event(at, kind, target, tuple(data.items()))
