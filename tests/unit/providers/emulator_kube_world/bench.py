"""A cluster on a clock that is moved by hand, and short words for what tests do with it."""

from __future__ import annotations

import random
from typing import Any

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    EVENT,
    HTTP_ROUTE,
    POD,
    REPLICA_SET,
    SERVICE,
    Kind,
)
from providers.emulator.kube.objects import Json
from providers.emulator.kube.pod_run import Pod
from providers.emulator.kube.settings import ClusterSettings
from providers.emulator.world import World

SPACE = "shop"
HOST = "shop.test"
CHECK = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}


class Bench:
    """One world with one cluster and a namespace `shop`."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.world = World(self.clock, random.Random(7))
        self.cluster: Cluster = self.world.cluster("west", ClusterSettings(**settings))
        self.cluster.namespace(SPACE)
        self.rng = random.Random(8)

    @property
    def objects(self) -> Any:
        return self.cluster.objects

    def step(self, seconds: float = 1.0) -> None:
        """Move the clock, and the world with it."""
        self.clock.advance(seconds)
        self.world.tick()

    def image(self, version: str, **behaviour: Any) -> str:
        """Register an image and return a reference to it."""
        image = self.world.register_image("shop/web", version, Behaviour(version=version, **behaviour))
        return f"contoso.azurecr.io/shop/web@{image.digest}"

    def deploy(
        self, name: str, image: str | None = None, replicas: int = 2, *, checked: bool = False, **spec: Any
    ) -> None:
        """Make a Deployment of one container that listens on 8080."""
        container: Json = {"name": "web", "image": image or self.image(name), "ports": [{"containerPort": 8080}]}
        if checked:
            container["readinessProbe"] = CHECK
        container |= spec.pop("container", {})
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        body = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **spec}
        self.objects.put(DEPLOYMENT, DEPLOYMENT.new(SPACE, name, spec=body))

    def service(self, name: str, app: str | None = None, space: str = SPACE) -> None:
        """Make a Service in front of the pods labelled `app`."""
        spec = {"selector": {"app": app or name}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
        self.objects.put(SERVICE, SERVICE.new(space, name, spec=spec))

    def route(self, backends: dict[str, int], name: str = "shop", **rule: Any) -> None:
        """Make or change a route with one rule that leads to Services by weight."""
        entries = [{"name": one, "port": 80, "weight": weight} for one, weight in backends.items()]
        self.rules([{"backendRefs": entries, **rule}], name)

    def rules(self, rules: list[Json], name: str = "shop", hostnames: tuple[str, ...] = (HOST,)) -> None:
        """Make a route with these rules, or give them to the one that there is."""
        body = self.objects.get(HTTP_ROUTE, SPACE, name) or HTTP_ROUTE.new(SPACE, name)
        parents = [{"name": "edge", "namespace": "infra"}]
        body["spec"] = {"parentRefs": parents, "hostnames": list(hostnames), "rules": rules}
        self.objects.put(HTTP_ROUTE, body)

    def change(self, kind: Kind, name: str, **spec: Any) -> None:
        """Change fields of an object's spec."""
        body = self.objects.get(kind, SPACE, name)
        body["spec"] |= spec
        self.objects.put(kind, body)

    def set_image(self, name: str, image: str) -> None:
        """Change the image of a Deployment."""
        body = self.objects.get(DEPLOYMENT, SPACE, name)
        body["spec"]["template"]["spec"]["containers"][0]["image"] = image
        self.objects.put(DEPLOYMENT, body)

    def delete(self, name: str) -> None:
        """Begin the foreground deletion of a Deployment."""
        body = self.objects.get(DEPLOYMENT, SPACE, name)
        body["metadata"] |= {"finalizers": ["foregroundDeletion"], "deletionGracePeriodSeconds": 0}
        body["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        self.objects.put(DEPLOYMENT, body)

    def deployment(self, name: str) -> Json:
        """Return a Deployment, which must be there."""
        found = self.objects.get(DEPLOYMENT, SPACE, name)
        assert found is not None, f"there is no Deployment {name}"
        return found

    def status(self, name: str) -> Json:
        """Return a Deployment's status."""
        return self.deployment(name).get("status") or {}

    def condition(self, name: str, kind: str) -> Json:
        """Return one condition of a Deployment."""
        return next(one for one in self.status(name)["conditions"] if one["type"] == kind)

    def pods(self, app: str | None = None) -> list[Pod]:
        """Return the pods as they run, of one app or all."""
        return [one for one in self.cluster.kubelet.pods.values() if app in (None, one.labels.get("app"))]

    def pod(self, app: str) -> Json:
        """Return the one pod of an app as the store has it."""
        (found,) = (one for one in self.objects.all(POD, SPACE) if one["metadata"]["labels"]["app"] == app)
        return found

    def container(self, app: str) -> Json:
        """Return the status of the one container of the one pod of an app."""
        (found,) = self.pod(app)["status"]["containerStatuses"]
        return found

    def told(self, reason: str) -> list[str]:
        """Return the messages of all Events with a reason."""
        return [one["message"] for one in self.objects.all(EVENT, SPACE) if one["reason"] == reason]

    def parents(self, name: str = "shop") -> list[Json]:
        """Return the status of a route's parents."""
        found: list[Json] = (self.objects.get(HTTP_ROUTE, SPACE, name).get("status") or {}).get("parents") or []
        return found

    def state_of(self, kind: str, name: str = "shop") -> tuple[str, str, int]:
        """Return status, reason and observedGeneration of one condition of a route's first parent."""
        (found,) = (one for one in self.parents(name)[0]["conditions"] if one["type"] == kind)
        return found["status"], found["reason"], found["observedGeneration"]

    def versions(self, count: int = 1, headers: dict[str, str] | None = None, path: str = "/") -> list[str | int]:
        """Send requests through the gateway and return who answered each, or the status of what was no success."""
        found: list[str | int] = []
        for _ in range(count):
            answer = self.cluster.request(HOST, path, headers, self.rng)
            found.append(answer.headers["X-Version"] if answer.status == 200 else answer.status)
        return found

    def settle(self) -> None:
        """Wait until everything is up, in a world where images start at once."""
        self.step(3)


KINDS = {"Deployment": DEPLOYMENT, "ReplicaSet": REPLICA_SET, "Pod": POD, "Service": SERVICE, "HPA": AUTOSCALER}
