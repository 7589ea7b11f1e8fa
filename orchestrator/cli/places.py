"""Where a rollout's groups are, by the manifest it was submitted with; read without the manifest's whole machinery.

`rollout status` must stay cheap, and the models that check a manifest cost as much as the rest of it together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.result import Locate, Place
from orchestrator.store.records import Snapshot
from strategies.model import Slot


def locate(snapshot: Snapshot) -> Locate:
    """Return a finder of places for the groups of the rollout that was submitted with this snapshot."""
    targets = _targets(snapshot)

    def place(target: str, slot: Slot) -> Place:
        host, probe = targets.get(target, ({}, {}))
        return Place(_id(host, slot), _url(probe, slot))

    return place


def _targets(snapshot: Snapshot) -> dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each target's host and probe, as written, variables filled in, the service's own probe below the target's."""
    from orchestrator.manifest.document import parse
    from orchestrator.manifest.problems import ManifestError
    from orchestrator.manifest.variables import Variables, resolve

    try:
        document = parse(snapshot.manifest, snapshot.file)[0]
    except (ManifestError, IndexError):
        # A newer version may write manifests that this one cannot read; addresses are a help, not the result.
        return {}
    value = resolve(document, Variables(dict(snapshot.variables))).value
    common = _inside(value, "gates", "probe")
    return {
        target["name"]: (_inside(target, "containerInstances"), {**common, **_inside(target, "gates", "probe")})
        for target in value["targets"]
    }


def _inside(value: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) or {}
    return value


def _id(host: Mapping[str, Any], slot: Slot) -> str | None:
    if not (slot.name and host.get("subscription") and host.get("resourceGroup")):
        return None
    scope = f"/subscriptions/{host['subscription']}/resourceGroups/{host['resourceGroup']}"
    return f"{scope}/providers/Microsoft.ContainerInstance/containerGroups/{slot.name}"


def _url(probe: Mapping[str, Any], slot: Slot) -> str | None:
    if not slot.address:
        return None
    return f"{probe.get('scheme', 'http')}://{slot.address}:{probe.get('port', 8080)}"
