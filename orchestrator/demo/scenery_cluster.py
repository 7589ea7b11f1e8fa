"""What the demo plays with under `--kubernetes`: Container Instances in the first wave, a cluster in the second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.demo import scenery
from orchestrator.demo.fronts import Front
from providers.emulator.behaviour import seconds_between
from providers.emulator.kube.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    SERVICE,
)
from providers.emulator.kube.kubeconfig import kubeconfig

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster
    from providers.emulator.world import World

CLUSTER, SPACE, HOST = "aks", "shop", "storefront.example.com"
ADDRESS = f"http://{HOST}:{scenery.PORT}/"
STABLE = "storefront"
RATE, CLIENTS = 110.0, 30
_GATEWAY = "edge"
_ROUTES = "/apis/gateway.networking.k8s.io/v1"

_MANIFEST = """\
service: {service}
image: {registry}/{repository}
targets:
  - name: westeurope
    wave: 1
    containerInstances:
      subscription: {subscription}
      resourceGroup: shop
      location: westeurope
      template: container-group.yaml
      replicas: 2
    trafficManager:
      resourceGroup: shop
      profile: {profile}
      ttlDuringRollout: 1s
      create:
        dnsName: contoso-shop
        ttl: {ttl}s
        monitor: {{protocol: HTTP, port: {port}, path: /healthz, interval: 10s, timeout: 5s, failures: 3}}
    strategy:
      blueGreen: {{hold: 500ms}}
  - name: {cluster}
    wave: {wave}
    kubernetes: {{context: {cluster}, namespace: {space}, template: deployment.yaml, stableService: {stable}}}
    gatewayApi: {{httpRoute: storefront}}
waves: {{bake: 0s, onFailure: all}}
strategy:
  canary: {{steps: [20, 50], hold: 4800ms}}
gates:
  probe: {{port: {port}, path: /healthz, interval: 500ms, timeout: 1s, before: 3, failures: 5}}
  metrics: [{{name: {metric}, interval: 1s, webhook: {{url: "{counts}"}}}}]
drain: {{propagation: 500ms, margin: 1s, quiet: 1s}}
"""
_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {service}}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {service}}}}}
  template:
    metadata: {{labels: {{app: {service}}}}}
    spec:
      containers:
        - name: web
          image: {registry}/{repository}
          ports: [{{containerPort: {port}}}]
          readinessProbe: {{httpGet: {{path: /healthz, port: {port}}}}}
"""


def fronts(envoy: bool) -> tuple[Front, Front]:
    """The profile's name, which DNS resolves, and the gateway's, which stays and splits each request."""
    cluster = Front(
        CLUSTER,
        ADDRESS,
        rate=RATE,
        clients=CLIENTS,
        label="Kubernetes",
        crowd="clients of one gateway",
        pooled=True,
        plane="envoy" if envoy else "emulator",
    )
    return replace(scenery.FRONT, rate=40.0), cluster


def write(folder: Path, registry: str, counts: str, wave: int = 2) -> Path:
    """Write manifest and templates into `folder`, as `scenery.write` does; return the manifest's path."""
    scenery.write(folder, registry, counts)
    words = {**scenery.words(registry, counts), "wave": wave, "cluster": CLUSTER, "space": SPACE, "stable": STABLE}
    (folder / "deployment.yaml").write_text(_DEPLOYMENT.format(**words))
    manifest = folder / "rollout.yaml"
    manifest.write_text(_MANIFEST.format(**words))
    return manifest


def write_first(folder: Path, registry: str, counts: str) -> Path:
    """Write the same for the first release, which nobody has to be spared from: all of it at once."""
    return write(folder, registry, counts, wave=1)


def environment(folder: Path, url: str) -> dict[str, str]:
    """Write the kubeconfig that leads to the emulated cluster into `folder`, and say so as clients want to hear it."""
    file = folder / "kubeconfig"
    file.touch(mode=0o600)
    file.write_text(json.dumps(kubeconfig(url, (CLUSTER,))))
    return {"KUBECONFIG": str(file)}


def build(world: World) -> None:
    """Make the cluster with a Gateway and a route that leads nowhere yet; call it on the emulator's thread."""
    cluster = world.cluster(CLUSTER)
    cluster.gateway(SPACE, _GATEWAY, scenery.PORT)
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "storefront", "namespace": SPACE},
        "spec": {
            "parentRefs": [{"name": _GATEWAY}],
            "hostnames": [HOST],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
        },
    }
    reply = cluster.api.call("POST", f"{_ROUTES}/namespaces/{SPACE}/httproutes", {}, route)
    if reply.status != 201:
        raise RuntimeError(f"the demo's route was refused: {reply.text()}")


def begin_to_fail(world: World, version: str) -> None:
    """Let the errors of a version's pods begin now, and those of its container groups never; on the emulator's thread.

    Such is the failure that waves are there for: what runs well in one world does not in the other.
    """
    for pod in world.cluster(CLUSTER).kubelet.pods.values():
        for container in pod.containers:
            if container.behaviour.version == version and container.since is not None:
                age = seconds_between(container.since, world.now())
                container.behaviour = replace(container.behaviour, errors_after_seconds=age)


def leftovers(world: World, digest: str) -> list[str]:
    """Name whatever stands in both worlds beside what serves the image `digest`; call it on the emulator's thread."""
    return [*scenery.leftovers(world, digest), *_in_cluster(world.cluster(CLUSTER), digest)]


def _in_cluster(cluster: Cluster, digest: str) -> list[str]:
    deployments = {_name(one): json.dumps(one["spec"]) for one in cluster.objects.each(DEPLOYMENT)}
    serving = {name for name, spec in deployments.items() if digest in spec}
    found = [f"Deployment {name}" for name in deployments if name not in serving]
    for kind in (SERVICE, CONFIG_MAP, AUTOSCALER, DISRUPTION_BUDGET):
        names = (_name(one) for one in cluster.objects.each(kind, SPACE))
        found += [f"{kind.kind} {name}" for name in names if name not in serving and name != STABLE]
    found += [f"pod {pod.name}" for pod in cluster.kubelet.pods.values() if pod.deployment not in serving]
    for route in cluster.objects.each(HTTP_ROUTE):
        backends = [ref["name"] for rule in route["spec"]["rules"] for ref in rule.get("backendRefs") or ()]
        found += [f"backend {name} of route {_name(route)}" for name in backends if name not in serving]
        if "rollout/active" in (route["metadata"].get("annotations") or {}):
            found.append(f"annotation rollout/active of route {_name(route)}")
    return found


def _name(body: Any) -> str:
    return str(body["metadata"]["name"])
