"""A server over a store of its own, and the objects that tests put into it."""

from __future__ import annotations

from typing import Any

from providers.emulator.clock import ManualClock
from providers.emulator.faults import Faults
from providers.emulator.kube.api import KubeApi, Reply
from providers.emulator.kube.kinds import NAMESPACE
from providers.emulator.kube.objects import Objects

Json = dict[str, Any]
JSON_PATCH, MERGE = "application/json-patch+json", "application/merge-patch+json"
STRATEGIC, APPLY = "application/strategic-merge-patch+json", "application/apply-patch+yaml"
DEPLOYMENTS, MAPS = "/apis/apps/v1/namespaces/shop/deployments", "/api/v1/namespaces/shop/configmaps"
SERVICES, PODS = "/api/v1/namespaces/shop/services", "/api/v1/namespaces/shop/pods"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"


def server(clock: ManualClock | None = None, faults: Faults | None = None) -> KubeApi:
    """A server with the namespace `shop` and nothing else."""
    api = KubeApi(Objects((clock or ManualClock()).now), faults)
    api.objects.put(NAMESPACE, NAMESPACE.new(None, "shop"))
    return api


def deployment(name: str = "web", replicas: int = 2, **spec: Any) -> Json:
    """A Deployment as somebody would write it."""
    container = {"name": "web", "image": "registry.test/web:1", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": name}}
    body = {"replicas": replicas, "selector": selector, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


def config_map(name: str = "settings", **more: Any) -> Json:
    """A ConfigMap with one value."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}, **more}


def http_route(name: str = "web", /, *backends: Json, **rule: Any) -> Json:
    """An HTTPRoute with one rule."""
    refs = [{"port": 80, **one} for one in backends] or [{"name": "blue", "port": 80, "weight": 100}]
    spec = {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": refs, **rule}]}
    version = "gateway.networking.k8s.io/v1"
    return {"apiVersion": version, "kind": "HTTPRoute", "metadata": {"name": name}, "spec": spec}


def made(api: KubeApi, path: str, body: Json) -> Json:
    """Create an object and return it as the server shows it."""
    reply = api.call("POST", path, {}, body)
    assert reply.status == 201, reply.body
    found: Json = reply.body
    return found


def applied(api: KubeApi, path: str, body: Json, manager: str = "rollout", **query: str) -> Reply:
    """Apply a configuration."""
    query = {"fieldManager": manager, **query}
    return api.call("PATCH", f"{path}/{body['metadata']['name']}", query, body, content_type=APPLY)


def patched(api: KubeApi, path: str, body: Any, media: str = MERGE, **query: str) -> Reply:
    """Patch an object."""
    return api.call("PATCH", path, query, body, content_type=media)
