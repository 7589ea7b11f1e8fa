"""The Job of one errand, made from the user's template; pure.

A Job keeps its name for the errand, so that whoever asks again finds it. It says nothing for long: it goes by itself
when nobody can want its result any more, is tried once where the template does not say otherwise, and is not given up
for a node that was drained under it.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from providers.errands import environment
from providers.kubernetes import marks
from providers.kubernetes.foreign import foreign_annotations, foreign_labels, not_pruned
from providers.kubernetes.parts import CONTAINER_LISTS, at, mapping, sequence
from providers.kubernetes.places import JOB, PLACES
from providers.metrics.settings import Job
from providers.ports import Errand

CHECK, ERRAND = "rollout/check", "rollout/errand"
KEPT_SECONDS, LEAST_KEPT_SECONDS = 86400, 300
"""How long a finished Job stays: as long as a rollout may last; never so short that its end goes unseen."""
NAME_LIMIT = 63
_HASH_DIGITS = 10
_OF_SERVER = ("selector", "manualSelector", "suspend")
_DISRUPTED = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
_WORDS = "terminationMessagePolicy"


def job_name(errand: Errand, check: str) -> str:
    """Name the Job of an errand: service and check for people, a hash of the errand's key; a DNS label."""
    digits = hashlib.sha256(errand.key.encode()).hexdigest()[:_HASH_DIGITS]
    base = re.sub(r"[^a-z0-9]+", "-", f"{errand.service}-{check}".lower()).strip("-") or "check"
    return f"{base[: NAME_LIMIT - _HASH_DIGITS - 1].rstrip('-')}-{digits}"


def body(job: Job, errand: Errand, check: str) -> dict[str, Any]:
    """Make the Job of an errand; `check` is the metric's name.

    Its deadline is the manifest's timeout, or the template's own where that is shorter: so it ends even when nobody is
    left to look. Containers get the errand as environment variables, before their own, which may refer to them.
    """
    own, spec = mapping(job.template, "metadata"), _clean(mapping(job.template, "spec"))
    for dropped in _OF_SERVER:
        spec.pop(dropped, None)
    most = max(1, math.ceil(job.timeout_seconds))
    _bound(spec, "activeDeadlineSeconds", lambda given: min(given, most), most)
    _bound(spec, "ttlSecondsAfterFinished", lambda given: max(given, LEAST_KEPT_SECONDS), KEPT_SECONDS)
    template = mapping(spec, "template")
    pod = _pod(mapping(template, "spec"), environment(errand))
    if "backoffLimit" not in spec:
        spec["backoffLimit"] = 0
        if pod["restartPolicy"] == "Never":
            spec.setdefault("podFailurePolicy", {"rules": [_DISRUPTED]})
    labels = foreign_labels(own.get("labels"))
    spec["template"] = {"metadata": _metadata(mapping(template, "metadata")), "spec": pod}
    metadata = {
        "name": job_name(errand, check),
        "namespace": job.namespace,
        "labels": {**labels, marks.MANAGED_BY: marks.OURS, marks.SERVICE: errand.service, marks.TARGET: errand.target},
        "annotations": {**foreign_annotations(own.get("annotations")), **not_pruned(labels), **_mark(errand, check)},
    }
    return {"apiVersion": PLACES[JOB].api_version, "kind": JOB, "metadata": metadata, "spec": spec}


def is_ours(standing: Any, errand: Errand) -> bool:
    """Whether a Job bears our mark for this errand."""
    managed = mapping(standing, "metadata", "labels").get(marks.MANAGED_BY)
    return managed == marks.OURS and mapping(standing, "metadata", "annotations").get(ERRAND) == errand.key


def _bound(spec: dict[str, Any], name: str, bounded: Callable[[int], int], otherwise: int) -> None:
    """Keep a number of the template within what we need; what is no number is for the server to refuse."""
    given = spec.setdefault(name, otherwise)
    if isinstance(given, int):
        spec[name] = bounded(given)


def _mark(errand: Errand, check: str) -> dict[str, str]:
    return {
        marks.SERVICE: errand.service,
        marks.TARGET: errand.target,
        marks.REVISION: errand.candidate.revision,
        CHECK: check,
        ERRAND: errand.key,
    }


def _metadata(template: Mapping[str, Any]) -> dict[str, Any]:
    """What the pods bear of the template; the server adds the labels by which the Job finds them."""
    kept = {
        "labels": foreign_labels(template.get("labels")),
        "annotations": foreign_annotations(template.get("annotations")),
    }
    return {key: value for key, value in kept.items() if value}


def _pod(template: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    pod: dict[str, Any] = {"restartPolicy": "Never", **template}
    for key in CONTAINER_LISTS:
        if key in pod:
            pod[key] = [_container(item, words) for item in sequence(pod, key)]
    return pod


def _container(container: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    kept = [item for item in sequence(container, "env") if at(item, "name") not in words]
    told = [{"name": name, "value": value} for name, value in words.items()]
    # The end of what a failed container wrote is then in its pod's status, which needs no right to read logs.
    return {_WORDS: "FallbackToLogsOnError", **container, "env": told + kept}


def _clean(value: Any) -> Any:
    """Copy without nulls, which an export has where nothing is set."""
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
