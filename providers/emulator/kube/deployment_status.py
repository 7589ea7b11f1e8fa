"""What a Deployment says of itself: counters that are left out when zero, and conditions with their reasons; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.emulator.kube.objects import Json, stamp
from providers.emulator.kube.replicas import limits

_COUNTERS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
DONE, LATE = "NewReplicaSetAvailable", "ProgressDeadlineExceeded"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pods a Deployment has now; `updated` are those of its present template."""

    replicas: int
    updated: int
    ready: int
    available: int
    terminating: int


def status_json(deployment: Json, counts: Counts, newest: str, is_new: bool, at: datetime) -> Json:
    """Return a Deployment's whole status.

    `newest` is the name of its present replica set, and `is_new` says that it was made just now.
    """
    spec, before = deployment["spec"], deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    unavailable = max(max(counts.replicas, wanted) - counts.available, 0)
    numbers = (counts.replicas, counts.updated, counts.ready, counts.available, unavailable)
    status: Json = {"observedGeneration": deployment["metadata"].get("generation", 1)}
    status |= {name: number for name, number in zip(_COUNTERS, numbers, strict=True) if number}
    status["terminatingReplicas"] = counts.terminating
    known = {entry["type"]: entry for entry in before.get("conditions") or []}
    surely = counts.available >= wanted - limits(spec)[1]
    available = _condition(
        known.get("Available"),
        "Available",
        surely,
        (
            "MinimumReplicasAvailable" if surely else "MinimumReplicasUnavailable",
            f"Deployment {'has' if surely else 'does not have'} minimum availability.",
        ),
        at,
    )
    progressing = _progressing(deployment, status, known.get("Progressing"), newest, is_new=is_new, at=at)
    found = {"Available": available, "Progressing": progressing}
    # Where the status of a condition changes, it moves to the end of the list, as the real controller writes it.
    kept = [key for key in known if key in found and found[key]["status"] == known[key]["status"]]
    status["conditions"] = [found[key] for key in [*kept, *(key for key in found if key not in kept)]]
    return status


def _condition(old: Json | None, kind: str, is_so: bool, told: tuple[str, str], at: datetime) -> Json:
    reason, message = told
    status = "True" if is_so else "False"
    if old is not None and (old["status"], old["reason"], old["message"]) == (status, reason, message):
        return old
    since = old["lastTransitionTime"] if old is not None and old["status"] == status else stamp(at)
    times = {"lastUpdateTime": stamp(at), "lastTransitionTime": since}
    return {"type": kind, "status": status, **times, "reason": reason, "message": message}


def _progressing(deployment: Json, status: Json, old: Json | None, newest: str, *, is_new: bool, at: datetime) -> Json:
    spec, wanted = deployment["spec"], deployment["spec"].get("replicas", 1)
    updated, replicas = status.get("updatedReplicas", 0), status.get("replicas", 0)
    complete = updated == replicas == wanted == status.get("availableReplicas", 0)
    same_template = not is_new and old is not None and newest in old["message"]
    if complete or (same_template and old is not None and old["reason"] == DONE and replicas == updated):
        told = f'ReplicaSet "{newest}" has successfully progressed.'
        return _condition(old, "Progressing", True, (DONE, told), at)
    if _has_progressed(deployment.get("status") or {}, status):
        told = f'ReplicaSet "{newest}" is progressing.'
        found = _condition(old, "Progressing", True, ("ReplicaSetUpdated", told), at)
        return {**found, "lastUpdateTime": stamp(at)}
    if old is None or is_new:
        told = f'Created new replica set "{newest}"'
        return _condition(old, "Progressing", True, ("NewReplicaSetCreated", told), at)
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and at >= _due(old, deadline):
        told = f'ReplicaSet "{newest}" has timed out progressing.'
        return _condition(old, "Progressing", False, (LATE, told), at)
    return old


def _has_progressed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    def old(status: Mapping[str, Any]) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    risen = any(after.get(key, 0) > before.get(key, 0) for key in _COUNTERS[1:4])
    return risen or old(after) < old(before)


def due(status: Mapping[str, Any], spec: Mapping[str, Any]) -> datetime | None:
    """Return when a Deployment that makes no progress will have exceeded its deadline; None when it cannot."""
    deadline = spec.get("progressDeadlineSeconds")
    found = next((entry for entry in status.get("conditions") or [] if entry["type"] == "Progressing"), None)
    if deadline is None or found is None or found["reason"] in (DONE, LATE) or found["status"] != "True":
        return None
    return _due(found, deadline)


def _due(condition: Mapping[str, Any], deadline_seconds: float) -> datetime:
    # Times are written in whole seconds, rounded down: one more makes sure that the deadline was really exceeded.
    since = datetime.strptime(condition["lastUpdateTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return since + timedelta(seconds=deadline_seconds + 1)
