"""A door into a real cluster, in a namespace of its own that is removed whatever happens.

ROLLOUT_TEST_KUBECONFIG names the file (ROLLOUT_TEST_CONTEXT the context, else its current one) of an API server with
RBAC and the Gateway API's resource definitions, version 1.6. A bare server is enough: where no Gateway controller,
kubelet or controller manager is at work, this suite writes the status that it would write, through the status
subresource, and prints what it plays. ROLLOUT_TEST_GATEWAY_CLASS names a class whose controller is at work,
ROLLOUT_TEST_IMAGE an image (by digest) that keeps running, for clusters whose kubelets would start it.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.emulator.clock import ManualClock
from providers.emulator.kube import kinds
from providers.emulator.kube.api import KubeApi
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.objects import Objects
from providers.errors import Conflict, Missing, ProviderError
from providers.kubernetes.api import MERGE_PATCH, Api
from providers.kubernetes.client import ClusterApi
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import EMULATED, Door
from tests.conformance.kubernetes_objects import GATEWAY

OWN_CONTROLLER = "rollout.test/gateway"
FEATURES = ("Gateway", "GRPCRoute", "HTTPRoute", "HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror")
STEP_SECONDS = 0.2
PATIENCE_SECONDS = 90.0
MADE = (
    kinds.HTTP_ROUTE,
    kinds.GRPC_ROUTE,
    kinds.GATEWAY,
    kinds.REFERENCE_GRANT,
    kinds.DEPLOYMENT,
    kinds.AUTOSCALER,
    kinds.DISRUPTION_BUDGET,
    kinds.SERVICE,
    kinds.CONFIG_MAP,
    kinds.JOB,
)
_ALL_OF_IT = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
"""Without it a Job would wait for somebody who lets go of its pods."""
UNKNOWN_DIGEST = "sha256:" + "0" * 63 + "1"


class Stand:
    """The parts of a cluster that are not at work in this one, played by writing the status that they would write."""

    def __init__(
        self, api: Api, namespace: str, *, class_name: str | None = None, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.api, self.namespace, self.pause = api, namespace, pause
        self.own_class = f"{namespace}-class"
        self.class_name = class_name or self.own_class
        self.gateways, self.nodes, self.controllers = class_name is None, False, False

    def open(self) -> None:
        """Make the namespace and what every test finds in it, and find out what is at work here."""
        self.api.write("making", "POST", kinds.NAMESPACE.path(), kinds.NAMESPACE.new(None, self.namespace))
        if self.gateways:
            spec = {"controllerName": OWN_CONTROLLER}
            made = kinds.GATEWAY_CLASS.new(None, self.own_class, spec=spec)
            self.api.write("making", "POST", kinds.GATEWAY_CLASS.path(), made)
        body = kinds.GATEWAY.new(None, GATEWAY, spec=objects.gateway(self.class_name))
        self.api.write("making", "POST", kinds.GATEWAY.path(self.namespace), body)
        self.nodes = any(_is(node, "Ready") for node in self.listed(kinds.NODE))
        self.controllers = self._has_controllers()

    def _has_controllers(self) -> bool:
        path = kinds.DEPLOYMENT.path(self.namespace)
        probe = objects.deployment(name="probe", replicas=0)
        self.api.write("making", "POST", path, probe)
        try:
            for _ in range(25):
                if self.api.read("reading", f"{path}/probe").get("status", {}).get("observedGeneration"):
                    return True
                self.pause(STEP_SECONDS)
            return False
        finally:
            self.api.write("deleting", "DELETE", f"{path}/probe")

    def said(self) -> str:
        """What is played here, in a sentence."""
        played = {
            "the Gateway controller": self.gateways,
            "the kubelet": not self.nodes,
            "the Deployment controller": not self.controllers,
        }
        return f"this suite plays {', '.join(who for who, plays in played.items() if plays) or 'nothing'}"

    def step(self) -> None:
        """Let a little time pass, and whoever is missing do its part once."""
        self.pause(STEP_SECONDS)
        with suppress(Conflict, Missing):
            if self.gateways:
                self._gateways()
            if not self.controllers:
                for deployment in self.listed(kinds.DEPLOYMENT):
                    self._tell(kinds.DEPLOYMENT, deployment, _complete(deployment))
            elif not self.nodes:
                for pod in self.listed(kinds.POD):
                    if not _is(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]:
                        self._tell(kinds.POD, pod, _running(pod))

    def _gateways(self) -> None:
        path = kinds.GATEWAY_CLASS.path(None, self.own_class)
        found = self.api.read("reading", path)
        wanted = {"supportedFeatures": [{"name": name} for name in FEATURES], "conditions": [_told(found, "Accepted")]}
        self._tell(kinds.GATEWAY_CLASS, found, wanted)
        gateways = {each["metadata"]["name"]: each for each in self.listed(kinds.GATEWAY)}
        for each in gateways.values():
            self._tell(kinds.GATEWAY, each, {"conditions": [_told(each, "Accepted"), _told(each, "Programmed")]})
        services = {each["metadata"]["name"] for each in self.listed(kinds.SERVICE)}
        for kind in (kinds.HTTP_ROUTE, kinds.GRPC_ROUTE):
            for route in self.listed(kind):
                ours = [ref for ref in route["spec"].get("parentRefs", ()) if ref["name"] in gateways]
                if ours:
                    self._tell(kind, route, {"parents": [_parent(route, ref, services) for ref in ours]})

    def listed(self, kind: Kind) -> list[Any]:
        """All objects of a kind that stand in the namespace."""
        found: list[Any] = self.api.read("listing", kind.path(self.namespace if kind.namespaced else None))["items"]
        return found

    def _tell(self, kind: Kind, made: Any, status: dict[str, Any]) -> None:
        """Write a status where the object does not say so already."""
        before = made.get("status") or {}
        if all(_plain(before.get(key)) == _plain(value) for key, value in status.items()):
            return
        where = kind.path(self.namespace if kind.namespaced else None, made["metadata"]["name"], "status")
        body = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "status": status}
        self.api.write("telling", "PATCH", where, body, content_type=MERGE_PATCH)

    def close(self) -> None:
        """Remove everything that this door made; what is gone already is well gone."""
        for kind in MADE:
            with suppress(Missing):
                for made in self.listed(kind):
                    path = kind.path(self.namespace, made["metadata"]["name"])
                    if made["metadata"].get("finalizers"):
                        free = {"metadata": {"finalizers": None}}
                        with suppress(Missing):
                            self.api.write("freeing", "PATCH", path, free, content_type=MERGE_PATCH)
                    with suppress(Missing):
                        self.api.write("removing", "DELETE", path, _ALL_OF_IT)
        for path in (kinds.NAMESPACE.path(None, self.namespace), kinds.GATEWAY_CLASS.path(None, self.own_class)):
            with suppress(Missing):
                self.api.write("removing", "DELETE", path)
        if not self.controllers:
            self._finalize()

    def _finalize(self) -> None:
        """Let the namespace go, as the namespace controller does once it is empty."""
        path = kinds.NAMESPACE.path(None, self.namespace)
        with suppress(ProviderError):
            found = self.api.read("reading", path)
            self.api.write("finalizing", "PUT", f"{path}/finalize", {**found, "spec": {"finalizers": []}})


def _told(made: Any, kind: str, status: str = "True", reason: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason or kind,
        "message": "",
        "observedGeneration": made["metadata"]["generation"],
        "lastTransitionTime": _now(),
    }


def _parent(route: Any, reference: Any, services: set[str]) -> dict[str, Any]:
    """What a Gateway controller says of a route that it has taken."""
    named = {backend["name"] for rule in route["spec"].get("rules", ()) for backend in rule.get("backendRefs", ())}
    found = named <= services
    resolved = _told(
        route, "ResolvedRefs", "True" if found else "False", "ResolvedRefs" if found else "BackendNotFound"
    )
    conditions = [_told(route, "Accepted"), resolved]
    return {"parentRef": reference, "controllerName": OWN_CONTROLLER, "conditions": conditions}


def _complete(deployment: Any) -> dict[str, Any]:
    """What the Deployment controller says of a Deployment whose pods are all up."""
    count = deployment["spec"].get("replicas", 1)
    counted = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    conditions = []
    for kind, reason in (("Available", "MinimumReplicasAvailable"), ("Progressing", "NewReplicaSetAvailable")):
        told = {"type": kind, "status": "True", "reason": reason, "message": ""}
        conditions.append({**told, "lastTransitionTime": _now(), "lastUpdateTime": _now()})
    generation = deployment["metadata"]["generation"]
    return {"observedGeneration": generation, **dict.fromkeys(counted, count), "conditions": conditions}


def _running(pod: Any) -> dict[str, Any]:
    """What a kubelet says of a pod whose containers run and are ready."""
    statuses = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": True,
            "started": True,
            "restartCount": 0,
            "state": {"running": {"startedAt": _now()}},
        }
        for container in pod["spec"]["containers"]
    ]
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": _now()} for kind in ("Ready", "ContainersReady")
    ]
    return {"phase": "Running", "conditions": conditions, "containerStatuses": statuses}


def _is(made: Any, kind: str) -> bool:
    told = made.get("status", {}).get("conditions", ())
    return any(each["type"] == kind and each["status"] == "True" for each in told)


def _plain(value: Any) -> Any:
    """A status without its times, which alone are no reason to write."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if not key.startswith("last")}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _context(kubeconfig: Path) -> str:
    named = os.environ.get("ROLLOUT_TEST_CONTEXT")
    return named or str(yaml.safe_load(kubeconfig.read_text())["current-context"])


@contextmanager
def _opened(stand: Stand, name: str, image: str) -> Iterator[Door]:
    try:
        stand.open()
        if stand.nodes and "@sha256:" not in image:
            pytest.skip(f"{name}: kubelets run here, so ROLLOUT_TEST_IMAGE must name an image (by digest)")
        able = EMULATED - {"faults", "images"} - (set() if stand.nodes else {"pods"})
        able -= set() if stand.controllers else {"garbage"}
        print(f"{name}: {stand.namespace}: {stand.said()}")
        tries = int(PATIENCE_SECONDS / STEP_SECONDS)
        digest = image.rpartition("@")[2] or UNKNOWN_DIGEST
        yield Door(name, stand.api, stand.namespace, digest, stand.step, tries, able)
    finally:
        stand.close()


@contextmanager
def real() -> Iterator[Door]:
    """Open the door into the cluster that the environment names, and leave nothing behind."""
    kubeconfig = Path(os.environ["ROLLOUT_TEST_KUBECONFIG"])
    api = ClusterApi(_context(kubeconfig), kubeconfig=kubeconfig)
    class_name = os.environ.get("ROLLOUT_TEST_GATEWAY_CLASS")
    stand = Stand(api, f"rollout-test-{secrets.token_hex(4)}", class_name=class_name)
    try:
        with _opened(stand, "real", os.environ.get("ROLLOUT_TEST_IMAGE", "")) as door:
            yield door
    finally:
        api.close()


@contextmanager
def bare() -> Iterator[Door]:
    """Open a door to an emulated API server with nothing at work behind it, as `real` finds a bare one."""
    clock = ManualClock()
    stand = Stand(InProcessApi(KubeApi(Objects(clock.now))), "shop", pause=clock.advance)
    with _opened(stand, "bare server", "") as door:
        yield door
    left = [each for kind in MADE for each in stand.listed(kind)]
    assert left == []
