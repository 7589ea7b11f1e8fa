"""What the built-in kinds must fulfil when they are made and when they are changed; in the server's order and words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from providers.emulator.kube import job_rules, validation
from providers.emulator.kube.kinds import Kind
from providers.emulator.kube.selectors import matches
from providers.emulator.kube.status import Causes
from providers.emulator.kube.validation_pods import NOT_NEGATIVE, pod_spec, pod_update
from providers.emulator.kube.validation_services import endpoint_slice, service, service_changed

Json = dict[str, Any]
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',"
    "  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_MOST_DATA = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
IMMUTABLE = "field is immutable"


def new(kind: Kind, obj: Json) -> Causes:
    """Judge a new object of a built-in kind, its metadata included."""
    causes = Causes()
    validation.metadata(causes, kind, obj["metadata"])
    if kind.kind in _NEW:
        _NEW[kind.kind](causes, obj)
    return causes


def changed(kind: Kind, before: Json, after: Json) -> Causes:
    """Judge a changed object of a built-in kind; errors of its metadata are listed twice, as the server does."""
    causes = Causes()
    validation.metadata_update(causes, before["metadata"], after["metadata"])
    causes.found *= 2
    if kind.kind in _NEW and kind.kind != "Pod":
        _NEW[kind.kind](causes, after)
    if kind.kind in _CHANGED:
        _CHANGED[kind.kind](causes, before, after)
    return causes


def status(kind: Kind, before: Json, after: Json) -> Causes:
    """Judge an object of which only the status was written."""
    causes = Causes()
    validation.metadata_update(causes, before["metadata"], after["metadata"])
    causes.found *= 2
    if kind.kind in ("Deployment", "ReplicaSet"):
        _replica_counts(causes, after.get("status") or {})
    return causes


def _replica_counts(causes: Causes, counts: Json) -> None:
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
    for name in ("observedGeneration", *names):
        if counts.get(name, 0) < 0:
            causes.invalid(f"status.{name}", counts[name], NOT_NEGATIVE)
    total = counts.get("replicas", 0)
    for name in names[1:4]:
        if counts.get(name, 0) > total:
            causes.invalid(f"status.{name}", counts.get(name, 0), "cannot be greater than status.replicas")
    if counts.get("availableReplicas", 0) > counts.get("readyReplicas", 0):
        causes.invalid("status.availableReplicas", counts["availableReplicas"], "cannot be greater than readyReplicas")


def _workload(causes: Causes, obj: Json) -> None:
    spec = obj["spec"]
    if spec.get("replicas", 0) < 0:
        causes.invalid("spec.replicas", spec["replicas"], NOT_NEGATIVE)
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if selector is None:
        causes.required("spec.selector")
    elif not selector:
        causes.invalid("spec.selector", selector, "empty selector is invalid for deployment")
    else:
        validation.selector(causes, "spec.selector", selector)
    if not selector or not matches(selector, labels or {}):
        causes.invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")
    validation.labels(causes, "spec.template.labels", labels)
    validation.notes(causes, "spec.template.annotations", spec["template"]["metadata"].get("annotations"))
    pod_spec(causes, "spec.template.spec", spec["template"]["spec"])
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy in ("OnFailure", "Never"):
        causes.unsupported("spec.template.spec.restartPolicy", policy, ("Always",))


def _deployment(causes: Causes, obj: Json) -> None:
    _workload(causes, obj)
    spec = obj["spec"]
    _strategy(causes, spec["strategy"])
    for name in ("minReadySeconds", "revisionHistoryLimit"):
        if spec.get(name, 0) < 0:
            causes.invalid(f"spec.{name}", spec[name], NOT_NEGATIVE)
    if spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        causes.invalid(
            "spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds"
        )


def _strategy(causes: Causes, strategy: Json) -> None:
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        causes.unsupported("spec.strategy.type", strategy["type"], ("Recreate", "RollingUpdate"))
    elif strategy["type"] == "Recreate" and rolling is not None:
        told = "may not be specified when strategy `type` is 'Recreate'"
        causes.forbidden("spec.strategy.rollingUpdate", told)
    elif rolling is not None:
        here = "spec.strategy.rollingUpdate"
        for name in ("maxUnavailable", "maxSurge"):
            _number_or_percent(causes, f"{here}.{name}", rolling[name])
        if rolling["maxSurge"] in (0, "0%") and rolling["maxUnavailable"] in (0, "0%"):
            causes.invalid(f"{here}.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")


def _number_or_percent(causes: Causes, path: str, value: int | str) -> None:
    if isinstance(value, int):
        if value < 0:
            causes.invalid(path, value, NOT_NEGATIVE)
    elif not re.fullmatch(r"[0-9]+%", value):
        told = (
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex"
            " used for validation is '[0-9]+%')"
        )
        causes.invalid(path, value, told)


def _same_selector(causes: Causes, before: Json, after: Json) -> None:
    if before["spec"].get("selector") != after["spec"].get("selector"):
        causes.invalid("spec.selector", after["spec"].get("selector"), IMMUTABLE)


def _config_map(causes: Causes, obj: Json) -> None:
    size = 0
    for part in ("data", "binaryData"):
        for key, value in (obj.get(part) or {}).items():
            if len(key) > 253 or not _KEY.fullmatch(key) or key in (".", ".."):
                causes.invalid(f"{part}[{key}]", key, _KEY_TEXT)
            if part == "binaryData" and key in (obj.get("data") or {}):
                causes.invalid(f"{part}[{key}]", key, "duplicate of key present in data")
            size += len(value.encode()) if part == "data" else len(value) * 3 // 4
    if size > _MOST_DATA:
        causes.too_long("[]", _MOST_DATA)


def _config_map_changed(causes: Causes, before: Json, after: Json) -> None:
    if not before.get("immutable"):
        return
    if not after.get("immutable"):
        causes.forbidden("immutable", _FROZEN)
    for part in ("data", "binaryData"):
        if before.get(part) != after.get(part):
            causes.forbidden(part, _FROZEN)


def _autoscaler(causes: Causes, obj: Json) -> None:
    spec = obj["spec"]
    if spec["minReplicas"] < 1:
        causes.invalid("spec.minReplicas", spec["minReplicas"], "must be greater than or equal to 1")
    if spec["maxReplicas"] < 1:
        causes.invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than 0")
    if spec["maxReplicas"] < spec["minReplicas"]:
        causes.invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")
    for name in ("kind", "name"):
        if not spec["scaleTargetRef"].get(name):
            causes.required(f"spec.scaleTargetRef.{name}")
    metrics = spec.get("metrics") or []
    types = ("ContainerResource", "External", "Object", "Pods", "Resource")
    for index, metric in enumerate(metrics):
        here, word = f"spec.metrics[{index}]", metric.get("type") or ""
        field = word[:1].lower() + word[1:]
        if not word:
            causes.required(f"{here}.type", "must specify a metric source type")
        elif word not in types:
            causes.unsupported(f"{here}.type", word, types)
        elif field not in metric:
            causes.required(f"{here}.{field}", "must populate information for the given metric source")
    if spec["minReplicas"] == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        told = "must specify at least one Object or External metric to support scaling to zero replicas"
        causes.forbidden("spec.metrics", told)


def _disruption_budget(causes: Causes, obj: Json) -> None:
    spec = obj["spec"]
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        told = {
            "MinAvailable": least,
            "Selector": spec.get("selector"),
            "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": spec.get("unhealthyPodEvictionPolicy"),
        }
        causes.unsorted("spec", told, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is None:
            continue
        _number_or_percent(causes, f"spec.{name}", value)
        if isinstance(value, str) and re.fullmatch(r"[0-9]+%", value) and int(value[:-1]) > 100:
            causes.invalid(f"spec.{name}", value, "must not be greater than 100%")
    validation.selector(causes, "spec.selector", spec.get("selector") or {})


def _lease(causes: Causes, obj: Json) -> None:
    spec = obj["spec"]
    if spec.get("leaseDurationSeconds") is not None and spec["leaseDurationSeconds"] <= 0:
        causes.invalid("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], "must be greater than 0")
    if (spec.get("leaseTransitions") or 0) < 0:
        causes.invalid("spec.leaseTransitions", spec["leaseTransitions"], NOT_NEGATIVE)


def _event(causes: Causes, obj: Json) -> None:
    about = obj["involvedObject"].get("namespace") or ""
    if about != (obj["metadata"].get("namespace") or ""):
        causes.invalid("involvedObject.namespace", about, "does not match event.namespace")


def _pod(causes: Causes, obj: Json) -> None:
    pod_spec(causes, "spec", obj["spec"])


_NEW: dict[str, Callable[[Causes, Json], None]] = {
    "Deployment": _deployment,
    "ReplicaSet": _workload,
    "Service": service,
    "ConfigMap": _config_map,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _disruption_budget,
    "Lease": _lease,
    "Event": _event,
    "EndpointSlice": endpoint_slice,
    "Pod": _pod,
    "Job": job_rules.judge,
}
_CHANGED: dict[str, Callable[[Causes, Json, Json], None]] = {
    "Deployment": _same_selector,
    "ReplicaSet": _same_selector,
    "Service": service_changed,
    "ConfigMap": _config_map_changed,
    "Job": job_rules.judge_change,
    "Pod": lambda causes, before, after: pod_update(causes, before["spec"], after["spec"]),
}
