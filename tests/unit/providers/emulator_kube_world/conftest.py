"""A cluster with two good Deployments behind a gateway."""

from __future__ import annotations

import pytest

from tests.unit.providers.emulator_kube_world.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def shop() -> Bench:
    made = Bench()
    made.cluster.gateway("infra", "edge", 8080)
    for name in ("v1", "v2"):
        made.deploy(name)
        made.service(name)
    made.route({"v1": 1000, "v2": 0})
    made.settle()
    return made
