"""`python -m tests.simulation`: one world again, many worlds on all cores, or every mutant."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor

from strategies.phases import EDGES, Phase
from tests.simulation.mutants import MUTANTS, caught
from tests.simulation.run import Report, run

CHUNK = 20


def main() -> int:
    """Run what was asked for; 1 when a guarantee did not hold, an edge was missed or a mutant was not caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run the world of one seed and print its journal")
    parser.add_argument("--seeds", type=int, default=0, help="run so many worlds on all cores")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--mutants", action="store_true", help="check that every mutant is caught within 300 worlds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    wanted = parser.parse_args()
    if wanted.seed is not None:
        return _one(wanted.seed)
    if wanted.mutants:
        return _mutants(wanted.jobs)
    return _many(range(wanted.first, wanted.first + (wanted.seeds or 300)), wanted.jobs)


def _one(seed: int) -> int:
    report = run(seed, keep_journal=True)
    print("\n".join(report.journal))
    print(f"{report.ticks} ticks, {report.requests} requests, outcomes {', '.join(report.outcomes) or 'none'}")
    print(f"{report.line}: {report.violation or 'every guarantee held'}")
    return 1 if report.violation else 0


def _many(seeds: range, jobs: int) -> int:
    began = time.monotonic()
    outcomes: Counter[str] = Counter()
    edges: set[tuple[Phase, Phase]] = set()
    ticks = requests = bad = 0
    with ProcessPoolExecutor(jobs) as pool:
        for report in pool.map(run, seeds, chunksize=CHUNK):
            outcomes.update(report.outcomes)
            edges |= report.edges
            ticks, requests = ticks + report.ticks, requests + report.requests
            if report.violation:
                bad += 1
                print("\n".join(report.journal[-40:]))
                print(f"{report.line}: {report.violation}", flush=True)
    missed = missing_edges(edges)
    seconds = time.monotonic() - began
    print(
        f"{len(seeds)} worlds, {ticks} ticks, {requests} requests, {seconds:.0f} s: {bad} violations; {dict(outcomes)}"
    )
    if missed:
        print(f"edges never taken: {', '.join(missed)}")
    return 1 if bad or missed else 0


def missing_edges(edges: Iterable[tuple[Phase, Phase]]) -> list[str]:
    """Name the edges of the table that were not taken."""
    taken = set(edges)
    return [f"{a} -> {b}" for a, afters in EDGES.items() for b in sorted(afters) if (a, b) not in taken]


def _mutants(jobs: int) -> int:
    escaped = 0
    with ProcessPoolExecutor(jobs) as pool:
        found: Iterable[Report | None] = pool.map(caught, [mutant.name for mutant in MUTANTS])
        for mutant, report in zip(MUTANTS, found, strict=True):
            escaped += report is None
            said = f"seed {report.seed}: {report.violation}" if report else "NOT CAUGHT"
            print(f"{mutant.name}: {said}", flush=True)
    print(f"{len(MUTANTS) - escaped} of {len(MUTANTS)} mutants caught")
    return 1 if escaped else 0


if __name__ == "__main__":
    sys.exit(main())
