"""What Azure Monitor answers, read into counts by minute, and both sides' counts put on one grid; pure.

A minute for which nothing was written has a point without a value, or no point. Azure leaves what that means to whoever
writes the metric: only where its specification says `fillGapWithZero` is zero given, and then the point has that value.
So a missing value is no data here, unless the manifest says that it is zero (`PlatformMetric.absent_is_zero`). The
newest points may be missing or too small, even zero, until all of their minute has arrived: hence the lag.
Source: "Metrics - List" and the `MetricSpecification` of resource providers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.metrics.grid import Found, Grid, parse, shown, stamp, whole
from providers.metrics.platform_requests import AGGREGATIONS, AVERAGE
from providers.metrics.settings import AzureMonitor, PlatformMetric
from strategies.seen import Tally

_RATE = "countpersecond"
_COUNTS = ("count", "unspecified")
_FINAL = ("Invalid", "Bad", "NotFound", "NotSupported", "Unsupported")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one side by minute, and what kept it from being read."""

    counts: Mapping[datetime, int] = field(default_factory=dict)
    problem: str | None = None
    mistaken: bool = False


@dataclass(frozen=True, slots=True)
class SideSeries:
    """What was read of one side; `failed` None where only requests are counted."""

    requests: Series
    failed: Series | None = None


def series(body: Any, metric: PlatformMetric, grid: Grid) -> Series:
    """Read the answer about one metric; minutes outside the grid and points without a value are left out."""
    found, problem = _the_one(body, metric)
    if problem is not None:
        return problem
    points = _points(found, metric)
    if isinstance(points, Series):
        return points
    rate = metric.aggregation.lower() == AVERAGE
    wanted, counts, bad = set(grid), {}, []
    for point in points:
        start = parse(point.get("timeStamp")) if isinstance(point, Mapping) else None
        if start is None:
            return Series(problem=f"{metric.name}: expected points with a timeStamp; got {shown(point)}")
        value = point.get(metric.aggregation.lower())
        if start not in wanted or value is None:
            continue
        count = whole(value * grid.seconds if rate and isinstance(value, int | float) else value)
        if count is None:
            bad.append(f"{shown(value)} at {stamp(start)}")
        else:
            counts[start] = count
    told = f"{metric.name}: expected counts; got {', '.join(bad[:_SHOWN])}" if bad else None
    return Series(counts, told)


def both(source: AzureMonitor, grid: Grid, stable: SideSeries, candidate: SideSeries) -> tuple[Found, Found]:
    """Put both sides on the grid; what is missing of a side is left out of it and said."""
    here, there = _requests(source, stable, candidate), _requests(source, candidate, stable)
    return _found(source, grid, here, stable), _found(source, grid, there, candidate)


def _requests(source: AzureMonitor, own: SideSeries, other: SideSeries) -> Mapping[datetime, int]:
    """A side's requests, zero where the metric has a value for the other side alone and the manifest says so."""
    counts = own.requests.counts
    if not source.requests.absent_is_zero or own.requests.problem is not None:
        return counts
    return {**dict.fromkeys(other.requests.counts, 0), **counts}


def _failed(source: AzureMonitor, requests: Mapping[datetime, int], side: SideSeries) -> Mapping[datetime, int]:
    if side.failed is None:
        return dict.fromkeys(requests, 0)
    if side.failed.problem is not None:
        return side.failed.counts
    filled = source.failed is not None and source.failed.absent_is_zero
    # Where there were no requests none failed, whatever no value means: else a silent side would never look quiet.
    none = [start for start, count in requests.items() if filled or not count]
    return {**dict.fromkeys(none, 0), **side.failed.counts}


def _found(source: AzureMonitor, grid: Grid, requests: Mapping[datetime, int], side: SideSeries) -> Found:
    failed = _failed(source, requests, side)
    tallies = [
        Tally(start, start + grid.step, requests[start], failed[start])
        for start in grid
        if start in requests and start in failed
    ]
    asked = [each for each in (side.requests, side.failed) if each is not None]
    problems = [each.problem for each in asked if each.problem]
    if not problems:
        problems.extend(_missing(source, grid, requests, failed))
    told = "; ".join(dict.fromkeys(problems))
    return Found(tuple(tallies), told or None, any(each.mistaken for each in asked))


def _missing(
    source: AzureMonitor, grid: Grid, requests: Mapping[datetime, int], failed: Mapping[datetime, int]
) -> Iterator[str]:
    lacking = [start for start in grid if start not in requests]
    if lacking:
        zero = "" if source.requests.absent_is_zero else ", or say `absent: zero` where that means no requests"
        filtered = f"check that its filter matches this side{zero}"
        remedy = filtered if len(lacking) == grid.count else "it may come later"
        yield f"{source.requests.name} has no value in {_of(lacking, grid)}: {remedy}"
    lacking = [start for start in grid if start in requests and start not in failed]
    if lacking and source.failed is not None:
        remedy = "absent: zero says that none failed where it has no value"
        yield f"{source.failed.name} has no value in {_of(lacking, grid)}, though there were requests: {remedy}"


def _of(minutes: list[datetime], grid: Grid) -> str:
    return f"{len(minutes)} of {grid.count} minutes from {stamp(minutes[0])}"


def _the_one(body: Any, metric: PlatformMetric) -> tuple[Mapping[str, Any], Series | None]:
    """The metric that was asked for, or why it is not there."""
    values = body.get("value") if isinstance(body, Mapping) else None
    if not isinstance(values, list):
        return {}, Series(problem=f"{metric.name}: expected an answer with a list of metrics; got {shown(body)}")
    if len(values) != 1 or not isinstance(values[0], Mapping):
        return {}, Series(problem=f"{metric.name}: expected one metric in the answer; got {len(values)}")
    interval = body.get("interval")
    if interval not in (None, "PT1M"):
        told = f"{metric.name}: expected values for each minute (PT1M); Azure Monitor has them for {interval} only"
        return {}, Series(problem=told, mistaken=True)
    code = str(values[0].get("errorCode") or "Success")
    if code != "Success":
        told = f"{metric.name}: {code}: {values[0].get('errorMessage') or 'Azure Monitor gave no values'}"
        return {}, Series(problem=told, mistaken=code.startswith(_FINAL))
    return values[0], None


def _points(found: Mapping[str, Any], metric: PlatformMetric) -> list[Any] | Series:
    """The points of a metric's one series, or what is wrong with it."""
    problem = _of_another_kind(str(found.get("unit") or "Unspecified"), metric)
    if problem is not None:
        return Series(problem=problem, mistaken=True)
    listed = found.get("timeseries")
    if not isinstance(listed, list) or not all(isinstance(each, Mapping) for each in listed):
        return Series(problem=f"{metric.name}: expected a list of time series; got {shown(listed)}")
    if len(listed) > 1:
        some = ", ".join(_label(each) for each in listed[:_SHOWN])
        remedy = "compare each dimension with one value, and leave out those that do not matter"
        told = f"{metric.name}: expected one time series; got {len(listed)} ({some}): {remedy}"
        return Series(problem=told, mistaken=True)
    points = listed[0].get("data") if listed else []
    return points if isinstance(points, list) else []


def _of_another_kind(unit: str, metric: PlatformMetric) -> str | None:
    """Why a metric of this unit cannot be counted with this aggregation; None when it can."""
    aggregation = metric.aggregation.lower()
    if aggregation not in AGGREGATIONS:
        return f"{metric.name}: expected the aggregation Total, Count or Average; got {metric.aggregation}"
    if aggregation == AVERAGE and unit.lower() != _RATE:
        return f"{metric.name}: expected a rate (CountPerSecond) for the aggregation Average; its unit is {unit}"
    if aggregation == "total" and unit.lower() == _RATE:
        return f"{metric.name}: is a rate (CountPerSecond), so that only the aggregation Average can be counted"
    if aggregation == "total" and unit.lower() not in _COUNTS:
        return f"{metric.name}: expected a metric that counts (unit Count); its unit is {unit}"
    return None


def _label(element: Mapping[str, Any]) -> str:
    values = element.get("metadatavalues")
    known = [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []
    named = ((each.get("name"), each.get("value")) for each in known)
    said = (f"{name.get('value') if isinstance(name, Mapping) else name}={value}" for name, value in named)
    return " ".join(said) or "without dimensions"
