"""Jobs: made, run to their end or given up, cleared away, and refused where the real server refuses them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from providers.emulator.kube.jobs import finished
from providers.emulator.kube.kinds import JOB, POD
from providers.emulator.kube.shapes import Shape, shape_of
from tests.unit.providers.emulator_kube_world.bench import SPACE, Bench

Json = dict[str, Any]
ONLY_NEWER = {"scheduling"}
"""What the client knows of later servers than this one."""


def body(
    bench: Bench, name: str = "smoke", image: str | None = None, restart: str | None = "Never", **spec: Any
) -> Json:
    """A Job of one container."""
    container = {
        "name": "test",
        "image": image or bench.image(name),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    pod: Json = {"containers": [container], "terminationGracePeriodSeconds": 0}
    pod |= {"restartPolicy": restart} if restart else {}
    return JOB.new(SPACE, name, spec={"template": {"metadata": {"labels": {"app": "smoke"}}, "spec": pod}, **spec})


def asked(
    bench: Bench, method: str, name: str = "", query: Json | None = None, sent: Any = None, media: str = ""
) -> Any:
    """One call about Jobs; its answer."""
    path = JOB.path(SPACE, name or None)
    more = {"content_type": media} if media else {}
    return bench.cluster.api.call(method, path, query or {}, sent, **more)


def made(bench: Bench, *args: Any, **more: Any) -> Json:
    """Create a Job; what was answered."""
    reply = asked(bench, "POST", sent=body(bench, *args, **more))
    assert reply.status == 201, reply.body
    found: Json = reply.body
    return found


def job(bench: Bench, name: str = "smoke") -> Json:
    """The Job as it stands."""
    found: Json = bench.objects.get(JOB, SPACE, name)
    return found


def conditions(bench: Bench, name: str = "smoke") -> list[tuple[str, str, str]]:
    """Type, status and reason of each condition."""
    found = job(bench, name).get("status", {}).get("conditions", ())
    return [(one["type"], one["status"], one["reason"]) for one in found]


def phases(bench: Bench) -> list[str]:
    """The phases of all pods."""
    return [pod["status"]["phase"] for pod in bench.objects.all(POD, SPACE)]


def test_a_new_job_has_defaults_and_a_selector_and_labels_of_its_own(bench: Bench) -> None:
    found = made(bench)
    uid = found["metadata"]["uid"]
    assert found["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert found["spec"]["template"]["metadata"]["labels"] == {
        "app": "smoke",
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": "smoke",
        "controller-uid": uid,
        "job-name": "smoke",
    }
    wanted = {"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed"}
    wanted |= {"suspend": False, "manualSelector": False, "podReplacementPolicy": "TerminatingOrFailed"}
    assert {name: found["spec"][name] for name in wanted} == wanted
    assert found["status"] == {}
    assert found["metadata"]["generation"] == 1
    assert job(bench)["metadata"]["uid"] == uid
    assert made(bench, "other")["metadata"]["uid"] != uid


def test_a_job_completes_when_its_pod_has_ended_well(bench: Bench) -> None:
    made(bench, image=bench.image("quick", task_seconds=2.0))
    bench.step(1)
    status = job(bench)["status"]
    assert (status["active"], status["ready"]) == (1, 1)
    assert "conditions" not in status
    bench.step(2)
    wanted = [("SuccessCriteriaMet", "True", "CompletionsReached"), ("Complete", "True", "CompletionsReached")]
    assert conditions(bench) == wanted
    status = job(bench)["status"]
    assert (status["succeeded"], status["ready"], "active" in status) == (1, 0, False)
    assert status["completionTime"] >= status["startTime"]
    assert status["conditions"][-1]["message"] == "Reached expected number of succeeded pods"
    assert phases(bench) == ["Succeeded"]
    (pod,) = bench.objects.all(POD, SPACE)
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    assert bench.told("Completed") == ["Job completed"]


def test_a_job_without_tries_left_fails_with_what_its_pod_said(bench: Bench) -> None:
    made(bench, image=bench.image("bad", task_exit_code=3, task_output="404 at /cart"), backoffLimit=0)
    bench.step(3)
    wanted = [("FailureTarget", "True", "BackoffLimitExceeded"), ("Failed", "True", "BackoffLimitExceeded")]
    assert conditions(bench) == wanted
    (pod,) = bench.objects.all(POD, SPACE)
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (pod["status"]["phase"], ended["exitCode"], ended["message"]) == ("Failed", 3, "404 at /cart")
    assert job(bench)["status"]["failed"] == 1


def test_a_failed_pod_is_followed_by_another_one_after_a_growing_rest(bench: Bench) -> None:
    made(bench, image=bench.image("bad", task_exit_code=1), backoffLimit=2)
    seen = []
    for _ in range(40):
        bench.step(1)
        seen.append(len(phases(bench)))
    assert (seen[2], seen[13], seen[-1]) == (1, 2, 3)
    assert phases(bench) == ["Failed"] * 3
    assert conditions(bench)[-1][0] == "Failed"


def test_a_container_that_may_be_restarted_is_and_no_pod_is_made_anew(bench: Bench) -> None:
    made(bench, image=bench.image("bad", task_exit_code=1), restart="OnFailure", backoffLimit=1)
    bench.step(1.5)
    assert phases(bench) == ["Running"]
    for _ in range(30):
        bench.step(1)
    assert conditions(bench)[-1] == ("Failed", "True", "BackoffLimitExceeded")
    assert phases(bench) == []


def test_a_job_past_its_deadline_fails_and_its_pod_is_ended(bench: Bench) -> None:
    made(bench, image=bench.image("endless", task_seconds=None), activeDeadlineSeconds=5)
    bench.step(4)
    assert phases(bench) == ["Running"]
    bench.step(2)
    bench.step(2)
    assert conditions(bench)[-1] == ("Failed", "True", "DeadlineExceeded")
    assert phases(bench) == []
    assert bench.told("DeadlineExceeded") == ["Job was active longer than specified deadline"]


def test_a_job_whose_image_cannot_be_pulled_stays_active(bench: Bench) -> None:
    bench.image("v1")
    made(bench, image="contoso.azurecr.io/shop/web:nothing")
    bench.step(3)
    assert (job(bench)["status"]["active"], job(bench)["status"]["ready"]) == (1, 0)
    (pod,) = bench.objects.all(POD, SPACE)
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_a_finished_job_goes_with_its_pods_when_its_time_to_live_is_over(bench: Bench) -> None:
    made(bench, ttlSecondsAfterFinished=10)
    bench.step(3)
    assert finished(job(bench))
    bench.step(7)
    assert job(bench) is not None
    bench.step(3)
    bench.step(3)
    assert bench.objects.get(JOB, SPACE, "smoke") is None
    assert phases(bench) == []


def test_several_completions_run_as_many_at_once_as_they_may(bench: Bench) -> None:
    made(bench, image=bench.image("part", task_seconds=2.0), completions=3, parallelism=2)
    bench.step(1)
    assert len(phases(bench)) == 2
    bench.step(5)
    assert conditions(bench)[-1][0] == "Complete"
    assert phases(bench) == ["Succeeded"] * 3


def test_a_suspended_job_makes_no_pod(bench: Bench) -> None:
    made(bench, suspend=True)
    bench.step(3)
    assert (phases(bench), conditions(bench)) == ([], [])


@pytest.mark.parametrize(
    ("policy", "left", "warned"),
    [(None, 1, True), ("Orphan", 1, False), ("Background", 0, False), ("Foreground", 0, False)],
)
def test_pods_outlive_a_deleted_job_unless_the_deletion_says_otherwise(
    bench: Bench, policy: str | None, left: int, warned: bool
) -> None:
    made(bench, image=bench.image("endless", task_seconds=None))
    bench.step(2)
    reply = asked(bench, "DELETE", "smoke", sent={"propagationPolicy": policy} if policy else None)
    assert reply.status == 200
    assert ("child pods are preserved by default" in reply.headers.get("Warning", "")) is warned
    bench.step(2)
    bench.step(2)
    assert asked(bench, "GET", "smoke").status == 404
    assert len(phases(bench)) == left


@pytest.mark.parametrize("restart", [None, "Always"])
def test_a_job_that_would_never_end_is_refused(bench: Bench, restart: str | None) -> None:
    reply = asked(bench, "POST", sent=body(bench, restart=restart))
    assert reply.status == 422
    told = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    assert told in reply.body["message"]


def test_negative_numbers_are_refused_one_by_one(bench: Bench) -> None:
    names = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    reply = asked(bench, "POST", sent=body(bench, **dict.fromkeys(names, -1)))
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == [f"spec.{name}" for name in names]


def test_a_name_that_is_taken_is_refused_and_an_unknown_one_is_not_found(bench: Bench) -> None:
    made(bench)
    again = asked(bench, "POST", sent=body(bench))
    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")
    assert 'jobs.batch "smoke" already exists' in again.body["message"]
    assert asked(bench, "GET", "other").body["details"] == {"name": "other", "group": "batch", "kind": "jobs"}


def test_the_template_of_a_job_is_for_life_and_its_time_to_live_is_not(bench: Bench) -> None:
    found = made(bench)
    found["spec"]["ttlSecondsAfterFinished"] = 5
    assert asked(bench, "PUT", "smoke", sent=found).status == 200
    found = job(bench)
    found["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    reply = asked(bench, "PUT", "smoke", sent=found)
    assert (reply.status, "spec.template: Invalid value" in reply.body["message"]) == (422, True)
    assert "field is immutable" in reply.body["message"]


def test_a_dry_run_makes_nothing(bench: Bench) -> None:
    reply = asked(bench, "POST", query={"dryRun": "All"}, sent=body(bench))
    assert reply.status == 201
    assert bench.objects.get(JOB, SPACE, "smoke") is None


def test_jobs_are_served_and_listed_by_their_labels(bench: Bench) -> None:
    served = bench.cluster.api.call("GET", "/apis/batch/v1").body["resources"]
    assert [entry["name"] for entry in served] == ["jobs", "jobs/status"]
    made(bench)
    found = asked(bench, "GET", query={"labelSelector": "app=smoke"}).body
    assert (found["kind"], [item["metadata"]["name"] for item in found["items"]]) == ("JobList", ["smoke"])
    assert asked(bench, "GET", query={"labelSelector": "app=other"}).body["items"] == []


def test_times_in_a_status_are_those_of_the_cluster(bench: Bench) -> None:
    made(bench)
    bench.step(3)
    started = job(bench)["status"]["startTime"]
    assert started.endswith("Z")
    assert bench.clock.now() - timedelta(seconds=3) <= _time(started) <= bench.clock.now()


def _time(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text) + timedelta(seconds=1)


MODELS = [
    ("V1Job", "Job"),
    ("V1JobSpec", "JobSpec"),
    ("V1JobStatus", "JobStatus"),
    ("V1JobCondition", "JobCondition"),
    ("V1UncountedTerminatedPods", "UncountedTerminatedPods"),
    ("V1PodFailurePolicy", "PodFailurePolicy"),
    ("V1PodFailurePolicyRule", "PodFailurePolicyRule"),
    ("V1PodFailurePolicyOnExitCodesRequirement", "PodFailurePolicyOnExitCodesRequirement"),
    ("V1PodFailurePolicyOnPodConditionsPattern", "PodFailurePolicyOnPodConditionsPattern"),
    ("V1SuccessPolicy", "SuccessPolicy"),
    ("V1SuccessPolicyRule", "SuccessPolicyRule"),
]
KINDS = {"str": "str", "int": "int32 int64", "bool": "bool", "datetime": "time"}


@pytest.mark.parametrize(("model", "name"), MODELS, ids=[name for _, name in MODELS])
def test_fields_of_jobs_are_those_of_the_client(model: str, name: str) -> None:
    from kubernetes import client

    theirs = getattr(client, model)
    types = {theirs.attribute_map[key]: kind for key, kind in theirs.openapi_types.items()}
    shape = shape_of(name)
    assert set(shape.fields) == set(types) - ONLY_NEWER
    for key, field in shape.fields.items():
        assert alike(field.shape, types[key]), key


def alike(shape: Shape, kind: str) -> bool:
    """Whether a shape is what the client calls so."""
    if kind.startswith("List["):
        return shape.kind == "list" and shape.item is not None and alike(shape.item, kind[5:-1])
    if kind.startswith("V1"):
        return shape.kind == "struct" and kind.removeprefix("V1") == shape.name
    return shape.kind in KINDS[kind].split()
