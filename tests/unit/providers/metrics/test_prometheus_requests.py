"""What is asked of Prometheus, and which queries can never count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.metrics.grid import Grid
from providers.metrics.http import Request
from providers.metrics.prometheus_requests import (
    Query,
    counts_intervals,
    doubtful,
    instant_request,
    never_counts,
    points_before,
    queries,
    range_request,
)
from providers.metrics.settings import Access, Prometheus
from strategies.gates import MetricKind, MetricRule

START = datetime(2026, 1, 1, tzinfo=UTC)
SIDE = 'r="$revision8"'


def grid(step: float = 5, count: int = 4) -> Grid:
    return Grid(START, timedelta(seconds=step), count)


def test_a_range_query_asks_for_every_bound_and_for_those_before() -> None:
    assert range_request("up", grid(), 2, 5.0) == Request(
        "GET",
        "/api/v1/query_range",
        (
            ("query", "up"),
            ("start", "1767225590"),
            ("end", "1767225620"),
            ("step", "5"),
            ("timeout", "5s"),
            ("lookback_delta", "90s"),
        ),
    )


def test_samples_may_be_some_steps_old_and_no_more() -> None:
    def lookback(step: float) -> str:
        return dict(range_request("up", grid(step), 0, 5.0).query)["lookback_delta"]

    assert [lookback(step) for step in (1, 5, 30, 60)] == ["90s", "90s", "120s", "240s"]


def test_an_instant_query_names_its_moment() -> None:
    asked = instant_request("up", START + timedelta(milliseconds=1500), 2.5)
    assert asked.query == (("query", "up"), ("time", "1767225601.500"), ("timeout", "2.5s"))


def test_a_counter_is_looked_at_before_the_first_interval_and_counts_of_intervals_are_not() -> None:
    assert points_before("sum(hits)", grid(5)) == 60
    assert points_before("sum(hits)", grid(1)) == 300
    assert points_before("sum(hits)", grid(600)) == 0
    assert points_before("increase(hits[$interval])", grid(5)) == 0
    assert counts_intervals("increase(hits[$interval])")
    assert not counts_intervals("increase(hits[$$interval])")


@pytest.mark.parametrize(
    "text",
    [
        f"sum(hits{{{SIDE}}})",
        f"sum(increase(hits{{{SIDE}}}[$interval]))",
        f'sum(hits{{{SIDE},code=~"5..$"}}) or vector(0)',
        'sum(hits{pod=~"$groups-.*"})',
        'sum(hits{track="$side"})',
        f"sum(separate_total{{{SIDE}}})",
    ],
)
def test_a_query_for_one_side_may_count(text: str) -> None:
    assert never_counts(Query("requests", text)) is None


@pytest.mark.parametrize("function", ["rate", "irate", "increase", "delta", "idelta", "deriv"])
def test_a_rate_is_no_counter(function: str) -> None:
    query = Query("requests", f"sum({function} (hits{{{SIDE}}}[1m]))")
    assert "gives a rate, which counts nothing" in str(never_counts(query))
    assert never_counts(Query("clients", query.text, rate=True)) is None


def test_a_query_that_both_sides_share_tells_nothing_of_either() -> None:
    told = "asks the same of both sides: tell them apart by a label with $revision, $groups or $side"
    assert never_counts(Query("requests", 'sum(hits{service="$service"})')) == told
    assert never_counts(Query("clients", "sum by (client) (hits)", rate=True)) == told


def test_an_unknown_word_is_told_with_the_words_there_are() -> None:
    told = str(never_counts(Query("failures", 'sum(hits{r="$revison"})')))
    assert told.startswith("holds $revison, which means nothing: expected one of $service, ")


def test_requests_that_are_zero_where_nothing_is_scraped_are_doubtful() -> None:
    text = f"sum(hits{{{SIDE}}}) or vector(0)"
    assert "says zero where nothing is scraped" in str(doubtful(Query("requests", text)))
    assert doubtful(Query("failures", text)) is None
    assert "says zero" in str(doubtful(Query("requests", f"sum(hits{{{SIDE}}}) OR on() vector( 0 )")))


def test_requests_per_second_are_not_their_number() -> None:
    text = f"sum(rate(hits{{{SIDE}}}[$interval]))"
    assert "gives requests per second" in str(doubtful(Query("failures", text)))
    assert doubtful(Query("clients", text, rate=True)) is None


def test_queries_are_called_what_the_manifest_calls_them() -> None:
    source = Prometheus(Access("http://p"), "a", "b", "c")
    assert [query.name for query in queries(source, MetricRule("m"))] == ["requests", "failures", "clients"]
    slow = queries(source, MetricRule("m", MetricKind.LATENCY))
    assert [query.name for query in slow] == ["requests", "slow", "clients"]
    assert [query.name for query in queries(Prometheus(Access("http://p"), "a"), MetricRule("m"))] == ["requests"]
