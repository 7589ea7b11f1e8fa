"""With how many replicas a candidate begins where its template does not say; pure.

Without a count of its own it would begin with one, or with its autoscaler's least, and would be given the traffic of
a side that had been scaled to much more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from providers.kubernetes import marks
from providers.kubernetes.parts import Object, at, mapping, pod_labels
from providers.kubernetes.selectors import of_service
from strategies.seen import Mark


def of_older(deployments: Iterable[Object], mark: Mark) -> int | None:
    """The replicas of the largest Deployment of ours that is older than `mark`; None when there is none.

    Not of the newest one: that may be a candidate just given up, small beside the side that serves.
    """
    older: list[int] = []
    for item in deployments:
        metadata = mapping(item, "metadata")
        other = marks.read(metadata)
        if other is None or (other.service, other.target) != (mark.service, mark.target):
            continue
        if other.number < mark.number and not metadata.get("deletionTimestamp"):
            older.append(count(item))
    return max(older, default=None)


def of_adopted(deployments: Iterable[Object], selectors: Iterable[Any]) -> int | None:
    """The replicas of all Deployments whose pods these selectors of live Services select; None when there are none."""
    chosen = tuple(selectors)
    found = [count(item) for item in deployments if any(of_service(one, pod_labels(item)) for one in chosen)]
    return sum(found) if found else None


def within(replicas: int | None, scaler: Object | None) -> int | None:
    """Keep a number within an autoscaler's bounds, and at 1 or more; None stays None."""
    if replicas is None:
        return None
    low, high = at(scaler, "spec", "minReplicas"), at(scaler, "spec", "maxReplicas")
    capped = min(replicas, high) if isinstance(high, int) else replicas
    return max(capped, low if isinstance(low, int) else 1, 1)


def count(deployment: Mapping[str, Any]) -> int:
    """The replicas that a Deployment is to have; one that does not say has 1."""
    wanted = at(deployment, "spec", "replicas")
    return wanted if isinstance(wanted, int) else 1
