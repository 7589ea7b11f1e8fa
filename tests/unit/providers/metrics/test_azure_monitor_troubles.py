"""What is no answer of Azure Monitor: nothing is counted that was not said, and the reason is."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.settings import AzureMonitor, PlatformMetric
from tests.unit.providers.metrics.azure_stage import (
    Answer,
    Call,
    metric,
    minutes,
    mistake,
    problem,
    question,
    refusal,
    serving,
    tally,
)
from tests.unit.providers.metrics.platform_stage import FAILED, PROFILE, RULE, SOURCE, counts, read


def test_minutes_without_a_value_are_left_out_and_said() -> None:
    found = read(counts([9, None, 7], [1, 2, 3]))
    assert found.stable == (tally(0, 9), tally(2, 7))
    assert found.candidate == (tally(0, 1), tally(1, 2), tally(2, 3))
    assert found.problem == (
        "stable side: Requests has no value in 1 of 3 minutes from 2026-05-04T12:01:00Z: it may come later"
    )
    assert not found.mistaken


def test_failures_without_a_value_are_not_none_unless_the_manifest_says_so() -> None:
    unsaid = read(counts([9, 8, 7], [1, 2, 3], [None, 1, None]))
    assert unsaid.stable == (tally(1, 8, 1),)
    assert "absent: zero says that none failed" in str(unsaid.problem)
    said = replace(SOURCE, failed=replace(FAILED, absent_is_zero=True))
    found = read(counts([9, None, 7], [1, 2, 3], [None, 1, None]), said)
    assert found.stable == (tally(0, 9), tally(2, 7))
    assert found.candidate == (tally(0, 1), tally(1, 2, 1), tally(2, 3))


def test_an_empty_vector_is_no_zero() -> None:
    assert "check that its filter matches this side" in problem(read(lambda _: (200, metric())))


def test_values_missing_because_they_are_no_counts_are_never_taken_for_zero() -> None:
    source = replace(SOURCE, failed=replace(FAILED, absent_is_zero=True))
    found = read(counts([5, 5, 5], [5, 5, 5], [-1, None, 0]), source)
    assert found.stable == (tally(2, 5),)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, "12", True, [1], 10**400, -0.5])
def test_what_is_no_count_is_left_out_and_named(value: Any) -> None:
    found = read(counts([4, value, 4], [1, 1, 1]))
    assert found.stable == (tally(0, 4), tally(2, 4))
    assert "expected counts; got" in str(found.problem)
    assert not found.mistaken


def test_more_failures_than_requests_are_told_as_they_are() -> None:
    found = read(counts([2, 2, 2], [2, 2, 2], [0, 3, 0]))
    assert [(each.requests, each.failures) for each in found.stable] == [(2, 0), (2, 3), (2, 0)]
    assert found.problem is None


def test_several_series_where_one_is_meant_are_a_mistake_with_their_labels() -> None:
    told = mistake(read(lambda _: (200, metric(minutes(1, 1, 1), minutes(2, 2, 2)))))
    assert "expected one time series; got 2 (status=0xx, status=1xx)" in told


def test_a_coarser_interval_than_a_minute_is_a_mistake() -> None:
    assert "for PT1H only" in mistake(read(lambda _: (200, metric(minutes(1, 1, 1), interval="PT1H"))))


def test_an_error_of_one_metric_is_told_and_one_of_its_name_is_a_mistake() -> None:
    told = mistake(read(lambda _: (200, metric(errorCode="InvalidSamplingType", errorMessage="no such sampling"))))
    assert "InvalidSamplingType: no such sampling" in told
    assert "Busy" in problem(read(lambda _: (200, metric(errorCode="Busy"))))


@pytest.mark.parametrize("body", ["{", "[]", {"value": None}, {"value": []}, {"value": [1, 2]}, "null"])
def test_an_answer_that_makes_no_sense_is_a_problem_and_no_crash(body: Any) -> None:
    assert problem(read(lambda _: (200, body)))


@pytest.mark.parametrize("points", [{}, [1], [{"timeStamp": 3}], [{"timeStamp": "then", "total": 1}]])
def test_series_without_points_in_time_are_a_problem(points: Any) -> None:
    assert problem(read(lambda _: (200, metric(points))))


def test_a_metric_that_does_not_exist_is_a_mistake() -> None:
    body = refusal("BadRequest", "Failed to find metric configuration for provider: Requests")
    assert "BadRequest: reading Requests from Azure Monitor: Failed to find" in mistake(read(lambda _: (400, body)))


def test_a_resource_that_does_not_exist_is_a_mistake() -> None:
    assert "no such profile" in mistake(read(lambda _: (404, refusal("ResourceNotFound", "no such profile"))))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "AuthenticationFailed"),
        (403, "AuthorizationFailed"),
        (429, "TooManyRequests"),
        (503, "ServiceUnavailable"),
        (500, "InternalServerError"),
        (504, "GatewayTimeout"),
        (302, "Moved"),
    ],
)
def test_a_refusal_or_failure_of_the_source_is_a_problem_and_no_mistake(status: int, code: str) -> None:
    assert code in problem(read(lambda _: (status, refusal(code, "said so"))))


def test_a_source_that_does_not_answer_in_time_is_a_problem() -> None:
    stop = threading.Event()

    def hang(_: Call) -> Answer:
        stop.wait(5)
        return 200, metric()

    with serving(hang) as (_, clients):
        source = AzureMonitorMetrics(RULE, replace(SOURCE, timeout_seconds=0.2), clients)
        found = source.read(question())
        stop.set()
    assert (found.stable, found.candidate, found.mistaken) == ((), (), False)
    assert "reading Requests from Azure Monitor" in str(found.problem)


def test_retry_after_is_heeded_beyond_the_look() -> None:
    with serving(lambda _: (429, refusal("TooManyRequests", "later"))) as (monitor, clients):
        monitor.headers["Retry-After"] = "60"
        source = AzureMonitorMetrics(RULE, SOURCE, clients)
        source.read(question())
        sent = len(monitor.calls)
        found = source.read(question())
        assert len(monitor.calls) == sent
    assert "Microsoft.Insights wants no more calls for subscription s until" in str(found.problem)


def test_a_word_that_does_not_exist_is_a_mistake_and_nothing_is_sent() -> None:
    with serving(counts([1], [1])) as (monitor, clients):
        source = replace(SOURCE, requests=PlatformMetric("Requests", "Revision eq '$version'"))
        found = AzureMonitorMetrics(RULE, source, clients).read(question())
        assert monitor.calls == []
    assert found.mistaken
    assert "$version" in str(found.problem)


def test_a_question_that_is_the_same_for_both_sides_is_a_mistake() -> None:
    source = AzureMonitor(PROFILE, PlatformMetric("Requests"))
    assert "asks the same of both sides" in mistake(read(counts([1], [1]), source))


def test_a_resource_that_is_no_id_is_a_mistake() -> None:
    assert "expected a resource id like /subscriptions/" in mistake(
        read(counts([1], [1]), replace(SOURCE, resource="/shop"))
    )
