"""Whether a namespace's quotas leave room for a candidate beside what runs; a hint, because quotas have many scopes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from providers.errors import ProviderError
from providers.kubernetes.api import Api
from providers.kubernetes.parts import Parts, at, mapping, name_of, parts, sequence
from providers.kubernetes.places import QUOTA, path
from providers.kubernetes.quantities import amount, asked
from providers.kubernetes.scale import count
from providers.kubernetes.settings import Deployments
from providers.ports import Finding

_REMEDY = "raise the quota, or let the template ask for less: both revisions run at once"
_ASKED = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
_PODS = ("pods", "count/pods")


def quotas(api: Api, settings: Deployments, slots: int) -> Iterator[Finding]:
    """Yield a warning for each quota that `slots` more workloads would exceed; nothing where quotas cannot be read."""
    try:
        where = path(QUOTA, settings.namespace)
        items = sequence(api.read(f"listing the quotas of {settings.namespace}", where), "items")
    except ProviderError:
        # Reading quotas needs a permission of its own, which a rollout does not need: not knowing is no finding.
        return
    found = parts(settings.objects)
    for item in items:
        if sequence(item, "spec", "scopes") or at(item, "spec", "scopeSelector"):
            continue
        yield from _short(item, found, slots)


def _short(item: Any, found: Parts, slots: int) -> Iterator[Finding]:
    low = at(found.scaler, "spec", "minReplicas")
    pods = slots * (low if isinstance(low, int) else count(found.deployment))
    for resource, limit in mapping(item, "status", "hard").items():
        if resource in _PODS:
            need = Decimal(pods)
        elif resource in _ASKED:
            need = pods * asked(found.deployment, *_ASKED[resource])
        else:
            continue
        used, most = amount(mapping(item, "status", "used").get(resource)) or Decimal(0), amount(limit)
        if most is not None and used + need > most:
            message = f"{resource}: {used:f} of {most:f} used, {need:f} more needed beside the running version"
            yield Finding(False, f"quota {name_of(item)}", message, _REMEDY, fatal=False)
