"""What stands in a cluster before the first release: gateways, routes, whoever serves, and neighbours of all kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from providers.kubernetes.api import APPLY
from tests.simulation.scene import InCluster, Place, Road, Rule

NAMESPACE = "shop"
PORT = 8080
GATEWAY_API = "gateway.networking.k8s.io/v1"
FOREIGN_IMAGE = "registry.example.com/other:v1"
SERVICES = f"/api/v1/namespaces/{NAMESPACE}/services"
MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
ROUTES = f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/httproutes"
GATEWAYS = f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/gateways"
CLASSES = f"/apis/{GATEWAY_API}/gatewayclasses"
Json = dict[str, Any]
_SCALER = "HorizontalPodAutoscaler"
PROBE_HEADER = "rollout-probe"
NEIGHBOUR = "gitops"
"""The field manager under which everybody else writes."""


def template(service: str, in_cluster: InCluster) -> tuple[Json, ...]:
    """A target's template: a Deployment, and with companions what belongs to it."""
    container: Json = {
        "name": "web",
        "image": f"registry.example.com/{service}:v1",
        "ports": [{"containerPort": PORT}],
    }
    labels = {"app": service}
    spec: Json = {"selector": {"matchLabels": labels}, "progressDeadlineSeconds": 30}
    spec["template"] = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    found = [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}]
    if not in_cluster.companions:
        spec["replicas"] = in_cluster.pods
        return tuple(found)
    container["envFrom"] = [{"configMapRef": {"name": "web-settings"}}]
    container["resources"] = {"requests": {"cpu": "100m"}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    scaler: Json = {"scaleTargetRef": target, "minReplicas": in_cluster.pods, "maxReplicas": 4}
    scaler["metrics"] = [{"type": "Resource", "resource": cpu}]
    budget = {"selector": {"matchLabels": labels}, "maxUnavailable": 1}
    found += [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-settings"}, "data": {"MODE": "shop"}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": budget},
        {"apiVersion": "autoscaling/v2", "kind": _SCALER, "metadata": {"name": "web"}, "spec": scaler},
    ]
    return tuple(found)


def deployment(name: str, image: str, pods: int = 1) -> Json:
    """Somebody else's Deployment."""
    labels = {"app": name}
    container = {"name": "web", "image": image, "ports": [{"containerPort": PORT}]}
    spec = {"replicas": pods, "selector": {"matchLabels": labels}}
    spec["template"] = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def service(name: str, app: str | None = None) -> Json:
    """Somebody else's Service in front of what bears the label `app`."""
    spec = {"selector": {"app": app or name}, "ports": [{"port": PORT, "targetPort": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {"team": "a"}}, "spec": spec}


def route(road: Road) -> Json:
    """A route without its rules, at one or two gateways."""
    parents = [{"name": f"gateway{number}"} for number in range(road.parents)]
    metadata = {"name": road.name, "annotations": {"team": "a"}, "labels": {"app": "web"}}
    spec = {"parentRefs": parents, "hostnames": [host_of(road.name)], "rules": []}
    return {"apiVersion": GATEWAY_API, "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def host_of(road: str) -> str:
    """The host name for which a route speaks."""
    return f"{road}.example.com"


def rule_of(rule: Rule, backends: Iterable[tuple[str, int | None]]) -> Json:
    """One rule with these backends and the foreign ones; a weight of None is left out."""
    refs: list[Json] = []
    for name, weight in (*backends, *rule.foreign):
        refs.append({"name": name, "port": PORT, **({} if weight is None else {"weight": weight})})
    found: Json = {"matches": [{"path": {"type": "PathPrefix", "value": rule.path}}]}
    if refs:
        found["backendRefs"] = refs
    if rule.filtered:
        set_header = {"set": [{"name": "x-team", "value": "a"}]}
        found["filters"] = [{"type": "RequestHeaderModifier", "requestHeaderModifier": set_header}]
        found["timeouts"] = {"request": "10s"}
    return found


def backends_before(place: Place, rule: Rule, adopted: str, marked: str, weight: int) -> list[tuple[str, int | None]]:
    """Who of ours stands in one of the target's rules before the first release."""
    if place.stable == "marked":
        return [(marked, weight)]
    return [(adopted, 100 if rule.weighed else None)] if place.stable == "adopted" else []


def apply(api: Any, path: str, body: Json) -> Any:
    """Apply one object as somebody else; it has to succeed."""
    where = f"{path}/{body['metadata']['name']}"
    query = {"fieldManager": NEIGHBOUR, "force": "true"}
    return api.write(f"applying {where}", "PATCH", where, body, content_type=APPLY, query=query)


def is_added(rule: Json) -> bool:
    """Whether a rule is one that we added."""
    return str(rule.get("name", "")).startswith("rollout-")


def is_for_probes(rule: Json) -> bool:
    """Whether nobody but our own probes takes a rule."""
    headers = [header for match in rule.get("matches") or () for header in match.get("headers") or ()]
    return is_added(rule) and any(header["name"].lower() == PROBE_HEADER for header in headers)


def mirrored(rule: Json) -> Iterator[tuple[str, Json]]:
    """The backends to which a rule copies requests, each with its filter."""
    for item in rule.get("filters") or ():
        if item["type"] == "RequestMirror":
            yield item["requestMirror"]["backendRef"]["name"], item
