"""Two-arm traffic on a fake clock: how many requests each side gets in each second, and how many of them fail.

Requests come as a Poisson process and each fails by itself, so failures and answered requests are two independent
Poisson counts. A `Tape` is drawn share by share and minute by minute from a counter-based generator: whoever reads the
same seconds at the same share finds the same numbers, whatever else was read before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = (0.05, 0.10, 0.25, 0.50)
"""The shares before the whole."""
HOLD_SECONDS = 60.0
INCIDENT_SECONDS = (55, 235)
"""So that what is counted every 5 s shows it in the batches that end from 60 s on and before 240 s."""
INCIDENT_FACTOR = 10.0
CHUNK_SECONDS = 60
_BAD_SHARE, _BAD_RATE, _REST_RATE = 0.05, 0.20, 0.005


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of traffic and version; rates are parts of one.

    `incident`: a dependency of both sides fails for three minutes, so that both fail ten times as often. `ttl`: DNS
    carries the split, a hundred resolvers keep their answer for so many seconds, and the clients of one of them, about
    a twentieth of all, fail at 20 % and all others at 0.5 %, whichever side they reach.
    """

    name: str
    rps: float
    stable: float
    candidate: float
    incident: bool = False
    ttl: int | None = None

    @property
    def seed(self) -> int:
        """A seed that depends on what the cell is and nothing else."""
        return crc32(repr(self).encode())

    @property
    def regresses(self) -> bool:
        """Whether the candidate is worse than the stable side."""
        return self.candidate > self.stable

    def factor(self, seconds: Array) -> Array:
        """How many times as often both sides fail at these times than without an incident."""
        first, last = INCIDENT_SECONDS
        during = (seconds >= first) & (seconds < last)
        return np.where(during & self.incident, INCIDENT_FACTOR, 1.0)

    def rate_at(self, second: int) -> float:
        """The stable side's failure rate in a second."""
        during = self.incident and INCIDENT_SECONDS[0] <= second < INCIDENT_SECONDS[1]
        return min(self.stable * (INCIDENT_FACTOR if during else 1.0), 1.0)

    def rates(self, seconds: Array) -> tuple[Array, Array]:
        """The failure rates of the stable side and of the candidate at these times."""
        factor = self.factor(seconds)
        return np.minimum(self.stable * factor, 1.0), np.minimum(self.candidate * factor, 1.0)


def good(rps: float, rate: float, *, incident: bool = False) -> Cell:
    """A candidate just as good as the stable side."""
    return Cell("shared incident" if incident else "steady", rps, rate, rate, incident)


def bad(rps: float, rate: float, times: float | None) -> Cell:
    """A candidate that fails so many times as often as the stable side; None: always."""
    if times is None:
        return Cell("100 % broken", rps, rate, 1.0)
    return Cell(f"{times:g}x", rps, rate, rate * times)


def by_dns(rps: float, ttl: int, *, rate: float | None = None) -> Cell:
    """A good candidate behind DNS with one bad client population, or one that fails at `rate` for everybody."""
    mean = _BAD_SHARE * _BAD_RATE + (1 - _BAD_SHARE) * _REST_RATE
    return Cell(f"DNS, TTL {ttl} s", rps, mean, mean if rate is None else rate, ttl=ttl)


Four = tuple[int, int, int, int]
"""The stable side's requests and failures, then the candidate's."""
Columns = tuple[list[int], list[int], list[int], list[int]]


class Tape:
    """The traffic of one run of a cell; times are whole seconds since the candidate's first request."""

    def __init__(self, cell: Cell, run: int) -> None:
        self.cell, self.run = cell, run
        self._chunks: dict[tuple[float, int], Columns] = {}

    def between(self, share: float, since: int, until: int) -> Four:
        """What happened in [since, until) while the candidate's share was `share`, a part of one."""
        number, first = divmod(since, CHUNK_SECONDS)
        last = first + until - since
        if last <= CHUNK_SECONDS:
            n_b, x_b, n_c, x_c = self._chunks.get((share, number)) or self._chunk(share, number)
            return n_b[last] - n_b[first], x_b[last] - x_b[first], n_c[last] - n_c[first], x_c[last] - x_c[first]
        middle = (number + 1) * CHUNK_SECONDS
        one, other = self.between(share, since, middle), self.between(share, middle, until)
        return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]

    def beyond(self, share: float, since: int, until: int) -> float:
        """The candidate's failures in [since, until) that the stable side's rate does not explain."""
        marks = sorted({since, until, *(mark for mark in INCIDENT_SECONDS if since < mark < until)})
        total = 0.0
        for first, last in pairwise(marks):
            _, _, requests, failures = self.between(share, first, last)
            total += failures - requests * self.cell.rate_at(first)
        return total

    def _chunk(self, share: float, number: int) -> Columns:
        """Sums since the chunk's beginning, one more than it has seconds."""
        found = self._chunks[share, number] = self._drawn(share, number)
        return found

    def _drawn(self, share: float, number: int) -> Columns:
        place = round(share * 10_000)
        numbers = np.random.Philox(counter=[0, 0, place, number], key=[self.cell.seed, self.run])
        dice = np.random.Generator(numbers)
        seconds = np.arange(number * CHUNK_SECONDS, (number + 1) * CHUNK_SECONDS, dtype=np.float64)
        stable, candidate = self.means(share, seconds)
        failed_b, passed_b, failed_c, passed_c = dice.poisson((*stable, *candidate))
        columns = (failed_b + passed_b, failed_b, failed_c + passed_c, failed_c)
        found = [list(accumulate(column.tolist(), initial=0)) for column in columns]
        return found[0], found[1], found[2], found[3]

    def means(self, share: float, seconds: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """The mean counts of each side's failed and answered requests in these seconds."""
        p_b, p_c = self.cell.rates(seconds)
        n_b, n_c = self.cell.rps * (1 - share), self.cell.rps * share
        return (n_b * p_b, n_b * (1 - p_b)), (n_c * p_c, n_c * (1 - p_c))


RESOLVERS = 100
LONGEST_SECONDS = 2700


class ResolverTape(Tape):
    """A tape on which whole resolvers change sides, each at its own moments, whenever their answer expires."""

    @property
    def ttl(self) -> float:
        """For how many seconds a resolver keeps an answer."""
        return float(self.cell.ttl or 1)

    @cached_property
    def _crowd(self) -> tuple[Array, Array, Array, int]:
        """Each resolver's part of the traffic, its phase, its dice for each answer, and which has the bad clients."""
        ttl = self.ttl
        dice = np.random.Generator(np.random.Philox(counter=[0, 0, 0, 1 << 32], key=[self.cell.seed, self.run]))
        parts = dice.pareto(1.1, RESOLVERS) + 1
        parts /= parts.sum()
        answers = int(LONGEST_SECONDS / ttl) + 2
        bad = int(np.argmin(np.abs(parts - _BAD_SHARE)))
        return parts, dice.random(RESOLVERS) * ttl, dice.random((RESOLVERS, answers)), bad

    def means(self, share: float, seconds: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """The mean counts, by who holds an answer that names which side."""
        parts, phases, throws, bad = self._crowd
        first = int(seconds[0] // self.ttl)
        last = int((seconds[-1] + self.ttl) // self.ttl)
        # Within these seconds a resolver has only a few answers, so which side each names is thrown once for them all.
        named = throws[:, first : last + 1] < share
        answer = ((seconds[None, :] + phases[:, None]) // self.ttl).astype(np.int64) - first
        at_candidate = np.take_along_axis(named, answer, axis=1)
        n_c, n_b = parts @ at_candidate, parts @ ~at_candidate
        bad_c, bad_b = parts[bad] * at_candidate[bad], parts[bad] * ~at_candidate[bad]
        p_c, p_bad = (max(rate, self.cell.candidate * self.cell.regresses) for rate in (_REST_RATE, _BAD_RATE))
        # What the others have is a difference, which rounding may take below nothing.
        failed_c = np.maximum(n_c - bad_c, 0.0) * p_c + bad_c * p_bad
        failed_b = np.maximum(n_b - bad_b, 0.0) * _REST_RATE + bad_b * _BAD_RATE
        rps = self.cell.rps
        passed_b, passed_c = (np.maximum(n - failed, 0.0) for n, failed in ((n_b, failed_b), (n_c, failed_c)))
        return (rps * failed_b, rps * passed_b), (rps * failed_c, rps * passed_c)


def tape(cell: Cell, run: int) -> Tape:
    """The tape of a run of a cell."""
    return Tape(cell, run) if cell.ttl is None else ResolverTape(cell, run)


def worse(cell: Cell, rate: float, name: str) -> Cell:
    """The same traffic with a candidate that fails at another rate."""
    return replace(cell, name=name, candidate=rate)
