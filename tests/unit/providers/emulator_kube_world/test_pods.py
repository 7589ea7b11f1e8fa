"""Pods: they start, fail, crash, are checked and end as the behaviour of their image says."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube.kinds import POD
from providers.emulator.kube.pod_run import Pod
from tests.unit.providers.emulator_kube_world.bench import CHECK, SPACE, Bench


def test_a_crash_loop_shows_restarts_and_a_growing_back_off(bench: Bench) -> None:
    bench.deploy("bad", bench.image("bad", crash_after_seconds=2), replicas=1)
    bench.step(1)
    assert bench.container("bad")["state"]["running"]
    bench.step(1.5)
    assert bench.container("bad")["state"]["terminated"]["exitCode"] == 1
    bench.step(4)
    found = bench.container("bad")
    assert found["restartCount"] == 1
    assert found["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert "back-off 10s restarting failed container=web" in found["state"]["waiting"]["message"]
    assert found["lastState"]["terminated"]["reason"] == "Error"
    bench.step(120)
    assert bench.container("bad")["restartCount"] >= 3
    assert any("Back-off restarting failed container web" in message for message in bench.told("BackOff"))


def test_an_image_that_cannot_be_pulled_is_told_and_heals(bench: Bench) -> None:
    bench.image("v1")
    bench.deploy("v1", "contoso.azurecr.io/shop/web:nothing", replicas=1)
    bench.step(0.5)
    assert bench.container("v1")["state"]["waiting"]["reason"] == "ErrImagePull"
    bench.step(2)
    waiting = bench.container("v1")["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert waiting["message"] == 'Back-off pulling image "contoso.azurecr.io/shop/web:nothing"'
    assert any("not found" in message for message in bench.told("Failed"))
    bench.image("nothing")
    bench.step(40)
    assert bench.container("v1")["ready"] is True
    assert bench.container("v1")["restartCount"] == 0


def test_an_image_name_that_cannot_be_read_never_starts(bench: Bench) -> None:
    bench.deploy("v1", "Contoso/Web:UP:down", replicas=1)
    bench.step(30)
    assert bench.container("v1")["state"]["waiting"]["reason"] == "InvalidImageName"


def test_a_pod_is_ready_when_its_check_has_passed(bench: Bench) -> None:
    check = {**CHECK, "initialDelaySeconds": 7}
    bench.deploy("v1", replicas=1, container={"readinessProbe": check})
    bench.step(5)
    assert bench.container("v1")["state"]["running"]
    assert bench.container("v1")["ready"] is False
    bench.step(3)
    assert bench.container("v1")["ready"] is True


def test_a_pod_whose_health_fails_later_is_unready_but_lives(bench: Bench) -> None:
    bench.deploy("v1", bench.image("v1", unhealthy_after_seconds=10), replicas=1, checked=True)
    bench.step(5)
    assert bench.status("v1")["availableReplicas"] == 1
    bench.step(10)
    assert bench.container("v1")["ready"] is False
    assert bench.container("v1")["restartCount"] == 0
    assert bench.told("Unhealthy") == ["Readiness probe failed: HTTP probe failed with statuscode: 503"]
    assert bench.condition("v1", "Available")["status"] == "False"


@pytest.mark.parametrize("behaviour", [{"unhealthy_after_seconds": 5}, {"latency_seconds": 2}, {"error_rate": 1.0}])
def test_a_failing_liveness_check_restarts_the_container(bench: Bench, behaviour: dict[str, Any]) -> None:
    bench.deploy("v1", bench.image("v1", **behaviour), replicas=1, container={"livenessProbe": CHECK})
    bench.step(20)
    assert bench.container("v1")["restartCount"] >= 1
    assert "Container web failed liveness probe" in bench.told("Killing")


def test_a_pod_whose_errors_are_on_one_path_passes_its_checks_and_serves_the_others(bench: Bench) -> None:
    bench.cluster.gateway("infra", "edge", 8080)
    bench.deploy("v1", bench.image("v1", error_rate=1.0, error_path="/basket"), replicas=1, checked=True)
    bench.service("v1")
    bench.route({"v1": 1})
    bench.step(20)
    assert bench.container("v1")["ready"] is True
    assert bench.versions(2) + bench.versions(2, path="/basket?item=1") == ["v1", "v1", 500, 500]


def test_other_checks_wait_for_the_startup_check(bench: Bench) -> None:
    checks = {"startupProbe": {**CHECK, "initialDelaySeconds": 5}, "readinessProbe": CHECK}
    bench.deploy("v1", replicas=1, container=checks)
    bench.step(4)
    assert (bench.container("v1")["started"], bench.container("v1")["ready"]) == (False, False)
    bench.step(3)
    assert (bench.container("v1")["started"], bench.container("v1")["ready"]) == (True, True)


def test_slow_answers_fail_a_check_that_does_not_wait(bench: Bench) -> None:
    bench.deploy("v1", bench.image("v1", latency_seconds=1.5), replicas=1, checked=True)
    bench.step(10)
    assert bench.container("v1")["ready"] is False


def test_a_server_with_another_host_name_is_checked_by_that_name(bench: Bench) -> None:
    named = {**CHECK, "httpGet": {**CHECK["httpGet"], "httpHeaders": [{"name": "Host", "value": "a.test"}]}}
    image = bench.image("v1", host="a.test")
    bench.deploy("plain", image, replicas=1, checked=True)
    bench.deploy("named", image, replicas=1, container={"readinessProbe": named})
    bench.step(5)
    assert bench.container("plain")["ready"] is False
    assert bench.container("named")["ready"] is True


def test_a_deleted_pod_is_replaced_and_ends_a_little_later(bench: Bench) -> None:
    bench.deploy("v1", replicas=1)
    bench.settle()
    (old,) = bench.pods("v1")
    bench.cluster.collector.delete(bench.pod("v1"))
    assert old.deleting
    assert not old.ready
    bench.step(0.5)
    assert len(bench.pods("v1")) == 2
    bench.step(2)
    (new,) = bench.pods("v1")
    assert new.name != old.name
    assert bench.objects.get(POD, SPACE, old.name) is None


def test_pods_wait_while_no_node_takes_them() -> None:
    bench = Bench(schedulable=False)
    bench.deploy("v1", replicas=1)
    bench.step(3)
    (condition,) = bench.pod("v1")["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("PodScheduled", "Unschedulable")
    assert bench.told("FailedScheduling")
    bench.cluster.settings.schedulable = True
    bench.step(10)
    assert bench.container("v1")["ready"] is True


def test_errors_of_the_image_reach_the_clients(bench: Bench) -> None:
    bench.cluster.gateway("infra", "edge", 8080)
    bench.deploy("v1", bench.image("v1", error_rate=0.3, errors_after_seconds=60))
    bench.service("v1")
    bench.route({"v1": 1})
    bench.settle()
    assert bench.versions(200) == ["v1"] * 200
    bench.step(60)
    failed = bench.versions(1000).count(500)
    assert 240 < failed < 360


def ending(bench: Bench) -> Pod:
    """A pod whose deletion begins while somebody else's data plane leads requests to it; its grace is 30 seconds."""
    bench.cluster.gateways.awaits = True
    bench.deploy("v1", replicas=1)
    bench.settle()
    (pod,) = bench.pods("v1")
    bench.delete("v1")
    bench.step(5)
    return pod


def test_a_pod_listens_until_the_data_plane_has_let_go_of_it_and_a_little_longer(bench: Bench) -> None:
    pod = ending(bench)
    assert (pod.deleting, pod.ready, pod.gone) == (True, False, False)
    assert bench.cluster.kubelet.ending == [pod]
    bench.cluster.kubelet.let_go([pod])
    bench.step(0.9)
    assert not pod.gone
    assert next(one.listening for one in bench.world.workloads() if one.name == pod.name)
    bench.cluster.kubelet.let_go([pod])
    bench.step(0.2)
    assert pod.gone, "what is said again puts nothing off"


def test_a_pod_that_no_data_plane_lets_go_of_ends_with_its_grace(bench: Bench) -> None:
    pod = ending(bench)
    bench.step(24)
    assert not pod.gone
    bench.cluster.kubelet.let_go([pod])
    bench.step(1.5)
    assert pod.gone, "its grace is over before what it would have been given"
