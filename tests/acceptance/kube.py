"""A service in an emulated cluster of its own: what stands there, what was written, and how requests are led."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.emulator.calls import Call
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.kinds import AUTOSCALER, CONFIG_MAP, DEPLOYMENT, HTTP_ROUTE, SERVICE
from providers.emulator.kube.kubeconfig import kubeconfig
from providers.emulator.load import LoadGenerator, LoadPlan
from tests.acceptance.cloud import Cloud
from tests.acceptance.kube_hands import ROUTE, SPACE, Hands
from tests.acceptance.shop import Shop

CHANGES = ("PATCH", "DELETE", "PUT")
"""How rollout changes a cluster; it POSTs only what is tried without effect, and questions."""


class TappedLog(list[Call]):
    """A cluster's call log that tells a listener of each call before its caller is answered."""

    listener: Callable[[Call], None] | None = None

    def append(self, call: Call) -> None:
        """Add one call."""
        super().append(call)
        if self.listener is not None:
            self.listener(call)


class KubeShop(Hands):
    """A service whose target is a cluster; `objects` is its template, written before each `start`."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.number = cloud.number()
        self.context = f"c{self.number}"
        super().__init__(cloud, folder)
        self.host = f"shop{self.number}.example.com"
        self.environment["KUBECONFIG"] = str(folder / "kubeconfig")
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig(cloud.emulator.url, [self.context])))
        self.cluster: Cluster = cloud.emulator.call(cloud.emulator.world.cluster, self.context)
        self.log = TappedLog()
        self.objects = [self.deployment(ROUTE, self.spec["image"])]
        self.call_world(self._build)

    def _build(self) -> None:
        self.cluster.api.calls = self.log
        self.cluster.settings.termination_seconds = 0.2
        self.cluster.settings.controller_seconds = 0.02
        self.cluster.gateway(SPACE, "edge", self.cloud.port)
        rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
        spec = {"parentRefs": [{"name": "edge"}], "hostnames": [self.host], "rules": [rule]}
        self.make({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "spec": spec}, ROUTE)

    def _spec(self) -> dict[str, Any]:
        spec = super()._spec()
        spec["targets"] = [self.target()]
        return spec

    def azure_target(self) -> dict[str, Any]:
        """A target on Container Instances behind a profile, as any other shop has it."""
        found: dict[str, Any] = Shop._spec(self)["targets"][0]
        return found

    def target(self) -> dict[str, Any]:
        """The manifest's target in the cluster."""
        host = {"context": self.context, "namespace": SPACE, "template": "deployment.yaml"}
        return {"name": "aks", "kubernetes": host, "gatewayApi": {"httpRoute": ROUTE}}

    @property
    def kube(self) -> dict[str, Any]:
        """The manifest's `kubernetes`, to be changed before a start."""
        found: dict[str, Any] = self.cluster_target["kubernetes"]
        return found

    @property
    def gateway(self) -> dict[str, Any]:
        """The manifest's `gatewayApi`, to be changed before a start."""
        found: dict[str, Any] = self.cluster_target["gatewayApi"]
        return found

    @property
    def cluster_target(self) -> dict[str, Any]:
        """The manifest's target in the cluster."""
        return next(target for target in self.spec["targets"] if "kubernetes" in target)

    def write(self) -> None:
        """Write manifest and templates as they stand now."""
        super().write()
        (self.folder / "deployment.yaml").write_text(yaml.safe_dump_all(self.objects, sort_keys=False))

    @contextmanager
    def _settings(self) -> Iterator[None]:
        with super()._settings(), pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", self.environment["KUBECONFIG"])
            yield

    def serve_at_once(self, tag: str) -> None:
        """Make the first release in this process without waiting between its waves."""
        waves = self.spec.pop("waves", None)
        self.spec["waves"] = {"bake": "0s"}
        self.serve(tag)
        self.spec["waves"] = waves

    def ask(self, **headers: str) -> str | None:
        """The version that answers one request with these headers now; None for none."""
        answer = self.call_world(lambda: self.cluster.request(self.host, "/", headers, random.Random()))
        found: str | None = answer.headers.get("X-Version") if answer.status < 500 else None
        return found

    @property
    def route(self) -> dict[str, Any]:
        """The route as the server shows it."""
        found: dict[str, Any] = self.call_world(lambda: self.cluster.objects.get(HTTP_ROUTE, SPACE, ROUTE))
        return found

    @property
    def deployments(self) -> dict[str, str]:
        """Each Deployment by name, with the tag of the image that it runs."""
        found = self.call_world(lambda: self.cluster.objects.all(DEPLOYMENT, SPACE))
        return {body["metadata"]["name"]: self._image_of(body) for body in found}

    def _image_of(self, body: Mapping[str, Any]) -> str:
        digest = body["spec"]["template"]["spec"]["containers"][0]["image"].rpartition("@")[2]
        return next((tag for tag, known in self.digests.items() if known == digest), digest)

    @property
    def names(self) -> set[str]:
        """Every Service, ConfigMap and autoscaler in the namespace."""
        kinds = (SERVICE, CONFIG_MAP, AUTOSCALER)
        found = self.call_world(lambda: [body for kind in kinds for body in self.cluster.objects.all(kind, SPACE)])
        return {body["metadata"]["name"] for body in found}

    @property
    def shares(self) -> dict[str, int]:
        """The weight of every backend with any in the route's first rule without our name, by the tag behind it."""
        made = self.deployments
        rule = next(rule for rule in self.route["spec"]["rules"] if not rule.get("name", "").startswith("rollout-"))
        refs = rule.get("backendRefs") or []
        return {made.get(ref["name"], ref["name"]): ref["weight"] for ref in refs if ref["weight"]}

    @property
    def changed(self) -> list[str]:
        """Each change of the cluster that rollout made, as method and kind; refused ones left out."""
        found = self.call_world(lambda: list(self.log))
        return [f"{call.method} {_kind(call.path)}" for call in found if call.method in CHANGES and call.status < 400]

    def assert_alone(self, tag: str, *, adopted: str | None = None) -> None:
        """Everything in the cluster is as after a release that has ended: one version, its objects, no marks."""
        assert self.shares == {tag: 1000}
        ours = {name: ran for name, ran in self.deployments.items() if name != adopted}
        assert list(ours.values()) == [tag]
        assert self.names - set(ours) <= ({adopted} if adopted else set())
        assert len(self.route["spec"]["rules"]) == 1
        assert "filters" not in self.route["spec"]["rules"][0]
        assert "rollout/active" not in (self.route["metadata"].get("annotations") or {})

    def sicken(self, tag: str) -> None:
        """Let every pod that runs this image fail its health path from now on, and container groups too."""
        super().sicken(tag)

        def change() -> None:
            for pod in self.cluster.kubelet.pods.values():
                for container in pod.containers:
                    if container.image.endswith(self.digests[tag]):
                        container.behaviour = replace(container.behaviour, unhealthy_after_seconds=0.0)

        self.call_world(change)

    def counted(self, tag: str) -> int:
        """How many requests of clients, copies included, pods of this image have had."""
        names = {name for name, ran in self.deployments.items() if ran == tag}
        counts: Counter[str] = self.call_world(lambda: Counter(self.cloud.emulator.world.calls.requests))
        return sum(counts[name] for name in names)

    def listen(self, listener: Callable[[Call], None] | None) -> None:
        """Tell `listener` of every further call to the cluster, before its caller is answered; None ends it."""
        self.call_world(lambda: setattr(self.log, "listener", listener))

    @property
    def late(self) -> int:
        """How many requests reached pods whose Deployment's deletion had begun."""
        return sum(self.call_world(lambda: dict(self.cloud.emulator.world.calls.requests_to_retired)).values())

    def _listens(self) -> bool:
        address = self.call_world(lambda: self.cluster.gateways.address_of(self.cluster.gateways.all()[0]))
        try:
            socket.create_connection((address, self.cloud.port), timeout=5).close()
        except OSError:
            return False
        return True

    @contextmanager
    def visitors(self, rate: float = 25.0) -> Iterator[LoadGenerator]:
        """Send constant load through the gateway, which listens by then, while the block runs."""
        self.until(self._listens)
        plan = LoadPlan(f"http://{self.host}:{self.cloud.port}/", self.cloud.emulator.dns, rate=rate, clients=10)
        with LoadGenerator(plan) as load:
            yield load


def _kind(path: str) -> str:
    parts = path.split("/namespaces/shop/")[-1].split("/")
    return parts[0]
