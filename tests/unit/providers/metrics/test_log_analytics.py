"""Queries in KQL: rows by interval, and what the silence of a table means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import responses

from providers.azure.clients import Clients
from providers.azure.credentials import Credentials, Endpoint
from providers.metrics.log_analytics import LogQueries
from providers.metrics.settings import LogAnalytics
from providers.ports import Arm
from strategies.gates import MetricKind
from strategies.model import Side
from strategies.seen import Reading
from tests.unit.providers.metrics.azure_stage import (
    START,
    Answer,
    Call,
    Identity,
    problem,
    question,
    refusal,
    row,
    serving,
    table,
    tally,
)
from tests.unit.providers.metrics.kql_stage import COMPONENT, QUERY, RULE, SOURCE, read, sides


def test_each_sides_rows_are_its_counts_by_interval() -> None:
    stable = table(row(0, 9, 1), row(60, 8), row(120, 7, 7))
    candidate = table(row(120, 3), row(0, 1), row(60, 2, 1))
    assert read(sides(stable, candidate)) == Reading(
        "errors",
        START + timedelta(minutes=5),
        (tally(0, 9, 1), tally(1, 8), tally(2, 7, 7)),
        (tally(0, 1), tally(1, 2, 1), tally(2, 3)),
    )


def test_the_query_goes_to_the_workspace_with_its_words_filled_in_and_an_end_to_it() -> None:
    with serving(lambda _: (200, table(row(0, 1)))) as (monitor, clients):
        LogQueries(RULE, SOURCE, clients).read(question())
        stable, candidate = monitor.calls
    assert stable.path == candidate.path == "/v1/workspaces/w-1/query"
    assert stable.body == {
        "query": QUERY.replace("$revision8", "aaaaaaaa").replace("$interval", "60s"),
        "timespan": "2026-05-04T12:00:00Z/2026-05-04T12:03:00Z",
    }
    assert "bbbbbbbb" in candidate.body["query"]
    assert (stable.headers["Prefer"], stable.headers["Content-Type"]) == ("wait=10", "application/json")


def test_a_resource_is_asked_by_its_id() -> None:
    source = LogAnalytics(QUERY, resource=COMPONENT)
    with serving(lambda _: (200, table(row(0, 1)))) as (monitor, clients):
        LogQueries(RULE, source, clients).read(question())
        assert monitor.calls[0].path == f"/v1{COMPONENT}/query"


def test_intervals_are_as_long_as_asked_for_but_never_finer_than_the_rule() -> None:
    asked = []
    for step in (1.0, 7.5):
        with serving(lambda _: (200, table())) as (monitor, clients):
            LogQueries(replace(RULE, interval_seconds=5.0), SOURCE, clients).read(question(step=step))
            asked.append(monitor.calls[0].body["query"].rpartition(", ")[2])
    assert asked == ["5s)", "8s)"]


def test_an_interval_without_a_row_is_one_without_requests_up_to_the_newest_row() -> None:
    found = read(sides(table(row(0, 9), row(60, 8)), table(row(0, 1))))
    assert found.stable == (tally(0, 9), tally(1, 8))
    assert found.candidate == (tally(0, 1), tally(1, 0))
    assert found.problem is None


def test_a_side_without_any_row_is_no_data_and_no_zero() -> None:
    found = read(sides(table(row(0, 9), row(60, 8)), table()))
    assert (found.stable, found.candidate) == ((tally(0, 9), tally(1, 8)), ())
    assert "candidate: no rows from 2026-05-04T12:00:00Z" in str(found.problem)
    assert "make-series kind=nonempty" in str(found.problem)
    assert not found.mistaken


def test_an_empty_table_is_no_data_on_either_side() -> None:
    assert problem(read(lambda _: (200, table()))) == "no rows from 2026-05-04T12:00:00Z to 2026-05-04T12:03:00Z"


def test_rows_of_incomplete_intervals_are_left_for_the_next_look() -> None:
    found = read(sides(table(row(-60, 5), row(0, 9), row(180, 1)), table(row(0, 2), row(240, 1))))
    assert (found.stable, found.candidate) == ((tally(0, 9),), (tally(0, 2),))


def test_slow_requests_are_what_failed_where_latency_is_counted() -> None:
    columns = (("t", "datetime"), ("failures", "long"), ("slow", "long"), ("Requests", "long"))
    rule = replace(RULE, kind=MetricKind.LATENCY)
    found = read(lambda _: (200, table(["2026-05-04T12:00:00Z", 1, 2, 3], columns=columns)), rule=rule)
    assert found.stable == (tally(0, 3, 2),)


def test_only_requests_are_needed_where_quiet_is_measured() -> None:
    columns = (("t", "datetime"), ("requests", "long"))
    rule = replace(RULE, kind=MetricKind.QUIET)
    found = read(lambda _: (200, table(["2026-05-04T12:00:00Z", 3], columns=columns)), rule=rule)
    assert found.stable == (tally(0, 3),)


def test_a_slow_query_has_all_of_the_time_that_the_manifest_gives_it() -> None:
    clients = Clients(Credentials(Endpoint.parse("http://127.0.0.1:9")))
    with responses.RequestsMock() as http:
        http.post("http://127.0.0.1:9/v1/workspaces/w-1/query", json=table(row(0, 1)))
        LogQueries(RULE, replace(SOURCE, timeout_seconds=30.0), clients).read(question())
        given = sum(http.calls[0].request.req_kwargs["timeout"])  # type: ignore[attr-defined]
    clients.close()
    assert 25 < given <= 30


def test_nothing_is_sent_before_the_next_interval_is_complete() -> None:
    with serving(lambda _: (200, table())) as (monitor, clients):
        assert LogQueries(RULE, SOURCE, clients).read(question(2.9)) == Reading("errors", question(2.9).now)
        assert monitor.calls == []


def test_an_adopted_side_is_asked_about_by_the_word_that_the_manifest_has_for_it() -> None:
    adopted = replace(question(), stable=Arm(Side.STABLE, "", ""))
    with serving(lambda _: (200, table())) as (monitor, clients):
        LogQueries(RULE, replace(SOURCE, stable="legacy"), clients).read(adopted)
        assert "'legacy'" in monitor.calls[0].body["query"]


TALK = replace(SOURCE, clients="AppRequests | where Revision == '$revision8' | summarize requests=count() by ClientIP")


def talking(answer: Answer) -> Callable[[Call], Answer]:
    """Answer who talks so, and everything else with rows."""
    return lambda call: answer if "ClientIP" in call.body["query"] else (200, table(row(0, 1)))


def test_who_still_talks_to_the_leaving_side_is_told_by_rate_with_the_most_first() -> None:
    columns = (("requests", "long"), ("ClientIP", "string"))
    some = table([6, "10.0.0.1"], [60, "10.0.0.2"], [0, "10.0.0.3"], columns=columns)
    with serving(talking((200, some))) as (monitor, clients):
        found = LogQueries(RULE, TALK, clients).read(question(leaving=Side.STABLE))
        asked = monitor.calls[-1].body
    assert found.talkers == (("10.0.0.2", 1.0), ("10.0.0.1", 0.1))
    assert asked["timespan"] == "2026-05-04T12:02:00Z/2026-05-04T12:03:00Z"
    assert "aaaaaaaa" in asked["query"]


def test_nobody_is_asked_who_talks_while_no_side_leaves() -> None:
    with serving(talking((200, table()))) as (monitor, clients):
        assert LogQueries(RULE, TALK, clients).read(question()).talkers == ()
        assert len(monitor.calls) == 2


@pytest.mark.parametrize(
    "answer", [(400, refusal("Bad", "no")), (503, refusal("Busy", "no")), (200, table()), (200, {})], ids=str
)
def test_not_knowing_who_talks_keeps_nothing_from_being_counted(answer: Answer) -> None:
    with serving(talking(answer)) as (_, clients):
        found = LogQueries(RULE, TALK, clients).read(question(leaving=Side.CANDIDATE))
    assert found.stable == (tally(0, 1),)
    assert str(found.problem).startswith("clients: ")
    assert not found.mistaken


@pytest.mark.parametrize(
    ("manager", "host", "audience"),
    [
        ("management.azure.com", "api.loganalytics.azure.com", "api.loganalytics.io"),
        ("management.usgovcloudapi.net", "api.loganalytics.us", "api.loganalytics.us"),
        ("management.chinacloudapi.cn", "api.loganalytics.azure.cn", "api.loganalytics.azure.cn"),
    ],
)
def test_each_cloud_has_a_host_and_an_audience_for_queries(manager: str, host: str, audience: str) -> None:
    identity = Identity()
    clients = Clients(Credentials(Endpoint.parse(f"https://{manager}"), identity))
    with responses.RequestsMock() as http:
        http.post(f"https://{host}/v1/workspaces/w-1/query", json=table(row(0, 1)))
        assert LogQueries(RULE, SOURCE, clients).read(question()).stable == (tally(0, 1),)
        assert json.loads(http.calls[0].request.body)["timespan"]
    clients.close()
    assert identity.scopes == [f"https://{audience}/.default"]


def test_doctor_counts_the_stable_sides_last_hour() -> None:
    with serving(lambda _: (200, table(row(-120, 5), row(-60, 7)))) as (_, clients):
        (finding,) = LogQueries(RULE, SOURCE, clients).preflight(question(2))
    assert finding.ok
    assert finding.message == "12 requests to the stable side in 60 intervals of 60 s"


def test_doctor_takes_more_failures_than_requests_for_a_wrong_configuration() -> None:
    with serving(lambda _: (200, table(row(-120, 5, 9), row(-60, 7, 6)))) as (_, clients):
        (finding,) = LogQueries(RULE, SOURCE, clients).preflight(question(2))
    said = "15 failures are counted of 12 requests to the stable side, and no more can fail than come"
    assert (finding.ok, finding.fatal, finding.message) == (False, True, said)
    assert finding.key == "gates.metrics[errors].logAnalytics"
