"""Requests at random, put to the very tests that decide in a rollout: what approximations are held against."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import exp

from orchestrator.forecast_evidence import Arms
from strategies.evidence import FRESH, Evidence, Null, begin_step, e_value, proof, update
from strategies.pairing import pair
from strategies.seen import Tally

START = datetime(2026, 1, 1, tzinfo=UTC)
_LOST = tuple([-1e3] * len(FRESH))


@dataclass(frozen=True, slots=True)
class Game:
    """What is played: the traffic, the test's steps, how many of them went well before, and how fine one looks.

    `lumpy`: DNS carries the split. `sample_seconds`: each side's counters are read so often, at moments of its own.
    """

    arms: Arms
    null: Null
    steps: int = 5
    before: int = 0
    ttl: float | None = None
    look_seconds: float = 1.0
    lumpy: bool = False
    sample_seconds: float | None = None


@dataclass
class _Counter:
    """What a source knows of one side: where it is sampled nothing new until it is read again."""

    every: float | None
    due: float
    seen: tuple[int, int] = (0, 0)

    def told(self, requests: int, failures: int, now: float) -> tuple[int, int]:
        """What has shown by now, of these and of what was not read before."""
        known = self.seen[0] + requests, self.seen[1] + failures
        if self.every is not None and now < self.due:
            self.seen = known
            return 0, 0
        self.seen, self.due = (0, 0), self.due + (self.every or 0.0)
        return known


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number; a normal one where the mean is large."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, mean**0.5)))
    number, product, limit = 0, rng.random(), exp(-mean)
    while product > limit:
        number, product = number + 1, product * rng.random()
    return number


def begun(game: Game) -> Evidence:
    """The evidence at the beginning of the step from which on the candidate is what it is now."""
    if not game.before:
        return begin_step(Evidence("errors"))
    return Evidence("errors", against=_LOST, starts=(FRESH,) * game.before + (_LOST,))


def seconds_until(
    game: Game,
    reached: Callable[[Evidence], bool],
    rng: random.Random,
    most: float,
    known: Evidence | None = None,
) -> float | None:
    """When a test is over, looking at each interval; None when it is not within `most` seconds.

    It goes on from what is `known`, if anything is.
    """
    arms, seen = game.arms, known or begun(game)
    at = seen.until or START + timedelta(seconds=rng.random() * (game.ttl or 0.0))
    taken, stable, candidate = 0.0, [], []
    every = game.sample_seconds
    counters = [_Counter(every, rng.random() * every if every else 0.0) for _ in range(2)]
    while taken < most:
        end = at + timedelta(seconds=game.look_seconds)
        b, c = poisson(rng, arms.stable * game.look_seconds), poisson(rng, arms.candidate * game.look_seconds)
        failed = min(b, poisson(rng, b * arms.stable_failing))
        worse = c if arms.candidate_failing >= 1 else sum(rng.random() < arms.candidate_failing for _ in range(c))
        taken += game.look_seconds
        stable.append(Tally(at, end, *counters[0].told(b, failed, taken)))
        candidate.append(Tally(at, end, *counters[1].told(c, worse, taken)))
        at = end
        found = pair(stable, candidate, seen.until, at, joins=None if every else timedelta(seconds=5))
        for batch in found.batches:
            seen = update(seen, batch, game.null, game.ttl, lumpy=game.lumpy)
        if found.batches:
            stable, candidate = [], []
        if reached(seen):
            return taken
    return None


def mean_seconds(game: Game, reached: Callable[[Evidence], bool], runs: int, most: float, seed: int = 7) -> float:
    """The mean over many runs; one that is not over by `most` counts with it."""
    rng = random.Random(seed)
    return sum(seconds_until(game, reached, rng, most) or most for _ in range(runs)) / runs


def rolled_back(game: Game) -> Callable[[Evidence], bool]:
    """Whether the evidence against the candidate suffices."""
    return lambda seen: e_value(seen, game.steps) >= 1000


def promoted(_game: Game) -> Callable[[Evidence], bool]:
    """Whether the proof for the candidate suffices."""
    return lambda seen: proof(seen) >= 20


def looking(game: Game, seconds: float) -> Game:
    """The same game, looked at so often that looking costs little and playing does not take long."""
    finest = game.ttl / 5 if game.ttl is not None else seconds
    return replace(game, look_seconds=min(max(1.0, round(seconds / 60)), finest))
