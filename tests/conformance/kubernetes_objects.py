"""Objects of the tests of clusters, as somebody's templates and tools write them; and an image's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.emulator.kube import kinds

IMAGE = "contoso.azurecr.io/shop/storefront"
GATEWAY = "front"
PORT = 8080
Json = dict[str, Any]
KINDS = (kinds.DEPLOYMENT, kinds.SERVICE, kinds.CONFIG_MAP, kinds.AUTOSCALER, kinds.DISRUPTION_BUDGET)
"""What a template may hold."""


def deployment(*, name: str = "storefront", replicas: int | None = 1, **spec: Any) -> Json:
    """A Deployment of the template: one container of our image and one that is not ours."""
    web = {
        "name": "web",
        "image": f"{IMAGE}:1.0",
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {"app": "storefront", "team": "shop"}},
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "selector": {"matchLabels": {"app": "storefront"}},
            "template": {
                "metadata": {"labels": {"app": "storefront"}, "annotations": {"scrape": "yes"}},
                "spec": {"containers": [web], "terminationGracePeriodSeconds": 0},
            },
            **spec,
        },
    }


def template_service(*, name: str = "storefront") -> Json:
    """The template's Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": service({"app": "storefront"}),
    }


def autoscaler(low: int = 1, high: int = 5) -> Json:
    """A HorizontalPodAutoscaler of the template."""
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "storefront"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "storefront"},
            "minReplicas": low,
            "maxReplicas": high,
            "metrics": [metric],
        },
    }


def budget() -> Json:
    """A PodDisruptionBudget of the template."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "storefront"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "storefront"}}},
    }


def config_map(name: str = "settings") -> Json:
    """A ConfigMap of the template."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"greeting": "hello"}}


def service(selector: Mapping[str, str]) -> Json:
    """The spec of a Service."""
    return {"selector": dict(selector), "ports": [{"name": "http", "port": PORT, "targetPort": PORT}]}


def gateway(class_name: str) -> Json:
    """The spec of a Gateway."""
    return {"gatewayClassName": class_name, "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}


def route(*rules: Json, parent: str = GATEWAY) -> Json:
    """The spec of a route."""
    return {"parentRefs": [{"name": parent}], "hostnames": ["shop.example.test"], "rules": list(rules)}


def backend(name: str, weight: int | None = None) -> Json:
    """One backendRef; without a weight the server gives it 1."""
    return {"name": name, "port": PORT, **({} if weight is None else {"weight": weight})}


def whole(**more: Any) -> tuple[Any, ...]:
    """A template of everything that a template may hold."""
    pod = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    made = deployment(replicas=None, **more)
    made["spec"]["template"]["spec"]["containers"][0] |= pod
    parts = (template_service(), autoscaler(), budget(), config_map())
    return (made, *parts)
