"""Names, hashes and bodies of what a Deployment makes: its replica sets and their pods; pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from providers.emulator.kube.kinds import POD, REPLICA_SET, Kind
from providers.emulator.kube.objects import Json, clone

HASH_LABEL = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_TOLERATIONS = tuple(
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable")
)


def safe_word(text: str, length: int) -> str:
    """Spell a text's hash in letters and digits that make no words, as the real controllers do."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest())
    word = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        word += _ALPHABET[digit]
    return word


def template_hash(template: Mapping[str, Any]) -> str:
    """Return the hash of a pod template, which tells its replica set from those of other templates."""
    return safe_word(json.dumps(template, sort_keys=True), 10)


def owned(kind: Kind, owner: Json) -> Json:
    """Return the ownerReference of a controller that waits for what it owns when it is deleted."""
    metadata = owner["metadata"]
    reference = {"apiVersion": kind.api_version, "kind": kind.kind, "name": metadata["name"], "uid": metadata["uid"]}
    return {**reference, "controller": True, "blockOwnerDeletion": True}


def replica_set(kind: Kind, deployment: Json, replicas: int, revision: int) -> Json:
    """Return the replica set of a Deployment's present template."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    digest = template_hash(spec["template"])
    template = clone(spec["template"])
    labels = {**(template["metadata"].get("labels") or {}), HASH_LABEL: digest}
    template["metadata"]["labels"] = labels
    body = REPLICA_SET.new(metadata["namespace"], f"{metadata['name']}-{digest}")
    body["metadata"]["labels"] = labels
    body["metadata"]["annotations"] = {
        "deployment.kubernetes.io/desired-replicas": str(spec.get("replicas", 1)),
        "deployment.kubernetes.io/revision": str(revision),
    }
    body["metadata"]["ownerReferences"] = [owned(kind, deployment)]
    selector = clone(spec["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    body["spec"] = {"replicas": replicas, "selector": selector, "template": template}
    if spec.get("minReadySeconds"):
        body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    return body


def pod(owner: Json, seed: str) -> Json:
    """Return one more pod of a replica set; `seed` makes its name another than the others'."""
    return pod_of(REPLICA_SET, owner, owner["spec"]["template"], seed)


def pod_of(kind: Kind, owner: Json, made_of: Json, seed: str) -> Json:
    """Return one more pod that an object controls, made of a pod template."""
    metadata, template = owner["metadata"], clone(made_of)
    body = POD.new(metadata["namespace"], f"{metadata['name']}-{safe_word(seed, 5)}")
    told = template.get("metadata") or {}
    body["metadata"] |= {"generateName": f"{metadata['name']}-", "labels": told.get("labels") or {}}
    if told.get("annotations"):
        body["metadata"]["annotations"] = told["annotations"]
    body["metadata"]["ownerReferences"] = [owned(kind, owner)]
    spec = template["spec"]
    spec["tolerations"] = [*(spec.get("tolerations") or []), *(dict(one) for one in _TOLERATIONS)]
    spec |= {"priority": 0, "enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority"}
    body["spec"] = spec
    body["status"] = {"phase": "Pending", "qosClass": "BestEffort"}
    return body


def limits(spec: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many pods a Deployment may have beyond its replicas, and how many of these may be unavailable."""
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    replicas = spec.get("replicas", 1)
    surge = _part(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _part(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, replicas)


def _part(value: Any, whole: int, rounded: Any) -> int:
    if isinstance(value, int):
        return value
    return int(rounded(whole * int(str(value).rstrip("%")) / 100))
