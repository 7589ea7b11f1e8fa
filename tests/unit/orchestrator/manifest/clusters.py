"""A hybrid project on disk: a region of Azure and a cluster, and the messages that loading it gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.manifest.loader import Loaded, load
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.variables import Variables
from tests.unit.orchestrator.manifest.conftest import TEMPLATE

MANIFEST = """\
service: shop
image: contoso.azurecr.io/shop/web
targets:
- name: west
  containerInstances:
    subscription: 11111111-2222-3333-4444-555555555555
    resourceGroup: shop
    location: westeurope
    template: group.yaml
  trafficManager: {resourceGroup: shop, profile: shop}
- name: onprem
  wave: 2
  kubernetes:
    context: arc-onprem
    namespace: shop
    template: deployment.yaml
  gatewayApi:
    httpRoute: storefront
strategy:
  canary: {steps: [10, 50]}
gates: {probe: {port: 8080}}
"""
CLUSTER = MANIFEST[: MANIFEST.index("- name: west")] + MANIFEST[MANIFEST.index("- name: onprem") :]
"""The same with the cluster alone."""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: storefront
spec:
  replicas: 3
  selector:
    matchLabels: {app: storefront}
  template:
    metadata:
      labels: {app: storefront}
    spec:
      containers:
      - name: web
        image: contoso.azurecr.io/shop/web:v1
        env:
        - name: GREETING
          value: hello
        - name: WHO
          value: $(GREETING) you
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 250m, memory: 512Mi}}
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: storefront}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: storefront}
  minReplicas: 2
  maxReplicas: 5
"""


def put(project: Path, manifest: str = MANIFEST, **templates: str) -> None:
    """Write the project; `templates` are files by their names without `.yaml`."""
    (project / "rollout.yaml").write_text(manifest)
    for name, text in {"group": TEMPLATE, "deployment": DEPLOYMENT, **templates}.items():
        (project / f"{name}.yaml").write_text(text)


def read(project: Path, manifest: str = MANIFEST, **variables: str) -> Loaded:
    """Load the one service of a manifest whose templates are written already."""
    (project / "rollout.yaml").write_text(manifest)
    (loaded,) = load(["rollout.yaml"], Variables(variables))
    return loaded


def told(ask: Callable[[], object]) -> list[str]:
    """What loading says is wrong; empty when all is well."""
    try:
        ask()
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []


def with_(manifest: str, old: str, new: str) -> str:
    """The manifest with one text put in another's place; one that is not there is a mistake of the test."""
    assert old in manifest, f"{old!r} is not in the manifest"
    return manifest.replace(old, new, 1)
