"""What a cluster shows to the rest of the emulator: workloads for doors with sockets, names for DNS, its state."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.gateways import ROUTES
from providers.emulator.kube.kinds import DEPLOYMENT, GATEWAY, SERVICE, Kind
from providers.emulator.kube.names import SERVICE_ZONES
from providers.emulator.kube.objects import Json
from providers.emulator.kube.pod_run import Pod
from providers.emulator.values import DnsAnswer, Workload

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster


SERVICE_TTL_SECONDS = 5


def workload(cluster: Cluster, pod: Pod) -> Workload:
    """Return a pod as a door with sockets needs it; it listens until its last moment, though nobody is led there."""
    ports = pod.ports or tuple(_asked(cluster, pod))
    listening = not pod.gone and any(one.since is not None for one in pod.containers)
    key = cluster.id_of("pods", pod.namespace, pod.name)
    return Workload(key, pod.name, pod.address, None, ports, listening, pod.gone, "pod")


def _asked(cluster: Cluster, pod: Pod) -> list[int]:
    """Return the ports on which Services ask a pod that says nothing of ports itself."""
    found: list[int] = []
    for service in cluster.objects.each(SERVICE, pod.namespace):
        if pod in cluster.services.selected(pod.namespace, service):
            for entry in service["spec"].get("ports") or []:
                target = entry.get("targetPort", entry["port"])
                found += [target] if isinstance(target, int) else []
    return list(dict.fromkeys(found))


def resolve(cluster: Cluster, name: str, _rng: random.Random) -> DnsAnswer | None:
    """Answer for a name in small letters without its final dot; None when it is nothing of this cluster's."""
    for zone in SERVICE_ZONES:
        if name.endswith(zone):
            service, _, namespace = name.removesuffix(zone).partition(".")
            found = cluster.objects.peek(SERVICE, namespace, service)
            if found is None:
                return None
            address = cluster.services.address_of(namespace, service)
            if address is None:
                ready = [pod.address for pod in cluster.services.selected(namespace, found) if pod.ready]
                address = ready[0] if ready else None
            return DnsAnswer("NOERROR", address=address, ttl_seconds=SERVICE_TTL_SECONDS)
    gateway = cluster.gateways.of_host(name)
    address = None if gateway is None else cluster.gateways.address_of(gateway)
    if address is None:
        return None
    return DnsAnswer("NOERROR", address=address, ttl_seconds=cluster.world.settings.address_ttl_seconds)


def state(cluster: Cluster) -> dict[str, Any]:
    """Return the cluster's resources as JSON values."""
    return {
        "namespaces": sorted({one["metadata"]["namespace"] for one in cluster.objects.each(DEPLOYMENT)}),
        "deployments": [_deployment(one) for one in cluster.objects.each(DEPLOYMENT)],
        "pods": [_pod(pod) for _, pod in sorted(cluster.kubelet.pods.items())],
        "services": [
            {**_named(one), "selector": (one.get("spec") or {}).get("selector") or {}}
            | {"address": cluster.services.address_of(one["metadata"]["namespace"], one["metadata"]["name"])}
            for one in cluster.objects.each(SERVICE)
        ],
        "routes": [_route(kind, one) for kind in ROUTES for one in cluster.objects.each(kind)],
        "programmed": cluster.gateways.snapshot(),
        "gateways": [
            {**_named(one), "address": cluster.gateways.address_of(one)} for one in cluster.objects.each(GATEWAY)
        ],
    }


def _named(body: Json) -> dict[str, Any]:
    metadata = body["metadata"]
    return {"namespace": metadata["namespace"], "name": metadata["name"], "createdAt": metadata["creationTimestamp"]}


def _deployment(body: Json) -> dict[str, Any]:
    status = body.get("status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or []}
    return {
        **_named(body),
        "labels": body["metadata"].get("labels") or {},
        "annotations": body["metadata"].get("annotations") or {},
        "images": [one["image"] for one in body["spec"]["template"]["spec"]["containers"]],
        "replicas": body["spec"].get("replicas", 1),
        "available": status.get("availableReplicas", 0),
        "conditions": conditions,
        "deletingAt": body["metadata"].get("deletionTimestamp"),
    }


def _pod(pod: Pod) -> dict[str, Any]:
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "deployment": pod.deployment,
        "address": pod.address,
        "ready": pod.ready,
        "deleting": pod.deleting,
        "restarts": sum(one.restarts for one in pod.containers),
        "createdAt": pod.created_at.isoformat(),
        "readyAt": None if pod.ready_at is None else pod.ready_at.isoformat(),
    }


def _route(kind: Kind, body: Json) -> dict[str, Any]:
    metadata = body["metadata"]
    return {
        **_named(body),
        "kind": kind.kind,
        "generation": metadata.get("generation"),
        "annotations": metadata.get("annotations") or {},
        "rules": body["spec"].get("rules") or [],
    }
