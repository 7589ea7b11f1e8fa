"""What a server that speaks Prometheus' HTTP API answered, read into numbers; pure.

A number that is missing stays missing: a workload that is not scraped is not one without requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.errors import Invalid, ProviderError, Transient
from providers.metrics.counters import Step, given, grown
from providers.metrics.grid import LARGEST, Grid, shown, stamp
from providers.metrics.http_answers import Answer, json_of, refusal
from providers.metrics.prometheus_requests import Query, counts_intervals

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_NO_NUMBERS = ("NaN", "+Inf", "-Inf")
_EXACT = 6
"""Decimals that count when a number is rounded; those after them are what adding up leaves behind."""
_NEVER = ("bad_data", "execution")
_CLIENTS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 1e11
"""Seconds since 1970 that no time of a server is beyond."""


@dataclass(frozen=True, slots=True)
class Points:
    """A query's values at a grid's bounds and at `before` bounds ahead of it, as whole numbers; None for no number.

    `series`: whether it found anything at all. `bad` says of values that are no counts what they are and when.
    """

    values: tuple[int | None, ...]
    before: int = 0
    series: bool = True
    bad: Mapping[int, str] = field(default_factory=dict)


def failure(answer: Answer, doing: str) -> ProviderError:
    """The error of an answer that is no success, in the server's own words."""
    try:
        document = json_of(answer, doing)
    except ProviderError:
        return refusal(answer, doing)
    said = document.get("error") if isinstance(document, Mapping) else None
    return refusal(answer, doing, said if isinstance(said, str) else "")


def points(answer: Answer, doing: str, grid: Grid, before: int) -> Points:
    """Read the answer to a range query over a grid and `before` bounds that lie before it.

    Raises Invalid for a query that can never be one counter, Transient for an answer that cannot be used as it is.
    """
    series = _result(answer, doing, "matrix")
    if len(series) > 1:
        said = f"{doing}: it finds {len(series)} series where one is meant, such as {_labels(series[0], answer)}"
        raise Invalid(f"{said}: wrap it in sum(…)", code="SeveralSeries")
    values: list[int | None] = [None] * (before + grid.count + 1)
    bad: dict[int, str] = {}
    if not series:
        return Points(tuple(values), before, series=False)
    pairs = series[0].get("values")
    if not isinstance(pairs, list):
        what = "histograms" if "histograms" in series[0] else "no values"
        raise Invalid(f"{doing}: it gives {what} where numbers are meant: use histogram_count(…)", code="NoNumbers")
    start = grid.first - before * grid.step
    for pair in pairs:
        when, text = _pair(pair, doing, answer)
        place, beside = divmod(when - start + timedelta(milliseconds=1), grid.step)
        if not 0 <= place < len(values) or beside > timedelta(milliseconds=2):
            raise Transient(f"{doing}: it answers for {stamp(when)}, which was not asked for", code="OtherTimes")
        value, wrong = _whole(text, answer)
        values[place] = value
        if wrong is not None:
            bad[place] = f"{wrong}, at {stamp(when)}"
    return Points(tuple(values), before, bad=bad)


def steps(query: Query, read: Points, *, returns: bool = True) -> tuple[Step | None, ...]:
    """What was counted within each interval of the grid that `read` was asked for; for `returns` see `grown`."""
    counted = given(read.values) if counts_intervals(query.text) else grown(read.values, returns=returns)
    return counted[read.before :]


def clients(answer: Answer, doing: str) -> tuple[tuple[str, float], ...]:
    """Read the answer to an instant query: each client and its requests per second, the most first.

    One without any, and what is no number, is no client. Raises Invalid and Transient as `points` does.
    """
    found: dict[str, float] = {}
    for series in _result(answer, doing, "vector"):
        _, text = _pair(series.get("value"), doing, answer)
        rate = float(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else 0.0
        if 0 < rate <= LARGEST:
            name = _labels(series, answer)
            found[name] = found.get(name, 0.0) + rate
    most = sorted(found.items(), key=lambda client: (-client[1], client[0]))
    return tuple(most[:_CLIENTS])


def missing(query: str, read: Points, count: int) -> str | None:
    """Why the bounds of the first `count` intervals lack a number up to the end; None where the newest has one.

    A value that is no count is told wherever it stands. `query` is its name as messages show it.
    """
    if not read.series:
        return f"{query} finds no series: check the metric's name and labels, and that the workloads are scraped"
    bad = [said for place, said in read.bad.items() if read.before <= place <= read.before + count]
    if bad:
        return f"{query} is {bad[-1]}"
    if read.values[read.before + count] is None:
        return f"{query} has no number any more: what is not scraped is not without requests"
    return None


def lived(grid: Grid, served: datetime | None, now: datetime, lag_seconds: float) -> tuple[Grid, str | None]:
    """Leave out the intervals that the server has not lived through by its own clock, and say so where that is odd.

    Their values would be those of before, as if there had been no requests. `served` is to the second, hence the one
    more.
    """
    if served is None:
        return grid, None
    end = served + timedelta(seconds=1 - lag_seconds)
    count = min(grid.count, max((end - grid.first) // grid.step, 0))
    if count == grid.count:
        return grid, None
    behind = (now - served).total_seconds()
    return Grid(grid.first, grid.step, count), f"the server's clock is {behind:.0f} s behind ours: set both right"


def _result(answer: Answer, doing: str, kind: str) -> list[dict[str, Any]]:
    if not 200 <= answer.status < 300:
        raise failure(answer, doing)
    document = json_of(answer, doing)
    if not isinstance(document, dict):
        raise _strange(answer, doing, document)
    if document.get("status") == "error":
        wrong = Invalid if document.get("errorType") in _NEVER else Transient
        error, code = (answer.hidden(str(document.get(key))) for key in ("error", "errorType"))
        raise wrong(f"{doing}: {answer.where} says: {error}", code=code)
    data = document.get("data")
    result = data.get("result") if isinstance(data, dict) else None
    if document.get("status") != "success" or not isinstance(data, dict) or not isinstance(result, list):
        raise _strange(answer, doing, document)
    if data.get("resultType") != kind:
        other = answer.hidden(str(data.get("resultType")))
        raise Invalid(f"{doing}: it gives a {other} where a {kind} is meant", code="OtherKind")
    if not all(isinstance(series, dict) for series in result):
        raise _strange(answer, doing, document)
    warnings = document.get("warnings")
    if warnings and len(result) <= 1:
        text = "; ".join(map(str, warnings)) if isinstance(warnings, list) else str(warnings)
        raise Transient(f"{doing}: the answer may lack a part: {answer.hidden(text)[:300]}", code="Partial")
    return result


def _strange(answer: Answer, doing: str, document: object) -> ProviderError:
    found = shown(document, answer.hidden)
    message = f"{doing}: {answer.where} answers as no Prometheus does: {found}; check that `url` is its address"
    return Transient(message, code="Unreadable")


def _pair(pair: object, doing: str, answer: Answer) -> tuple[datetime, object]:
    if isinstance(pair, list) and len(pair) == 2:
        when, text = pair
        if isinstance(when, int | float) and not isinstance(when, bool) and 0 <= when < _LAST:
            return _EPOCH + timedelta(milliseconds=round(when * 1000)), text
    raise Transient(f"{doing}: expected a time and a value; got {shown(pair, answer.hidden)}", code="Unreadable")


def _whole(text: object, answer: Answer) -> tuple[int | None, str | None]:
    """A value as a whole number, or why it is none."""
    if isinstance(text, str) and text in _NO_NUMBERS:
        return None, f"{text}, as a division by zero gives it"
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None, f"{shown(text, answer.hidden)}, which is no number"
    value = float(text)
    if value < 0:
        return None, f"{answer.hidden(text)}, and no count is below zero"
    if value > LARGEST:
        return None, f"{answer.hidden(text)}, too large to be counted exactly"
    return math.floor(round(value, _EXACT) + 0.5), None


def _labels(series: Mapping[str, Any], answer: Answer) -> str:
    """What tells a series of an answer from others: its one label's value, or all labels with their names."""
    metric = series.get("metric")
    labels = {str(name): str(value) for name, value in metric.items()} if isinstance(metric, dict) else {}
    labels.pop("__name__", None)
    if len(labels) == 1:
        return answer.hidden(next(iter(labels.values())))
    named = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return answer.hidden(named)[:200] or "without a label"
