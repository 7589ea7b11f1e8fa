"""An emulated cluster under the Deployments' adapter, and a door that fails where a test wants it to."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.world import World
from providers.errors import ProviderError
from providers.kubernetes.api import JSON, Api
from providers.kubernetes.deployments import DeploymentWorkloads
from providers.kubernetes.places import path
from providers.kubernetes.settings import Deployments
from tests.unit.providers.kubernetes.workload_values import DIGEST, IMAGE, settings

EVERYTHING = ("Deployment", "ConfigMap", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Service")


@dataclass
class Fault:
    """An error for the next calls of a method whose path matches; `after` lets the call do its work before."""

    method: str
    place: str
    error: ProviderError
    times: int = 1
    after: bool = False


@dataclass
class Watched:
    """Another API server's door: it remembers what was asked, and fails when told to. `denied`: verb and resource."""

    inner: Api
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    denied: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def act(self) -> Iterator[None]:
        with self.inner.act():
            yield

    def now(self) -> datetime:
        return self.inner.now()

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        with self._call("GET", path):
            return self.inner.read(doing, path, query)

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        if path.endswith("/selfsubjectaccessreviews"):
            wanted = body["spec"]["resourceAttributes"]
            if (wanted["verb"], wanted["resource"]) in self.denied:
                return {"status": {"allowed": False}}
        with self._call(method, path):
            return self.inner.write(doing, method, path, body, content_type=content_type, query=query)

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        return self.inner.status(path, headers, timeout_seconds, query)

    def writes(self) -> list[str]:
        """Every write so far, as its method and the end of its path."""
        return [call for call in self.calls if not call.startswith("GET")]

    def fail(self, method: str, place: str, error: ProviderError, times: int = 1, *, after: bool = False) -> None:
        self.faults.append(Fault(method, place, error, times, after))

    @contextmanager
    def _call(self, method: str, path: str) -> Iterator[None]:
        self.calls.append(f"{method} {'/'.join(path.split('/')[-2:])}")
        due = [f for f in self.faults if f.times > 0 and f.method == method and re.search(f.place, path)]
        for fault in due[:1]:
            fault.times -= 1
            if not fault.after:
                raise fault.error
        yield
        for fault in due[:1]:
            raise fault.error


@dataclass
class Lab:
    """A world with one cluster, its clock, and our door to it."""

    clock: ManualClock
    world: World
    cluster: Cluster
    api: Watched

    def workloads(self, place: Deployments | None = None, target: str = "onprem") -> DeploymentWorkloads:
        return DeploymentWorkloads(place or settings(), service="storefront", target=target, image=IMAGE, api=self.api)

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.world.tick()

    def put(self, body: dict[str, Any], namespace: str = "shop") -> Any:
        """Let somebody else create an object."""
        where = path(body["kind"], namespace)
        return self.api.inner.write("creating", "POST", where, body)

    def patch(self, kind: str, name: str, body: dict[str, Any]) -> Any:
        where, merge = path(kind, "shop", name), "application/merge-patch+json"
        return self.api.inner.write("changing", "PATCH", where, body, content_type=merge)

    def get(self, kind: str, name: str) -> Any:
        """An object as a GET shows it; None when there is none."""
        found = self.api.inner.read("listing", path(kind, "shop"))["items"]
        return next((item for item in found if item["metadata"]["name"] == name), None)

    def names(self, kind: str) -> list[str]:
        found = self.api.inner.read("listing", path(kind, "shop"))["items"]
        return sorted(item["metadata"]["name"] for item in found)


def a_lab(**behaviour: Any) -> Lab:
    """Bring up a world with one cluster and the image that the template runs."""
    clock = ManualClock()
    world = World(clock, random.Random(7))
    world.register_image(
        "shop/storefront", "1.0", Behaviour(**{"version": "v1", "start_seconds": 5, **behaviour}), DIGEST
    )
    cluster = world.cluster("arc-onprem")
    cluster.namespace("shop")
    return Lab(clock, world, cluster, Watched(InProcessApi(cluster)))
