"""What a deletion takes with it, and in which order."""

from __future__ import annotations

import pytest

from providers.emulator.kube.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    HTTP_ROUTE,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SERVICE,
)
from providers.emulator.kube.objects import Json
from tests.unit.providers.emulator_kube_world.bench import SPACE, Bench


def owned_by(owner: Json) -> list[Json]:
    metadata = owner["metadata"]
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]},
    ]


def companion(bench: Bench, owner: Json) -> None:
    """Make a ConfigMap and a Service that belong to a Deployment without holding it back."""
    for kind in (CONFIG_MAP, SERVICE):
        body = kind.new(SPACE, "beside", spec={"selector": {"app": "v1"}, "ports": [{"port": 80}]})
        body["metadata"]["ownerReferences"] = owned_by(owner)
        bench.objects.put(kind, body)


def test_a_foreground_deletion_ends_after_the_pods_and_takes_companions_along(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    companion(bench, bench.deployment("v1"))
    bench.step()
    bench.delete("v1")
    bench.step(0.5)
    assert bench.deployment("v1")["metadata"]["deletionTimestamp"]
    assert all(pod.deleting for pod in bench.pods("v1"))
    assert bench.objects.get(SERVICE, SPACE, "beside") is None
    bench.step(3)
    for kind in (DEPLOYMENT, REPLICA_SET, POD, CONFIG_MAP):
        assert bench.objects.all(kind, SPACE) == [], kind.kind


def test_a_background_deletion_leaves_nothing_behind_either(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    companion(bench, bench.deployment("v1"))
    bench.objects.remove(DEPLOYMENT, SPACE, "v1")
    bench.step(4)
    for kind in (REPLICA_SET, POD, CONFIG_MAP, SERVICE):
        assert bench.objects.all(kind, SPACE) == [], kind.kind


def test_what_is_made_for_an_owner_that_is_gone_is_collected(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    owner = bench.deployment("v1")
    bench.objects.remove(DEPLOYMENT, SPACE, "v1")
    bench.step(4)
    companion(bench, owner)
    bench.step()
    assert bench.objects.get(CONFIG_MAP, SPACE, "beside") is None


def test_an_owner_of_the_same_name_made_anew_is_another_owner(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    companion(bench, bench.deployment("v1"))
    bench.objects.remove(DEPLOYMENT, SPACE, "v1")
    bench.deploy("v1")
    bench.step(4)
    assert bench.objects.get(CONFIG_MAP, SPACE, "beside") is None
    assert bench.status("v1")["availableReplicas"] == 2


def test_an_orphaning_deletion_leaves_the_pods_running(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    body = bench.deployment("v1")
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["orphan"]}
    bench.objects.put(DEPLOYMENT, body)
    bench.step(4)
    assert bench.objects.get(DEPLOYMENT, SPACE, "v1") is None
    assert [pod.ready for pod in bench.pods("v1")] == [True, True]
    (left,) = bench.objects.all(REPLICA_SET, SPACE)
    assert "ownerReferences" not in left["metadata"]


def test_a_namespace_goes_with_all_that_stands_in_it(shop: Bench) -> None:
    body = shop.objects.get(NAMESPACE, None, SPACE)
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["kubernetes"]}
    shop.objects.put(NAMESPACE, body)
    shop.step(6)
    assert shop.objects.get(NAMESPACE, None, SPACE) is None
    for kind in (DEPLOYMENT, REPLICA_SET, POD, SERVICE, HTTP_ROUTE):
        assert shop.objects.all(kind, SPACE) == [], kind.kind
    assert shop.versions() == [404]


def scaler(bench: Bench, name: str, least: int, most: int) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    spec = {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most}
    bench.objects.put(AUTOSCALER, AUTOSCALER.new(SPACE, name, spec=spec))


@pytest.mark.parametrize(("wish", "found"), [(None, 3), (5, 5), (9, 6), (1, 3)])
def test_an_autoscaler_keeps_replicas_within_its_bounds(bench: Bench, wish: int | None, found: int) -> None:
    bench.deploy("v1", replicas=1)
    scaler(bench, "v1", 3, 6)
    if wish is not None:
        bench.cluster.autoscaler.wish(SPACE, "v1", wish)
    bench.settle()
    assert bench.status("v1")["availableReplicas"] == found
    bench.change(DEPLOYMENT, "v1", replicas=2)
    bench.settle()
    assert bench.status("v1")["availableReplicas"] == found
    status = bench.objects.get(AUTOSCALER, SPACE, "v1")["status"]
    assert (status["currentReplicas"], status["desiredReplicas"]) == (found, found)


def test_an_autoscaler_leaves_a_deployment_without_replicas_alone(bench: Bench) -> None:
    bench.deploy("v1", replicas=0)
    scaler(bench, "v1", 3, 6)
    bench.settle()
    assert bench.pods("v1") == []


def test_an_autoscaler_without_its_target_says_so(bench: Bench) -> None:
    scaler(bench, "nothing", 1, 2)
    bench.step()
    (condition,) = bench.objects.get(AUTOSCALER, SPACE, "nothing")["status"]["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "FailedGetScale")
