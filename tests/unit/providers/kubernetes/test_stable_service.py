"""The Service for callers inside the cluster: whom it selects, and how it gets its old selector back."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from providers.errors import Invalid
from providers.kubernetes import stable_service
from providers.kubernetes.route_ours import Ours
from providers.kubernetes.stable_service import BEFORE_US, Wanted, Write
from tests.unit.providers.kubernetes.route_world import NEW, OLD, apply_patch, service, settings

OURS = Ours(settings(stable_service="storefront"), "storefront", "onprem")
ADOPTED, OLDER, NEWER = Wanted("storefront", BEFORE_US), Wanted(OLD, 3), Wanted(NEW, 4)
NUMBERS = {OLD: 3, NEW: 4}
BEFORE = {"app": "storefront", "tier": "web"}


def changed(body: dict[str, Any], want: Wanted) -> tuple[dict[str, Any], Write]:
    """The Service after the write that makes it as wanted."""
    write = stable_service.change(body, want, NUMBERS.__getitem__)
    assert write is not None
    after: dict[str, Any] = apply_patch(body, write.body)
    assert stable_service.why_not(after, want, "storefront") == ""
    assert stable_service.change(after, want, NUMBERS.__getitem__) is None
    return after, write


def standing(selector: dict[str, str] | None, **metadata: Any) -> dict[str, Any]:
    """A Service as it was read."""
    return service("storefront", selector, resourceVersion="7", **metadata)


@pytest.mark.parametrize(
    ("serving", "want"),
    [
        ([], None),
        ([("storefront", BEFORE_US)], ADOPTED),
        ([(NEW, 4), ("storefront", BEFORE_US)], ADOPTED),
        ([(NEW, 4), (OLD, 3)], OLDER),
        ([(NEW, 4)], NEWER),
    ],
)
def test_the_older_side_is_selected_until_the_newer_one_has_everything(serving: Any, want: Wanted | None) -> None:
    assert stable_service.wanted(serving) == want


def test_a_selector_from_before_us_comes_back_exactly_and_nothing_of_ours_stays() -> None:
    for noted in ({}, {"annotations": {"their/own": "note"}}):
        before = standing(BEFORE, **copy.deepcopy(noted))
        during, forth = changed(copy.deepcopy(before), NEWER)
        assert during["spec"]["selector"] == {"rollout/workload": NEW}
        after, back = changed(during, ADOPTED)
        assert after == before
        assert (forth.turns_back, back.turns_back) == (False, True)


def test_the_first_selector_is_remembered_through_many_releases() -> None:
    body, _ = changed(standing(BEFORE), OLDER)
    body, forth = changed(body, NEWER)
    body, back = changed(body, OLDER)
    assert (forth.turns_back, back.turns_back) == (False, True)
    body, _ = changed(body, ADOPTED)
    assert body == standing(BEFORE)


def test_a_service_that_is_as_wanted_is_not_written() -> None:
    assert stable_service.change(standing(BEFORE), ADOPTED, NUMBERS.__getitem__) is None
    assert stable_service.change(standing({"rollout/workload": OLD}), OLDER, NUMBERS.__getitem__) is None


def test_every_write_is_guarded_by_the_version_that_was_read() -> None:
    _, write = changed(standing(BEFORE), NEWER)
    assert (write.method, write.body[0]) == (
        "PATCH",
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
    )


@pytest.mark.parametrize("note", [None, "no JSON", "[]", "null"])
def test_a_forgotten_selector_is_no_guess(note: str | None) -> None:
    annotations = {} if note is None else {"annotations": {"rollout/selector-before": note}}
    body = standing({"rollout/workload": NEW}, **annotations)
    with pytest.raises(Invalid, match="give it its selector by hand"):
        stable_service.change(body, ADOPTED, NUMBERS.__getitem__)
    changed(body, OLDER)


def test_one_that_does_not_exist_is_missed_only_when_somebody_serves() -> None:
    assert stable_service.why_not(None, None, "storefront") == ""
    assert stable_service.why_not(None, OLDER, "storefront") == "Service storefront does not exist"


def test_one_that_does_not_exist_is_made_with_the_ports_of_the_template() -> None:
    ports = ({"name": "http", "port": 80, "targetPort": 8080},)
    ours = Ours(settings(stable_service="inner", service_ports=ports), "storefront", "onprem")
    write = stable_service.creation(ours, NEWER, None)
    assert write.method == "POST"
    assert write.body["spec"] == {"ports": list(ports), "selector": {"rollout/workload": NEW}}
    assert write.body["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "rollout"
    assert stable_service.why_not(write.body, NEWER, "inner") == ""
    assert stable_service.creation(OURS, NEWER, None).body["spec"]["ports"] == [{"port": 80}]


def test_one_that_is_made_while_an_adopted_service_serves_selects_the_same_pods() -> None:
    write = stable_service.creation(OURS, ADOPTED, service("storefront", BEFORE))
    assert write.body["spec"]["selector"] == BEFORE
    assert stable_service.why_not(write.body, ADOPTED, "storefront") == ""
    for nothing in (None, service("storefront", None)):
        with pytest.raises(Invalid, match="selects nothing"):
            stable_service.creation(OURS, ADOPTED, nothing)
