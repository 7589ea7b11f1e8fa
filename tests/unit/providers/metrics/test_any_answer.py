"""Whatever JSON a source answers with, it is read or told to be wrong; nothing else happens."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.azure.errors import retry_after
from providers.errors import ProviderError
from providers.metrics import kql_answers, platform_answers
from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.counters import paired
from providers.metrics.grid import complete
from providers.metrics.http import Caller
from providers.metrics.http_answers import Answer, refusal
from providers.metrics.log_analytics import LogQueries
from providers.metrics.platform_answers import SideSeries, series
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.prometheus_answers import clients, missing, points, steps
from providers.metrics.prometheus_requests import Query
from providers.metrics.settings import Access, AzureMonitor, PlatformMetric, Prometheus, Webhook
from providers.metrics.webhook import WebhookMetrics
from providers.metrics.webhook_answers import counted
from providers.secrets import LocalSecrets
from strategies.gates import MetricKind, MetricRule
from strategies.seen import Reading
from tests.unit.providers.metrics import azure_stage, kql_stage, platform_stage, servers
from tests.unit.providers.metrics.azure_stage import START, metric, minutes, question, row, table
from tests.unit.providers.metrics.azure_stage import refusal as refused

NOW = START + timedelta(minutes=5)
GRID = complete(START, NOW, step_seconds=60, lag_seconds=0)
SECOND = START.timestamp()
HOSTILE: list[Any] = [
    *(10**400, -(10**400), 1e308, -1e308, -9e10, 9e10, 1e11, float("nan"), float("inf"), 2**53, -0.5, True, None),
    *("", "1", "-1", "1e999", "NaN", "+Inf", "\ud800", "\x1b[2J", "0001-01-01T00:00:00+23:00", "x" * 9000, [], {}),
    *("9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00Z", "2026-05-04T12:00:00Z", "PT1M", "error", "Average"),
]
ODD = st.sampled_from(HOSTILE)
JSON = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SIDE = {"requests": 9, "failures": 1, "reset": False, "instances": 2}
INTERVAL = {"since": "2026-05-04T12:00:00Z", "until": SECOND + 60, "stable": SIDE, "candidate": SIDE}
WEBHOOK: list[Any] = [INTERVAL, {"intervals": [INTERVAL], "clients": {"10.0.0.4": 1.5}}]
PROMETHEUS: list[Any] = [
    {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [[SECOND, "1"]]}]},
    },
    {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [SECOND, "1"]}] * 2},
    },
    {"status": "success", "warnings": ["a"], "data": {"resultType": "matrix", "result": []}},
    {"status": "error", "errorType": "bad_data", "error": "no"},
]
PLATFORM: list[Any] = [
    metric(minutes(5, 6)),
    metric(minutes(5), minutes(6)),
    metric(minutes(5, aggregation="average"), unit="CountPerSecond"),
    metric(errorCode="Bad", errorMessage="no"),
]
KQL: list[Any] = [
    table(row(0, 5, 1)),
    {**table(), **refused("A", "b", ("C", "d"))},
    {"error": {"details": [{"code": "a"}]}},
    table(["a", 5], ["b", 6], columns=(("who", "string"), ("requests", "long"))),
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a document, itself first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def put(whole: dict[str, Any], place: tuple[Any, ...], value: Any) -> None:
    """Let something else stand in a place of a document."""
    *way, key = place
    inner: Any = whole
    for each in way:
        inner = inner[each]
    inner[key] = deepcopy(value)


@st.composite
def spoiled(draw: st.DrawFn, documents: list[Any]) -> Any:
    """One of these documents with something else in up to two of its places."""
    whole = {"": deepcopy(draw(st.sampled_from(documents)))}
    for _ in range(draw(st.integers(1, 2))):
        put(whole, draw(st.sampled_from(places(whole)[1:])), draw(JSON))
    return whole[""]


def read_webhook(document: Any) -> None:
    found = counted(document, START, NOW)
    assert found.problem is None or isinstance(found.problem, str)
    assert all(0 < rate <= 2**53 for _, rate in found.clients)


def read_prometheus(document: Any) -> None:
    """Nothing but an error of a source is raised."""
    for status in (200, 400):
        answer = Answer("http://p", status, {}, json.dumps(document).encode())
        with suppress(ProviderError):
            read = points(answer, "asking", GRID, 0)
            paired(GRID, steps(Query("requests", "x"), read))
            missing("x", read, GRID.count)
        with suppress(ProviderError):
            assert all(0 < rate < math.inf for _, rate in clients(answer, "asking"))


def read_query(body: Any) -> None:
    for kind in MetricKind:
        sides = kql_answers.rows(body, GRID, kind), kql_answers.rows(KQL[0], GRID, MetricKind.FAILURES)
        found = kql_answers.both(GRID, *sides)
        assert all(min(each.failures, each.requests) >= 0 for side in found for each in side.tallies)
    kql_answers.talkers(body, 60)
    kql_answers.refusal(json.dumps(body))


def read_platform(body: Any) -> None:
    for aggregation in ("Total", "Average"):
        asked = PlatformMetric("R", aggregation=aggregation)
        side = SideSeries(series(body, asked, GRID), series(metric(minutes(5)), asked, GRID))
        found = platform_answers.both(AzureMonitor("/r", asked, asked), GRID, side, side)
        assert all(0 <= each.failures <= each.requests for side in found for each in side.tallies)


READERS: list[tuple[Callable[[Any], None], list[Any]]] = [
    (read_webhook, WEBHOOK),
    (read_prometheus, PROMETHEUS),
    (read_query, KQL),
    (read_platform, PLATFORM),
]


@pytest.mark.parametrize(("read", "documents"), READERS)
def test_no_odd_value_in_any_place_of_an_answer_raises(read: Callable[[Any], None], documents: list[Any]) -> None:
    for document in documents:
        for place in places({"": document})[1:]:
            for odd in HOSTILE:
                whole = {"": deepcopy(document)}
                put(whole, place, odd)
                read(whole[""])


@pytest.mark.parametrize(("read", "documents"), READERS)
@given(data=st.data())
def test_no_json_whatever_raises(read: Callable[[Any], None], documents: list[Any], data: st.DataObject) -> None:
    read(data.draw(JSON | spoiled(documents)))


DATES = [
    "",
    "NaN",
    "inf",
    "Mon, 01 Jan 0001 00:00:00 +2300",
    "Fri, 31 Dec 9999 23:59:59 -2300",
    "Mon, 01 Jan 2001 00:00:00 +9999",
]


@given(
    st.sampled_from(
        [*DATES, f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", f"Mon, 01 Jan 2001 00:00:00 +{'9' * 20}", "9" * 5000]
    )
    | st.text(max_size=30)
)
def test_no_date_of_a_server_raises(text: str) -> None:
    answer = Answer("http://p", 503, {"date": text, "retry-after": text})
    assert answer.at is None or answer.at.tzinfo is UTC
    assert 0 <= (retry_after({"Retry-After": text}) or 0) < math.inf
    assert (answer.wait_seconds(datetime(2026, 1, 1, tzinfo=UTC)) or 0) >= 0
    assert refusal(answer, "asking").message


def webhook(text: str, status: int) -> Reading:
    with servers.serving(lambda _: servers.Say(status, text)) as server:
        asked = WebhookMetrics(
            MetricRule("m"), Webhook(Access(server.url)), Caller(Access(server.url), LocalSecrets({}))
        )
        found = asked.read(question())
        asked.close()
    return found


def prometheus(text: str, status: int) -> Reading:
    with servers.serving(lambda _: servers.Say(status, text)) as server:
        caller = Caller(Access(server.url), LocalSecrets({}))
        asked = PrometheusMetrics(MetricRule("m"), Prometheus(Access(server.url), 'x{r="$revision"}'), caller)
        found = asked.read(question())
        asked.close()
    return found


def logs(text: str, status: int) -> Reading:
    with azure_stage.serving(lambda _: (status, text)) as (_, azure):
        return LogQueries(kql_stage.RULE, kql_stage.SOURCE, azure).read(question())


def platform(text: str, status: int) -> Reading:
    with azure_stage.serving(lambda _: (status, text)) as (_, azure):
        return AzureMonitorMetrics(platform_stage.RULE, platform_stage.SOURCE, azure).read(question())


DEPTHS = [*range(700, 1000, 10), 100_000]


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("read", [webhook, prometheus, logs, platform])
def test_what_is_nested_too_deep_is_a_problem_of_the_reading(read: Callable[[str, int], Reading], status: int) -> None:
    for text in ("[" * deep + "]" * deep for deep in DEPTHS):
        found = read(text, status)
        assert found.problem
        assert (found.stable, found.candidate) == ((), ())


@pytest.mark.parametrize("status", [200, 400, 503])
@pytest.mark.parametrize("read", [webhook, prometheus, logs, platform])
def test_a_number_of_thousands_of_digits_is_a_problem_of_the_reading(
    read: Callable[[str, int], Reading], status: int
) -> None:
    found = read(f"[{'9' * 5000}]", status)
    assert found.problem
    assert (found.stable, found.candidate) == ((), ())
