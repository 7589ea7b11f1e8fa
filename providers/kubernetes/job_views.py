"""What a Job and its pods say about a check: how far it is, and why; pure.

Only the conditions Complete and Failed are an end: the criteria that come before them (SuccessCriteriaMet,
FailureTarget) leave pods running. A deadline that passed is no result, and neither are the ends of containers that say
so, as they do of a command: exit code 75, and what could not be run or was killed for want of memory.
Source: "Jobs" of the Kubernetes documentation (terminal conditions), `EX_TEMPFAIL` of sysexits.h.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from providers.kubernetes import pod_views
from providers.kubernetes.parts import at, mapping, sequence
from strategies.seen import CheckState

_DEADLINE = "DeadlineExceeded"
_TEMPORARY = 75
_NO_RESULT = (_TEMPORARY, 126, 127)
_NOT_RUN = ("OOMKilled", "StartError", "ContainerCannotRun")
_LATE_SECONDS = 10.0
"""How much later than a Job's own deadline it is given up here: its controller may be slow, and clocks differ."""


def is_told_by_pods(job: Any) -> bool:
    """Whether a Job's pods can say more of it: it failed, or runs without a pod that is ready."""
    if _condition(job, "Failed") is not None:
        return True
    return _condition(job, "Complete") is None and not at(job, "status", "ready")


def is_over(job: Any) -> bool:
    """Whether a Job has come to its end."""
    return _condition(job, "Complete") is not None or _condition(job, "Failed") is not None


def is_leaving(job: Any) -> bool:
    """Whether a Job's deletion has begun."""
    return bool(mapping(job, "metadata").get("deletionTimestamp"))


def check_seen(job: Any, pods: Iterable[Any], now: datetime, timeout_seconds: float) -> tuple[CheckState, str, str]:
    """Judge a Job by its status and, where they were read, its pods: how far it is, why, and what ails its pods.

    `now` (UTC) is when the answer came.
    """
    found = list(pods)
    state, why = _judged(job, found, now, timeout_seconds)
    return state, why, "; ".join(pod_views.troubles(found))


def _judged(job: Any, found: list[Any], now: datetime, timeout_seconds: float) -> tuple[CheckState, str]:
    failed = _condition(job, "Failed")
    if _condition(job, "Complete") is not None:
        return CheckState.PASSED, "complete"
    if failed is not None and failed.get("reason") == _DEADLINE:
        return CheckState.UNKNOWN, f"timed out after {timeout_seconds:g} s"
    if failed is not None:
        ends = list(_bad_ends(found))
        if ends and all(_is_no_result(end) for end in ends):
            return CheckState.UNKNOWN, "came to no result"
        said = f"{failed.get('reason') or 'Failed'}: {failed.get('message') or 'no reason given'}"
        return CheckState.FAILED, said
    if is_leaving(job):
        return CheckState.UNKNOWN, "somebody deletes it before it has ended"
    seconds = _age(job, now)
    if seconds > timeout_seconds + _LATE_SECONDS:
        return CheckState.UNKNOWN, f"timed out after {timeout_seconds:g} s"
    return CheckState.RUNNING, f"has run for {max(seconds, 0.0):.0f} s"


def _condition(job: Any, kind: str) -> Any:
    conditions = sequence(job, "status", "conditions")
    return next((one for one in conditions if at(one, "type") == kind and at(one, "status") == "True"), None)


def _bad_ends(pods: Iterable[Any]) -> Iterator[Any]:
    """How containers have ended that did not end well."""
    for pod in pods:
        for key in ("initContainerStatuses", "containerStatuses"):
            for status in sequence(pod, "status", key):
                end = at(status, "state", "terminated")
                if at(end, "exitCode"):
                    yield end


def _is_no_result(end: Any) -> bool:
    return at(end, "exitCode") in _NO_RESULT or at(end, "reason") in _NOT_RUN


def _age(job: Any, now: datetime) -> float:
    created = at(job, "metadata", "creationTimestamp")
    try:
        return (now - datetime.fromisoformat(str(created))).total_seconds()
    except (ValueError, TypeError):
        return 0.0
