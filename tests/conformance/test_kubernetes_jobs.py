"""What a `Check` of Jobs must do, whatever stands between it and the cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.emulator.kube import kinds
from providers.kubernetes.api import MERGE_PATCH
from providers.kubernetes.job_requests import job_name
from providers.kubernetes.jobs import JobCheck
from providers.metrics.settings import Job
from providers.ports import Arm, Errand
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import Side
from strategies.seen import CheckState
from tests.conformance.kubernetes_doors import CLUSTER, Door
from tests.conformance.kubernetes_objects import IMAGE

RULE = MetricRule("smoke", MetricKind.CHECK, when=(When.BEFORE,))
STABLE, CANDIDATE = Arm(Side.STABLE, "a" * 64, "sha256:aa"), Arm(Side.CANDIDATE, "b" * 64, "sha256:bb")
ERRAND = Errand("r1-west-smoke-0-0", "shop", "west", 0, When.BEFORE, CANDIDATE, STABLE, ("shop-bbbbbbbb-1-0",))
NAME = job_name(ERRAND, "smoke")


def template(image: str, **spec: Any) -> dict[str, Any]:
    """A Job of one container, as somebody wrote it."""
    container = {
        "name": "test",
        "image": image,
        "env": [{"name": "ROLLOUT_STEP", "value": "99"}, {"name": "X", "value": "1"}],
    }
    pod = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}
    metadata = {"name": "smoke", "labels": {"team": "shop"}, "uid": "0", "resourceVersion": "7"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}, **spec}}


def check(cluster: Door, image: str = "", *, timeout: float = 60.0, **spec: Any) -> JobCheck:
    """The check of a Job; without an image that of this world, which keeps running where images do."""
    job = Job(CLUSTER, cluster.namespace, template(image or f"{IMAGE}@{cluster.digest}", **spec), timeout)
    return JobCheck(RULE, job, cluster.recorder)


def of(cluster: Door, tag: str, **behaviour: Any) -> str:
    """A reference to an image that behaves so as a task."""
    return f"{IMAGE}@{cluster.image(tag, **behaviour)}"


def settled(cluster: Door, check: JobCheck, errand: Errand = ERRAND) -> Any:
    """Look until the check no longer runs."""
    cluster.until(lambda: check.look(errand).state is not CheckState.RUNNING, "the check has ended")
    return check.look(errand)


def says(cluster: Door, *conditions: tuple[str, str]) -> None:
    """Write how the Job has ended, as its controller does."""
    job = cluster.get(kinds.JOB, NAME)
    when = job["metadata"]["creationTimestamp"]
    told = {"status": "True", "message": "told", "lastProbeTime": when, "lastTransitionTime": when}
    listed = [{"type": kind, "reason": reason, **told} for kind, reason in conditions]
    ends = {"completionTime": when, "succeeded": 1} if conditions[-1][0] == "Complete" else {"failed": 1}
    body = {"status": {"conditions": listed, "startTime": when, **ends}}
    path = kinds.JOB.path(cluster.namespace, NAME, "status")
    cluster.api.write("telling", "PATCH", path, body, content_type=MERGE_PATCH)


def jobs(cluster: Door) -> list[str]:
    """The names of all Jobs."""
    return [each["metadata"]["name"] for each in cluster.all(kinds.JOB)]


def test_a_look_makes_the_job_once_with_its_errand_and_our_marks(cluster: Door) -> None:
    made = check(cluster, of(cluster, "endless", task_seconds=None) if "images" in cluster.able else "")
    assert [made.look(ERRAND).state for _ in range(3)] == [CheckState.RUNNING] * 3
    assert cluster.writes() == [f"POST {cluster.namespace}/jobs"]
    job = cluster.get(kinds.JOB, NAME)
    wanted = {
        "team": "shop",
        "app.kubernetes.io/managed-by": "rollout",
        "rollout/service": "shop",
        "rollout/target": "west",
    }
    assert job["metadata"]["labels"] == wanted
    notes = job["metadata"]["annotations"]
    assert (notes["rollout/errand"], notes["rollout/check"]) == (ERRAND.key, "smoke")
    assert notes["rollout/revision"] == "b" * 64
    spec = job["spec"]
    assert (spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"], spec["backoffLimit"]) == (60, 86400, 0)
    (container,) = spec["template"]["spec"]["containers"]
    told = {each["name"]: each["value"] for each in container["env"]}
    assert told == {
        "ROLLOUT_SERVICE": "shop",
        "ROLLOUT_TARGET": "west",
        "ROLLOUT_REVISION": "b" * 64,
        "ROLLOUT_DIGEST": "sha256:bb",
        "ROLLOUT_STEP": "0",
        "ROLLOUT_WHEN": "before",
        "ROLLOUT_ADDRESSES": "shop-bbbbbbbb-1-0",
        "X": "1",
    }
    made.stop()


def test_whoever_looks_after_a_crash_finds_the_job_and_makes_no_other(cluster: Door) -> None:
    image = of(cluster, "endless", task_seconds=None) if "images" in cluster.able else ""
    check(cluster, image).look(ERRAND)
    uid = cluster.get(kinds.JOB, NAME)["metadata"]["uid"]
    after = check(cluster, image)
    assert after.look(ERRAND).state is CheckState.RUNNING
    assert jobs(cluster) == [NAME]
    assert cluster.get(kinds.JOB, NAME)["metadata"]["uid"] == uid
    after.stop()


def test_each_attempt_has_a_job_of_its_own_and_never_two_run_at_once(cluster: Door) -> None:
    cluster.needs("garbage")
    image = of(cluster, "endless", task_seconds=None) if "images" in cluster.able else ""
    again = replace(ERRAND, key="r1-west-smoke-0-1")
    check(cluster, image).look(ERRAND)
    made = check(cluster, image)
    assert made.look(again).state is CheckState.RUNNING
    assert jobs(cluster) == [NAME]
    cluster.until(lambda: made.look(again).state is CheckState.RUNNING and jobs(cluster) != [NAME], "the next one runs")
    assert jobs(cluster) == [job_name(again, "smoke")]
    made.stop()


def test_a_job_of_somebody_elses_is_left_alone(cluster: Door) -> None:
    body = {key: value for key, value in template(IMAGE, suspend=True).items() if key == "spec"}
    cluster.make(kinds.JOB, NAME, **body)
    made = check(cluster)
    seen = made.look(ERRAND)
    assert (seen.state, "does not bear our mark" in seen.why) == (CheckState.UNKNOWN, True)
    made.stop()
    assert cluster.writes() == []
    assert jobs(cluster) == [NAME]


@pytest.mark.parametrize(
    ("conditions", "state", "why"),
    [
        ((("SuccessCriteriaMet", "CompletionsReached"),), CheckState.RUNNING, "has run for"),
        ((("SuccessCriteriaMet", "A"), ("Complete", "CompletionsReached")), CheckState.PASSED, "complete"),
        ((("FailureTarget", "BackoffLimitExceeded"),), CheckState.RUNNING, "has run for"),
        ((("FailureTarget", "A"), ("Failed", "BackoffLimitExceeded")), CheckState.FAILED, "BackoffLimitExceeded: told"),
        ((("FailureTarget", "A"), ("Failed", "DeadlineExceeded")), CheckState.UNKNOWN, "timed out after 60 s"),
    ],
    ids=["criteria met", "complete", "failure foreseen", "failed", "late"],
)
def test_only_the_end_of_a_job_is_a_result(
    cluster: Door, conditions: tuple[tuple[str, str], ...], state: CheckState, why: str
) -> None:
    if "pods" in cluster.able:
        pytest.skip(f"{cluster.name}: a controller is at work here, which writes the status itself")
    made = check(cluster)
    made.look(ERRAND)
    says(cluster, *conditions)
    seen = made.look(ERRAND)
    assert (seen.state, why in seen.why) == (state, True), seen.why


def test_a_job_that_completes_passes(cluster: Door) -> None:
    made = check(cluster, of(cluster, "good", task_seconds=0.2))
    seen = settled(cluster, made)
    assert (seen.metric, seen.step, seen.state, seen.why) == ("smoke", 0, CheckState.PASSED, f"Job {NAME}: complete")


def test_a_job_that_fails_fails_with_the_end_of_what_it_wrote(cluster: Door) -> None:
    made = check(cluster, of(cluster, "bad", task_seconds=0.2, task_exit_code=3, task_output="404 at /cart"))
    seen = settled(cluster, made)
    assert seen.state is CheckState.FAILED
    assert "BackoffLimitExceeded: Job has reached the specified backoff limit" in seen.why
    assert seen.output == "container test ended (exit code 3): 404 at /cart"


@pytest.mark.parametrize("code", [75, 126, 127])
def test_a_container_that_could_not_tell_is_no_result(cluster: Door, code: int) -> None:
    made = check(cluster, of(cluster, "busy", task_seconds=0.2, task_exit_code=code))
    seen = settled(cluster, made)
    assert (seen.state, f"exit code {code}" in seen.output) == (CheckState.UNKNOWN, True)


def test_a_result_is_remembered_when_the_job_is_gone(cluster: Door) -> None:
    made = check(cluster, of(cluster, "good", task_seconds=0.2))
    first = settled(cluster, made)
    cluster.delete(kinds.JOB, NAME, propagationPolicy="Background")
    cluster.until(lambda: cluster.get(kinds.JOB, NAME) is None, "the Job is gone")
    assert made.look(ERRAND) == first
    assert jobs(cluster) == []


def test_a_job_that_somebody_deleted_before_it_ended_is_made_again(cluster: Door) -> None:
    cluster.needs("garbage")
    made = check(cluster, of(cluster, "endless", task_seconds=None))
    made.look(ERRAND)
    uid = cluster.get(kinds.JOB, NAME)["metadata"]["uid"]
    cluster.delete(kinds.JOB, NAME, propagationPolicy="Background")
    cluster.until(lambda: cluster.get(kinds.JOB, NAME) is None, "the Job is gone")
    assert made.look(ERRAND).state is CheckState.RUNNING
    assert cluster.get(kinds.JOB, NAME)["metadata"]["uid"] != uid
    made.stop()


def test_an_image_that_cannot_be_pulled_is_told_and_is_no_result_in_the_end(cluster: Door) -> None:
    cluster.needs("images")
    made = check(cluster, f"{IMAGE}:nothing", timeout=3.0)
    cluster.until(lambda: "ImagePull" in made.look(ERRAND).output, "the trouble is told")
    assert made.look(ERRAND).state is CheckState.RUNNING
    seen = settled(cluster, made)
    assert (seen.state, "timed out after 3 s" in seen.why) == (CheckState.UNKNOWN, True)


def test_a_job_that_never_ends_is_ended_by_the_cluster_itself_and_is_no_result(cluster: Door) -> None:
    made = check(cluster, of(cluster, "endless", task_seconds=None), timeout=1.0)
    seen = settled(cluster, made)
    assert (seen.state, "timed out after 1 s" in seen.why) == (CheckState.UNKNOWN, True)
    cluster.until(lambda: cluster.all(kinds.POD) == [], "its pod is gone")


def test_stop_takes_a_running_job_away_with_its_pods_and_leaves_what_has_ended(cluster: Door) -> None:
    cluster.needs("garbage")
    made, other = check(cluster, of(cluster, "endless", task_seconds=None)), replace(ERRAND, key="other")
    ended = check(cluster, of(cluster, "good", task_seconds=0.1))
    settled(cluster, ended, other)
    made.look(ERRAND)
    cluster.until(lambda: len(cluster.all(kinds.POD)) == 2, "both have a pod")
    made.stop()
    ended.stop()
    cluster.until(lambda: jobs(cluster) == [job_name(other, "smoke")], "the running Job is gone")
    assert len(cluster.all(kinds.POD)) == 1
    made.stop()


def test_doctor_lets_the_server_judge_the_job_and_makes_none(cluster: Door) -> None:
    assert [each for each in check(cluster).preflight(ERRAND) if not each.ok] == []
    (refused,) = (each for each in check(cluster, parallelism=-1).preflight(ERRAND) if not each.ok)
    assert refused.fatal
    assert "spec.parallelism" in refused.message
    assert jobs(cluster) == []


def test_a_job_that_the_server_refuses_is_no_result_and_says_why(cluster: Door) -> None:
    seen = check(cluster, parallelism=-1).look(ERRAND)
    assert (seen.state, "could not be begun" in seen.why) == (CheckState.UNKNOWN, True)
    assert "spec.parallelism" in seen.why


def test_a_namespace_that_does_not_exist_is_no_result_and_is_named(cluster: Door) -> None:
    job = Job(CLUSTER, "nowhere", template(IMAGE), 60.0)
    seen = JobCheck(RULE, job, cluster.recorder).look(ERRAND)
    assert (seen.state, 'namespaces "nowhere" not found' in seen.why) == (CheckState.UNKNOWN, True)
