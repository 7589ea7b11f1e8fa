"""What an API server must do about who owns fields and objects, so that the emulated one cannot drift from the real."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube import kinds
from providers.errors import Conflict, Invalid
from providers.kubernetes.api import APPLY
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import Door

ROUTES = (kinds.HTTP_ROUTE, kinds.GRPC_ROUTE)
NOBODY = "00000000-0000-0000-0000-000000000000"


def version(made: Any) -> int:
    """The version of an object, which is a number on every server that there is."""
    return int(made["metadata"]["resourceVersion"])


def apply(cluster: Door, body: Any, manager: str = "rollout", **query: str) -> Any:
    """Apply an object under a manager's name."""
    kind = kinds.named(body["kind"], body["apiVersion"])
    assert kind is not None
    path = kind.path(cluster.namespace, body["metadata"]["name"])
    asked = {"fieldManager": manager, **query}
    return cluster.api.write("applying", "PATCH", path, body, content_type=APPLY, query=asked)


def test_applying_makes_an_object_once_and_applying_the_same_again_writes_nothing(cluster: Door) -> None:
    body = {**objects.config_map("mine"), "data": {"a": "1"}}
    made = apply(cluster, body)
    assert version(apply(cluster, body)) == version(made)
    again = apply(cluster, {**body, "data": {"a": "2"}})
    assert (again["metadata"]["uid"], again["data"]) == (made["metadata"]["uid"], {"a": "2"})
    (entry,) = again["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("rollout", "Apply")
    with pytest.raises(Conflict) as caught:
        cluster.make(kinds.CONFIG_MAP, "mine", data={})
    assert caught.value.code == "AlreadyExists"


def test_applying_over_another_managers_field_is_a_conflict_unless_forced(cluster: Door) -> None:
    body = {**objects.config_map("mine"), "data": {"a": "1"}}
    apply(cluster, body, "somebody")
    with pytest.raises(Conflict) as caught:
        apply(cluster, {**body, "data": {"a": "2"}})
    assert caught.value.code == "Conflict"
    assert cluster.get(kinds.CONFIG_MAP, "mine")["data"] == {"a": "1"}
    assert apply(cluster, {**body, "data": {"a": "2"}}, force="true")["data"] == {"a": "2"}


def test_a_patch_under_our_name_leaves_the_other_managers_entry_where_it_was(cluster: Door) -> None:
    rule = {"backendRefs": [objects.backend("blue", 90), objects.backend("green", 10)]}
    body = {**kinds.HTTP_ROUTE.new(None, "storefront"), "spec": objects.route(rule)}
    apply(cluster, body, "somebody")
    path = kinds.HTTP_ROUTE.path(cluster.namespace, "storefront")
    weight = {"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 1}
    cluster.api.write(
        "patching",
        "PATCH",
        path,
        [weight],
        content_type="application/json-patch+json",
        query={"fieldManager": "rollout"},
    )
    entries = cluster.get(kinds.HTTP_ROUTE, "storefront")["metadata"]["managedFields"]
    whose = {(entry["manager"], entry["operation"]) for entry in entries if "subresource" not in entry}
    assert whose == {("somebody", "Apply"), ("rollout", "Update")}


def test_a_dry_run_answers_with_all_defaults_and_stores_nothing(cluster: Door) -> None:
    body = {**objects.deployment(), "metadata": {"name": "web"}}
    told = apply(cluster, body, dryRun="All", force="true")
    assert told["spec"]["progressDeadlineSeconds"] == 600
    assert cluster.get(kinds.DEPLOYMENT, "web") is None
    with pytest.raises(Invalid):
        apply(cluster, {**body, "spec": {**body["spec"], "replicas": -1}}, dryRun="All", force="true")


def test_a_deletion_for_another_uid_is_a_conflict_and_deletes_nothing(cluster: Door) -> None:
    made = cluster.make(kinds.DEPLOYMENT, "web", spec=objects.deployment()["spec"])
    with pytest.raises(Conflict):
        cluster.delete(kinds.DEPLOYMENT, "web", propagationPolicy="Foreground", preconditions={"uid": NOBODY})
    found = cluster.get(kinds.DEPLOYMENT, "web")
    assert (found["metadata"]["uid"], "deletionTimestamp" in found["metadata"]) == (made["metadata"]["uid"], False)


def test_a_foreground_deletion_holds_the_owner_until_its_dependents_are_gone(cluster: Door) -> None:
    owner = cluster.make(kinds.DEPLOYMENT, "web", spec=objects.deployment(replicas=0)["spec"])
    uid = owner["metadata"]["uid"]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}
    held = {"ownerReferences": [{**reference, "blockOwnerDeletion": True}], "finalizers": ["rollout.test/held"]}
    cluster.make(kinds.CONFIG_MAP, "held", metadata=held)
    cluster.make(kinds.SERVICE, "free", metadata={"ownerReferences": [reference]}, spec=objects.service({"app": "x"}))
    cluster.delete(kinds.DEPLOYMENT, "web", propagationPolicy="Foreground", preconditions={"uid": uid})
    metadata = cluster.get(kinds.DEPLOYMENT, "web")["metadata"]
    assert "deletionTimestamp" in metadata
    assert metadata["finalizers"] == ["foregroundDeletion"]
    try:
        cluster.needs("garbage")
        cluster.until(lambda: cluster.get(kinds.SERVICE, "free") is None, "the dependent is collected")
        assert cluster.get(kinds.DEPLOYMENT, "web") is not None
    finally:
        cluster.merge(kinds.CONFIG_MAP, "held", metadata={"finalizers": None})
    cluster.until(lambda: cluster.get(kinds.DEPLOYMENT, "web") is None, "the owner goes last")
