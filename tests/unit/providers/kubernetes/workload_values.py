"""A template, settings and a mark that the tests of the Deployments' adapter share."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from providers.kubernetes.settings import Deployments
from providers.kubernetes.template import check
from providers.problems import Problem
from strategies.seen import Mark

IMAGE = "contoso.azurecr.io/shop/storefront"
DIGEST = "sha256:" + "d" * 64
MARK = Mark("storefront", "onprem", "a" * 64, 3, 0, "r-1", DIGEST, "b" * 64, IMAGE, "1.1")
NAME = "storefront-aaaaaaaa-3-0"
TRANSCRIPTS = Path(__file__).parents[5] / "shared" / "kubernetes" / "transcripts"
LABELS = {"app": "storefront-next", "tier": "web"}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "storefront", "labels": {"app": "storefront-next"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "storefront-next"}},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": f"{IMAGE}:1.0",
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "env": [
                            {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "shop", "key": "mode"}}},
                            {"name": "OTHER", "valueFrom": {"configMapKeyRef": {"name": "stands", "key": "x"}}},
                        ],
                        "envFrom": [{"configMapRef": {"name": "shop"}}, {"secretRef": {"name": "shop"}}],
                        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
                    },
                    {"name": "log", "image": "contoso.azurecr.io/log:7"},
                ],
                "volumes": [
                    {"name": "settings", "configMap": {"name": "shop"}},
                    {"name": "all", "projected": {"sources": [{"configMap": {"name": "shop"}}]}},
                    {"name": "beside", "configMap": {"name": "stands"}},
                ],
            },
        },
    },
}
SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "storefront"},
    "spec": {
        "type": "LoadBalancer",
        "selector": {"app": "storefront-next"},
        "ports": [{"port": 80, "targetPort": "http", "nodePort": 31234}],
    },
}
CONFIG_MAP: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "shop"},
    "data": {"mode": "fast"},
}
SCALER: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "storefront"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "storefront"},
        "minReplicas": 2,
        "maxReplicas": 9,
        "metrics": [
            {
                "type": "Object",
                "object": {
                    "metric": {"name": "requests"},
                    "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "storefront"},
                    "target": {"type": "Value", "value": "2k"},
                },
            }
        ],
    },
}
BUDGET: dict[str, Any] = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "storefront"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "storefront-next"}}},
}


def template(**spec: Any) -> list[dict[str, Any]]:
    """A sound template with every kind but an autoscaler; `spec` is put over the Deployment's spec."""
    objects = copy.deepcopy([DEPLOYMENT, SERVICE, CONFIG_MAP, BUDGET])
    objects[0]["spec"].update(spec)
    return objects


def scaled() -> list[dict[str, Any]]:
    """A sound template with an autoscaler, and so without a replica count."""
    objects = [*template(), copy.deepcopy(SCALER)]
    del objects[0]["spec"]["replicas"]
    return objects


def settings(objects: list[dict[str, Any]] | None = None, **more: Any) -> Deployments:
    """The settings of one target in a cluster."""
    return Deployments("arc-onprem", "shop", tuple(template() if objects is None else objects), **more)


def put(objects: list[Any], path: tuple[Any, ...], value: Any) -> list[Any]:
    """A copy of objects with a value put in at a place."""
    changed: Any = copy.deepcopy(objects)
    place = changed
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return list(changed)


def checked(objects: Any, **more: Any) -> list[Problem]:
    """What the check says of these objects."""
    return check(objects, **{"service": "storefront", "image": IMAGE, "namespace": "shop", **more})


def recorded(scenario: str) -> list[dict[str, Any]]:
    """The exchanges of a recorded scenario; the test is skipped where the recordings are not there."""
    file = TRANSCRIPTS / f"{scenario}.json"
    if not file.exists():
        pytest.skip(f"the recorded exchanges are not here ({file.name})")
    exchanges: list[dict[str, Any]] = json.loads(file.read_text())["exchanges"]
    return exchanges
