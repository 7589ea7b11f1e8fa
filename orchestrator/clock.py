"""Where the shell reads the time: one small Protocol, and the machine's own clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The time of day, a time that only goes forward, and a way to let it pass."""

    def now(self) -> datetime:
        """Return the time of day as an aware datetime in UTC; it may jump between two processes."""
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
    """The machine's own clock, with a time of day that never jumps.

    The date is read once, and from then on what has passed is counted: a drain must not be over early because somebody
    set the clock forward.
    """

    def __init__(self) -> None:
        self._began, self._counted_from = datetime.now(UTC), self.monotonic()

    def now(self) -> datetime:
        """Return the time of day as an aware datetime in UTC: that of the beginning, plus what has passed since."""
        return self._began + timedelta(seconds=self.monotonic() - self._counted_from)

    def monotonic(self) -> float:
        """Return seconds that also count while the machine is suspended."""
        return time.clock_gettime(_COUNTING_SUSPENSION)

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds; zero or less returns at once."""
        if seconds > 0:
            time.sleep(seconds)
