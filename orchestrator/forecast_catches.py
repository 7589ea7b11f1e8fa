"""What a rollout's own test would do about a candidate that is worse, and when it lets a good one pass; pure.

All numbers are means: of the time until the test decides, and of the requests that have failed by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, log

from orchestrator.forecast_entries import Entry, Kind
from orchestrator.forecast_evidence import (
    LONGEST_SECONDS,
    Arms,
    Growths,
    Limit,
    decided,
    growths,
    proven,
    shown,
    shows_after,
)
from orchestrator.forecast_judged import Cause, Ending, Judged, Promotion, Stretch, Toll, Windows, Worse
from orchestrator.forecast_traffic import Load, Origin, lead_of
from strategies.counting import FASTEST_SECONDS, FINE_SECONDS, HURRY, pace, window_seconds
from strategies.evidence import FAILURES, LATENCY, Null, window_bound
from strategies.gates import MetricKind, MetricRule, When
from strategies.plan import Target
from strategies.proof import deciding

TIMES = (10.0, 5.0, 2.0)
"""How many times as often a candidate fails, of those that a plan speaks of."""
POINTS = (0.1, 0.05, 0.01)
"""How much oftener it fails where nothing has failed before; the last one is spoken of in any case."""


def judged(
    target: Target, load: Load, rule: MetricRule, entries: Sequence[Entry], peers: Sequence[Target] = ()
) -> Judged:
    """What one source can tell in a rollout that goes as its forecast says.

    `entries` are those of all targets; `peers` are those whose evidence is in one mean with this one's, itself among
    them.
    """
    stretches = tuple(_stretches(target, rule, load, entries))
    found = Judged(target.name, rule, load, stretches, target.longest_seconds)
    if not stretches:
        return found
    limit = Limit(len(target.plan.steps), _part(target, rule, peers or (target,)))
    ttl = _ttl(target, entries)
    course = _Course(target, rule, load, stretches, window_seconds(target, rule, ttl), limit)
    found = replace(found, promotion=course.promotion(), windows=course.windows(_cause(target, rule, ttl)))
    return replace(found, worse=tuple(course.worse())) if found.known and load.rate > 0 else found


def _stretches(target: Target, rule: MetricRule, load: Load, entries: Sequence[Entry]) -> Iterator[Stretch]:
    mine = [entry for entry in entries if entry.target == target.name]
    first = next((entry.at_seconds for entry in mine if entry.kind is Kind.SHIFT), 0.0)
    held = [entry.at_seconds for entry in mine if entry.kind is Kind.HOLD and entry.at_seconds >= first]
    known = load.origin is not Origin.UNKNOWN
    for number, step in enumerate(target.plan.steps[1:], start=1):
        if number > len(held) - 1 or step.stretch is not When.DURING or When.DURING not in rule.when:
            continue
        stable, candidate = load.sides(lead_of(step)) if known else (None, None)
        yield Stretch(number, step.share, held[number] - held[number - 1], stable, candidate)


def _ttl(target: Target, entries: Sequence[Entry]) -> float:
    """The TTL in force when the first split is."""
    shifts = [e.ttl_seconds or 0 for e in entries if e.target == target.name and e.kind is Kind.SHIFT]
    return float(shifts[0]) if shifts else 0.0


def _cause(target: Target, rule: MetricRule, ttl: float) -> Cause:
    """What makes the windows as long as they are."""
    return Cause.SAMPLING if rule.sampled and not (target.by_resolver and ttl >= rule.interval_seconds) else Cause.DNS


def windows_of(limit: Limit, part: float, *, lumpy: bool) -> int:
    """About how many windows it takes, each adding what it may; `part` (0 to 1) of all is the candidate's."""
    share = 0.5 + 0.5 / limit.steps
    bound = window_bound(1 - part, part, lumpy=lumpy)
    return ceil(log((limit.evidence - (1 - share)) / share) / bound - 1e-9)


def _part(target: Target, rule: MetricRule, peers: Sequence[Target]) -> float:
    """The source's part in the mean over its target's sources, and of the targets that serve at the same time."""
    beside = sum(other.wave == target.wave for other in peers) / len(peers)
    return rule.weight / sum(each.weight for each in deciding(target)) * beside


@dataclass(frozen=True, slots=True)
class _Course:
    """The steps that one source sees, and the limits that it is held to."""

    target: Target
    rule: MetricRule
    load: Load
    stretches: tuple[Stretch, ...]
    window: float | None
    """Seconds, None where each request is a witness of its own."""
    limit: Limit

    @property
    def null(self) -> Null:
        return LATENCY if self.rule.kind is MetricKind.LATENCY else FAILURES

    def windows(self, cause: Cause) -> Windows | None:
        """How many windows a verdict takes at least; None where one request may decide."""
        if self.window is None:
            return None
        # The smallest share is met first, and there a window may add the most.
        part = max(self.stretches[0].share, 0.1) / 100
        return Windows(self.window, windows_of(self.limit, part, lumpy=self.target.by_resolver), cause)

    def growths(self, failing: float) -> list[Growths | None]:
        """What the tests gain in each step from a candidate of which this part fails."""
        found = []
        for stretch in self.stretches:
            # Without a word about how many there are, the proof is still so many requests: one each second.
            share = max(stretch.share, 1.0) / 100
            rates = (1 / share - 1, 1.0) if stretch.candidate_rate is None else self._rates(stretch)
            arms = Arms(*rates, self.load.failing, failing)
            found.append(growths(arms, self.null, self.window, lumpy=self.target.by_resolver))
        return found

    def _rates(self, stretch: Stretch) -> tuple[float, float]:
        return stretch.stable_rate or 0.0, stretch.candidate_rate or 0.0

    def promotion(self) -> Promotion | None:
        last = self.stretches[-1]
        final = self.growths(self.load.failing)[-1]
        if final is None:
            return Promotion(None, Ending.ASKS, last.number, self.target.longest_seconds, within_hold=False)
        alone = proven([(final.gate, LONGEST_SECONDS)])
        rate = 1.0 if last.candidate_rate is None else last.candidate_rate
        requests = None if alone is None else alone[1] * rate
        if self.load.origin is Origin.UNKNOWN:
            return Promotion(requests, Ending.PASSES, last.number, 0.0, within_hold=True)
        interval = self.target.probe.interval_seconds if self.rule.own else self.rule.interval_seconds
        legs = [
            (Arms(*self._rates(stretch), self.load.failing, self.load.failing), seconds)
            for stretch, seconds in zip(self.stretches, self._longest(), strict=True)
        ]
        # When the hold is over, what the source tells late is not known yet.
        hold, lag = self.target.plan.steps[last.number].hold_seconds, self.rule.lag_seconds
        found = shown(legs, hold - lag, interval, self.null, self.window)
        if found is None:
            return Promotion(requests, Ending.ASKS, last.number, self.target.longest_seconds, within_hold=False)
        place, seconds = found[0], found[1] + lag
        while place < len(self.stretches) - 1 and seconds > self.stretches[place].seconds:
            place, seconds = place + 1, seconds - self.stretches[place].seconds
        within = self.stretches[place] is not last or seconds <= self.target.plan.steps[last.number].hold_seconds
        return Promotion(requests, Ending.PASSES, self.stretches[place].number, seconds, within)

    def _longest(self) -> list[float]:
        """How long each step may last: as planned, and the last one until a person is asked."""
        *before, last = (stretch.seconds for stretch in self.stretches)
        return [*before, max(last, self.target.longest_seconds)]

    def _proven(self, gains: list[Growths | None]) -> tuple[int, float] | None:
        seen = [(n, g.gate) for n, g in enumerate(gains) if g is not None]
        longest = self._longest()
        found = proven([(gate, longest[n]) for n, gate in seen])
        return None if found is None else (seen[found[0]][0], found[1])

    def _decided(
        self, gains: list[Growths | None], longest: Sequence[float], begins: int = 0
    ) -> tuple[int, float] | None:
        seen = [(n, g.against) for n, g in enumerate(gains) if g is not None]
        first = next((place for place, (n, _) in enumerate(seen) if n >= begins), None)
        if first is None:
            return None
        found = decided(self.limit, [(growth, longest[n]) for n, growth in seen], first)
        return None if found is None else (seen[found[0]][0], found[1])

    def worse(self) -> Iterator[Worse]:
        p = self.load.failing
        times = [each for each in TIMES if 0 < p * each < 1]
        points = [each for each in (POINTS[-1:] if p > 0 else POINTS) if p + each < 1]
        yield self._worse(1.0, None, None)
        yield from (self._worse(p * each, each, None) for each in times)
        yield from (self._worse(p + each, None, each) for each in points if (p + each) / (p or 1.0) not in times)

    def _worse(self, failing: float, times: float | None, points: float | None) -> Worse:
        gains = self.growths(failing)
        ending, number, toll = self._ending(gains, failing)
        at_step = tuple(self._alone(gains, failing, place) for place in range(len(self.stretches)))
        acceptable = failing <= self.null.r0 * self.load.failing + self.null.delta
        return Worse(failing, times, points, acceptable, ending, self.stretches[number].number, toll, at_step)

    def _ending(self, gains: list[Growths | None], failing: float) -> tuple[Ending, int, Toll]:
        """Which of proof against it, proof for it and the longest hold comes first."""
        last = len(self.stretches) - 1
        passed = self._proven(gains)
        ends = self._longest()
        if passed is not None:
            ends[last] = max(self.stretches[last].seconds, passed[1] if passed[0] == last else 0.0)
        found = self._decided(gains, ends)
        if found is not None:
            seconds = self._told(found[1])
            if found[0] < last or seconds <= ends[last] or passed is None:
                return Ending.ROLLED_BACK, found[0], self._toll(failing, ends, found[0], seconds)
        ending = Ending.ASKS if passed is None else Ending.PASSES
        return ending, last, self._toll(failing, ends, last, ends[last])

    def _alone(self, gains: list[Growths | None], failing: float, place: int) -> Toll | None:
        """What one step would take, if it lasted as long as it needs."""
        growth = gains[place]
        if growth is None:
            return None
        before = [(growth.against, 0.0)] * place
        found = decided(self.limit, [*before, (growth.against, LONGEST_SECONDS)], place)
        if found is None:
            return None
        seconds = self._told(found[1])
        return Toll(seconds, seconds * failing * (self.stretches[place].candidate_rate or 0.0))

    def _told(self, seconds: float) -> float:
        """When the engine knows: its interval must be over, the source late as usual, and the engine look again."""
        hurry = seconds < HURRY.total_seconds()
        interval = self.target.probe.interval_seconds if self.rule.own else self.rule.interval_seconds
        finer = hurry and interval <= FINE_SECONDS and not (self.rule.own or self.rule.sampled)
        looks = 0.0 if self.rule.own else pace(self.rule, hurry=hurry) / 2
        shows = shows_after(seconds, FASTEST_SECONDS if finer else interval, sampled=self.rule.sampled)
        return shows + self.rule.lag_seconds + looks

    def _toll(self, failing: float, ends: Sequence[float], place: int, seconds: float) -> Toll:
        lasted = [*ends[:place], seconds]
        rates = [stretch.candidate_rate or 0.0 for stretch in self.stretches]
        return Toll(sum(lasted), failing * sum(rate * each for rate, each in zip(rates, lasted, strict=False)))
