"""Where the shell reads the time: one small Protocol, and the machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, a time that only goes forward, and a way to let it pass."""

    def now(self) -> datetime:
        """Return the time of day as an aware datetime in UTC; it may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an unknown beginning; never goes back, whatever is done to the time of day."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds; zero or less returns at once."""
        ...


# A lease must run out while the machine is suspended. On Linux only CLOCK_BOOTTIME counts that time; elsewhere
# CLOCK_MONOTONIC does.
_COUNTING_SUSPENSION: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the time of day as an aware datetime in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that also count while the machine is suspended."""
        return time.clock_gettime(_COUNTING_SUSPENSION)

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)
