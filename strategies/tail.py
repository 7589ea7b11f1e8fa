"""How long clients that are pinned to a side stay: measured while it drains, told before the next one.

After the last answer that names the side has expired, the part of its former requests that still comes falls as
`phi * exp(-t / H)`: `phi` is the part that is pinned by kept connections or caches, `H` their mean hold. Both are those
of the straight line through the logarithms, each weighted with its requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp, log

from strategies.seen import Tally
from strategies.values import evolve

_LONGEST_HOLD = 7 * 86400.0


@dataclass(frozen=True)
class Tail:
    """Sums over the intervals of a drain, `t` seconds after the expiry and `y` the logarithm of the part that came."""

    n: float = 0.0
    t: float = 0.0
    y: float = 0.0
    tt: float = 0.0
    ty: float = 0.0


@dataclass(frozen=True, slots=True)
class Pinned:
    """The part of requests that is pinned (0 to 1), and the mean seconds for which it is."""

    part: float
    hold_seconds: float

    def seconds(self, rest: float) -> float:
        """How long after the expiry no more than the part `rest` of the former requests comes."""
        return self.hold_seconds * log(self.part / rest) if self.part > rest else 0.0


def measured(tail: Tail | None, rate: float | None, tallies: tuple[Tally, ...], expires_at: datetime) -> Tail | None:
    """Add the intervals of a side that leaves; `rate` is what it had before, requests per second."""
    for tally in tallies if rate else ():
        seconds = (tally.until - tally.since).total_seconds()
        if tally.since < expires_at or tally.reset or tally.requests <= 0 or seconds <= 0:
            continue
        t = ((tally.since - expires_at).total_seconds()) + seconds / 2
        y, w = log(tally.requests / (rate or 1.0) / seconds), float(tally.requests)
        known = tail or Tail()
        tail = evolve(
            known, n=known.n + w, t=known.t + w * t, y=known.y + w * y, tt=known.tt + w * t * t, ty=known.ty + w * t * y
        )
    return tail


def pinned(tail: Tail | None) -> Pinned | None:
    """What a drain has shown of pinned clients; None where it showed too little, or no decline."""
    if tail is None or tail.n <= 0:
        return None
    spread = tail.n * tail.tt - tail.t * tail.t
    slope = (tail.n * tail.ty - tail.t * tail.y) / spread if spread > 1e-9 * tail.n * tail.n else 0.0
    if slope >= -1 / _LONGEST_HOLD:
        return None
    return Pinned(min(exp((tail.y - slope * tail.t) / tail.n), 1.0), -1 / slope)
