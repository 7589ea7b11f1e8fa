"""What a Job and its pods say, as values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.kubernetes.job_views import check_seen, is_leaving, is_over, is_told_by_pods
from strategies.seen import CheckState

MADE = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW = MADE + timedelta(seconds=5)


def a_job(*conditions: tuple[str, str, str], status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A Job with these conditions: type, status and reason."""
    listed = [
        {"type": kind, "status": state, "reason": reason, "message": "told"} for kind, state, reason in conditions
    ]
    created = {"creationTimestamp": "2026-05-04T12:00:00Z"}
    return {"metadata": {**created, **metadata}, "status": {"conditions": listed, **(status or {})}}


def a_pod(code: int = 1, reason: str = "Error", **state: Any) -> dict[str, Any]:
    """A pod whose container has ended, or is in another state."""
    told = state or {"terminated": {"exitCode": code, "reason": reason}}
    return {"status": {"containerStatuses": [{"name": "test", "state": told}]}}


FAILED = a_job(("Failed", "True", "BackoffLimitExceeded"))


@pytest.mark.parametrize(
    ("job", "state", "why"),
    [
        (a_job(), CheckState.RUNNING, "has run for 5 s"),
        ({}, CheckState.RUNNING, "has run for 0 s"),
        (a_job(("Complete", "False", "")), CheckState.RUNNING, "has run for 5 s"),
        (a_job(("Suspended", "True", "JobSuspended")), CheckState.RUNNING, "has run for 5 s"),
        (a_job(("Complete", "True", "CompletionsReached")), CheckState.PASSED, "complete"),
        (FAILED, CheckState.FAILED, "BackoffLimitExceeded: told"),
        (a_job(("Failed", "True", "")), CheckState.FAILED, "Failed: told"),
        (a_job(("Failed", "True", "DeadlineExceeded")), CheckState.UNKNOWN, "timed out after 60 s"),
        (a_job(deletionTimestamp="x"), CheckState.UNKNOWN, "somebody deletes it before it has ended"),
        (a_job(("Complete", "True", "A"), deletionTimestamp="x"), CheckState.PASSED, "complete"),
    ],
)
def test_conditions_that_are_ends_decide_and_no_others(job: Any, state: CheckState, why: str) -> None:
    assert check_seen(job, [], NOW, 60.0) == (state, why, "")


def test_a_job_that_no_controller_ends_is_given_up_a_little_after_its_deadline() -> None:
    late = MADE + timedelta(seconds=71)
    assert check_seen(a_job(), [], late, 60.0) == (CheckState.UNKNOWN, "timed out after 60 s", "")
    assert check_seen(a_job(), [], late - timedelta(seconds=2), 60.0)[0] is CheckState.RUNNING


def test_a_clock_that_is_behind_the_servers_makes_no_job_older() -> None:
    assert check_seen(a_job(), [], MADE - timedelta(seconds=30), 60.0) == (CheckState.RUNNING, "has run for 0 s", "")


def test_what_keeps_pods_from_running_is_told_but_decides_nothing() -> None:
    waiting = a_pod(waiting={"reason": "ImagePullBackOff", "message": "not found"})
    seen = check_seen(a_job(), [waiting], NOW, 60.0)
    assert seen == (CheckState.RUNNING, "has run for 5 s", "container test ImagePullBackOff: not found")


@pytest.mark.parametrize(
    ("pods", "state"),
    [
        ([], CheckState.FAILED),
        ([a_pod(1)], CheckState.FAILED),
        ([a_pod(75)], CheckState.UNKNOWN),
        ([a_pod(126)], CheckState.UNKNOWN),
        ([a_pod(127)], CheckState.UNKNOWN),
        ([a_pod(137, "OOMKilled")], CheckState.UNKNOWN),
        ([a_pod(128, "StartError")], CheckState.UNKNOWN),
        ([a_pod(137)], CheckState.FAILED),
        ([a_pod(75), a_pod(1)], CheckState.FAILED),
        ([a_pod(75), a_pod(0)], CheckState.UNKNOWN),
        ([a_pod(running={})], CheckState.FAILED),
    ],
)
def test_a_failure_is_no_result_only_where_every_container_says_so(pods: list[Any], state: CheckState) -> None:
    assert check_seen(FAILED, pods, NOW, 60.0)[0] is state


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        (a_job(), True),
        (a_job(status={"active": 1, "ready": 0}), True),
        (a_job(status={"active": 1, "ready": 1}), False),
        (FAILED, True),
        (a_job(("Complete", "True", "A")), False),
    ],
)
def test_pods_are_only_asked_about_where_they_can_say_more(job: Any, asked: bool) -> None:
    assert is_told_by_pods(job) is asked


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "status", "conditions", "type", "state", "exitCode"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON, st.lists(JSON, max_size=2))
def test_whatever_a_server_answers_is_judged_without_a_crash_and_never_passed_by_chance(
    job: Any, pods: list[Any]
) -> None:
    state, *_ = check_seen(job, pods, NOW, 60.0)
    assert state is not CheckState.PASSED
    is_over(job), is_leaving(job), is_told_by_pods(job)
