"""The least that an autoscaler may go down to while two revisions are live; pure.

With a part of the traffic an autoscaler makes each side smaller. The next step, or the way back, then gives all of it
to one that was made small. So neither goes below what it had when the newer one was made, until one of them is retired.
"""

from __future__ import annotations

from typing import Any

from providers.kubernetes.parts import Object, at, mapping
from providers.kubernetes.scale import within

LEAST_BEFORE = "rollout/min-replicas"
"""On an autoscaler of ours that is held: its own `minReplicas`."""


def held(scaler: Object, replicas: int) -> dict[str, Any] | None:
    """Make the merge patch that keeps an autoscaler from going below `replicas`; None when it does not anyhow."""
    low = at(scaler, "spec", "minReplicas")
    least = low if isinstance(low, int) else 1
    floor = within(replicas, scaler) or least
    if floor <= least:
        return None
    before = mapping(scaler, "metadata", "annotations").get(LEAST_BEFORE, str(least))
    return _patch(floor, before)


def released(scaler: Object) -> dict[str, Any] | None:
    """Make the merge patch that gives an autoscaler its own least back; None when it is not held."""
    before = str(mapping(scaler, "metadata", "annotations").get(LEAST_BEFORE, ""))
    return _patch(int(before), None) if before.isascii() and before.isdigit() else None


def _patch(least: int, before: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {LEAST_BEFORE: before}}, "spec": {"minReplicas": least}}
