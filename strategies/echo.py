"""Whether a source counts our own probes, as a query does that leaves no health checks out: their echo.

While nobody else is led to a side, a source that leaves our probes out counts hardly anything of it, and one that does
not counts them all: from any moment on the two sums stay within a round of probes of each other. Before a candidate
gets traffic there may be more, for others check its health as well. Once a side has left the split its pinned clients
come too: there more or less than our probes is no echo, and it takes longer to tell clients that come as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strategies.seen import Tally
from strategies.values import evolve

_ROUNDS, _ROUNDS_OF_LEAVING = 10, 90
"""How many rounds of probes must be found again in what a source counts: by chance clients come as often for a while,
but their sum strays from ours by the root of their number."""


@dataclass(frozen=True)
class Echo:
    """Our probes of a side that nobody else is led to, and what a source counted of it, since the round at `since`.

    `leaving`: it has left the split. `probes` are those after that round, up to the one at `last`; `requests` those of
    `seconds`, up to `until`. Once it is `heard` it stays as it is.
    """

    leaving: bool
    since: datetime
    last: datetime
    until: datetime
    probes: int = 0
    requests: int = 0
    seconds: float = 0.0
    heard: bool = False

    @property
    def expected(self) -> float:
        """How many of our probes fell into the seconds that the source has told of."""
        length = (self.last - self.since).total_seconds()
        return self.probes * self.seconds / length if length > 0 else 0.0


def listened(
    known: Echo | None, probed: tuple[datetime, ...], tallies: tuple[Tally, ...], *, leaving: bool
) -> Echo | None:
    """Add one look: when our probes of the side were answered, and what the source told; None begins anew."""
    if known is not None and known.heard:
        return known
    if known is None:
        at = max(probed, default=None)
        return None if at is None else Echo(leaving, at, at, at)
    if probed:
        known = evolve(known, last=max(probed), probes=known.probes + len(probed))
    for tally in tallies:
        if tally.since < known.until:
            continue
        if tally.reset or (known.seconds and tally.since > known.until):
            return None
        seconds = known.seconds + (tally.until - tally.since).total_seconds()
        known = evolve(known, until=tally.until, requests=known.requests + tally.requests, seconds=seconds)
    return _judged(known, len(probed))


def _judged(known: Echo, each: int) -> Echo | None:
    """The same, heard or not, where `each` probes make a round; None where what was counted is something else."""
    if not each:
        return known
    apart, most = known.requests - known.expected, each + 1
    if apart < -most or (known.leaving and apart > most):
        return None
    enough = each * (_ROUNDS_OF_LEAVING if known.leaving else _ROUNDS)
    return evolve(known, heard=known.expected >= enough)
