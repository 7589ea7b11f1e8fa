"""What a Deployment says is judged by its counters, at its newest generation, with its Service and pods beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.kubernetes import marks
from providers.kubernetes.deployment_views import group_seen
from strategies.seen import GroupSeen, GroupState
from tests.unit.providers.kubernetes.workload_values import MARK, NAME, recorded

WHEN = datetime(2026, 11, 20, 14, tzinfo=UTC)
OWNERS = [{"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME, "uid": "uid-1"}]
GOOD = {"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
AVAILABLE = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
DEADLINE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "message": 'ReplicaSet "x" has timed out progressing.',
}


def service(name: str = NAME, **metadata: Any) -> dict[str, Any]:
    labels = marks.to_labels(MARK, name)
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": OWNERS, **metadata}}


def deployment(*conditions: dict[str, Any], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": "shop", "uid": "uid-1", "generation": 4}
    metadata |= {"labels": marks.to_labels(MARK, NAME), "annotations": marks.to_annotations(MARK)}
    found = {**GOOD, "conditions": list(conditions or (AVAILABLE,)), **status}
    return {"metadata": metadata, "spec": {"replicas": 2, **(spec or {})}, "status": found}


def seen(body: dict[str, Any], *pods: Any, beside: Any = service(), events: Any = ()) -> GroupSeen:  # noqa: B008
    return group_seen(NAME, body, beside, pods, events, when=WHEN)


def real(body: dict[str, Any], pods: Any = ()) -> GroupSeen:
    """Judge what a real server said; its Service is taken for granted."""
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    beside = {"metadata": {"labels": {marks.WORKLOAD: name}, "ownerReferences": [{"uid": uid}]}}
    return group_seen(name, body, beside, pods, when=WHEN)


def test_a_workload_that_is_whole_and_available_runs() -> None:
    found = seen(deployment())
    path = f"/apis/apps/v1/namespaces/shop/deployments/{NAME}"
    assert found == GroupSeen(NAME, GroupState.RUNNING, WHEN, NAME, id=path, mark=MARK)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"observedGeneration": 3}, "2 of 2 replicas available; its newest change is not yet acted upon"),
        ({"availableReplicas": 1}, "1 of 2 replicas available"),
        ({"updatedReplicas": 1}, "2 of 2 replicas available"),
        ({"replicas": 3}, "2 of 2 replicas available"),
        ({"availableReplicas": None}, "0 of 2 replicas available"),
        ({"conditions": []}, "2 of 2 replicas available"),
        ({"conditions": [{**AVAILABLE, "status": "False"}]}, "2 of 2 replicas available"),
    ],
)
def test_whatever_is_not_yet_so_leaves_it_coming(status: dict[str, Any], why: str) -> None:
    found = seen(deployment(**status))
    assert (found.state, found.why) == (GroupState.COMING, why)


def test_a_workload_without_its_service_is_there_in_part() -> None:
    for beside in (
        None,
        {},
        service(ownerReferences=[{"uid": "old"}]),
        service(labels={}),
        service(deletionTimestamp="x"),
    ):
        found = seen(deployment(), beside=beside)
        assert (found.state, found.partial, found.address) == (GroupState.COMING, True, None)
        assert "its Service is not there: its creation was broken off" in found.why


def test_a_workload_scaled_to_nothing_never_counts_as_running() -> None:
    body = deployment(spec={"replicas": 0}, replicas=None, updatedReplicas=None, availableReplicas=None)
    found = seen(body)
    assert (found.state, found.why) == (GroupState.COMING, "scaled to 0 replicas")


def test_a_deadline_that_passed_is_a_failure_with_its_reasons() -> None:
    waiting = {"name": "web", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}}}
    pods = [{"metadata": {"name": f"{NAME}-x-1"}, "status": {"containerStatuses": [waiting]}}]
    event = {
        "type": "Warning",
        "reason": "Failed",
        "message": "not found",
        "involvedObject": {"kind": "Pod", "name": f"{NAME}-x-1"},
    }
    found = seen(deployment(DEADLINE, availableReplicas=0), *pods, events=[event])
    assert found.state is GroupState.FAILED
    assert found.why == (
        '0 of 2 replicas available; ProgressDeadlineExceeded: ReplicaSet "x" has timed out progressing.;'
        " container web ImagePullBackOff: manifest unknown; Failed: not found"
    )


def test_a_deadline_that_passed_is_forgiven_once_all_are_available() -> None:
    assert seen(deployment(DEADLINE, AVAILABLE)).state is GroupState.RUNNING


def test_an_image_name_that_never_works_is_a_failure_at_once() -> None:
    waiting = {"name": "web", "state": {"waiting": {"reason": "InvalidImageName"}}}
    pods = [{"metadata": {"name": "p"}, "status": {"containerStatuses": [waiting]}}]
    assert seen(deployment(availableReplicas=0), *pods).state is GroupState.FAILED


def test_pods_that_are_refused_are_coming_with_the_reason() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}
    found = seen(deployment(refused, replicas=0, updatedReplicas=0, availableReplicas=0))
    assert (found.state, found.why) == (
        GroupState.COMING,
        "0 of 2 replicas available; FailedCreate: exceeded quota: q",
    )


def test_a_workload_that_is_being_deleted_is_going_whatever_it_lacks() -> None:
    body = deployment(DEADLINE)
    body["metadata"]["deletionTimestamp"] = "2026-11-20T13:55:22Z"
    found = seen(body, beside=None)
    assert (found.state, found.partial, found.why) == (
        GroupState.GOING,
        False,
        "being deleted since 2026-11-20T13:55:22Z",
    )


def test_a_retained_workload_shows_until_when() -> None:
    body = deployment()
    body["metadata"]["annotations"][marks.KEEP_UNTIL] = marks.until(WHEN)
    assert seen(body).keep_until == WHEN


def test_a_foreign_deployment_has_no_mark() -> None:
    body = deployment()
    body["metadata"]["labels"] = {}
    assert seen(body).mark is None


def test_restarts_of_all_but_going_pods_are_counted() -> None:
    pods = [
        {"metadata": {"name": "a"}, "status": {"containerStatuses": [{"restartCount": 1}]}},
        {"metadata": {"name": "b", "deletionTimestamp": "x"}, "status": {"containerStatuses": [{"restartCount": 9}]}},
    ]
    assert seen(deployment(), *pods).restarts == 1


def test_a_real_rollout_is_running_only_while_all_of_it_is_available() -> None:
    states = [
        real(each["response"]["body"]).state
        for each in recorded("rollout-healthy")
        if each["request"]["path"].endswith("/deployments/web-blue")
    ]
    coming, running = GroupState.COMING, GroupState.RUNNING
    assert states[:6] == [coming, coming, running, coming, coming, running]
    assert set(states[6:]) == {coming}


def test_a_real_rollout_that_ran_out_of_time_fails_and_may_recover() -> None:
    states = [
        real(each["response"]["body"]).state
        for each in recorded("rollout-progress-deadline-exceeded")
        if "/deployments" in each["request"]["path"]
    ]
    coming, failed, running = GroupState.COMING, GroupState.FAILED, GroupState.RUNNING
    assert states == [coming, coming, failed, running, coming, failed]


def test_a_real_paused_deployment_says_so() -> None:
    exchanges = [each["response"]["body"] for each in recorded("deployment-paused")]
    found = real(exchanges[2])
    assert found.state is GroupState.COMING
    assert "the Deployment is paused" in found.why


def test_a_real_deletion_in_the_foreground_is_going() -> None:
    bodies = [each["response"]["body"] for each in recorded("delete-options")]
    going = [body for body in bodies if body["kind"] == "Deployment"]
    assert going
    assert {real(body).state for body in going} == {GroupState.GOING}


@pytest.mark.parametrize("strange", [{}, {"status": 7}, {"status": {"conditions": 7}}, {"spec": [], "metadata": 1}])
def test_strange_answers_are_never_taken_for_running(strange: Any) -> None:
    assert seen(strange, beside=strange).state is GroupState.COMING
