"""What the demo plays with: its manifest, its container group, and three versions of one image."""

from __future__ import annotations

from pathlib import Path

from providers.emulator.behaviour import Behaviour

SERVICE = "storefront"
REPOSITORY = "shop/storefront"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PORT = 8080
FAILS_AFTER_SECONDS = 12.0
"""How long the bad version behaves: long enough to come up, pass its probes and take traffic."""
VERSIONS = {
    "v1": Behaviour(version="v1", start_seconds=0.5),
    "v2": Behaviour(version="v2", start_seconds=1.0),
    "v3": Behaviour(version="v3", start_seconds=1.0, error_rate=0.5, errors_after_seconds=FAILS_AFTER_SECONDS),
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
      profile: shop
      ttlDuringRollout: 2s
      create:
        dnsName: contoso-shop
        ttl: 3s
        monitor: {{protocol: HTTP, port: {port}, path: /healthz, interval: 10s, timeout: 5s, failures: 3}}
strategy:
  canary: {{steps: [10, 50], hold: 3s}}
gates:
  probe: {{port: {port}, path: /healthz, interval: 500ms, timeout: 1s, before: 5, failures: 3}}
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


def write(folder: Path, registry: str) -> Path:
    """Write manifest and container group into `folder` for the registry at `registry`; return the manifest's path."""
    words = {
        "service": SERVICE,
        "registry": registry,
        "repository": REPOSITORY,
        "subscription": SUBSCRIPTION,
        "port": PORT,
    }
    (folder / "container-group.yaml").write_text(_GROUP.format(**words))
    manifest = folder / "rollout.yaml"
    manifest.write_text(_MANIFEST.format(**words))
    return manifest
