"""Deletions: what goes at once, what waits for finalizers or grace, and what a precondition forbids."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.clock import ManualClock
from providers.emulator.kube.kinds import DEPLOYMENT, NAMESPACE, POD
from tests.unit.providers.emulator_kube.worlds import (
    DEPLOYMENTS,
    MAPS,
    PODS,
    ROUTES,
    config_map,
    deployment,
    http_route,
    made,
    patched,
    server,
)

Json = dict[str, Any]


def test_the_uid_precondition_protects_whoever_took_the_name() -> None:
    api = server()
    old = made(api, DEPLOYMENTS, deployment())["metadata"]["uid"]
    api.call("DELETE", f"{DEPLOYMENTS}/web")
    made(api, DEPLOYMENTS, deployment())
    refused = api.call("DELETE", f"{DEPLOYMENTS}/web", {}, {"preconditions": {"uid": old}})
    assert (refused.status, refused.body["reason"]) == (409, "Conflict")
    assert api.call("GET", f"{DEPLOYMENTS}/web").status == 200


@pytest.mark.parametrize(("policy", "finalizer"), [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
def test_a_deletion_waits_for_the_collector_where_it_has_work_to_do(policy: str, finalizer: str) -> None:
    api = server()
    made(api, DEPLOYMENTS, deployment())
    answer = api.call("DELETE", f"{DEPLOYMENTS}/web", {}, {"propagationPolicy": policy}).body
    assert answer["metadata"]["finalizers"] == [finalizer]
    assert answer["metadata"]["generation"] == 2
    again = api.call("DELETE", f"{DEPLOYMENTS}/web", {}, {"propagationPolicy": policy}).body
    assert again["metadata"]["resourceVersion"] == answer["metadata"]["resourceVersion"]
    assert made_anew_is_refused(api)
    stored = api.objects.get(DEPLOYMENT, "shop", "web")
    assert stored is not None
    stored["metadata"]["finalizers"] = []
    api.objects.put(DEPLOYMENT, stored)
    assert api.call("GET", f"{DEPLOYMENTS}/web").status == 404


def made_anew_is_refused(api: Any) -> bool:
    reply = api.call("POST", DEPLOYMENTS, {}, deployment())
    return (reply.status, reply.body["message"].partition(":")[0]) == (409, "object is being deleted")


def test_a_pod_on_a_node_gets_its_grace_and_one_on_none_goes_at_once() -> None:
    clock = ManualClock()
    api = server(clock)
    spec = {"containers": [{"name": "web", "image": "web:1"}], "terminationGracePeriodSeconds": 45}
    for name in ("bound", "free"):
        made(api, PODS, {"metadata": {"name": name}, "spec": spec})
    target = {"target": {"kind": "Node", "name": "node-1"}}
    assert api.call("POST", f"{PODS}/bound/binding", {}, target).status == 201
    assert api.call("POST", f"{PODS}/bound/binding", {}, target).status == 409
    for name in ("bound", "free"):
        assert api.call("DELETE", f"{PODS}/{name}").status == 200
    assert api.call("GET", f"{PODS}/free").status == 404
    going = api.call("GET", f"{PODS}/bound").body["metadata"]
    assert going["deletionGracePeriodSeconds"] == 45
    assert going["deletionTimestamp"] == "2026-01-01T00:00:45Z"
    clock.advance(5)
    sooner = api.call("DELETE", f"{PODS}/bound", {"gracePeriodSeconds": "10"}).body["metadata"]
    assert sooner["deletionTimestamp"] == "2026-01-01T00:00:10Z"
    api.call("DELETE", f"{PODS}/bound", {}, {"gracePeriodSeconds": 0})
    assert api.objects.get(POD, "shop", "bound") is None


def test_a_collection_is_deleted_as_far_as_its_selector_goes() -> None:
    api = server()
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        made(api, MAPS, config_map(name) | {"metadata": {"name": name, "labels": {"set": label}}})
    dry = api.call("DELETE", MAPS, {"labelSelector": "set=x", "dryRun": "All"}).body
    gone = api.call("DELETE", MAPS, {"labelSelector": "set=x"}).body
    assert [one["metadata"]["name"] for one in gone["items"]] == ["a", "b"]
    assert dry["items"] == gone["items"]
    assert [one["metadata"]["name"] for one in api.call("GET", MAPS).body["items"]] == ["c"]


def test_a_finalizer_of_a_users_own_holds_an_object_until_it_is_taken_away() -> None:
    api = server()
    route = http_route()
    route["metadata"]["finalizers"] = ["shop.test/hold"]
    made(api, ROUTES, route)
    assert "deletionTimestamp" in api.call("DELETE", f"{ROUTES}/web").body["metadata"]
    assert api.call("GET", f"{ROUTES}/web").status == 200
    assert patched(api, f"{ROUTES}/web", {"metadata": {"finalizers": None}}).status == 200
    assert api.call("GET", f"{ROUTES}/web").status == 404


def test_nothing_new_is_made_in_a_namespace_that_goes() -> None:
    api = server()
    stored = api.objects.get(NAMESPACE, None, "shop")
    assert stored is not None
    api.objects.put(NAMESPACE, {**stored, "spec": {"finalizers": ["kubernetes"]}})
    answer = api.call("DELETE", "/api/v1/namespaces/shop")
    assert (answer.status, answer.body["status"]["phase"]) == (200, "Terminating")
    refused = api.call("POST", MAPS, {}, config_map())
    assert (refused.status, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")


def test_what_is_only_tried_is_not_deleted() -> None:
    api = server()
    made(api, MAPS, config_map())
    assert api.call("DELETE", f"{MAPS}/settings", {"dryRun": "All"}).status == 200
    assert api.call("GET", f"{MAPS}/settings").status == 200
    assert api.call("DELETE", f"{MAPS}/settings", {}, {"propagationPolicy": "Sideways"}).status == 422
