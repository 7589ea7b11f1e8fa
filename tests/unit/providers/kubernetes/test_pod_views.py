"""Why a workload is not well is said once, in the words of its pods and events."""

from __future__ import annotations

from typing import Any

import pytest

from providers.kubernetes import pod_views


def pod(name: str = "web-1", *statuses: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"containerStatuses": list(statuses), **status}}


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "web", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def warning(reason: str, message: str, last: str, name: str = "web-1", **more: Any) -> dict[str, Any]:
    involved = {"kind": "Pod", "name": name}
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": last,
        "involvedObject": involved,
    } | more


def test_an_image_that_cannot_be_pulled_is_named_with_what_was_said() -> None:
    pods = [
        pod("a", waiting("ImagePullBackOff", "manifest unknown")),
        pod("b", waiting("ImagePullBackOff", "manifest unknown")),
    ]
    assert pod_views.troubles(pods) == ["container web ImagePullBackOff: manifest unknown (2 pods)"]
    assert not pod_views.hopeless(pods)


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_what_no_waiting_heals_is_hopeless(reason: str) -> None:
    assert pod_views.hopeless([pod("a", waiting(reason))])


def test_ordinary_waiting_is_no_trouble() -> None:
    assert pod_views.troubles([pod("a", waiting("ContainerCreating")), pod("b", waiting("PodInitializing"))]) == []


def test_a_crash_loop_says_how_the_container_ended() -> None:
    ended = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    loop = waiting(
        "CrashLoopBackOff", "back-off 40s restarting failed container=web pod=web-1_shop(uid)", lastState=ended
    )
    assert pod_views.troubles([pod("a", loop)]) == [
        "container web CrashLoopBackOff",
        "container web ended (OOMKilled, exit code 137)",
    ]
    plain = {"name": "web", "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": "no\n  config"}}}
    assert pod_views.troubles([pod("a", plain)]) == ["container web ended (exit code 3): no config"]


def test_a_pod_without_a_node_says_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    pods = [pod("a", conditions=[unscheduled]), pod("b", phase="Failed", reason="Evicted", message="disk pressure")]
    assert pod_views.troubles(pods) == ["pod Unschedulable: 0/3 nodes", "pod Evicted: disk pressure"]


def test_restarts_are_the_most_of_any_container() -> None:
    pods = [pod("a", {"restartCount": 2}, {"restartCount": 5}), pod("b", {"restartCount": 4}), pod("c")]
    assert pod_views.restarts(pods) == 5
    assert pod_views.restarts([]) == 0


def test_pods_that_are_being_deleted_do_not_count() -> None:
    going = pod("a", waiting("InvalidImageName"))
    going["metadata"]["deletionTimestamp"] = "2026-11-20T13:57:00Z"
    assert pod_views.standing([going, pod("b")]) == [pod("b")]


def test_the_first_pod_that_is_not_ready_is_asked_about() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    assert pod_views.unready([pod("a", conditions=ready), pod("c"), pod("b")]) == "b"
    assert pod_views.unready([pod("a", conditions=ready)]) == ""


def test_warnings_are_the_latest_about_this_workload_each_once() -> None:
    events = [
        warning("FailedMount", "old", "2026-11-20T10:00:00Z"),
        warning("Failed", "Failed to pull for pod web-1", "2026-11-20T10:03:00Z"),
        warning("Failed", "Failed to pull for pod web-2", "2026-11-20T10:04:00Z", "web-2"),
        warning("Unhealthy", "probe failed", "2026-11-20T10:02:00Z"),
        warning("BackOff", "new", "2026-11-20T10:05:00Z"),
        warning("Other", "foreign", "2026-11-20T10:06:00Z", "webshop-1"),
        warning(
            "FailedGetScale",
            "autoscaler",
            "2026-11-20T10:06:00Z",
            "web",
            involvedObject={"kind": "HorizontalPodAutoscaler", "name": "web"},
        ),
        {**warning("Pulled", "fine", "2026-11-20T10:07:00Z"), "type": "Normal"},
    ]
    assert pod_views.warnings(events, "web", []) == [
        "Unhealthy: probe failed",
        "Failed: Failed to pull for pod it",
        "BackOff: new",
    ]


def test_events_of_pods_with_cut_names_are_found_by_the_pods() -> None:
    name = "s" * 58
    event = warning("Failed", "no", "2026-11-20T10:00:00Z", name + "abcde")
    assert pod_views.warnings([event], name, []) == []
    assert pod_views.warnings([event], name, [pod(name + "abcde")]) == ["Failed: no"]


@pytest.mark.parametrize(
    "strange", [None, 7, "x", [], {}, {"status": 1}, {"metadata": [], "status": {"conditions": {}}}]
)
def test_strange_answers_are_as_if_they_said_nothing(strange: Any) -> None:
    assert pod_views.troubles([strange]) == []
    assert pod_views.warnings([strange], "web", [strange]) == []
    assert pod_views.restarts([strange]) == 0
