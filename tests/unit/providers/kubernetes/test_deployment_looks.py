"""What the adapter sees of a slot that comes, fails or cannot be read, and how large a candidate begins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.errors import Denied, Invalid, Transient
from providers.kubernetes import marks
from strategies.seen import GroupState
from tests.unit.providers.kubernetes.cluster_lab import Lab, a_lab
from tests.unit.providers.kubernetes.workload_values import DEPLOYMENT, MARK, NAME, scaled, settings, template


@pytest.fixture
def lab() -> Lab:
    return a_lab()


@pytest.mark.parametrize("place", ["/deployments/", "/services/", "/pods"])
def test_what_cannot_be_read_for_now_is_left_out(lab: Lab, place: str) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.api.fail("GET", place, Transient("timeout"))
    other = "storefront-cccccccc-1-0"
    assert [each.name for each in workloads.look([NAME, other])] == [other]
    lab.api.fail("GET", place, Denied("no"))
    with pytest.raises(Denied):
        workloads.look([NAME, other])


def test_events_that_may_not_be_read_leave_the_rest(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.api.fail("GET", "/events", Denied("no"))
    (seen,) = workloads.look([NAME])
    assert seen.state is GroupState.COMING
    assert seen.why.startswith("0 of 2 replicas available")


def test_events_are_not_asked_for_when_all_is_well(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    lab.api.calls.clear()
    workloads.look([NAME])
    assert lab.api.calls == [f"GET deployments/{NAME}", f"GET services/{NAME}", "GET shop/pods"]


def test_an_image_that_is_not_there_is_named_and_may_still_come(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, replace(MARK, digest="sha256:" + "e" * 64))
    lab.pass_time(30)
    (seen,) = workloads.look([NAME])
    assert seen.state is GroupState.COMING
    assert "ImagePull" in seen.why


def test_a_deadline_that_passes_is_a_failure(lab: Lab) -> None:
    workloads = lab.workloads(settings(template(progressDeadlineSeconds=60)))
    workloads.ensure(NAME, replace(MARK, digest="sha256:" + "e" * 64))
    lab.pass_time(120)
    (seen,) = workloads.look([NAME])
    assert seen.state is GroupState.FAILED
    assert "ProgressDeadlineExceeded" in seen.why
    assert "ImagePull" in seen.why


def test_crashes_are_counted_and_explained() -> None:
    lab = a_lab(crash_after_seconds=5)
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.pass_time(120)
    (seen,) = workloads.look([NAME])
    assert seen.restarts >= 2


def test_a_template_that_the_server_refuses_is_invalid(lab: Lab) -> None:
    with pytest.raises(Invalid):
        lab.workloads(settings(template(minReadySeconds=700, progressDeadlineSeconds=600))).ensure(NAME, MARK)
    assert lab.names("Deployment") == []


def test_with_an_autoscaler_a_candidate_begins_as_large_as_what_runs(lab: Lab) -> None:
    workloads = lab.workloads(settings(scaled()))
    older = replace(MARK, number=2, revision="c" * 64)
    workloads.ensure(marks.backend_name(older), older)
    assert lab.get("Deployment", marks.backend_name(older))["spec"]["replicas"] == 1
    lab.patch("Deployment", marks.backend_name(older), {"spec": {"replicas": 6}})
    workloads.ensure(NAME, MARK)
    assert lab.get("Deployment", NAME)["spec"]["replicas"] == 6


def test_the_first_candidate_begins_as_large_as_what_is_adopted(lab: Lab) -> None:
    live = {**DEPLOYMENT, "metadata": {"name": "live"}, "spec": {**DEPLOYMENT["spec"], "replicas": 20}}
    lab.put(live)
    service = next(item for item in template() if item["kind"] == "Service")
    lab.put({**service, "metadata": {"name": "storefront"}})
    lab.workloads(settings(scaled(), adopt=("storefront", "gone"))).ensure(NAME, MARK)
    assert lab.get("Deployment", NAME)["spec"]["replicas"] == 9
