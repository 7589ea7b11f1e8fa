"""Retained slots keep the name that they have, and no pod starts without the maps that it was given."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from providers.errors import Conflict
from providers.kubernetes import marks
from strategies.seen import GroupState
from tests.unit.providers.kubernetes.cluster_lab import EVERYTHING, Lab, a_lab
from tests.unit.providers.kubernetes.workload_values import MARK, NAME, put, scaled, settings, template

AGAIN = replace(MARK, number=5, rollout="r-5")
"""The mark of a later rollout that brings a retained slot back, which keeps the name it has."""


@pytest.fixture
def lab() -> Lab:
    return a_lab()


def test_a_retained_slot_that_is_gone_by_then_is_made_anew_under_its_own_name(lab: Lab) -> None:
    workloads = lab.workloads(settings(scaled()))
    workloads.ensure(NAME, AGAIN)
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.mark, seen.address) == (GroupState.RUNNING, AGAIN, NAME)
    assert {name for kind in EVERYTHING for name in lab.names(kind)} == {NAME, f"{NAME}-shop"}


def test_a_retained_slot_that_lost_its_service_gets_it_back_under_its_own_name(lab: Lab) -> None:
    workloads = lab.workloads()
    workloads.ensure(NAME, MARK)
    lab.api.inner.write("deleting", "DELETE", f"/api/v1/namespaces/shop/services/{NAME}")
    (seen,) = workloads.look([NAME])
    assert seen.partial
    workloads.ensure(NAME, AGAIN)
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.partial, seen.mark) == (GroupState.RUNNING, False, AGAIN)
    assert lab.names("Service") == [NAME]
    assert lab.get("Service", NAME)["spec"]["selector"] == {marks.WORKLOAD: NAME}


def test_a_retained_slot_that_is_used_again_just_before_its_deletion_is_not_deleted(lab: Lab) -> None:
    """Whoever deletes what was retained too long may be late, and somebody else's undo quicker."""
    workloads, inner = lab.workloads(), lab.api.inner.write
    workloads.ensure(NAME, MARK)
    workloads.retire(NAME, lab.clock.now())

    def write(doing: str, method: str, *args: Any, **more: Any) -> Any:
        if method == "DELETE":
            lab.api.inner.write = inner  # type: ignore[method-assign]
            workloads.ensure(NAME, AGAIN)
        return inner(doing, method, *args, **more)

    lab.api.inner.write = write  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        workloads.retire(NAME)
    lab.pass_time(60)
    (seen,) = workloads.look([NAME])
    assert (seen.state, seen.mark) == (GroupState.RUNNING, AGAIN)


POD = (0, "spec", "template", "spec")


@pytest.mark.parametrize(
    ("place", "value", "stays"),
    [
        ((*POD, "containers", 0, "envFrom"), [{"configMapRef": {"name": "shop", "optional": True}}], False),
        ((*POD, "containers", 0, "envFrom"), [{"configMapRef": {"name": "stands", "optional": True}}], True),
        ((*POD, "volumes"), [{"name": "settings", "configMap": {"name": "shop", "optional": True}}], False),
        ((*POD, "volumes"), [{"name": "v", "configMap": {"name": "stands", "optional": True}}], True),
        (
            (*POD, "volumes"),
            [{"name": "v", "projected": {"sources": [{"configMap": {"name": "shop", "optional": True}}]}}],
            False,
        ),
        (
            (*POD, "volumes"),
            [
                {
                    "name": "v",
                    "configMap": {"name": "shop", "optional": True, "items": [{"key": "not-there", "path": "x"}]},
                }
            ],
            True,
        ),
        (
            (*POD, "containers", 0, "env"),
            [{"name": "M", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "mode", "optional": True}}}],
            False,
        ),
        (
            (*POD, "containers", 0, "env"),
            [{"name": "M", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "not-there", "optional": True}}}],
            True,
        ),
    ],
)
def test_no_pod_starts_without_a_map_of_the_template_that_is_made_after_its_deployment(
    lab: Lab, place: tuple[Any, ...], value: Any, stays: bool
) -> None:
    """The Deployment stands before its maps: a pod that may do without one would run without it for good."""
    objects = put(template(), place, copy.deepcopy(value))
    lab.workloads(settings(objects)).ensure(NAME, MARK)
    found = lab.get("Deployment", NAME)["spec"]["template"]["spec"]
    for key in place[len(POD) :]:
        found = found[key]
    assert ("'optional': True" in str(found)) is stays
