"""What an API server itself must do that the adapters rely on, so that the emulated one cannot drift from the real."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube import kinds
from providers.emulator.kube.kinds import Kind
from providers.errors import Conflict, Invalid, Missing, Unsupported
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import Door

ROUTES = (kinds.HTTP_ROUTE, kinds.GRPC_ROUTE)
NOBODY = "00000000-0000-0000-0000-000000000000"


def version(made: Any) -> int:
    """The version of an object, which is a number on every server that there is."""
    return int(made["metadata"]["resourceVersion"])


def generation(made: Any) -> int:
    """How often its wish has changed."""
    return int(made["metadata"]["generation"])


def a_route(cluster: Door, kind: Kind = kinds.HTTP_ROUTE, *rules: Any) -> Any:
    """A route over two backends."""
    given = rules or ({"backendRefs": [objects.backend("blue", 90), objects.backend("green", 10)]},)
    return cluster.make(kind, "storefront", spec=objects.route(*given))


def test_what_is_stored_moves_one_counter_and_what_changes_nothing_does_not(cluster: Door) -> None:
    first = cluster.make(kinds.CONFIG_MAP, "first", data={"a": "1"})
    second = cluster.make(kinds.SERVICE, "second", spec=objects.service({"app": "x"}))
    assert version(second) > version(first)
    changed = cluster.merge(kinds.CONFIG_MAP, "first", data={"a": "2"})
    assert version(changed) > version(second)
    assert version(cluster.merge(kinds.CONFIG_MAP, "first", data={"a": "2"})) == version(changed)
    assert cluster.get(kinds.CONFIG_MAP, "first") == changed


@pytest.mark.parametrize("kind", ROUTES, ids=lambda kind: kind.kind)
def test_a_stale_version_is_a_conflict_and_a_failed_test_is_invalid_and_neither_writes(
    cluster: Door, kind: Kind
) -> None:
    made = a_route(cluster, kind)
    weight = {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 1}
    cluster.merge(kind, "storefront", metadata={"labels": {"a": "b"}})
    before = cluster.still(kind, "storefront")
    stale = {"op": "replace", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]}
    with pytest.raises(Conflict) as caught:
        cluster.patch(kind, "storefront", stale, weight)
    assert caught.value.code == "Conflict"
    for wrong in (
        {"op": "test", "path": "/spec/rules/0/backendRefs/0/name", "value": "other"},
        {"op": "test", "path": "/metadata/resourceVersion", "value": made["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/rules/7/backendRefs/0/weight", "value": 1},
        {"op": "remove", "path": "/spec/rules/0/backendRefs/2"},
    ):
        with pytest.raises(Invalid):
            cluster.patch(kind, "storefront", wrong, weight)
    assert cluster.get(kind, "storefront") == before
    fresh = {"op": "replace", "path": "/metadata/resourceVersion", "value": before["metadata"]["resourceVersion"]}
    after = cluster.patch(kind, "storefront", fresh, weight)
    assert after["spec"]["rules"][0]["backendRefs"][0]["weight"] == 1


def test_a_stale_version_in_a_merge_patch_or_a_replacement_is_a_conflict(cluster: Door) -> None:
    made = cluster.make(kinds.CONFIG_MAP, "first", data={"a": "1"})
    after = cluster.merge(kinds.CONFIG_MAP, "first", data={"a": "2"})
    stale = {"resourceVersion": made["metadata"]["resourceVersion"]}
    with pytest.raises(Conflict):
        cluster.merge(kinds.CONFIG_MAP, "first", metadata=stale, data={"a": "3"})
    with pytest.raises(Conflict):
        cluster.put({**made, "data": {"a": "3"}})
    assert cluster.get(kinds.CONFIG_MAP, "first") == after


def test_annotations_move_a_deployments_generation_and_not_a_routes_and_labels_move_neither(cluster: Door) -> None:
    made = cluster.make(kinds.DEPLOYMENT, "web", spec=objects.deployment()["spec"])
    assert generation(made) == 1
    assert generation(cluster.merge(kinds.DEPLOYMENT, "web", metadata={"labels": {"a": "b"}})) == 1
    assert generation(cluster.merge(kinds.DEPLOYMENT, "web", metadata={"annotations": {"a": "b"}})) == 2
    assert generation(cluster.merge(kinds.DEPLOYMENT, "web", spec={"replicas": 2})) == 3
    a_route(cluster)
    both = {"labels": {"a": "b"}, "annotations": {"a": "b"}}
    assert generation(cluster.merge(kinds.HTTP_ROUTE, "storefront", metadata=both)) == 1
    moved = {"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 11}
    assert generation(cluster.patch(kinds.HTTP_ROUTE, "storefront", moved)) == 2


def test_a_backend_without_a_weight_has_one_and_an_http_rule_without_a_match_takes_every_path(cluster: Door) -> None:
    rule = {"backendRefs": [objects.backend("blue"), objects.backend("green", 0)]}
    (made,) = a_route(cluster, kinds.HTTP_ROUTE, rule)["spec"]["rules"]
    assert [backend["weight"] for backend in made["backendRefs"]] == [1, 0]
    assert {(backend["group"], backend["kind"]) for backend in made["backendRefs"]} == {("", "Service")}
    assert made["matches"] == [{"path": {"type": "PathPrefix", "value": "/"}}]
    (made,) = a_route(cluster, kinds.GRPC_ROUTE, rule)["spec"]["rules"]
    assert [backend["weight"] for backend in made["backendRefs"]] == [1, 0]
    assert "matches" not in made


@pytest.mark.parametrize("kind", ROUTES, ids=lambda kind: kind.kind)
@pytest.mark.parametrize("weight", [-1, 1_000_001])
def test_a_weight_out_of_range_is_refused_and_every_weight_within_is_taken(
    cluster: Door, kind: Kind, weight: int
) -> None:
    before = a_route(cluster, kind)
    path = "/spec/rules/0/backendRefs/0/weight"
    with pytest.raises(Invalid):
        cluster.patch(kind, "storefront", {"op": "replace", "path": path, "value": weight})
    assert cluster.get(kind, "storefront")["spec"] == before["spec"]
    for good in (0, 1_000_000):
        cluster.patch(kind, "storefront", {"op": "replace", "path": path, "value": good})


def test_a_route_takes_detours_and_mirrors_as_we_write_them(cluster: Door) -> None:
    header = {"type": "Exact", "name": "x-tester", "value": "yes"}
    cookie = {"type": "RegularExpression", "name": "cookie", "value": "(^|;\\s*)group=b(;|$)"}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": objects.backend("green"), "percent": 5}}
    for kind in ROUTES:
        led = {
            "name": "rollout-1",
            "matches": [{"headers": [header, cookie]}],
            "filters": [mirror],
            "backendRefs": [objects.backend("green", 1)],
        }
        made = a_route(cluster, kind, led)["spec"]["rules"][0]
        assert made["name"] == "rollout-1"
        assert made["filters"][0]["requestMirror"]["percent"] == 5
        assert made["matches"][0]["headers"] == [header, cookie]


def test_status_is_written_only_to_the_subresource_and_the_rest_only_beside_it(cluster: Door) -> None:
    made = a_route(cluster)
    path = kinds.HTTP_ROUTE.path(cluster.namespace, "storefront")
    parent = {"name": "elsewhere", "group": kinds.GATEWAY_GROUP, "kind": "Gateway"}
    told = {
        "type": "Accepted",
        "status": "True",
        "reason": "Accepted",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"parents": [{"parentRef": parent, "controllerName": "elsewhere.test/x", "conditions": [told]}]}
    cluster.merge(kinds.HTTP_ROUTE, "storefront", status=status)
    found = cluster.get(kinds.HTTP_ROUTE, "storefront").get("status", {}).get("parents", [])
    assert [each for each in found if each["controllerName"] == "elsewhere.test/x"] == []
    body = {"status": status, "spec": {"hostnames": ["other.example.test"]}}
    cluster.api.write("status", "PATCH", f"{path}/status", body, content_type="application/merge-patch+json")
    after = cluster.get(kinds.HTTP_ROUTE, "storefront")
    assert after["spec"] == made["spec"]
    assert generation(after) == generation(made)


def test_what_does_not_exist_is_missing_and_what_is_not_served_is_unsupported(cluster: Door) -> None:
    path = kinds.CONFIG_MAP.path("rollout-test-no-such-namespace")
    assert cluster.api.read("listing", path)["items"] == []
    with pytest.raises(Missing):
        cluster.api.write("making", "POST", path, kinds.CONFIG_MAP.new(None, "x"))
    with pytest.raises(Missing):
        cluster.api.read("reading", kinds.HTTP_ROUTE.path(cluster.namespace, "nothing"))
    with pytest.raises(Missing):
        cluster.delete(kinds.DEPLOYMENT, "nothing")
    with pytest.raises(Unsupported):
        cluster.api.read("reading", f"/apis/rollout.test/v1/namespaces/{cluster.namespace}/things/x")


def test_an_unknown_field_is_dropped_unless_strictness_is_asked_for(cluster: Door) -> None:
    body = kinds.SERVICE.new(None, "odd") | {"spec": {**objects.service({"app": "x"}), "colour": "blue"}}
    path = kinds.SERVICE.path(cluster.namespace)
    with pytest.raises(Invalid):
        cluster.api.write("making", "POST", path, body, query={"fieldValidation": "Strict"})
    assert cluster.get(kinds.SERVICE, "odd") is None
    assert "colour" not in cluster.api.write("making", "POST", path, body)["spec"]


def test_a_deployments_selector_never_changes_and_a_services_is_replaced_as_a_whole(cluster: Door) -> None:
    cluster.make(kinds.DEPLOYMENT, "web", spec=objects.deployment()["spec"])
    with pytest.raises(Invalid):
        cluster.merge(kinds.DEPLOYMENT, "web", spec={"selector": {"matchLabels": {"app": "other"}}})
    cluster.make(kinds.SERVICE, "web", spec=objects.service({"app": "x", "track": "blue"}))
    whole = {"op": "replace", "path": "/spec/selector", "value": {"app": "y"}}
    assert cluster.patch(kinds.SERVICE, "web", whole)["spec"]["selector"] == {"app": "y"}
    assert cluster.merge(kinds.SERVICE, "web", spec={"selector": {"z": "1"}})["spec"]["selector"] == {
        "app": "y",
        "z": "1",
    }


def test_a_list_holds_what_the_selector_selects_page_by_page(cluster: Door) -> None:
    for name in ("a", "b", "c"):
        cluster.make(kinds.CONFIG_MAP, name, metadata={"labels": {"mine": "yes" if name != "b" else "no"}})
    assert [each["metadata"]["name"] for each in cluster.all(kinds.CONFIG_MAP, "mine=yes")] == ["a", "c"]
    assert [each["metadata"]["name"] for each in cluster.all(kinds.CONFIG_MAP, "mine=yes,mine!=no")] == ["a", "c"]
    path, query = kinds.CONFIG_MAP.path(cluster.namespace), {"labelSelector": "mine", "limit": "2"}
    first = cluster.api.read("listing", path, query)
    second = cluster.api.read("listing", path, {**query, "continue": first["metadata"]["continue"]})
    assert [each["metadata"]["name"] for each in (*first["items"], *second["items"])] == ["a", "b", "c"]


def test_whether_we_may_do_something_can_be_asked_without_doing_it(cluster: Door) -> None:
    asked = {"namespace": cluster.namespace, "verb": "patch", "resource": "httproutes", "group": kinds.GATEWAY_GROUP}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert cluster.api.write("asking", "POST", path, body)["status"]["allowed"] is True
