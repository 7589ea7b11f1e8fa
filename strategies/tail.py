"""How long clients that are pinned to a side stay: measured while it drains, told before the next one.

After the last answer that names the side has expired, the part of its former requests that still comes falls as
`phi * exp(-t / H)`: `phi` is the part that is pinned by kept connections or caches, `H` their mean hold. Both are those
under which what was counted is the likeliest, the requests being Poisson: that takes no more than how many came, when
they came in the mean, and for how long one listened. An interval without requests has its part in the last of these:
where few requests come most intervals are empty, and to leave them out would make every tail endless.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import exp, expm1, log

from strategies.seen import Tally
from strategies.values import evolve

_LONGEST_HOLD = 7 * 86400.0
_LEAST_REQUESTS = 10
_NOTHING = 700.0


@dataclass(frozen=True)
class Tail:
    """What one source, without a gap, has counted of a side since its last answer expired; seconds are after that.

    `rate` is what the side had before, requests per second; `moments` sums up when the requests came.
    """

    metric: str = ""
    rate: float = 0.0
    since: float = 0.0
    until: float = 0.0
    requests: int = 0
    moments: float = 0.0


@dataclass(frozen=True, slots=True)
class Pinned:
    """The part of requests that is pinned (0 to 1), and the mean seconds for which it is."""

    part: float
    hold_seconds: float

    def seconds(self, rest: float) -> float:
        """How long after the expiry no more than the part `rest` of the former requests comes."""
        return self.hold_seconds * log(self.part / rest) if self.part > rest else 0.0


def measured(
    tail: Tail | None, rate: float | None, tallies: tuple[Tally, ...], expires_at: datetime, metric: str = ""
) -> Tail | None:
    """Add the intervals of a side that leaves; `rate` is what it had before, requests per second.

    The first source that tells of it is the one that measures. What nobody knows of is not made up: a gap ends the
    measurement where it has shown something by then, else it begins anew after it.
    """
    for tally in tallies if rate else ():
        since, until = ((moment - expires_at).total_seconds() for moment in (tally.since, tally.until))
        if since < 0 or tally.reset or until <= since or (tail is not None and tail.metric != metric):
            continue
        if tail is None or (since > tail.until and pinned(tail) is None):
            tail = Tail(metric, rate or 0.0, since, since)
        if since == tail.until:
            moments = tail.moments + tally.requests * (since + until) / 2
            tail = evolve(tail, until=until, requests=tail.requests + tally.requests, moments=moments)
    return tail


def pinned(tail: Tail | None) -> Pinned | None:
    """What a drain has shown of pinned clients; None where it showed too little, or no decline."""
    if tail is None or tail.requests < _LEAST_REQUESTS:
        return None
    listened, mean = tail.until - tail.since, tail.moments / tail.requests - tail.since
    fastest, slowest = listened / mean, listened / _LONGEST_HOLD
    if _mean_part(slowest) * listened <= mean:
        return None
    for _ in range(60):
        middle = (fastest + slowest) / 2
        slowest, fastest = (middle, fastest) if _mean_part(middle) * listened > mean else (slowest, middle)
    hold = listened / fastest
    first = tail.requests / (hold * -expm1(-fastest))
    return Pinned(exp(min(log(first / tail.rate) + tail.since / hold, 0.0)), hold)


def _mean_part(holds: float) -> float:
    """At which part of a window of so many mean holds requests come in the mean; where it is short, in its middle."""
    return 1 / holds - 1 / expm1(min(holds, _NOTHING))
