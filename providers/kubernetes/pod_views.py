"""What the pods of a workload and their events say about why it is not well; pure.

A pod's own status names the reason (ImagePullBackOff, Unschedulable); events add what was said about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from providers.kubernetes.parts import at, mapping, name_of, sequence

_ORDINARY = frozenset({"", "ContainerCreating", "PodInitializing"})
_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""Reasons for waiting that no waiting heals; an image that cannot be pulled now may be there later."""
_KINDS = frozenset({"Deployment", "ReplicaSet", "Pod"})
_SHOWN = 3
_LONGEST = 300


def standing(pods: Iterable[Any]) -> list[Any]:
    """The pods that are not being deleted."""
    return [pod for pod in pods if not at(pod, "metadata", "deletionTimestamp")]


def restarts(pods: Iterable[Any]) -> int:
    """The largest number of restarts of any container of these pods."""
    counts = [at(status, "restartCount") for pod in pods for status in _statuses(pod)]
    return max((number for number in counts if isinstance(number, int)), default=0)


def hopeless(pods: Iterable[Any]) -> bool:
    """Whether a container waits for what will never come."""
    waiting = (at(status, "state", "waiting", "reason") for pod in pods for status in _statuses(pod))
    return any(reason in _HOPELESS for reason in waiting)


def unready(pods: Iterable[Any]) -> str:
    """The name of the first pod that stands and is not ready; empty when there is none."""
    names = [name_of(pod) for pod in standing(pods) if not _is_ready(pod)]
    return min(names, default="")


def troubles(pods: Iterable[Any]) -> list[str]:
    """What ails these pods, each trouble once with the number of pods that have it, the most common first."""
    found = Counter(trouble for pod in pods for trouble in dict.fromkeys(_of_pod(pod)))
    most = found.most_common(_SHOWN)
    return [f"{text} ({number} pods)" if number > 1 else text for text, number in most]


def warnings(events: Iterable[Any], name: str, pods: Iterable[Any]) -> list[str]:
    """The latest warnings about the workload `name` and its pods, the newest last, each text once."""
    pod_names = {name_of(pod) for pod in pods}
    about: dict[str, str] = {}
    for event in events:
        involved = mapping(event, "involvedObject")
        whose = str(involved.get("name") or "")
        ours = whose == name or whose in pod_names or whose.startswith(f"{name}-")
        if ours and involved.get("kind") in _KINDS and str(at(event, "type")) == "Warning":
            text, last = _event(event), _last(event)
            about[text] = max(about.get(text, ""), last)
    return sorted(about, key=lambda text: about[text])[-_SHOWN:]


def _is_ready(pod: Any) -> bool:
    conditions = sequence(pod, "status", "conditions")
    return any(at(item, "type") == "Ready" and at(item, "status") == "True" for item in conditions)


def _of_pod(pod: Any) -> Iterator[str]:
    status = mapping(pod, "status")
    if status.get("reason") or (status.get("phase") == "Failed" and status.get("message")):
        yield _said(f"pod {status.get('reason') or 'failed'}", status.get("message"))
    for condition in sequence(status, "conditions"):
        if at(condition, "type") == "PodScheduled" and at(condition, "status") == "False":
            yield _said(f"pod {at(condition, 'reason') or 'not scheduled'}", at(condition, "message"))
    for item in _statuses(pod):
        yield from _of_container(item)


def _of_container(status: Any) -> Iterator[str]:
    name, state = at(status, "name"), mapping(status, "state")
    waiting = mapping(state, "waiting")
    reason = str(waiting.get("reason") or "")
    if reason not in _ORDINARY:
        # The back-off's own message names the pod and its uid, which tells nothing and differs from pod to pod.
        message = None if reason == "CrashLoopBackOff" else waiting.get("message")
        yield _said(f"container {name} {reason}", message)
    ended = mapping(state, "terminated") or mapping(status, "lastState", "terminated")
    code = ended.get("exitCode")
    if isinstance(code, int) and code != 0:
        why = f"{ended.get('reason')}, " if ended.get("reason") not in (None, "Error") else ""
        yield _said(f"container {name} ended ({why}exit code {code})", ended.get("message"))


def _statuses(pod: Any) -> Iterator[Any]:
    for key in ("initContainerStatuses", "containerStatuses"):
        yield from sequence(pod, "status", key)


def _event(event: Any) -> str:
    message = str(at(event, "message") or "")
    whose = str(at(event, "involvedObject", "name") or "")
    # What differs from pod to pod is left out, so that the same trouble of many pods is one.
    return _said(str(at(event, "reason") or "Warning"), message.replace(whose, "it") if whose else message)


def _last(event: Any) -> str:
    times = (
        at(event, "series", "lastObservedTime"),
        at(event, "lastTimestamp"),
        at(event, "eventTime"),
        at(event, "metadata", "creationTimestamp"),
    )
    return next((str(time) for time in times if time), "")


def _said(what: str, message: Any) -> str:
    text = " ".join(str(message or "").split())[:_LONGEST]
    return f"{what}: {text}" if text else what
