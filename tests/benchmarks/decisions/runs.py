"""Many runs on several cores; the same numbers whatever their order and however many cores there are."""

from __future__ import annotations

from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Self

import numpy as np

from tests.benchmarks.decisions import hindsight, peers, quick, stage, validity
from tests.benchmarks.decisions.peers import Ends, Peer
from tests.benchmarks.decisions.stage import End, Setting
from tests.benchmarks.decisions.traffic import Cell, Tape, good, tape

JOBS = 2
BATCH = 100
_OTHERS = 1 << 20
_OTHER_RATE = 0.03


def tapes(setting: Setting, cell: Cell, run: int) -> tuple[Tape, ...]:
    """The tape of a run, and for every further source one on which both sides are alike."""
    other = good(cell.rps, _OTHER_RATE)
    more = (tape(other, _OTHERS * number + run) for number in range(1, setting.metrics))
    return (tape(cell, run), *more)


def quickly(setting: Setting, cell: Cell, first: int, last: int) -> list[End]:
    """Decide some runs from their counts alone."""
    return [quick.decided(setting, tapes(setting, cell, run)) for run in range(first, last)]


def wholly(setting: Setting, cell: Cell, first: int, last: int) -> list[tuple[End, End]]:
    """Decide some runs both ways: by the whole tick loop, and from their counts alone."""
    both = (stage.decided, quick.decided)
    return [tuple(decide(setting, tapes(setting, cell, run)) for decide in both) for run in range(first, last)]  # type: ignore[misc]


@dataclass(slots=True)
class Work:
    """What was asked for and has not been fetched; each is computed once, however often it is asked for.

    Without `jobs` it is computed at once, in this process.
    """

    jobs: int = JOBS
    _pool: ProcessPoolExecutor | None = None
    _known: dict[Any, list[Future[Any]]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(self.jobs, mp_context=get_context("spawn")) if self.jobs else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def ours(self, setting: Setting, cell: Cell, runs: int) -> Asked:
        """Our own rule, from the counts alone."""
        return Asked(self._asked(quickly, (setting, cell), runs))

    def both_ways(self, setting: Setting, cell: Cell, runs: int) -> list[Future[Any]]:
        """Our own rule both ways."""
        return self._asked(wholly, (setting, cell), runs)

    def peer(self, peer: Peer, cell: Cell, runs: int) -> list[Future[Any]]:
        """A peer's rule."""
        return self._once(peers.play, peer, cell, runs)

    def sweep(self, rps: float, rate: float, times: float | None, runs: int) -> list[Future[Any]]:
        """All thresholds there are."""
        return self._once(hindsight.sweep, rps, rate, times, runs)

    def boundary(self, regime: int, runs: int) -> list[Future[Any]]:
        """One regime at the boundary, by its number."""
        return self._once(_boundary, regime, runs)

    def _asked(self, what: Any, case: tuple[Any, ...], runs: int) -> list[Future[Any]]:
        found = []
        for first in range(0, runs, BATCH):
            found += self._once(what, *case, first, min(first + BATCH, runs))
        return found

    def _once(self, what: Any, *case: Any) -> list[Future[Any]]:
        key = (what.__name__, *case)
        if key not in self._known:
            self._known[key] = [self._pool.submit(what, *case) if self._pool else _done(what, case)]
        return self._known[key]


def _done(what: Any, case: tuple[Any, ...]) -> Future[Any]:
    made: Future[Any] = Future()
    made.set_result(what(*case))
    return made


def _boundary(regime: int, runs: int) -> validity.Found:
    return validity.check(validity.regimes()[regime], runs)


@dataclass(frozen=True, slots=True)
class Asked:
    """Runs of our own rule that may still be under way."""

    parts: list[Future[Any]]

    def ends(self) -> list[End]:
        """How they ended, in order, once they have."""
        return [end for part in self.parts for end in part.result()]

    def summed(self) -> Ends:
        """The same as the peers' are told."""
        found = self.ends()
        return Ends(
            np.array([end.rolled for end in found]),
            np.array([end.outcome == "promoted" for end in found]),
            np.array([end.seconds for end in found]),
            np.array([end.excess for end in found]),
        )
