"""Deployments through an emulated API server: what stands in the cluster afterwards is what counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from providers.errors import Conflict, Denied, NotSent, ProviderError, Throttled, Transient
from providers.kubernetes import marks
from strategies.seen import GroupState
from tests.unit.providers.kubernetes.cluster_lab import EVERYTHING, Lab, a_lab
from tests.unit.providers.kubernetes.workload_values import (
    DEPLOYMENT,
    DIGEST,
    IMAGE,
    MARK,
    NAME,
    scaled,
    settings,
    template,
)


@pytest.fixture
def lab() -> Lab:
    return a_lab()


def standing(lab: Lab) -> dict[str, list[str]]:
    """Every object of ours in the namespace, by kind."""
    return {kind: lab.names(kind) for kind in EVERYTHING if lab.names(kind)}


ALL_OF_IT = {
    "Deployment": [NAME],
    "ConfigMap": [f"{NAME}-shop"],
    "HorizontalPodAutoscaler": [NAME],
    "PodDisruptionBudget": [NAME],
    "Service": [NAME],
}


def test_a_slot_that_does_not_exist_is_absent_at_the_time_of_the_answer(lab: Lab) -> None:
    (seen,) = lab.workloads().look([NAME])
    assert (seen.name, seen.state, seen.at) == (NAME, GroupState.ABSENT, lab.clock.now())
    assert lab.api.writes() == []


def test_a_slot_comes_up_and_shows_its_address_mark_and_state(lab: Lab) -> None:
    workloads = lab.workloads(settings(scaled()))
    workloads.ensure(NAME, MARK)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.mark, seen.partial, seen.address) == (GroupState.COMING, MARK, False, NAME)
    assert seen.why
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.why, seen.restarts) == (GroupState.RUNNING, "", 0)
    assert standing(lab) == ALL_OF_IT
    container = lab.get("Deployment", NAME)["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"{IMAGE}@{DIGEST}"


def test_each_object_is_written_once_the_deployment_first_and_the_service_last(lab: Lab) -> None:
    lab.workloads(settings(scaled())).ensure(NAME, MARK)
    assert lab.api.writes() == [
        f"PATCH deployments/{NAME}",
        f"PATCH configmaps/{NAME}-shop",
        f"PATCH horizontalpodautoscalers/{NAME}",
        f"PATCH poddisruptionbudgets/{NAME}",
        f"PATCH services/{NAME}",
    ]


def test_what_stands_and_is_marked_so_is_not_written_again(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    before = lab.get("Deployment", NAME)["metadata"]["resourceVersion"]
    lab.api.calls.clear()
    workloads.ensure(NAME, MARK)
    assert lab.api.writes() == []
    assert lab.get("Deployment", NAME)["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize(
    "kind", ["deployments", "configmaps", "horizontalpodautoscalers", "poddisruptionbudgets", "services"]
)
@pytest.mark.parametrize("after", [False, True])
def test_a_creation_broken_off_anywhere_is_seen_in_part_and_finished_later(lab: Lab, kind: str, after: bool) -> None:
    workloads = lab.workloads(settings(scaled()))
    lab.api.fail("PATCH", f"/{kind}/", Transient("the answer was lost"), after=after)
    with pytest.raises(Transient, match="lost"):
        workloads.ensure(NAME, MARK)
    (seen,) = workloads.look([NAME])
    if (kind, after) == ("deployments", False):
        assert seen.state is GroupState.ABSENT
    elif (kind, after) != ("services", True):
        assert (seen.state, seen.partial, seen.address) == (GroupState.COMING, True, None)
    uid = (lab.get("Deployment", NAME) or {"metadata": {"uid": None}})["metadata"]["uid"]
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.partial) == (GroupState.RUNNING, False)
    assert standing(lab) == ALL_OF_IT
    assert uid in (None, lab.get("Deployment", NAME)["metadata"]["uid"])


def test_finishing_never_applies_the_deployment_again(lab: Lab) -> None:
    workloads = lab.workloads()
    lab.api.fail("PATCH", "/services/", Transient("lost"))
    with pytest.raises(Transient):
        workloads.ensure(NAME, MARK)
    lab.patch("Deployment", NAME, {"spec": {"replicas": 5}})
    workloads.ensure(NAME, replace(MARK, rollout="r-2"))
    body = lab.get("Deployment", NAME)
    assert body["spec"]["replicas"] == 5
    read = marks.read(body["metadata"])
    assert read is not None
    assert read.rollout == "r-2"


@pytest.mark.parametrize(
    ("error", "raised"),
    [(Transient("timeout"), NotSent), (Throttled("busy", retry_after=3), Throttled), (Denied("no"), Denied)],
)
def test_a_read_that_fails_before_anything_was_sent_says_so(lab: Lab, error: ProviderError, raised: Any) -> None:
    lab.api.fail("GET", "/deployments", error)
    with pytest.raises(raised) as caught:
        lab.workloads().ensure(NAME, MARK)
    assert type(caught.value) is raised
    assert standing(lab) == {}


def test_once_the_deployment_stands_nothing_is_said_to_be_unsent(lab: Lab) -> None:
    lab.api.fail("GET", "/services/", NotSent("no time left", code="OutOfTime"))
    with pytest.raises(Transient) as caught:
        lab.workloads().ensure(NAME, MARK)
    assert type(caught.value) is Transient
    assert list(standing(lab)) == ["Deployment"]


def test_a_deployment_of_somebody_else_is_neither_used_nor_deleted(lab: Lab) -> None:
    foreign = {**DEPLOYMENT, "metadata": {"name": NAME}}
    lab.put(foreign)
    before = lab.get("Deployment", NAME)
    workloads = lab.workloads()
    for act in (
        lambda: workloads.ensure(NAME, MARK),
        lambda: workloads.retire(NAME),
        lambda: workloads.retire(NAME, lab.clock.now()),
    ):
        with pytest.raises(Denied, match="does not bear our mark"):
            act()
    assert lab.get("Deployment", NAME)["metadata"]["uid"] == before["metadata"]["uid"]
    assert lab.api.writes() == []


def test_another_targets_slot_is_not_ours(lab: Lab) -> None:
    lab.workloads(target="cloud").ensure(NAME, replace(MARK, target="cloud"))
    assert lab.workloads().discover() == ()
    with pytest.raises(Denied, match="NotOurs"):
        lab.workloads().retire(NAME)


@pytest.mark.parametrize("kind", ["Service", "ConfigMap"])
def test_a_companions_name_that_somebody_else_has_is_left_to_them(lab: Lab, kind: str) -> None:
    body = next(item for item in template() if item["kind"] == kind)
    name = NAME if kind == "Service" else f"{NAME}-shop"
    lab.put({**body, "metadata": {"name": name, "labels": {"whose": "theirs"}}})
    before = lab.get(kind, name)
    with pytest.raises(Denied, match=f"{kind} {name} does not bear our mark"):
        lab.workloads().ensure(NAME, MARK)
    assert lab.get(kind, name) == before


def test_what_an_earlier_deployment_left_behind_gets_the_new_owner(lab: Lab) -> None:
    workloads = lab.workloads()
    body = next(item for item in template() if item["kind"] == "Service")
    labels = marks.to_labels(MARK, NAME)
    lab.put({**body, "metadata": {"name": NAME, "labels": labels}})
    workloads.ensure(NAME, MARK)
    (owner,) = lab.get("Service", NAME)["metadata"]["ownerReferences"]
    assert owner["uid"] == lab.get("Deployment", NAME)["metadata"]["uid"]


def test_a_retired_slot_takes_all_it_owns_with_it(lab: Lab) -> None:
    workloads = lab.workloads(settings(scaled()))
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    workloads.retire(NAME)
    lab.pass_time(120)
    assert workloads.look([NAME])[0].state is GroupState.ABSENT
    assert standing(lab) == {}
    workloads.retire(NAME)


def test_a_deletion_is_asked_for_once_and_only_of_what_was_read(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    lab.api.calls.clear()
    workloads.retire(NAME)
    (seen,) = workloads.look([NAME])
    assert seen.state is GroupState.GOING
    workloads.retire(NAME)
    assert lab.api.writes() == [f"DELETE deployments/{NAME}"]
    with pytest.raises(Conflict, match="being deleted"):
        workloads.ensure(NAME, MARK)


def test_a_deployment_that_was_made_anew_meanwhile_is_not_deleted(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    read = lab.api.read

    def replaced(doing: str, path: str, query: Any = None) -> Any:
        found = read(doing, path, query)
        found["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
        return found

    lab.api.read = replaced  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        workloads.retire(NAME)
    del lab.api.read
    assert not lab.get("Deployment", NAME)["metadata"].get("deletionTimestamp")


def test_a_retained_slot_runs_on_until_it_is_used_again(lab: Lab) -> None:
    workloads, until = lab.workloads(), lab.clock.now() + timedelta(hours=4)
    workloads.ensure(NAME, MARK)
    lab.pass_time(60)
    workloads.retire(NAME, until)
    lab.pass_time(60)
    (seen,) = workloads.discover()
    assert (seen.name, seen.state, seen.keep_until, seen.mark) == (NAME, GroupState.RUNNING, until, MARK)
    lab.api.calls.clear()
    workloads.retire(NAME, until)
    assert lab.api.writes() == []
    again = replace(MARK, rollout="r-9", tag="")
    workloads.ensure(NAME, again)
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.keep_until, seen.mark) == (GroupState.RUNNING, None, again)
    assert lab.api.writes() == [f"PATCH deployments/{NAME}"]


def test_discover_finds_all_of_ours_and_nothing_else(lab: Lab) -> None:
    workloads = lab.workloads()
    other = replace(MARK, number=4, revision="c" * 64)
    lab.put({**DEPLOYMENT, "metadata": {"name": "theirs"}})
    workloads.ensure(NAME, MARK)
    workloads.ensure(marks.backend_name(other), other)
    lab.pass_time(60)
    found = workloads.discover()
    assert [(each.name, each.state, each.mark, each.address) for each in found] == [
        (NAME, GroupState.RUNNING, MARK, NAME),
        (marks.backend_name(other), GroupState.RUNNING, other, marks.backend_name(other)),
    ]
    assert set(found) == set(workloads.look([each.name for each in found]))
