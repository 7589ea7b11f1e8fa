"""What `--kubernetes` adds to the demo: its manifest, its cluster, its fault, and its search for leftovers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.demo import scenery, scenery_cluster
from orchestrator.manifest.loader import load
from providers.emulator.kube.kinds import HTTP_ROUTE
from tests.unit.providers.emulator_world.conftest import Azure


@pytest.fixture
def azure() -> Azure:
    return Azure()


@pytest.mark.parametrize("write", [scenery_cluster.write_first, scenery_cluster.write])
def test_both_manifests_are_ones_that_validate_accepts(tmp_path: Path, write: object):
    (loaded,) = load([str(write(tmp_path, "127.0.0.1:8088", "http://127.0.0.1:8089/counts"))])  # type: ignore[operator]
    waves = [target.wave for target in loaded.manifest.targets]
    assert waves == ([1, 1] if write is scenery_cluster.write_first else [1, 2])


def test_the_cluster_that_is_built_has_a_route_that_leads_nowhere_yet(azure: Azure):
    scenery_cluster.build(azure.world)
    (route,) = azure.world.cluster(scenery_cluster.CLUSTER).objects.all(HTTP_ROUTE)
    assert route["spec"]["hostnames"] == [scenery_cluster.HOST]
    assert all("backendRefs" not in rule for rule in route["spec"]["rules"])
    assert scenery_cluster.leftovers(azure.world, "sha256:x") == []


def test_a_deployment_and_a_backend_that_do_not_serve_the_good_version_are_left_over_and_named(azure: Azure):
    scenery_cluster.build(azure.world)
    cluster = azure.world.cluster(scenery_cluster.CLUSTER)
    image = azure.image(scenery.BAD)
    labels = {"app": "lost"}
    container = {"name": "web", "image": image, "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    body = {"metadata": {"name": "lost"}, "spec": spec}
    assert cluster.api.call("POST", "/apis/apps/v1/namespaces/shop/deployments", {}, body).status == 201
    ports = [{"port": 80}]
    service = {"metadata": {"name": "lost"}, "spec": {"selector": labels, "ports": ports}}
    assert cluster.api.call("POST", "/api/v1/namespaces/shop/services", {}, service).status == 201
    azure.wait(5)
    found = scenery_cluster.leftovers(azure.world, "sha256:" + "0" * 64)
    assert found[:2] == ["Deployment lost", "Service lost"]
    assert found[2].startswith("pod lost-")
