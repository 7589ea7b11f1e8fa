"""How fast the test of both sides' requests decides, in the mean, as far as its own numbers tell; pure.

Per second, the logarithm of the bet on the ratio r gains in the mean

    g_r = c q ln(r / z) - b p ln(z) - delta c (r / z - 1),

where c and b are the requests per second of the candidate and of the stable side, q and p the parts of them that fail.
The largest g_r is, up to the grid of ratios, the Kullback-Leibler divergence of what is from the nearest that would be
acceptable; a test with the limit L then takes ln(L) / g_r in the mean (Wald, 1945), and half a failure more, because
the one that decides mostly carries it beyond the limit. Here the whole mixture is put in place of L: every ratio, the
bets that began later, and the parts that sources and targets have in the mean. The gains are those that
`strategies.evidence` itself gives to counts in these proportions, so there is no second opinion about the test.

Where DNS carries the split, or counters are sampled, each window adds no more than its bound: there the gain of one is
the mean of the smaller one of both, its failures being Poisson.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, floor, log

from strategies.evidence import ALPHA, BETA, FRESH, Evidence, Null, Process, proof, update, window_bound
from strategies.seen import Counts

LONGEST_SECONDS = 365 * 86400.0
"""What takes longer than this is taken never to happen."""
_GATE_BOUND = -log(BETA) / 3
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_LARGE = 10**12
_CEILING = 700.0
_MOST_STEPS = 1000
_MOST_FAILURES = 500.0
"""Up to how many failures in a window their scatter matters."""


@dataclass(frozen=True, slots=True)
class Arms:
    """Requests per second of both sides, and the part of each (0 to 1) that fails."""

    stable: float
    candidate: float
    stable_failing: float
    candidate_failing: float


@dataclass(frozen=True, slots=True)
class Growth:
    """What the logarithms of some bets gain in the mean: each second, and in a whole window where there are any.

    `beyond` is by how much the failure that decides carries each of them beyond the limit in the mean.
    """

    each: Process
    beyond: Process
    window_seconds: float | None = None
    window: Process = ()

    def after(self, seconds: float) -> Process:
        """The gain of so many seconds; where there are windows, they begin in the middle of one."""
        if self.window_seconds is None:
            return tuple(gain * seconds for gain in self.each)
        whole, first = self.window_seconds, self.window_seconds / 2
        if seconds <= first:
            return tuple(_within(*pair, seconds, whole) for pair in zip(self.each, self.window, strict=True))
        many, rest = divmod(seconds - first, whole)
        return tuple(
            _within(gain, most, first, whole) + many * most + _within(gain, most, rest, whole)
            for gain, most in zip(self.each, self.window, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Growths:
    """Both tests at the same traffic: against the candidate and, as its mirror, for it."""

    against: Growth
    gate: Growth


def growths(arms: Arms, null: Null, ttl: float | None, *, lumpy: bool = False) -> Growths | None:
    """What the tests gain from this traffic; None where a side has no requests, so that there is nothing to compare.

    `ttl` and `lumpy` are as `strategies.evidence` takes them: a window's seconds, and whether populations move in it.
    """
    if arms.stable <= 0 or arms.candidate <= 0:
        return None
    scale = _LARGE / max(arms.stable, arms.candidate)
    counts = [round(scale * requests) for requests in (arms.stable, arms.candidate)]
    if min(counts) == 0:
        return None
    failing = arms.stable_failing, arms.candidate_failing
    stable, candidate = counts
    clean = _gained(stable, 0, candidate, 0, null)
    failed = [
        _gained(stable, stable, candidate, 0, null),
        _gained(stable, 0, candidate, candidate, null),
    ]

    def growth(side: int, bound: float) -> Growth:
        price = tuple(gain / scale for gain in clean[side])
        per = [
            tuple((gain - base) / count for gain, base in zip(all_fail[side], clean[side], strict=True))
            for all_fail, count in zip(failed, counts, strict=True)
        ]
        rates = arms.stable * failing[0], arms.candidate * failing[1]
        steady = [base + rates[0] * b for base, b in zip(price, per[0], strict=True)]
        each = tuple(base + rates[1] * jump for base, jump in zip(steady, per[1], strict=True))
        # A bet that loses in the mean decides nothing, and one that failures take down is not carried beyond.
        beyond = tuple(max(jump, 0.0) / 2 if gain > 0 else 0.0 for gain, jump in zip(each, per[1], strict=True))
        if ttl is None:
            return Growth(each, beyond)
        window = tuple(
            _mean_of_least(base * ttl, jump, rates[1] * ttl, bound) for base, jump in zip(steady, per[1], strict=True)
        )
        # Nor is one that its bound holds back.
        beyond = tuple(far * min(max(1 - most / bound, 0.0), 1.0) for far, most in zip(beyond, window, strict=True))
        return Growth(each, beyond, ttl, window)

    return Growths(growth(0, window_bound(arms.stable, arms.candidate, lumpy=lumpy)), growth(1, _GATE_BOUND))


def shows_after(seconds: float, interval_seconds: float, *, sampled: bool) -> float:
    """When a source shows what so many seconds have decided: when its interval is over, half of one later in the mean.

    Where counters are sampled it is one more: nothing shows before both sides have been read, two thirds of an interval
    after it began, and in a third of all cases what comes first falls into the window of what comes next.
    """
    if sampled:
        return seconds + 1.5 * interval_seconds
    return max(seconds + interval_seconds / 2, interval_seconds)


def _gained(stable: int, stable_failures: int, candidate: int, failures: int, null: Null) -> tuple[Process, Process]:
    """What the product's own tests gain from these counts."""
    counts = Counts(_EPOCH, _EPOCH + timedelta(seconds=1), stable, stable_failures, candidate, failures)
    seen = update(Evidence(starts=(FRESH,)), counts, null)
    return seen.against, seen.gate


def _mean_of_least(base: float, jump: float, failures: float, bound: float) -> float:
    """The mean of min(base + jump K, bound) where K is Poisson with the mean `failures`."""
    if failures > _MOST_FAILURES:
        return min(base + jump * failures, bound)
    chance, left, mean, number = exp(-failures), 1.0, 0.0, 0
    while left > 1e-12 and number < failures + 10 * failures**0.5 + 50:
        mean += chance * min(base + jump * number, bound)
        left -= chance
        number += 1
        chance *= failures / number
    return mean + max(left, 0.0) * min(base + jump * number, bound)


def _within(gain: float, most: float, seconds: float, whole: float) -> float:
    """What a part of a window adds: as it comes, but no more than the whole one does."""
    return min(gain * seconds, most) if gain > 0 and most > 0 else most * seconds / whole


@dataclass(frozen=True, slots=True)
class Limit:
    """What decides against a candidate: `evidence`, of a plan with so many `steps`, and the source's part in the mean.

    `part` is its weight among the sources of its target, times the part of targets that are under way with it.
    """

    steps: int
    part: float = 1.0

    @property
    def evidence(self) -> float:
        """What this source alone must reach, where the others say nothing."""
        return 1 / ALPHA / self.part


Stretch = tuple[Growth, float]
"""What a test gains in one step, and the step's seconds."""


def decided(limit: Limit, stretches: Sequence[Stretch], begins: int = 0) -> tuple[int, float] | None:
    """In which stretch, and how many seconds into it, the mean reaches the limit; None where it does in none of them.

    The candidate is well before stretch number `begins`, and its evidence as good as lost by then: only bets that begin
    later count, but all of them where it is the first.
    """
    each = 0.5 / limit.steps
    bets: list[tuple[float, Process]] = [(0.5, FRESH)] if begins == 0 else []
    for number in range(begins, len(stretches)):
        growth, seconds = stretches[number]
        bets = [*bets, (each, FRESH)]
        missing = limit.evidence - each * max(limit.steps - number - 1, 0)
        if (at := _first(_Reached(bets, growth, missing), seconds)) is not None:
            return number, at
        gained = growth.after(seconds)
        bets = [(weight, tuple(map(sum, zip(process, gained, strict=True)))) for weight, process in bets]
    return None


def proven(stretches: Sequence[Stretch]) -> tuple[int, float] | None:
    """In which stretch, and how many seconds into it, the gate's evidence suffices in the mean."""
    known: Process | None = None
    for number, (growth, seconds) in enumerate(stretches):
        known = known or (0.0,) * len(growth.each)
        if (at := _first(_Reached([(1.0, known)], growth, 1 / BETA), seconds)) is not None:
            return number, at
        known = tuple(map(sum, zip(known, growth.after(seconds), strict=True)))
    return None


def shown(
    legs: Sequence[tuple[Arms, float]], hold_seconds: float, interval_seconds: float, null: Null, ttl: float | None
) -> tuple[int, float] | None:
    """From which stretch and second on the gate is open, if counts come as expected: whole ones, at each interval.

    It must be open when the last stretch has held for `hold_seconds`, or later within it; one that closes again before
    does not count.
    """
    seen, at, since = Evidence(starts=(FRESH,)), _EPOCH, None
    exact, told = [0.0] * 4, [0] * 4
    for number, (arms, seconds) in enumerate(legs):
        parts = arms.stable, arms.stable * arms.stable_failing, arms.candidate, arms.candidate * arms.candidate_failing
        step = max(interval_seconds, seconds / _MOST_STEPS)
        for place in range(1, int(seconds / step) + 1):
            exact = [known + step * part for known, part in zip(exact, parts, strict=True)]
            fresh = [floor(known + 0.5) - before for known, before in zip(exact, told, strict=True)]
            if not (fresh[0] and fresh[2]):
                continue
            told = [before + new for before, new in zip(told, fresh, strict=True)]
            begun, at = at, _EPOCH + timedelta(seconds=sum(leg[1] for leg in legs[:number]) + place * step)
            seen = update(seen, Counts(begun, at, *(fresh[i] for i in range(4))), null, ttl)
            is_open = proof(seen) >= 1 / BETA
            since = (since or (number, place * step)) if is_open else None
            if is_open and number == len(legs) - 1 and place * step >= hold_seconds:
                return since
    return since


@dataclass(frozen=True, slots=True)
class _Reached:
    """Whether bets, weighted, that go on to grow have reached a limit after so many seconds."""

    bets: Sequence[tuple[float, Process]]
    growth: Growth
    limit: float

    def __call__(self, seconds: float) -> bool:
        gained = [gain - beyond for gain, beyond in zip(self.growth.after(seconds), self.growth.beyond, strict=True)]
        return self.limit <= sum(
            weight * sum(exp(min(a + b, _CEILING)) for a, b in zip(process, gained, strict=True)) / len(process)
            for weight, process in self.bets
        )


def _first(reached: Callable[[float], bool], most: float) -> float | None:
    """The first moment up to `most` seconds at which something is reached that stays so."""
    if not reached(most):
        return None
    low, high = 0.0, most
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
