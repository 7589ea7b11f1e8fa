"""The intervals that both sides of a question are counted in, and the reading that their counts make together; pure.

Intervals begin at whole multiples of their length since the first day of the calendar, as KQL's `bin` and the minutes
of Azure Monitor do, so that answers of different looks and sources of one kind fit together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strategies.seen import Reading, Tally

MOST = 600
"""How many intervals are asked for at one look where nothing else is said; what is older is let go."""
_ORIGIN = datetime.min.replace(tzinfo=UTC)
LARGEST = 2**53
"""The largest number that is taken from a source: beyond it one of JSON no longer tells neighbours apart."""
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Grid:
    """Intervals of `step`, one after the other from `first` on; both bounds are UTC."""

    first: datetime
    step: timedelta
    count: int

    @property
    def until(self) -> datetime:
        """Where the last interval ends."""
        return self.first + self.count * self.step

    @property
    def seconds(self) -> int:
        """The length of one interval."""
        return round(self.step.total_seconds())

    def __iter__(self) -> Iterator[datetime]:
        """Where each interval begins."""
        return (self.first + number * self.step for number in range(self.count))

    def __str__(self) -> str:
        return f"{stamp(self.first)} to {stamp(self.until)}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a source gave for one side, and what of it is missing and why."""

    tallies: tuple[Tally, ...] = ()
    problem: str | None = None
    mistaken: bool = False


def complete(since: datetime, now: datetime, *, step_seconds: float, lag_seconds: float, most: int = MOST) -> Grid:
    """The intervals that begin at `since` or later and were over `lag_seconds` before `now`; the newest `most`.

    After an outage longer than that the oldest have no numbers, and asking for them would never bring one.
    """
    step = timedelta(seconds=max(1, math.ceil(step_seconds)))
    first = -(-(since.astimezone(UTC) - _ORIGIN) // step)
    last = (now.astimezone(UTC) - timedelta(seconds=lag_seconds) - _ORIGIN) // step
    first = max(first, last - most)
    return Grid(_ORIGIN + first * step, step, max(0, last - first))


def stamp(when: datetime) -> str:
    """A time in UTC as ISO 8601 with a Z."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse(text: object) -> datetime | None:
    """Read a time of ISO 8601, UTC where it names no zone; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        when = datetime.fromisoformat(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def whole(value: object) -> int | None:
    """A count as a whole number, rounded; None for what is no count: negative, endless, no number at all."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Written so that NaN, which is neither less nor more than anything, is refused as well.
    return round(value) if 0 <= value <= LARGEST else None


def reading(
    metric: str,
    at: datetime,
    stable: Found,
    candidate: Found,
    *,
    talkers: tuple[tuple[str, float], ...] = (),
    beside: str | None = None,
) -> Reading:
    """Put both sides' findings together; what ails both is said once, `beside` what ails neither."""
    said = {"stable side": stable.problem, "candidate": candidate.problem}
    if stable.problem == candidate.problem:
        problems = [stable.problem]
    else:
        problems = [f"{side}: {problem}" if problem else None for side, problem in said.items()]
    told = "; ".join(problem for problem in (*problems, beside) if problem)
    return Reading(
        metric,
        at,
        stable.tallies,
        candidate.tallies,
        problem=told or None,
        mistaken=stable.mistaken or candidate.mistaken,
        talkers=talkers,
    )


def shown(value: object, hidden: Callable[[str], str] = str) -> str:
    """What a source gave where a count was expected, cut to what a person reads; `hidden` masks secrets first."""
    return hidden(repr(value))[:_SHOWN]
