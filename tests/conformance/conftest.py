"""Every test of the Azure ports and of the Kubernetes ports runs once per door."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from providers.emulator.kube import kinds
from tests.conformance import kubernetes_doors, kubernetes_live, kubernetes_real
from tests.conformance.azure_doors import DOORS, Door
from tests.conformance.kubernetes_live import Live


@pytest.fixture(params=DOORS, ids=lambda name: name.replace(" ", "-"))
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """An empty emulated Azure behind one of the doors."""
    with DOORS[request.param]() as opened:
        yield opened


CLUSTERS = {
    "in process": kubernetes_doors.in_process,
    "bare server": kubernetes_real.bare,
    "loopback": kubernetes_doors.loopback,
    **({"real": kubernetes_real.real} if os.environ.get("ROLLOUT_TEST_KUBECONFIG") else {}),
}


@pytest.fixture(params=CLUSTERS, ids=lambda name: name.replace(" ", "-"))
def cluster(request: pytest.FixtureRequest) -> Iterator[kubernetes_doors.Door]:
    """A cluster with an empty namespace behind one of the doors."""
    with CLUSTERS[request.param]() as opened:
        yield opened


@pytest.fixture(params=(kinds.HTTP_ROUTE, kinds.GRPC_ROUTE), ids=lambda kind: kind.kind)
def bare(cluster: kubernetes_doors.Door, request: pytest.FixtureRequest) -> Live:
    """A cluster without a route, and some Services."""
    return kubernetes_live.bare(cluster, request.param)


@pytest.fixture
def routed(bare: Live) -> Live:
    """A route whose first and last rule lead to an old side of ours, beside what is foreign."""
    return kubernetes_live.furnished(bare)
