"""The table of rules at 50 requests per second and 1 % failures, beside what is expected of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from tests.benchmarks.decisions import hindsight, limits
from tests.benchmarks.decisions.peers import PEERS, Ends
from tests.benchmarks.decisions.runs import Work
from tests.benchmarks.decisions.stage import Setting
from tests.benchmarks.decisions.traffic import Cell, bad, good
from tests.benchmarks.goals import Goal

RPS, RATE, TIMES = 50.0, 0.01, 5.0
CELLS = (good(RPS, RATE), good(RPS, RATE, incident=True), bad(RPS, RATE, None), bad(RPS, RATE, TIMES))
GATED = Setting("this test + gate", every=5.0, hold=55.0, bare=True)
"""A step's traffic lasts 60 s: 5 s until the look that confirms it, and the hold."""
RESTARTED = replace(GATED, name="this test + gate, restarts at each step", bare=False)
SHIPPED = Setting("shipping schedule")
SHIPPED_THREE = Setting("shipping schedule, three metrics", metrics=3)
OURS = (GATED, RESTARTED, SHIPPED, SHIPPED_THREE)
LIMIT = "limit (Wald, p0 known)"


@dataclass(frozen=True, slots=True)
class Row:
    """One rule; parts of one, seconds, requests. None: it has no such figure."""

    rule: str
    false_steady: float | None
    false_shared: float | None
    broken_seconds: float | None
    broken_requests: float
    regression_seconds: float | None
    regression_requests: float
    missed: float = 0.0
    """The part of regressions that was not taken back."""

    def document(self) -> dict[str, Any]:
        """The row as the benchmarks' JSON has it."""
        return {
            "rule": self.rule,
            "falseSteady": self.false_steady,
            "falseShared": self.false_shared,
            "brokenSeconds": self.broken_seconds,
            "brokenRequests": self.broken_requests,
            "regressionSeconds": self.regression_seconds,
            "regressionRequests": self.regression_requests,
        }

    def line(self) -> str:
        """The row for people."""

        def part(value: float | None) -> str:
            return "-" if value is None else f"{100 * value:.2f} %"

        def seconds(value: float | None) -> str:
            return "-" if value is None else f"{value:.0f}"

        missed = f"  ({100 * self.missed:.0f} % missed)" if self.missed >= 0.005 else ""
        return (
            f"{self.rule:<56} {part(self.false_steady):>9} / {part(self.false_shared):>9}"
            f" {seconds(self.broken_seconds):>6} / {self.broken_requests:7.1f}"
            f" {seconds(self.regression_seconds):>6} / {self.regression_requests:7.1f}{missed}"
        )


HEADER = (
    f"{'rule, at 50 rps and 1 %':<56} {'steady':>9} / {'shared':>9} {'100 %':>6} / {'bad':>7} {'5x':>6} / {'bad':>7}"
)


def row(rule: str, steady: Ends, shared: Ends, broken: Ends, worse: Ends) -> Row:
    """Sum up how a rule ended in the four cells."""
    return Row(
        rule,
        steady.rate,
        shared.rate,
        broken.median_seconds,
        broken.mean_excess,
        worse.median_seconds,
        worse.mean_excess,
        1 - worse.rate,
    )


def asked(work: Work, scale: float) -> list[tuple[str, list[Any]]]:
    """Ask for every run of the table; `scale` shrinks their number."""
    found: list[tuple[str, list[Any]]] = []
    for peer in PEERS:
        found.append((peer.name, [work.peer(peer, cell, _scaled(10_000, scale)) for cell in CELLS]))
    for setting in OURS:
        found.append((setting.name, [work.ours(setting, cell, _runs(setting, cell, scale)) for cell in CELLS]))
    return found


def _runs(setting: Setting, cell: Cell, scale: float) -> int:
    if cell.regresses:
        return _scaled(1000, scale)
    if setting is SHIPPED:
        return _scaled(10_000, scale)
    return _scaled(1000 if setting.every else 300, scale)


def _scaled(runs: int, scale: float) -> int:
    return max(round(runs * scale), 4)


def rows(found: list[tuple[str, list[Any]]], tried: tuple[hindsight.Tuned, ...], scale: float) -> list[Row]:
    """The whole table, once everything has been computed."""
    made = []
    for rule, cells in found:
        ends = [cell[0].result() if isinstance(cell, list) else cell.summed() for cell in cells]
        made.append(row(rule, *ends))
    made += _in_hindsight(tried, scale)
    _, _, broken, worse = CELLS
    made.append(
        Row(
            LIMIT,
            None,
            None,
            limits.wald_seconds(broken),
            limits.wald_excess(broken),
            limits.wald_seconds(worse),
            limits.wald_excess(worse),
        )
    )
    return made


def _in_hindsight(tried: tuple[hindsight.Tuned, ...], scale: float) -> list[Row]:
    made = []
    for name, through in (("best threshold in hindsight", False), ("the same, unmoved by incidents", True)):
        one = hindsight.best(tried, through_incidents=through)
        if one is not None:
            ends = [hindsight.ends_of(one.peer, cell, _scaled(10_000, scale)) for cell in CELLS]
            made.append(row(f"{name} ({one.peer.name.removeprefix('tuned ')})", *ends))
    return made


EXPECTED: tuple[tuple[str, float, float, float, float, float, float], ...] = (
    ("Flagger 1 m / 99 % / threshold 5", 0.31, 0.85, 360, 893, 360, 36),
    ("Flagger 1 m / 99 % / threshold 10", 0.02, 0.15, 660, 1634, 660, 69),
    ("Argo docs template 5 m / 95 % / limit 3", 0.0, 0.0, 1200, 4454, 1800, 809),
    ("Argo 1 m / 95 % / limit 3", 0.0, 0.002, 240, 593, 480, 82),
    ("this test + gate", 0.0, 0.0, 5, 12, 98, 16),
)
"""The numbers to reproduce, from 400 runs each: parts, seconds, requests."""
_THEIR_RUNS = 400
_ERRORS = 3.0


def deviations(table: list[Row]) -> list[Goal]:
    """How far the table is from the numbers to reproduce, at most, in what chance and rounding explain."""
    found = []
    by_name = {one.rule: one for one in table}
    for rule, *figures in EXPECTED:
        made = by_name[rule]
        got = (
            made.false_steady or 0.0,
            made.false_shared or 0.0,
            made.broken_seconds or 0.0,
            made.broken_requests,
            made.regression_seconds or 0.0,
            made.regression_requests,
        )
        worst = max(abs(a - b) / _explained(place, b) for place, (a, b) in enumerate(zip(got, figures, strict=True)))
        found.append(Goal("-", f"as expected: {rule}", worst, 1.0, "of the error"))
    return found


def _explained(place: int, expected: float) -> float:
    """What may lie between: three standard errors of 400 runs, and half a unit of what is printed."""
    if place < 2:
        part = max(expected, 1 / _THEIR_RUNS)
        return _ERRORS * sqrt(part * (1 - part) / _THEIR_RUNS) + 0.005
    if place in (2, 4):
        return 5.0 + 0.02 * expected
    return _ERRORS * 0.5 * expected / sqrt(_THEIR_RUNS) + 0.5
