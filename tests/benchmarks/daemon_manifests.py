"""Manifests by the thousand for the daemon that is measured: each service with an image and a template of its own."""

from __future__ import annotations

import time
from pathlib import Path

from orchestrator.daemon.directory import Directory
from orchestrator.manifest.variables import Variables
from orchestrator.store.ports import Store
from tests.unit.orchestrator.yard import IMAGE, MANIFEST, TEMPLATE

AGED_NS = 10_000_000_000


def named(number: int) -> str:
    """The name of a service, which also stands in its repository's."""
    return f"service-{number:05}"


def written(folder: str, store: Store, host: str, count: int, each_file: int, every_seconds: float) -> Directory:
    """Write manifests of so many services, `each_file` of them in one file, each file in a folder of its own.

    To the directory they look as if they were written long enough ago not to be read again.
    """
    place = Path(folder, "manifests")
    place.mkdir(parents=True)
    follow = f"follow: {{digest: prod, every: {every_seconds:g}s}}\n"
    for first in range(0, count, each_file):
        team = place / f"team-{first // each_file:05}"
        team.mkdir()
        documents = []
        for number in range(first, min(first + each_file, count)):
            name = named(number)
            image = f"{host}/team/{name}"
            (team / f"{name}.yaml").write_text(TEMPLATE.replace(IMAGE, image))
            manifest = MANIFEST.replace("service: shop", f"service: {name}", 1).replace(IMAGE, image)
            documents.append(manifest.replace("template: t.yaml", f"template: {name}.yaml") + follow)
        (team / "rollout.yaml").write_text("---\n".join(documents))
    return Directory(place, Variables(), store, now_ns=lambda: time.time_ns() + AGED_NS)
