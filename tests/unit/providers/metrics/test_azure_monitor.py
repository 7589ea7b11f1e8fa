"""Platform metrics of Azure Monitor: minutes on one grid, for the side that is meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import responses

from providers.azure.clients import Clients
from providers.azure.credentials import Credentials, Endpoint
from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.settings import AzureMonitor, PlatformMetric
from providers.ports import Arm
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from strategies.seen import Reading
from tests.unit.providers.metrics.azure_stage import (
    START,
    Answer,
    Call,
    Identity,
    metric,
    minutes,
    mistake,
    question,
    refusal,
    serving,
    tally,
)
from tests.unit.providers.metrics.platform_stage import PROFILE, RULE, SOURCE, counts, read, side_of


def test_both_sides_are_counted_in_the_same_complete_minutes() -> None:
    found = read(counts([9, 8, 7, 6, 5], [1, 2, 3, 4, 5], [0, 1, 0, 2, 0]))
    assert found == Reading(
        "errors",
        START + timedelta(minutes=5),
        (tally(0, 9), tally(1, 8, 1), tally(2, 7)),
        (tally(0, 1), tally(1, 2, 1), tally(2, 3)),
    )


def test_one_request_names_metric_minutes_filter_and_version() -> None:
    with serving(counts([1] * 5, [1] * 5)) as (monitor, clients):
        source = replace(SOURCE, namespace="contoso/shop", failed=None)
        AzureMonitorMetrics(RULE, source, clients).read(question())
        assert [side_of(call) for call in monitor.calls] == ["stable", "candidate"]
        assert monitor.calls[0].path == f"{PROFILE}/providers/Microsoft.Insights/metrics"
        assert monitor.calls[0].query == {
            "api-version": "2023-10-01",
            "metricnames": "Requests",
            "aggregation": "Total",
            "interval": "PT1M",
            "timespan": "2026-05-04T12:00:00Z/2026-05-04T12:03:00Z",
            "ValidateDimensions": "true",
            "metricnamespace": "contoso/shop",
            "$filter": "Revision eq 'aaaaaaaa'",
        }
        assert monitor.calls[0].headers["Authorization"] == "Bearer emulator"


def test_nothing_is_sent_before_the_next_minute_is_complete() -> None:
    with serving(counts([1], [1])) as (monitor, clients):
        source = AzureMonitorMetrics(RULE, SOURCE, clients)
        assert source.read(question(2.9)) == Reading("errors", question(2.9).now)
        assert monitor.calls == []
        assert source.read(question(3)).stable == (tally(0, 1),)


def test_minutes_begin_at_the_full_minute_after_the_watermark() -> None:
    found = read(counts([9, 8, 7], [1, 2, 3]), since=START + timedelta(seconds=1))
    assert found.stable == (tally(1, 8), tally(2, 7))


def test_after_a_long_silence_the_newest_six_hundred_minutes_are_asked_for() -> None:
    with serving(counts([1], [1])) as (monitor, clients):
        AzureMonitorMetrics(RULE, SOURCE, clients).read(question(5000))
        assert monitor.calls[0].query["timespan"] == "2026-05-07T13:18:00Z/2026-05-07T23:18:00Z"


def test_the_names_of_workloads_and_endpoints_are_written_out_and_rolled_up_into_one_series() -> None:
    quiet = AzureMonitor(PROFILE, PlatformMetric("QpsByEndpoint", "EndpointName eq '$endpoints'"))
    with serving(lambda _: (200, metric(minutes(4, 4, 4)))) as (monitor, clients):
        found = AzureMonitorMetrics(RULE, quiet, clients).read(question())
        stable, candidate = (call.query for call in monitor.calls)
    assert found.problem is None
    assert stable["$filter"] == "EndpointName eq 'shop_west_aaaaaaaa_1_0'"
    assert "rollupby" not in stable
    named = "EndpointName eq 'shop_west_bbbbbbbb_2_0' or EndpointName eq 'shop_west_bbbbbbbb_2_1'"
    assert (candidate["$filter"], candidate["rollupby"]) == (named, "EndpointName")
    groups = replace(quiet, requests=PlatformMetric("R", "Role eq '$groups' and Status eq '5xx'"))
    with serving(lambda _: (200, metric(minutes(4, 4, 4)))) as (monitor, clients):
        AzureMonitorMetrics(RULE, groups, clients).read(question())
        asked = monitor.calls[1].query["$filter"]
    assert asked == "Role eq 'shop-bbbbbbbb-2-0' or Role eq 'shop-bbbbbbbb-2-1' and Status eq '5xx'"


def test_a_side_without_endpoints_yet_is_not_asked_about_as_if_it_were_everybody() -> None:
    quiet = AzureMonitor(PROFILE, PlatformMetric("QpsByEndpoint", "EndpointName eq '$endpoints'"))
    nobody = replace(question(), candidate=Arm(Side.CANDIDATE, "b" * 64, ""))
    with serving(counts([1], [1])) as (monitor, clients):
        found = AzureMonitorMetrics(RULE, quiet, clients).read(nobody)
        assert monitor.calls == []
    assert not found.mistaken
    assert "no endpoints yet" in str(found.problem)


def test_who_leaves_is_quiet_in_minutes_that_the_other_side_has_and_it_has_not_where_the_manifest_says_so() -> None:
    metric_ = PlatformMetric("QpsByEndpoint", "EndpointName eq '$endpoints'", absent_is_zero=True)
    rule = MetricRule("dns", MetricKind.QUIET, lag_seconds=120.0)

    def answer(call: Call) -> Answer:
        return 200, metric(minutes(3, None, None) if side_of(call) == "stable" else minutes(5, 6, None))

    with serving(answer) as (_, clients):
        found = AzureMonitorMetrics(rule, AzureMonitor(PROFILE, metric_), clients).read(question())
        plain = replace(metric_, absent_is_zero=False)
        without = AzureMonitorMetrics(rule, AzureMonitor(PROFILE, plain), clients).read(question())
    assert found.stable == (tally(0, 3), tally(1, 0))
    assert found.candidate == (tally(0, 5), tally(1, 6))
    assert without.stable == (tally(0, 3),)


def test_a_rate_per_second_becomes_the_count_of_its_minute() -> None:
    source = AzureMonitor(PROFILE, PlatformMetric("Rps", "Revision eq '$revision8'", "Average"))
    points = minutes(0.5, 0.0124, 0, aggregation="average")
    found = read(lambda _: (200, metric(points, unit="CountPerSecond")), source)
    assert found.stable == (tally(0, 30), tally(1, 1), tally(2, 0))


def test_how_often_something_was_measured_counts_whatever_its_unit() -> None:
    source = AzureMonitor(PROFILE, PlatformMetric("Latency", "Revision eq '$revision8'", "Count"))
    found = read(lambda _: (200, metric(minutes(3, 4, 5, aggregation="count"), unit="MilliSeconds")), source)
    assert found.stable == (tally(0, 3), tally(1, 4), tally(2, 5))


@pytest.mark.parametrize(
    ("aggregation", "unit", "said"),
    [
        ("Average", "Count", "expected a rate"),
        ("Total", "CountPerSecond", "only the aggregation Average"),
        ("Total", "Percent", "its unit is Percent"),
        ("Maximum", "Count", "expected the aggregation Total, Count or Average"),
    ],
)
def test_a_metric_that_cannot_be_counted_so_is_a_mistake(aggregation: str, unit: str, said: str) -> None:
    source = AzureMonitor(PROFILE, PlatformMetric("M", "Revision eq '$revision8'", aggregation))
    assert said in mistake(read(lambda _: (200, metric(minutes(1, 1, 1), unit=unit)), source))


def test_an_adopted_side_is_asked_about_by_the_word_that_the_manifest_has_for_it() -> None:
    adopted = replace(question(), stable=Arm(Side.STABLE, "", ""))
    with serving(counts([1], [1])) as (monitor, clients):
        AzureMonitorMetrics(RULE, replace(SOURCE, stable="legacy"), clients).read(adopted)
        assert monitor.calls[0].query["$filter"] == "Revision eq 'legacy'"


def test_resource_manager_of_the_cloud_is_asked_with_its_own_token() -> None:
    identity = Identity()
    clients = Clients(Credentials(Endpoint.parse("https://management.chinacloudapi.cn"), identity))
    with responses.RequestsMock() as http:
        http.get(
            f"https://management.chinacloudapi.cn{PROFILE}/providers/Microsoft.Insights/metrics",
            json=metric(minutes(1, 1, 1)),
        )
        assert AzureMonitorMetrics(RULE, SOURCE, clients).read(question()).problem is None
    clients.close()
    assert identity.scopes == ["https://management.chinacloudapi.cn/.default"]


def test_doctor_counts_the_stable_sides_last_hour() -> None:
    with serving(lambda _: (200, metric(minutes(*[2] * 60, start=START - timedelta(minutes=60))))) as (_, clients):
        (finding,) = AzureMonitorMetrics(RULE, SOURCE, clients).preflight(question(2))
    assert (finding.ok, finding.subject) == (True, "metric errors")
    assert finding.message == "120 requests to the stable side in 60 intervals of 60 s"


@pytest.mark.parametrize(
    ("answer", "fatal", "said"),
    [
        ((400, refusal("BadRequest", "no metric Requests")), True, "no metric Requests"),
        ((403, refusal("AuthorizationFailed", "no")), True, "Monitoring Reader"),
        ((200, metric()), False, "has no value in 60 of 60 minutes"),
        ((503, refusal("ServiceUnavailable", "later")), False, "later"),
    ],
    ids=["mistyped metric", "no role", "no data", "busy"],
)
def test_doctor_names_what_can_never_be_answered(answer: Answer, fatal: bool, said: str) -> None:
    with serving(lambda _: answer) as (_, clients):
        (finding,) = AzureMonitorMetrics(RULE, SOURCE, clients).preflight(question(2))
        (shown,) = AzureMonitorMetrics(replace(RULE, dry_run=True), SOURCE, clients).preflight(question(2))
    assert (finding.ok, finding.fatal) == (False, fatal)
    assert said in f"{finding.message} {finding.remedy}"
    assert not shown.fatal


def test_doctor_takes_more_failures_than_requests_for_a_wrong_configuration() -> None:
    def answer(call: Call) -> Answer:
        number = 3 if "5xx" in call.query["$filter"] else 2
        return 200, metric(minutes(*[number] * 60, start=START - timedelta(minutes=60)))

    with serving(answer) as (_, clients):
        (finding,) = AzureMonitorMetrics(RULE, SOURCE, clients).preflight(question(2))
    said = "180 failures are counted of 120 requests to the stable side, and no more can fail than come"
    assert (finding.ok, finding.fatal, finding.message) == (False, True, said)
    assert finding.key == "gates.metrics[errors].azureMonitor"


def test_where_there_were_no_requests_none_failed_so_that_a_side_that_leaves_becomes_quiet() -> None:
    requests = replace(SOURCE.requests, absent_is_zero=True)
    found = read(counts([9, None, None], [1, 2, 3], [0, None, 4]), replace(SOURCE, requests=requests))
    assert found.stable[:2] == (tally(0, 9), tally(1, 0))
    assert found.candidate[0] == tally(0, 1)
    assert tally(1, 2) not in found.candidate


def test_a_side_without_a_value_is_told_the_word_that_makes_it_silent() -> None:
    said = str(read(counts([], [1, 2, 3])).problem)
    assert "has no value in 3 of 3 minutes" in said
    assert "or say `absent: zero` where that means no requests" in said
    requests = replace(SOURCE.requests, absent_is_zero=True)
    assert "absent" not in str(read(counts([None], []), replace(SOURCE, requests=requests)).problem)
