"""The file of a Job that `gates.metrics` runs: one batch/v1 Job that can end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.manifest.problems import shown
from providers.problems import Problem

_ENDS: tuple[Any, ...] = ("Never", "OnFailure")
_NUMBERS = ("activeDeadlineSeconds", "backoffLimit", "completions", "parallelism", "ttlSecondsAfterFinished")
_POD = (0, "spec", "template", "spec")


def job_mistakes(objects: Sequence[Any]) -> Iterator[Problem]:
    """Yield what keeps parsed objects from being one Job that can be made; paths begin with the object's index."""
    if len(objects) != 1:
        yield Problem((), f"must hold one Job; got {len(objects)} objects")
        return
    (job,) = objects
    if not isinstance(job, dict):
        yield Problem((0,), f"must be a Job; got {shown(job)}")
        return
    if (job.get("apiVersion"), job.get("kind")) != ("batch/v1", "Job"):
        got = f"{job.get('apiVersion')} {job.get('kind')}"
        yield Problem((0, "kind"), f"must be a Job of batch/v1; got {got}")
        return
    for key in ("metadata", "spec"):
        if job.get(key) is not None and not isinstance(job[key], dict):
            yield Problem((0, key), f"must be a mapping; got {shown(job[key])}")
    spec = _mapping(job.get("spec"))
    for key in _NUMBERS:
        given = spec.get(key)
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 0):
            yield Problem((0, "spec", key), f"must be a whole number, 0 or more; got {shown(given)}")
    pod = _mapping(_mapping(spec.get("template")).get("spec"))
    containers = pod.get("containers")
    if not isinstance(containers, list) or not containers or not all(isinstance(each, dict) for each in containers):
        yield Problem((*_POD, "containers"), f"must be a list of containers; got {shown(containers)}")
    policy = pod.get("restartPolicy")
    if policy is not None and policy not in _ENDS:
        yield Problem((*_POD, "restartPolicy"), f"must be Never or OnFailure, as every Job's must; got {shown(policy)}")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
