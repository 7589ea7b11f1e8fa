"""Events of a cluster: what controllers and the kubelet tell people, counted up instead of repeated."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from providers.emulator.kube.kinds import EVENT
from providers.emulator.kube.objects import Json, stamp

if TYPE_CHECKING:
    from providers.emulator.kube.objects import Objects


def note(
    objects: Objects, about: Json, reason: str, message: str, *, kind: str = "Normal", component: str = "kubelet"
) -> None:
    """Write an Event about an object, or count up the one that says the same."""
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    told = f"{metadata.get('uid')}\n{reason}\n{message}"
    name = f"{metadata['name'][:200]}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    now = stamp(objects.now())
    known = objects.get(EVENT, namespace, name)
    if known is not None:
        known["count"], known["lastTimestamp"] = known.get("count", 1) + 1, now
        objects.put(EVENT, known)
        return
    involved = {
        "kind": about["kind"],
        "namespace": namespace,
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": about["apiVersion"],
    }
    event = EVENT.new(namespace, name)
    event |= {
        "involvedObject": involved,
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": kind,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": "",
    }
    objects.put(EVENT, event)
