"""A small project on disk: one manifest and one template, and the messages that loading it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.manifest.loader import load
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.variables import Variables

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
    replicas: 2
  trafficManager:
    resourceGroup: shop
    profile: shop
    weight: 1000
strategy:
  canary:
    steps: [1, 10, 50]
gates:
  probe: {port: 8080}
"""
TEMPLATE = """\
name: shop
location: westeurope
properties:
  osType: Linux
  containers:
  - name: web
    properties:
      image: contoso.azurecr.io/shop/web:v1
      ports: [{port: 8080}]
      resources: {requests: {cpu: 1, memoryInGB: 1.5}}
  ipAddress:
    type: Public
    ports: [{port: 8080}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a project that loads; it is the working directory, so that messages name files as people do."""
    (tmp_path / "rollout.yaml").write_text(MANIFEST)
    (tmp_path / "group.yaml").write_text(TEMPLATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def messages(project: Path) -> Callable[..., list[str]]:
    """What loading the project says after edits of its manifest and template: old text to new text."""

    def told(
        manifest: Mapping[str, str] | None = None,
        template: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> list[str]:
        (project / "rollout.yaml").write_text(edited(MANIFEST, manifest or {}))
        (project / "group.yaml").write_text(edited(TEMPLATE, template or {}))
        try:
            load(["rollout.yaml"], Variables(variables or {}))
        except ManifestError as error:
            return [str(problem) for problem in error.problems]
        return []

    return told


def edited(text: str, edits: Mapping[str, str]) -> str:
    """The text with each edit made once; an edit that finds nothing is a mistake of the test."""
    for old, new in edits.items():
        assert old in text, f"{old!r} is not in the text"
        text = text.replace(old, new, 1)
    return text
