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


def telling(happened: Event) -> tuple[tuple[str, Value], ...]:
    """The values that say something: nothing, no, and the 1 with which evidence and proof begin do not."""
    return tuple(
        (key, value)
        for key, value in happened.data
        if value is not None and value is not False and value != "" and not (key in ("e", "proof") and value == 1)
    )
