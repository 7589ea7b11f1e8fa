"""What a Deployment, its Service and its pods say about a slot's state; pure.

A Deployment's conditions may still tell of the time before its newest change, and ProgressDeadlineExceeded only
reports: so the counters decide, and only once its controller has seen the newest generation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from providers.kubernetes import marks, pod_views
from providers.kubernetes.parts import Object, at, mapping, sequence
from providers.kubernetes.places import DEPLOYMENT, path
from providers.kubernetes.scale import count
from strategies.seen import GroupSeen, GroupState

_DEADLINE = "ProgressDeadlineExceeded"


def group_seen(
    name: str,
    deployment: Object,
    service: Object | None,
    pods: Sequence[Any],
    events: Sequence[Any] = (),
    *,
    when: datetime,
) -> GroupSeen:
    """Judge one slot; `service` is None where there is none, `when` (UTC) says when the Deployment's answer came."""
    metadata = mapping(deployment, "metadata")
    whole = is_whole(name, str(metadata.get("uid")), service)
    state = state_of(deployment, pods, whole=whole)
    standing = pod_views.standing(pods)
    return GroupSeen(
        name=name,
        state=state,
        at=when,
        address=name if whole else None,
        restarts=pod_views.restarts(standing),
        why="" if state is GroupState.RUNNING else _why(name, deployment, standing, events, whole=whole),
        id=path(DEPLOYMENT, str(metadata.get("namespace") or ""), name),
        mark=marks.read(metadata),
        keep_until=marks.keep_until(metadata),
        partial=not whole and state is not GroupState.GOING,
    )


def is_whole(name: str, uid: str, service: Object | None) -> bool:
    """Whether a slot's Service, which is made last, is there, bears the slot's label and belongs to the Deployment."""
    metadata = mapping(service, "metadata")
    labelled = mapping(metadata, "labels").get(marks.WORKLOAD) == name
    return labelled and is_owned(service, uid) and not metadata.get("deletionTimestamp")


def is_owned(item: Object | None, uid: str) -> bool:
    """Whether an object goes when the Deployment with this uid goes."""
    return any(at(owner, "uid") == uid for owner in sequence(item, "metadata", "ownerReferences"))


def state_of(deployment: Object, pods: Sequence[Any], *, whole: bool) -> GroupState:
    """Judge the state alone; what is not whole is still coming, however well it runs."""
    if at(deployment, "metadata", "deletionTimestamp"):
        return GroupState.GOING
    if _current(deployment) and _complete(deployment):
        return GroupState.RUNNING if whole else GroupState.COMING
    stalled = _condition(deployment, "Progressing")
    if stalled.get("status") == "False" and stalled.get("reason") == _DEADLINE:
        return GroupState.FAILED
    return GroupState.FAILED if pod_views.hopeless(pod_views.standing(pods)) else GroupState.COMING


def _current(deployment: Object) -> bool:
    observed, newest = at(deployment, "status", "observedGeneration"), at(deployment, "metadata", "generation")
    return isinstance(observed, int) and isinstance(newest, int) and observed >= newest


def _complete(deployment: Object) -> bool:
    desired, status = count(deployment), mapping(deployment, "status")
    # Counters that are 0 are left out of a status.
    have = [status.get(key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")]
    available = _condition(deployment, "Available").get("status") == "True"
    return desired > 0 and available and all(number == desired for number in have)


def _condition(deployment: Object, kind: str) -> Mapping[str, Any]:
    conditions = sequence(deployment, "status", "conditions")
    return next((item for item in conditions if at(item, "type") == kind), {})


def _why(name: str, deployment: Object, pods: Sequence[Any], events: Sequence[Any], *, whole: bool) -> str:
    metadata, status = mapping(deployment, "metadata"), mapping(deployment, "status")
    if metadata.get("deletionTimestamp"):
        return f"being deleted since {metadata['deletionTimestamp']}"
    desired = count(deployment)
    parts = [f"{status.get('availableReplicas') or 0} of {desired} replicas available"]
    if desired == 0:
        parts = ["scaled to 0 replicas"]
    if at(deployment, "spec", "paused") is True:
        parts.append("the Deployment is paused")
    if not _current(deployment):
        parts.append("its newest change is not yet acted upon")
    for kind, bad in (("Progressing", "False"), ("ReplicaFailure", "True")):
        condition = _condition(deployment, kind)
        if condition.get("status") == bad:
            parts.append(f"{condition.get('reason')}: {condition.get('message')}")
    if not whole:
        parts.append("its Service is not there: its creation was broken off")
    return "; ".join([*parts, *pod_views.troubles(pods), *pod_views.warnings(events, name, pods)])
