"""Checks by Jobs when calls fail on the way: no second Job, no result that nobody saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.emulator.behaviour import Behaviour
from providers.emulator.kube import kinds
from providers.errands import of_step
from providers.errors import Conflict, Denied, Missing, NotSent, Transient
from providers.kubernetes.job_requests import body, job_name
from providers.kubernetes.jobs import JobCheck
from providers.ports import Errand
from strategies.gates import MetricRule
from strategies.seen import CheckState
from tests.unit.providers.kubernetes.cluster_lab import Lab, a_lab
from tests.unit.providers.kubernetes.job_values import ERRAND, RULE, job

NAME = job_name(ERRAND, "smoke")


@pytest.fixture
def lab() -> Lab:
    return a_lab()


def check(lab: Lab, rule: MetricRule = RULE, *, timeout: float = 60.0, **behaviour: Any) -> JobCheck:
    """The check of a Job whose container behaves so; without a word it never ends."""
    told = Behaviour(**{"task_seconds": None, **behaviour})
    digest = lab.world.register_image("shop/smoke", "1", told).digest
    return JobCheck(rule, job(f"contoso.azurecr.io/shop/smoke@{digest}", timeout=timeout), lab.api)


def made(lab: Lab) -> list[str]:
    """The names of all Jobs."""
    return [one["metadata"]["name"] for one in lab.cluster.objects.all(kinds.JOB, "shop")]


def test_a_creation_whose_answer_was_lost_counts_as_running_and_is_found_at_the_next_look(lab: Lab) -> None:
    lab.api.fail("POST", "/jobs$", Transient("the answer was lost"), after=True)
    smoke = check(lab)
    seen = smoke.look(ERRAND)
    assert (seen.state, "the answer was lost" in seen.why) == (CheckState.RUNNING, True)
    assert smoke.look(ERRAND).state is CheckState.RUNNING
    assert made(lab) == [NAME]
    assert lab.api.writes() == ["POST shop/jobs"]
    smoke.stop()
    assert lab.api.writes()[-1] == f"DELETE jobs/{NAME}"


def test_a_creation_that_never_left_is_no_result_and_is_tried_again(lab: Lab) -> None:
    lab.api.fail("POST", "/jobs$", NotSent("nothing was sent"))
    smoke = check(lab)
    assert smoke.look(ERRAND).state is CheckState.UNKNOWN
    assert made(lab) == []
    assert smoke.look(ERRAND).state is CheckState.RUNNING
    assert made(lab) == [NAME]


def test_a_job_that_somebody_made_at_the_same_time_for_the_same_errand_is_looked_at(lab: Lab) -> None:
    check(lab).look(ERRAND)
    lab.api.fail("GET", f"/jobs/{NAME}$", Missing("not there yet"))
    assert check(lab).look(ERRAND).state is CheckState.RUNNING
    assert lab.api.writes() == ["POST shop/jobs"] * 2
    assert made(lab) == [NAME]


def test_a_running_check_goes_on_when_nobody_can_look_but_not_beyond_its_time(lab: Lab) -> None:
    smoke = check(lab)
    smoke.look(ERRAND)
    lab.api.fail("GET", "/jobs/", Transient("no answer"), times=9)
    lab.pass_time(50)
    seen = smoke.look(ERRAND)
    assert (seen.state, "cannot be looked at: no answer" in seen.why) == (CheckState.RUNNING, True)
    lab.pass_time(20)
    assert smoke.look(ERRAND).state is CheckState.UNKNOWN


def test_a_result_that_could_not_be_seen_at_once_is_seen_later(lab: Lab) -> None:
    smoke = check(lab, task_seconds=1.0)
    smoke.look(ERRAND)
    lab.pass_time(5)
    lab.api.fail("GET", "/jobs/", Transient("no answer"))
    assert smoke.look(ERRAND).state is CheckState.RUNNING
    assert smoke.look(ERRAND).state is CheckState.PASSED


@pytest.mark.parametrize("error", [Transient("no answer"), NotSent("nothing was sent"), Denied("no")])
def test_what_cannot_be_read_may_have_been_begun_so_it_runs_for_its_time_and_no_longer(lab: Lab, error: Any) -> None:
    lab.api.fail("GET", "/jobs/", error, times=3)
    smoke = check(lab)
    for seconds in (0, 60):
        lab.pass_time(seconds)
        seen = smoke.look(ERRAND)
        assert (seen.state, seen.why) == (CheckState.RUNNING, f"Job {NAME} cannot be looked at: {error}")
    lab.pass_time(1)
    assert smoke.look(ERRAND).state is CheckState.UNKNOWN
    assert made(lab) == []
    assert smoke.look(ERRAND).state is CheckState.RUNNING
    assert made(lab) == [NAME]


def test_after_a_crash_a_look_at_which_nothing_could_be_read_leads_to_no_second_job_and_stop_ends_the_first(
    lab: Lab,
) -> None:
    before = check(lab, timeout=600.0)
    before.look(ERRAND)
    after = JobCheck(RULE, before._job, lab.api)
    lab.api.fail("GET", "/jobs/", Transient("no answer"))
    assert after.look(ERRAND).state is CheckState.RUNNING
    after.stop()
    lab.pass_time(40)
    assert made(lab) == []


def attempt(number: int) -> Errand:
    return replace(ERRAND, key=f"{of_step(ERRAND)}-{number}")


def name_of(number: int) -> str:
    return job_name(attempt(number), "smoke")


def test_the_next_attempt_ends_the_one_before_and_waits_until_it_is_gone_in_any_process(lab: Lab) -> None:
    before = check(lab, timeout=600.0)
    before.look(ERRAND)
    lab.pass_time(5)
    after = JobCheck(RULE, before._job, lab.api)
    seen = after.look(attempt(2))
    assert (seen.state, seen.why) == (CheckState.RUNNING, f"waits for the end of Job {NAME}, an attempt before")
    assert made(lab) == [NAME]
    lab.pass_time(40)
    assert after.look(attempt(2)).state is CheckState.RUNNING
    assert made(lab) == [name_of(2)]


def test_an_attempt_before_that_cannot_be_read_is_waited_for_and_ended_by_stop(lab: Lab) -> None:
    before = check(lab, timeout=600.0)
    before.look(ERRAND)
    after = JobCheck(RULE, before._job, lab.api)
    lab.api.fail("GET", f"/jobs/{NAME}$", Transient("no answer"))
    assert after.look(attempt(1)).state is CheckState.RUNNING
    assert made(lab) == [NAME]
    after.stop()
    lab.pass_time(40)
    assert made(lab) == []


def test_an_attempt_before_that_will_not_end_is_waited_for_no_longer_than_a_check_may_take(lab: Lab) -> None:
    before = check(lab, timeout=600.0)
    before.look(ERRAND)
    after = JobCheck(RULE, replace(before._job, timeout_seconds=60.0), lab.api)
    lab.api.fail("DELETE", "/jobs/", Denied("no"), times=9)
    assert after.look(attempt(1)).state is CheckState.RUNNING
    lab.pass_time(61)
    seen = after.look(attempt(1))
    assert (seen.state, f"Job {NAME}" in seen.why) == (CheckState.UNKNOWN, True)
    assert made(lab) == [NAME]


def test_a_job_of_somebody_elses_under_the_name_of_an_attempt_before_is_neither_waited_for_nor_ended(lab: Lab) -> None:
    smoke = check(lab)
    theirs = body(smoke._job, ERRAND, "smoke")
    theirs["metadata"]["annotations"] = {}
    lab.put(theirs)
    lab.api.fail("GET", f"/jobs/{NAME}$", Transient("no answer"))
    assert smoke.look(ERRAND).state is CheckState.RUNNING
    assert smoke.look(attempt(1)).state is CheckState.RUNNING
    assert sorted(made(lab)) == sorted([NAME, name_of(1)])
    smoke.stop()
    lab.pass_time(40)
    assert made(lab) == [NAME]


def test_a_job_past_its_time_that_its_controller_has_not_ended_is_ended_by_stop(lab: Lab) -> None:
    before = check(lab, timeout=600.0)
    before.look(ERRAND)
    smoke = JobCheck(RULE, replace(before._job, timeout_seconds=10.0), lab.api)
    lab.pass_time(30)
    assert smoke.look(ERRAND).state is CheckState.UNKNOWN
    smoke.stop()
    lab.pass_time(40)
    assert made(lab) == []


def test_pods_that_cannot_be_read_only_leave_the_reason_out(lab: Lab) -> None:
    smoke = check(lab, task_seconds=1.0, task_exit_code=1)
    smoke.look(ERRAND)
    lab.pass_time(5)
    lab.api.fail("GET", "/pods$", Denied("cannot list pods"))
    seen = smoke.look(ERRAND)
    assert (seen.state, seen.output) == (CheckState.FAILED, "")


def test_a_missing_right_is_no_result_and_doctor_names_the_rule(lab: Lab) -> None:
    refused = Denied('User "x" cannot create resource "jobs" in API group "batch"')
    lab.api.fail("POST", "/jobs$", refused, times=2)
    smoke = check(lab)
    assert smoke.look(ERRAND).state is CheckState.UNKNOWN
    lab.api.denied = {("create", "jobs"), ("delete", "jobs"), ("list", "pods")}
    first, pods, dry = smoke.preflight(ERRAND)
    assert (first.ok, first.fatal) == (False, True)
    assert 'resources: ["jobs"], verbs: ["create", "delete"]' in first.remedy
    assert (pods.ok, pods.fatal) == (False, False)
    assert (dry.ok, dry.fatal) == (False, False)


def test_a_check_that_only_reports_keeps_nothing_from_starting(lab: Lab) -> None:
    lab.api.denied = {("create", "jobs")}
    findings = check(lab, MetricRule("smoke", RULE.kind, dry_run=True)).preflight(ERRAND)
    assert [finding.fatal for finding in findings if not finding.ok] == [False]


def test_doctor_says_nothing_worse_of_a_job_that_stands_already(lab: Lab) -> None:
    smoke = check(lab)
    smoke.look(ERRAND)
    assert [finding.message for finding in smoke.preflight(ERRAND)] == ["suffice", "stands already"]


@pytest.mark.parametrize("error", [Denied("no"), Transient("no"), Conflict("no")])
def test_stop_never_fails_and_a_job_that_could_not_be_deleted_ends_at_its_deadline(lab: Lab, error: Any) -> None:
    smoke = check(lab, timeout=10.0)
    smoke.look(ERRAND)
    lab.pass_time(3)
    lab.api.fail("DELETE", "/jobs/", error)
    smoke.stop()
    assert made(lab) == [NAME]
    lab.pass_time(10)
    lab.pass_time(2)
    assert lab.cluster.objects.all(kinds.POD, "shop") == []


def test_stop_asks_nothing_where_nothing_was_begun(lab: Lab) -> None:
    check(lab).stop()
    assert lab.api.calls == []


def test_a_look_at_a_healthy_job_is_one_call(lab: Lab) -> None:
    smoke = check(lab)
    smoke.look(ERRAND)
    lab.pass_time(3)
    before = len(lab.api.calls)
    smoke.look(ERRAND)
    assert lab.api.calls[before:] == [f"GET jobs/{NAME}"]


def test_of_the_attempts_at_a_step_the_newest_result_alone_is_remembered(lab: Lab) -> None:
    smoke, again, later = (
        check(lab, task_seconds=1.0),
        replace(ERRAND, key=f"{of_step(ERRAND)}-1"),
        replace(ERRAND, key="r1-west-smoke-1-0", step=1),
    )
    for errand in (ERRAND, again, later):
        smoke.look(errand)
        lab.pass_time(5)
        assert smoke.look(errand).state is CheckState.PASSED
    for name in made(lab):
        lab.cluster.objects.remove(kinds.JOB, "shop", name)
    for errand in (again, later):
        assert smoke.look(errand).state is CheckState.PASSED
    assert made(lab) == []
    # Nobody asks for it any more: a result that is saved is not looked at again.
    assert smoke.look(ERRAND).state is CheckState.RUNNING
