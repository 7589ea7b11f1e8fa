"""Where the emulated world reads the time: a Protocol for any clock and one that a test moves by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that can say what time it is."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        ...


class SystemClock:
    """The machine's own clock, for the loopback door."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is told to move, so that hours pass in a test without waiting."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Start at an aware UTC time; raises ValueError for a naive one."""
        if start.tzinfo is None:
            raise ValueError(
                f"ManualClock(start): expected an aware datetime in UTC; got the naive {start.isoformat()}"
            )
        self._now = start

    def now(self) -> datetime:
        """Return the time that the last `advance` left behind."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by a number of seconds, zero or more; raises ValueError for a negative one."""
        if seconds < 0:
            raise ValueError(f"ManualClock.advance: expected zero or more seconds; got {seconds}")
        self._now += timedelta(seconds=seconds)
