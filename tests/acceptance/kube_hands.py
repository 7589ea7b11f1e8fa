"""What people do in a cluster with their own hands: objects made, routes edited and labelled without rollout."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from typing import Any

from providers.emulator.kube.cluster import CLASS, Cluster
from providers.emulator.kube.kinds import GATEWAY_CLASS, HTTP_ROUTE
from tests.acceptance.shop import Shop

SPACE, ROUTE = "shop", "web"
_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
_PATHS = {
    "Deployment": "/apis/apps/v1/namespaces/shop/deployments",
    "Service": "/api/v1/namespaces/shop/services",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers",
    "HTTPRoute": _ROUTES,
}


class Hands(Shop):
    """The part of a shop in a cluster that acts as an administrator does."""

    cluster: Cluster

    def call_world(self, function: Callable[[], Any]) -> Any:
        """Run something on the emulator's thread."""
        return self.cloud.emulator.call(function)

    def ask(self, **headers: str) -> str | None:
        """The version that answers one request with these headers now; None for none."""
        raise NotImplementedError

    def deployment(self, app: str, image: str, replicas: int = 1) -> dict[str, Any]:
        """A Deployment whose pods bear the label `app`."""
        web = {"name": "web", "image": image, "ports": [{"containerPort": self.cloud.port}]}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": app},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": app}},
                "template": {"metadata": {"labels": {"app": app}}, "spec": {"containers": [web]}},
            },
        }

    def service(self, app: str, port: int = 80) -> dict[str, Any]:
        """A Service in front of the pods with the label `app`."""
        ports = [{"name": "http", "port": port, "targetPort": self.cloud.port}]
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": app},
            "spec": {"selector": {"app": app}, "ports": ports},
        }

    def make(self, body: Mapping[str, Any], name: str | None = None) -> None:
        """Make an object by hand, as an administrator; on the emulator's thread."""
        wanted = copy.deepcopy(dict(body))
        wanted.setdefault("metadata", {})["name"] = name or wanted["metadata"]["name"]
        reply = self.cluster.api.call("POST", _PATHS[body["kind"]], {}, wanted)
        assert reply.status == 201, reply.text()

    def by_hand(self, body: Mapping[str, Any]) -> None:
        """Make an object by hand."""
        self.call_world(lambda: self.make(body))

    def live(self, tag: str, app: str = "live") -> None:
        """Bring up a Deployment and a Service by hand, lead the route there, and wait until it serves."""
        image = f"{self.spec['image']}@{self.digests[tag]}"
        self.by_hand(self.deployment(app, image, 2))
        self.by_hand(self.service(app))
        self.edit_route(lambda rule: rule.update(backendRefs=[{"name": app, "port": 80, "weight": 1}]))
        self.until(lambda: self.ask() == tag)

    def edit_route(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the route's first rule by hand."""
        self._edit(lambda spec: change(spec["rules"][0]))

    def _edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Read the route, change its spec and write it, again where its status was written meanwhile."""

        def edit() -> bool:
            body = self.cluster.objects.get(HTTP_ROUTE, SPACE, ROUTE)
            assert body is not None
            change(body["spec"])
            reply = self.cluster.api.call("PUT", f"{_ROUTES}/{ROUTE}", {}, body)
            assert reply.status in (200, 409), reply.text()
            return reply.status == 200

        self.until(lambda: self.call_world(edit))

    def edit_hosts(self, names: list[str]) -> None:
        """Let the route answer to these names."""
        self._edit(lambda spec: spec.update(hostnames=names))

    def label_route(self, labels: Mapping[str, str]) -> None:
        """Label the route as whoever applies it would."""

        def edit() -> None:
            patch = {"metadata": {"labels": dict(labels)}}
            kind = "application/merge-patch+json"
            reply = self.cluster.api.call("PATCH", f"{_ROUTES}/{ROUTE}", {}, patch, content_type=kind)
            assert reply.status == 200, reply.text()

        self.call_world(edit)

    def refresh_class(self) -> None:
        """Let the gateway's class publish what the cluster's settings say of it by now."""

        def touch() -> None:
            body = self.cluster.objects.get(GATEWAY_CLASS, None, CLASS)
            assert body is not None
            body["metadata"]["labels"] = {"touched": "yes"}
            self.cluster.objects.put(GATEWAY_CLASS, body)

        self.call_world(touch)
        self.until(lambda: len(self._features()) == 2)

    def _features(self) -> list[Any]:
        body = self.call_world(lambda: self.cluster.objects.get(GATEWAY_CLASS, None, CLASS))
        found: list[Any] = body.get("status", {}).get("supportedFeatures") or []
        return found

    def until(self, holds: Callable[[], Any]) -> None:
        """Wait until something holds in the cluster."""
        last = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < last, "waited in vain"
            time.sleep(0.02)
