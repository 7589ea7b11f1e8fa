"""Canary decisions side by side: ours, Flagger's and Argo Rollouts' rules, the best in hindsight, and the limit.

Everything runs on a fake clock over drawn traffic. Ours is the product's own code: `stage` runs the whole tick loop
without a store; `quick` runs pairing, evidence and proof alone, many times as fast, and is compared with it run by run.
Which figure came from which is said in the notes.
"""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.decisions import flow, hindsight, limits, table
from tests.benchmarks.decisions.measures import MANY, MEASURES, Measure, scaled
from tests.benchmarks.decisions.picture import Panel, Point, draw
from tests.benchmarks.decisions.runs import JOBS, Work
from tests.benchmarks.decisions.table import CELLS, HEADER, LIMIT, Row
from tests.benchmarks.report import Report

NOTES = (
    "Ours: the product's pairing, evidence, proof, wake and to_ask on every run; the whole advance() only on the runs"
    " of `decided otherwise by the whole tick loop`, where both must end alike, and for G3.",
    "Validity at the boundary: a twin in numpy, compared with the product's functions on the first runs.",
    "Peers and thresholds in hindsight: written anew in numpy from the pages that tests/benchmarks/decisions/peers.py"
    " names. Bad requests are failures beyond the stable side's rate until the decision, as a mean over all runs.",
    "Probes are clean throughout: a version that fails its probes as well is found by them, whatever its traffic.",
)


def run(
    *, plot: Path | None = None, scale: float = 1.0, jobs: int = JOBS, measured: tuple[Measure, ...] = MEASURES
) -> Report:
    """Play every rule in every cell; `scale` shrinks the number of runs, `plot` is where the picture goes."""
    with Work(jobs) as work:
        asked = table.asked(work, scale)
        swept = work.sweep(table.RPS, table.RATE, table.TIMES, scaled(MANY, scale))
        swept_broken = work.sweep(table.RPS, table.RATE, None, scaled(MANY, scale)) if plot is not None else []
        measures = [measure(work, scale) for measure in measured]
        for measure in measures:
            next(measure)
        tried = swept[0].result()
        rows = table.rows(asked, tried, scale)
        goals = [goal for measure in measures for goal in next(measure)]
        if plot is not None:
            plot.write_text(draw(_panels(rows, swept_broken[0].result(), tried)), encoding="utf-8")
    return Report(
        [*goals, *flow.goals(), *table.deviations(rows)],
        [row.document() for row in rows],
        (HEADER, *(row.line() for row in rows)),
        NOTES,
    )


def _panels(
    rows: list[Row], broken: tuple[hindsight.Tuned, ...], worse: tuple[hindsight.Tuned, ...]
) -> tuple[Panel, Panel]:
    """One panel for each fault."""
    rules = [row for row in rows if row.rule != LIMIT and row.false_steady is not None]
    found = []
    for title, cell, tried, costs in (
        ("a version that always fails, 50 rps", CELLS[2], broken, [row.broken_requests for row in rules]),
        ("5 x 1 % failures, 50 rps", CELLS[3], worse, [row.regression_requests for row in rules]),
    ):
        points = tuple(
            Point(row.rule, row.false_steady or 0.0, row.false_shared, cost)
            for row, cost in zip(rules, costs, strict=True)
        )
        cloud = tuple((one.steady, one.excess) for one in tried if one.found >= hindsight.DETECTED)
        found.append(Panel(title, points, cloud, limits.wald_excess(cell)))
    return found[0], found[1]
