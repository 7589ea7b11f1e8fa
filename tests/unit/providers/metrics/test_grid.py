"""Intervals on one grid, and counts that were never said put on none of them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.metrics import kql_answers, platform_answers
from providers.metrics.grid import Found, complete, parse, reading, whole
from providers.metrics.platform_answers import SideSeries, series
from providers.metrics.settings import AzureMonitor, PlatformMetric
from strategies.gates import MetricKind
from strategies.seen import Tally
from tests.unit.providers.metrics.azure_stage import START, metric, minutes, row, table

TIMES = st.integers(0, 10**11).map(lambda ms: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
ZONES = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
STEPS = st.floats(0.1, 3600)


@given(TIMES, st.floats(0, 86400), STEPS, st.floats(0, 600))
def test_intervals_begin_after_the_watermark_are_over_and_are_the_newest_there_are(
    since: datetime, later: float, step: float, lag: float
) -> None:
    now = since + timedelta(seconds=later)
    grid = complete(since, now, step_seconds=step, lag_seconds=lag)
    assert since <= grid.first
    assert grid.seconds >= step
    assert grid.count <= 600
    if grid.count:
        assert grid.until <= now - timedelta(seconds=lag)
    assert grid.until + grid.step > now - timedelta(seconds=lag)
    if grid.count < 600:
        assert grid.first < since + grid.step
    assert list(grid) == [grid.first + number * grid.step for number in range(grid.count)]


def test_after_an_outage_longer_than_a_look_the_newest_intervals_are_asked_for() -> None:
    grid = complete(START, START + timedelta(seconds=1000), step_seconds=1, lag_seconds=10, most=100)
    assert (grid.first, grid.until) == (START + timedelta(seconds=890), START + timedelta(seconds=990))


@given(TIMES, TIMES, STEPS, ZONES)
def test_every_look_and_every_zone_has_the_same_grid(
    one: datetime, other: datetime, step: float, zone: timezone
) -> None:
    elsewhere = other.astimezone(zone)
    first = complete(one, one, step_seconds=step, lag_seconds=0)
    second = complete(elsewhere, elsewhere, step_seconds=step, lag_seconds=0)
    assert not (first.first - second.first) % first.step


@given(st.integers(0, 2**53) | st.floats(0, 2**53))
def test_what_is_a_count_is_its_nearest_whole_number(value: float) -> None:
    found = whole(value)
    assert found is not None
    assert abs(found - value) <= 0.5


@pytest.mark.parametrize("value", [None, True, "1", [], {}, -1, -0.001, float("nan"), float("inf"), 2**60, 10**400])
def test_what_is_no_count_is_none(value: Any) -> None:
    assert whole(value) is None


def test_times_are_read_in_any_form_that_azure_writes() -> None:
    noon = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
    for text in (
        "2026-05-04T12:00:00Z",
        "2026-05-04T12:00:00.0000000Z",
        "2026-05-04T14:00:00+02:00",
        "2026-05-04T12:00:00",
    ):
        assert parse(text) == noon
    assert [parse(odd) for odd in ("noon", "", None, 3, [])] == [None] * 5


def test_a_problem_of_both_sides_is_told_once_and_that_of_one_names_it() -> None:
    broken, fine = Found(problem="busy"), Found((Tally(START, START + timedelta(minutes=1), 1),))
    assert reading("m", START, broken, broken).problem == "busy"
    assert reading("m", START, fine, broken).problem == "candidate: busy"
    assert reading("m", START, fine, fine, beside="clients: no").problem == "clients: no"
    both = reading("m", START, Found(problem="a"), Found(problem="b", mistaken=True))
    assert (both.problem, both.mistaken) == ("stable side: a; candidate: b", True)


VALUES = st.lists(st.none() | st.integers(-2, 9) | st.sampled_from([float("nan"), "1", True]), min_size=5, max_size=5)
GRID = complete(START, START + timedelta(minutes=5), step_seconds=60, lag_seconds=0)


@given(VALUES, VALUES, VALUES, st.booleans(), st.booleans())
def test_azure_monitor_gives_no_count_that_was_not_said(
    mine: list[Any], theirs: list[Any], bad: list[Any], none_asked: bool, none_failed: bool
) -> None:
    asked, failed = PlatformMetric("R", absent_is_zero=none_asked), PlatformMetric("F", absent_is_zero=none_failed)
    source = AzureMonitor("/r", asked, failed)
    own, other, wrong = (series(metric(minutes(*each)), asked, GRID) for each in (mine, theirs, bad))
    stable, candidate = platform_answers.both(source, GRID, SideSeries(own, wrong), SideSeries(other, wrong))
    for side, said, others in ((stable, mine, theirs), (candidate, theirs, mine)):
        for tally in side.tallies:
            place = round((tally.since - START).total_seconds() / 60)
            assert min(tally.failures, tally.requests) >= 0
            if said[place] is None:
                assert none_asked
                assert whole(others[place]) is not None
                assert tally.requests == 0
            else:
                assert tally.requests == whole(said[place])
            if bad[place] is None:
                assert none_failed or not tally.requests
                assert tally.failures == 0
            else:
                assert tally.failures == whole(bad[place])
        assert side.problem or len(side.tallies) == GRID.count


@given(VALUES, VALUES)
def test_a_query_gives_no_count_beyond_the_newest_row_and_none_to_a_side_without_rows(
    mine: list[Any], theirs: list[Any]
) -> None:
    def answered(values: list[Any]) -> Any:
        listed = [row(60 * place, value) for place, value in enumerate(values) if value is not None]
        return kql_answers.rows(table(*listed), GRID, MetricKind.FAILURES)

    stable, candidate = kql_answers.both(GRID, answered(mine), answered(theirs))
    newest = max(
        (place for each in (mine, theirs) for place, value in enumerate(each) if value is not None), default=-1
    )
    for side, said in ((stable, mine), (candidate, theirs)):
        counts = [whole(value) for value in said]
        known = {round((tally.since - START).total_seconds() / 60): tally.requests for tally in side.tallies}
        if all(count is None for count in counts):
            assert known == {}
            continue
        for place in range(5):
            if said[place] is None:
                assert known.get(place) == (0 if place <= newest else None)
            else:
                assert known.get(place) == counts[place]


def test_no_module_loads_a_heavy_library_when_it_is_imported() -> None:
    names = [f"providers.metrics.{name}" for name in ("azure_monitor", "log_analytics", "command", "program")]
    names += ["providers.kubernetes.jobs", "providers.errands"]
    heavy = ["azure.core", "azure.identity", "azure.mgmt", "requests", "urllib3", "kubernetes", "tenacity", "asyncio"]
    code = f"import sys, {', '.join(names)}\nprint([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
