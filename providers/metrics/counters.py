"""From the values of a counter at the bounds of intervals to what was counted within each; pure.

A sum over several workloads falls when one of them begins anew, and also when one is not scraped for a moment: then it
comes back with all that it ever counted. Neither is a number of requests. What fell is kept in mind until it is back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from providers.metrics.grid import Found, Grid
from strategies.seen import Tally

_UNUSUAL = 3
"""How many times the largest rise seen so far makes one that is taken for a workload that came back."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was counted within one interval; `reset`: how much it was is not known."""

    count: int
    reset: bool = False


def grown(values: Sequence[int | None], *, returns: bool = True) -> tuple[Step | None, ...]:
    """What a counter grew by from each value to the next; None where one of the two is missing.

    A fall is a reset. With `returns` so is a rise after a fall that brings back what had fallen: as much as is still
    missing, or far more than the counter grew before.
    """
    return tuple(_steps(values, returns=returns))


def given(values: Sequence[int | None]) -> tuple[Step | None, ...]:
    """The same for a query that counts each interval itself: its value at an interval's end is the count."""
    return tuple(None if value is None else Step(value) for value in values[1:])


def paired(grid: Grid, requests: Sequence[Step | None], failed: Sequence[Step | None] | None = None) -> Found:
    """One side's intervals of a grid; one that either query has no number for is left out.

    `failed` None: only requests are counted.
    """
    tallies: list[Tally] = []
    counted = failed if failed is not None else [Step(0)] * grid.count
    for since, all_of, bad in zip(grid, requests[: grid.count], counted[: grid.count], strict=True):
        if all_of is None or bad is None:
            continue
        until = since + grid.step
        if all_of.reset or bad.reset:
            tallies.append(Tally(since, until, 0, reset=True))
        else:
            tallies.append(Tally(since, until, all_of.count, bad.count))
    return Found(tuple(tallies))


def _steps(values: Sequence[int | None], *, returns: bool) -> Iterator[Step | None]:
    known: int | None = None
    gone = 0
    usual: int | None = None
    gap = True
    for number, value in enumerate(values):
        if value is None:
            gap = True
            if number:
                yield None
            continue
        rise = 0 if known is None else value - known
        back = returns and gone > 0 and (rise >= gone or (usual is not None and rise > _UNUSUAL * max(usual, 1)))
        if rise < 0 or back:
            gone = max(gone - rise, 0)
        elif not gap:
            usual = max(usual or 0, rise)
        if number:
            yield None if gap else Step(0, reset=True) if rise < 0 or back else Step(rise)
        known, gap = value, False
