"""What a Deployment does and says while its pods come, change and go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from providers.emulator.kube.kinds import DEPLOYMENT, POD, REPLICA_SET
from tests.unit.providers.emulator_kube_world.bench import SPACE, Bench


def test_pods_come_up_after_the_start_of_their_image(bench: Bench) -> None:
    bench.deploy("v1", bench.image("v1", start_seconds=20))
    bench.step(19)
    assert bench.status("v1")["unavailableReplicas"] == 2
    assert "availableReplicas" not in bench.status("v1")
    assert bench.condition("v1", "Available")["reason"] == "MinimumReplicasUnavailable"
    assert bench.condition("v1", "Progressing")["reason"] == "ReplicaSetUpdated"
    bench.step(2)
    status = bench.status("v1")
    assert (status["updatedReplicas"], status["availableReplicas"], status["readyReplicas"]) == (2, 2, 2)
    assert "unavailableReplicas" not in status
    assert bench.condition("v1", "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_right_after_a_change_the_old_status_still_looks_healthy(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    bench.set_image("v1", bench.image("v2", start_seconds=5))
    found = bench.deployment("v1")
    assert found["metadata"]["generation"] == 2
    assert found["status"]["observedGeneration"] == 1
    assert bench.condition("v1", "Available")["status"] == "True"
    bench.step(0.2)
    assert bench.status("v1")["observedGeneration"] == 2
    assert bench.status("v1").get("updatedReplicas") == 1


def test_names_and_labels_are_those_of_a_replica_set(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    (made,) = bench.objects.all(REPLICA_SET, SPACE)
    digest = made["metadata"]["labels"]["pod-template-hash"]
    assert made["metadata"]["name"] == f"v1-{digest}"
    for pod in bench.objects.all(POD, SPACE):
        assert pod["metadata"]["name"].startswith(f"v1-{digest}-")
        assert pod["metadata"]["labels"] == {"app": "v1", "pod-template-hash": digest}
        assert pod["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


def test_no_progress_within_the_deadline_is_said_and_heals(bench: Bench) -> None:
    bench.deploy("slow", bench.image("slow", start_seconds=60), progressDeadlineSeconds=30)
    bench.step(29)
    assert bench.condition("slow", "Progressing")["status"] == "True"
    bench.step(4)
    late = bench.condition("slow", "Progressing")
    assert (late["status"], late["reason"]) == ("False", "ProgressDeadlineExceeded")
    assert "has timed out progressing" in late["message"]
    bench.step(30)
    assert bench.condition("slow", "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_deployment_that_was_up_is_not_late_when_it_loses_a_pod(bench: Bench) -> None:
    bench.deploy("v1", bench.image("v1", start_seconds=60), progressDeadlineSeconds=30)
    bench.step(100)
    bench.objects.remove(POD, SPACE, bench.pods("v1")[0].name)
    bench.step(45)
    assert bench.status("v1")["availableReplicas"] == 1
    assert bench.condition("v1", "Progressing")["reason"] == "NewReplicaSetAvailable"
    bench.step(30)
    assert bench.status("v1")["availableReplicas"] == 2


@pytest.mark.parametrize("replicas", [0, 1, 5])
def test_the_number_of_pods_follows_the_scale(bench: Bench, replicas: int) -> None:
    bench.deploy("v1")
    bench.settle()
    bench.change(DEPLOYMENT, "v1", replicas=replicas)
    bench.settle()
    assert len(bench.pods("v1")) == replicas
    assert bench.status("v1").get("availableReplicas", 0) == replicas
    assert bench.condition("v1", "Available")["status"] == "True"


def test_a_pod_counts_as_available_once_it_was_ready_long_enough(bench: Bench) -> None:
    bench.deploy("v1", minReadySeconds=10)
    bench.step(5)
    assert (bench.status("v1")["readyReplicas"], bench.status("v1").get("availableReplicas")) == (2, None)
    bench.step(6)
    assert bench.status("v1")["availableReplicas"] == 2


def test_recreate_ends_all_old_pods_before_the_first_new_one(bench: Bench) -> None:
    bench.deploy("v1", strategy={"type": "Recreate"})
    bench.settle()
    bench.set_image("v1", bench.image("v2"))
    seen = set()
    for _ in range(60):
        bench.step(0.1)
        seen.add(frozenset(one.behaviour.version for pod in bench.pods("v1") for one in pod.containers))
    assert seen == {frozenset({"v1"}), frozenset(), frozenset({"v2"})} or seen == {
        frozenset({"v1"}),
        frozenset({"v2"}),
    }


def test_a_paused_deployment_scales_but_does_not_change(bench: Bench) -> None:
    bench.deploy("v1")
    bench.settle()
    bench.change(DEPLOYMENT, "v1", paused=True, replicas=3)
    bench.set_image("v1", bench.image("v2"))
    bench.settle()
    assert [one.behaviour.version for pod in bench.pods() for one in pod.containers] == ["v1"] * 3


@settings(max_examples=25, deadline=None)
@given(
    some.lists(
        some.tuples(some.integers(1, 6), some.sampled_from(["v1", "v2", "v3"]), some.floats(0.05, 12)),
        min_size=1,
        max_size=5,
    )
)
def test_a_rolling_change_keeps_within_its_limits(changes: list[tuple[int, str, float]]) -> None:
    bench = Bench()
    images = {name: bench.image(name, start_seconds=3) for name in ("v1", "v2", "v3")}
    bench.deploy("v1", images["v1"], replicas=4, checked=True)
    bench.step(10)
    least = most = 4
    for replicas, version, seconds in changes:
        least, most = min(least, replicas), max(most, replicas)
        bench.change(DEPLOYMENT, "v1", replicas=replicas)
        bench.set_image("v1", images[version])
        end = seconds
        while end > 0:
            bench.step(min(0.5, end))
            end -= 0.5
            available = sum(pod.ready for pod in bench.pods())
            living = sum(not pod.deleting for pod in bench.pods())
            assert available >= least - (least + 3) // 4
            assert living <= most + (most + 3) // 4
    bench.step(60)
    replicas, version, _ = changes[-1]
    found = [one.behaviour.version for pod in bench.pods() for one in pod.containers]
    assert found == [version] * replicas
    assert bench.condition("v1", "Progressing")["reason"] == "NewReplicaSetAvailable"
