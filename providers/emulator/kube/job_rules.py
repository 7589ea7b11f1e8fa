"""What the server itself does to Jobs: labels and selector of each Job's own, defaults, and what it refuses; pure.

Source: "Jobs" of the Kubernetes documentation, and the API reference of batch/v1.
"""

from __future__ import annotations

import uuid
from typing import Any

from providers.emulator.kube import validation
from providers.emulator.kube.defaults import pod_template
from providers.emulator.kube.status import Causes
from providers.emulator.kube.validation_pods import NOT_NEGATIVE, pod_spec

Json = dict[str, Any]
CONTROLLER_UID, JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
_OLD = ((CONTROLLER_UID, "controller-uid"), (JOB_NAME, "job-name"))
KEPT_PODS = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set"
    " propagationPolicy=Orphan to suppress this warning"
)
_FIXED = ("completions", "selector", "template", "completionMode", "podFailurePolicy")
_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_FAILED, _MOST_TRIES = "Failed", 2**31 - 1


def allot(job: Json, seed: str) -> None:
    """Give a new Job its uid, and the selector and labels by which it alone finds its pods."""
    metadata, spec = job["metadata"], job["spec"]
    metadata["uid"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{metadata.get('namespace')}/{metadata.get('name')}"))
    if spec.get("manualSelector"):
        return
    values = {CONTROLLER_UID: metadata["uid"], JOB_NAME: metadata.get("name", "")}
    labels = spec["template"]["metadata"].setdefault("labels", {})
    for new, old in _OLD:
        labels.setdefault(new, values[new])
        labels.setdefault(old, values[new])
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {}).setdefault(CONTROLLER_UID, metadata["uid"])


def fill_in(job: Json) -> None:
    """Fill the defaults into a decoded Job, in place."""
    spec = job["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _MOST_TRIES if "backoffLimitPerIndex" in spec else 6)
    labels = spec["template"]["metadata"].get("labels")
    if labels and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", _FAILED if "podFailurePolicy" in spec else "TerminatingOrFailed")
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern.setdefault("status", "True")
    pod_template(spec["template"])


def judge(causes: Causes, job: Json) -> None:
    """Check a Job, new or changed."""
    spec = job["spec"]
    for name in _COUNTS:
        if spec.get(name, 0) < 0:
            causes.invalid(f"spec.{name}", spec[name], NOT_NEGATIVE)
    validation.labels(causes, "spec.template.labels", spec["template"]["metadata"].get("labels"))
    pod_spec(causes, "spec.template.spec", spec["template"]["spec"])
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy == "Always":
        causes.required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        told = 'only "Never" is supported when podFailurePolicy is specified'
        causes.invalid("spec.template.spec.restartPolicy", policy, told)


def judge_change(causes: Causes, before: Json, after: Json) -> None:
    """Check that nothing changed that a Job keeps for life."""
    for name in _FIXED:
        if before["spec"].get(name) != after["spec"].get(name):
            causes.invalid(f"spec.{name}", after["spec"].get(name), "field is immutable")
