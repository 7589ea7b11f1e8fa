"""What the demo plays with: its manifest, its container group, and three versions of one image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.demo.evidence import METRIC
from orchestrator.demo.fronts import Front
from providers.emulator.behaviour import Behaviour, seconds_between

if TYPE_CHECKING:
    from providers.emulator.world import World

SERVICE = "storefront"
REPOSITORY = "shop/storefront"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PORT = 8080
PROFILE = "shop"
ADDRESS = f"http://contoso-shop.trafficmanager.net:{PORT}/"
TTL_SECONDS = 3
CROWD = "clients that keep DNS answers for their whole TTL"
FRONT = Front("westeurope", ADDRESS, rate=80.0, clients=40, label="Container Instances", crowd=CROWD)
FIRST, GOOD, BAD = "v1", "v2", "v3"
ERROR_RATE = 0.5
GOOD_FOR_SECONDS = 3.0
"""How long clients get sound answers from the bad version before it begins to fail."""
_DORMANT_SECONDS = 3600.0
VERSIONS = {
    FIRST: Behaviour(version=FIRST, start_seconds=0.5),
    GOOD: Behaviour(version=GOOD, start_seconds=1.0),
    BAD: Behaviour(version=BAD, start_seconds=1.0, error_rate=ERROR_RATE, errors_after_seconds=_DORMANT_SECONDS),
}

_MANIFEST = """\
service: {service}
image: {registry}/{repository}
targets:
  - name: westeurope
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
  canary: {{steps: [10, 50], hold: 6s}}
gates:
  probe: {{port: {port}, path: /healthz, interval: 500ms, timeout: 1s, before: 5, failures: 5}}
  metrics: [{{name: {metric}, interval: 1s, webhook: {{url: "{counts}"}}}}]
drain: {{propagation: 1s, margin: 2s, quiet: 2s}}
"""
_GROUP = """\
name: {service}
location: westeurope
properties:
  osType: Linux
  restartPolicy: Always
  ipAddress: {{type: Public, dnsNameLabel: contoso-shop, ports: [{{port: {port}, protocol: TCP}}]}}
  containers:
    - name: web
      properties:
        image: {registry}/{repository}
        ports: [{{port: {port}}}]
        resources: {{requests: {{cpu: 0.5, memoryInGB: 0.5}}}}
"""


def write(folder: Path, registry: str, counts: str) -> Path:
    """Write manifest and container group into `folder`; return the manifest's path.

    `registry` is where the images are, `counts` the address that tells what the clients counted.
    """
    told = words(registry, counts)
    (folder / "container-group.yaml").write_text(_GROUP.format(**told))
    manifest = folder / "rollout.yaml"
    manifest.write_text(_MANIFEST.format(**told))
    return manifest


def words(registry: str, counts: str) -> dict[str, str | int]:
    """The words that the demo's files are filled in with."""
    return {
        "service": SERVICE,
        "registry": registry,
        "metric": METRIC,
        "counts": counts,
        "repository": REPOSITORY,
        "subscription": SUBSCRIPTION,
        "profile": PROFILE,
        "port": PORT,
        "ttl": TTL_SECONDS,
    }


def begin_to_fail(world: World, version: str) -> None:
    """Let the errors of every running container of a version begin now; call it on the emulator's thread.

    `errorsAfterSeconds` counts from a container's start. How long it takes from there to the first client differs by
    machine, and a fixed number would let the version fail before it has any traffic on a slow one.
    """
    for group in world.groups.all():
        for run in group.runs:
            if run.behaviour.version == version and run.since is not None:
                age = seconds_between(run.since, world.now())
                run.behaviour = replace(run.behaviour, errors_after_seconds=age)


def leftovers(world: World, digest: str) -> list[str]:
    """Name whatever stands in the world beside what serves the image `digest`; call it on the emulator's thread.

    Groups, endpoints, and the marks and the TTL that a profile has only while a rollout is under way.
    """
    state = world.state()
    serving = {group["fqdn"] for group in state["groups"] if any(digest in image for image in group["images"])}
    found = [f"container group {group['name']}" for group in state["groups"] if group["fqdn"] not in serving]
    for profile in state["profiles"]:
        properties = profile["properties"]
        found += [f"endpoint {e['name']}" for e in properties["endpoints"] if e["properties"]["target"] not in serving]
        found += [
            f"tag {tag} of profile {profile['name']}"
            for tag in ("rollout-active", "rollout-ttl")
            if tag in profile["tags"]
        ]
        if properties["dnsConfig"]["ttl"] != TTL_SECONDS:
            found.append(f"TTL {properties['dnsConfig']['ttl']} s of profile {profile['name']}, was {TTL_SECONDS} s")
    return found
