"""Where a rollout's groups answer, by the manifest it was submitted with; read without the manifest's whole machinery.

`rollout status` must stay cheap, and what reads and checks a manifest costs far more than the few words wanted here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestrator.result import Locate, Place
from orchestrator.store.records import Snapshot
from strategies.model import Slot

_VARIABLE = re.compile(r"\$\{var:([^}]*)\}")


def locate(snapshot: Snapshot) -> Locate:
    """Return a finder of places for the groups of the rollout that was submitted with this snapshot."""
    targets: dict[str, Mapping[str, str]] | None = None

    def place(target: str, slot: Slot) -> Place:
        nonlocal targets
        if not slot.address:
            return Place(slot.id)
        if targets is None:
            targets = _targets(snapshot)
        known = targets.get(target)
        if known is not None and "namespace" in known:
            # The address is a Service's name, which means something inside the cluster alone.
            return Place(slot.id, fqdn=f"{slot.address}.{known['namespace']}.svc")
        return Place(slot.id, _url(known, slot.address))

    return place


def elsewhere(slot: Slot) -> str:
    """Where a slot answers, unless that is its name said once more, as in a cluster."""
    return slot.address if slot.address and slot.address != (slot.name or slot.endpoint) else ""


def _targets(snapshot: Snapshot) -> dict[str, Mapping[str, str]]:
    """Each target's probe, as written, variables filled in, the service's own below the target's; and its namespace."""
    import yaml

    try:
        written = yaml.load(snapshot.manifest, Loader=_words())  # noqa: S506 - it makes nothing but text of any scalar
    except (yaml.YAMLError, ValueError):
        # A newer version may write manifests that this one cannot read; addresses are a help, not the result.
        return {}
    common = _inside(written, "gates", "probe")
    targets = written.get("targets") if isinstance(written, Mapping) else None
    variables = dict(snapshot.variables)
    return {
        _filled(target["name"], variables): {
            key: _filled(value, variables)
            for key, value in {**common, **_inside(target, "gates", "probe"), **_inside(target, "kubernetes")}.items()
            if key in ("scheme", "port", "namespace")
        }
        for target in (targets if isinstance(targets, list) else ())
        if isinstance(target, Mapping) and "name" in target
    }


def _words() -> Any:
    """The C parser where PyYAML has it, with every scalar as it is written; merge keys mean what they mean."""
    import yaml

    class Words(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        yaml_implicit_resolvers = {"<": [("tag:yaml.org,2002:merge", re.compile("^<<$"))]}  # noqa: RUF012

    return Words


def _inside(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _filled(value: Any, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), str(value))


def _url(probe: Mapping[str, str] | None, address: str) -> str | None:
    """None for a target that the manifest, as far as it could be read, does not know."""
    return None if probe is None else f"{probe.get('scheme', 'http')}://{address}:{probe.get('port', 8080)}"
