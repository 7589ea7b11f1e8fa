"""What a query in KQL answers, read into counts by interval, and both sides' counts put on one grid; pure.

A log table has no row where there was no request, so an interval without a row is one without requests, but only up to
the newest row of either side, which shows how far the table has come, and only for a side that has rows at all: one
without any may be written under another name. A side that leaves falls silent, so there it is enough that the same
query found requests of it before (`Rows.before`). A query may say itself that there were none (`make-series
kind=nonempty` with `default=0`). An answer with an `error` beside its tables is not whole, and is not used.
Source: "Azure Monitor Log Analytics API response format" and "make-series operator" of KQL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.metrics.grid import Found, Grid, parse, shown, stamp, whole
from providers.metrics.http_answers import parsed
from strategies.gates import MetricKind
from strategies.seen import Tally

_FAILED = {
    MetricKind.FAILURES: ("failures", "slow"),
    MetricKind.LATENCY: ("slow", "failures"),
}
_SHOWN = 3
_MOST_TALKERS = 10


@dataclass(frozen=True, slots=True)
class Rows:
    """One side's requests and failures by interval, and what kept them from being read; `odd` are no counts.

    `before`: the same query is known to have found requests of this side, so that it has none where it finds no row.
    """

    counts: Mapping[datetime, tuple[int, int]] = field(default_factory=dict)
    odd: frozenset[datetime] = frozenset()
    problem: str | None = None
    mistaken: bool = False
    before: bool = False

    @property
    def silent(self) -> bool:
        """Whether it was answered, and with no row at all."""
        return not self.counts and self.problem is None

    @property
    def counted(self) -> bool:
        """Whether any row tells of a request."""
        return any(requests for requests, _ in self.counts.values())


@dataclass(frozen=True, slots=True)
class _Table:
    columns: tuple[tuple[str, str], ...]
    rows: tuple[list[Any], ...]

    def place(self, *names: str) -> int | None:
        """Where the first of these columns stands; None when there is none of them."""
        known = [name.lower() for name, _ in self.columns]
        return next((known.index(name) for name in names if name in known), None)

    def first(self, kind: str) -> int | None:
        """Where the first column of a type stands; None when there is none."""
        return next((place for place, (_, each) in enumerate(self.columns) if each == kind), None)


def rows(body: Any, grid: Grid, kind: MetricKind) -> Rows:
    """Read the answer about one side; rows outside the grid are left out."""
    table = _table(body)
    if isinstance(table, Rows):
        return table
    when, requests = table.first("datetime"), table.place("requests")
    wanted = _FAILED.get(kind, ())
    failed = table.place(*wanted) if wanted else None
    if when is None or requests is None or (wanted and failed is None):
        needed = ["a datetime", "requests", *([" or ".join(wanted)] if wanted else [])]
        have = ", ".join(f"{name} ({each})" for name, each in table.columns) or "none"
        return _mistaken(f"expected the columns {', '.join(needed)}; got {have}")
    return _counts(((row[when], row[requests], 0 if failed is None else row[failed]) for row in table.rows), grid)


def both(grid: Grid, stable: Rows, candidate: Rows) -> tuple[Found, Found]:
    """Put both sides on the grid; what is missing of a side is left out of it and said."""
    newest = max((*stable.counts, *stable.odd, *candidate.counts, *candidate.odd), default=None)
    return _found(grid, newest, stable), _found(grid, newest, candidate)


def talkers(body: Any, seconds: float) -> tuple[tuple[str, float], ...] | str:
    """Read who talks to a side, and how often per second of the `seconds` asked about; a text says what is wrong."""
    table = _table(body)
    if isinstance(table, Rows):
        return table.problem or "no table"
    who, requests = table.first("string"), table.place("requests")
    if who is None or requests is None:
        return "expected the columns requests and one of type string, who the client is"
    found: Counter[str] = Counter()
    for row in table.rows:
        found[str(row[who])] += whole(row[requests]) or 0
    most = [(name, number / seconds) for name, number in found.most_common(_MOST_TALKERS) if number]
    return tuple(most)


def refusal(text: str) -> tuple[str, str]:
    """The code and the texts of a refused query, empty where its answer has none."""
    try:
        return _errors(parsed(text))
    except ValueError:
        return "", ""


def _errors(body: Any) -> tuple[str, str]:
    """The code and the texts of an error body: the innermost error is the one that says where it is wrong."""
    error = body.get("error") if isinstance(body, Mapping) else None
    code, said = "", []
    while isinstance(error, Mapping):
        code = str(error.get("code") or code)
        said.append(str(error.get("message") or "").strip().rstrip("."))
        details = error.get("details")
        inner = error.get("innererror")
        error = inner if inner is not None else details[0] if isinstance(details, list) and details else None
    return code, ". ".join(dict.fromkeys(text for text in said if text))


def _counts(cells: Iterator[tuple[Any, Any, Any]], grid: Grid) -> Rows:
    counts: dict[datetime, tuple[int, int]] = {}
    odd: dict[datetime, str] = {}
    for time, requested, failed in cells:
        start = parse(time)
        if start is None or (start - grid.first) % grid.step:
            remedy = "summarize by bin(<time column>, $interval)"
            return _mistaken(f"expected rows at whole intervals of {grid.seconds} s; got {shown(time)}: {remedy}")
        if not grid.first <= start < grid.until:
            continue
        if start in counts or start in odd:
            remedy = "summarize by the time alone"
            return _mistaken(f"expected one row for each interval; got several for {stamp(start)}: {remedy}")
        number, bad = whole(requested), whole(failed)
        if number is None or bad is None:
            odd[start] = f"{shown(requested)} and {shown(failed)} at {stamp(start)}"
        else:
            counts[start] = (number, bad)
    some = ", ".join(list(odd.values())[:_SHOWN])
    told = f"expected counts of requests and of failures; got {some}" if odd else None
    return Rows(counts, frozenset(odd), told)


def _found(grid: Grid, newest: datetime | None, side: Rows) -> Found:
    if side.problem is not None and not side.counts:
        return Found((), side.problem, side.mistaken)
    if newest is None or not (side.counts or side.before):
        message = f"no rows from {stamp(grid.first)} to {stamp(grid.until)}"
        remedy = "check that the query matches this side, or let it say zero itself (make-series kind=nonempty)"
        return Found((), message if newest is None else f"{message}, though the other side has some: {remedy}")
    tallies = tuple(
        Tally(start, start + grid.step, *side.counts.get(start, (0, 0)))
        for start in grid
        if start <= newest and start not in side.odd
    )
    return Found(tallies, side.problem)


def _table(body: Any) -> _Table | Rows:
    """The one table of an answer, or why there is none to use."""
    if not isinstance(body, Mapping):
        return Rows(problem=f"expected an answer with tables; got {shown(body)}")
    if body.get("error") is not None:
        code, said = _errors(body)
        return Rows(problem=f"the answer is not whole: {code or 'error'}: {said or 'no reason given'}")
    tables = body.get("tables")
    if not isinstance(tables, list) or not all(isinstance(each, Mapping) for each in tables):
        return Rows(problem=f"expected an answer with tables; got {shown(tables)}")
    if len(tables) != 1:
        return _mistaken(f"expected a query with one result; got {len(tables)} tables")
    columns, listed = tables[0].get("columns"), tables[0].get("rows")
    if not isinstance(columns, list) or not isinstance(listed, list):
        return Rows(problem=f"expected a table with columns and rows; got {shown(tables[0])}")
    named = [(str(each.get("name")), str(each.get("type"))) for each in columns if isinstance(each, Mapping)]
    if len(named) != len(columns) or not all(isinstance(row, list) and len(row) == len(columns) for row in listed):
        return Rows(problem="expected rows with one value for each column; got others")
    return _Table(tuple(named), tuple(listed))


def _mistaken(problem: str) -> Rows:
    return Rows(problem=problem, mistaken=True)
