"""The Job controller, and the one that clears finished Jobs away: pods that run to their end, tried again, given up.

Left out of the real ones: indexes, success and failure policies, suspension, and the finalizers by which pods are
counted exactly once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from providers.emulator.behaviour import seconds_between
from providers.emulator.kube import replicas
from providers.emulator.kube.events import note
from providers.emulator.kube.kinds import JOB, POD
from providers.emulator.kube.objects import Change, Json, clone, stamp
from providers.emulator.kube.work import Queue, controller_of, is_deleting

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

BACKOFF_SECONDS, MOST_BACKOFF_SECONDS = 10.0, 600.0
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_GIVEN_UP = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass(frozen=True, slots=True)
class _Pods:
    """A Job's pods that are not being deleted: those that have not ended, those that failed, how many were good."""

    active: list[Json]
    failed: list[Json]
    good: int


class Jobs:
    """Brings every Job of a cluster to its end."""

    def __init__(self, cluster: Cluster, delete: Callable[[Json], None]) -> None:
        """Begin with nothing to do; `delete` begins the deletion of an object and of all that it owns."""
        self._cluster, self._delete = cluster, delete
        self._made = 0
        self._queue = Queue[tuple[str, str]](
            cluster.world.timeline,
            cluster.world.now,
            lambda: cluster.settings.controller_seconds,
            self._reconcile,
        )

    def hear(self, change: Change) -> None:
        """Look soon at the Job that a change concerns."""
        metadata = change.object["metadata"]
        if change.kind is JOB and change.type != "DELETED":
            self._queue.soon((metadata["namespace"], metadata["name"]))
        elif change.kind is POD:
            owner = controller_of(change.object)
            if owner is not None and owner["kind"] == JOB.kind:
                self._queue.soon((metadata["namespace"], owner["name"]))

    def _reconcile(self, key: tuple[str, str], at: datetime) -> None:
        job = self._cluster.objects.get(JOB, *key)
        if job is None or is_deleting(job):
            return
        job.setdefault("status", {})
        if finished(job):
            self._clear(job, key, at)
            return
        if job["spec"].get("suspend"):
            return
        status, spec = job["status"], job["spec"]
        status.setdefault("startTime", stamp(at))
        pods, left = self._pods(job), self._left(job, key, at)
        if pods.good >= spec.get("completions", 1):
            self._end(job, pods.active, ("SuccessCriteriaMet", "Complete"), _REACHED)
            status["completionTime"] = stamp(at)
        elif left is not None and left <= 0:
            self._end(job, pods.active, ("FailureTarget", "Failed"), _LATE)
            pods.failed.extend(pods.active)
        elif len(pods.failed) + sum(map(_restarts, pods.active)) > spec["backoffLimit"]:
            self._end(job, pods.active, ("FailureTarget", "Failed"), _GIVEN_UP)
        else:
            self._start(job, key, pods, at)
            pods = self._pods(job)
        self._report(job, pods)

    def _pods(self, job: Json) -> _Pods:
        uid = job["metadata"]["uid"]
        every = self._cluster.objects.each(POD, job["metadata"]["namespace"])
        own = [clone(pod) for pod in every if (controller_of(pod) or {}).get("uid") == uid and not is_deleting(pod)]
        by_phase: dict[str, list[Json]] = {"Succeeded": [], "Failed": []}
        for pod in own:
            by_phase.setdefault(_phase(pod), []).append(pod)
        active = [pod for pod in own if _phase(pod) not in ("Succeeded", "Failed")]
        return _Pods(active, by_phase["Failed"], len(by_phase["Succeeded"]))

    def _left(self, job: Json, key: tuple[str, str], at: datetime) -> float | None:
        """The seconds until a Job's deadline, at which it is looked at again; None without one."""
        seconds = job["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return None
        left = float(seconds) - seconds_between(datetime.fromisoformat(job["status"]["startTime"]), at)
        if left > 0:
            self._queue.after(key, left)
        return left

    def _start(self, job: Json, key: tuple[str, str], pods: _Pods, at: datetime) -> None:
        """Make the pods that are missing, once those that failed have had their rest."""
        spec = job["spec"]
        wanted = min(spec["parallelism"], max(spec.get("completions", 1) - pods.good, 0)) - len(pods.active)
        if wanted <= 0:
            return
        if pods.failed:
            rest = min(BACKOFF_SECONDS * 2.0 ** (len(pods.failed) - 1), MOST_BACKOFF_SECONDS)
            left = seconds_between(at, max(map(_ended, pods.failed)) + timedelta(seconds=rest))
            if left > 0:
                self._queue.after(key, left)
                return
        for _ in range(wanted):
            self._made += 1
            pod = replicas.pod_of(JOB, job, spec["template"], f"{self._cluster.name}/job/{self._made}")
            self._cluster.objects.put(POD, pod)
            self._tell(job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")

    def _end(self, job: Json, active: list[Json], kinds: tuple[str, str], why: tuple[str, str]) -> None:
        """Say how a Job has ended, and end what still runs of it."""
        reason, message = why
        for pod in active:
            self._delete(pod)
            self._tell(job, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        now = stamp(self._cluster.objects.now())
        told = {"status": "True", "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now}
        job["status"]["conditions"] = [{"type": kind, **told} for kind in kinds]
        if why is _REACHED:
            self._tell(job, "Completed", "Job completed")
        else:
            self._tell(job, reason, message, "Warning")

    def _report(self, job: Json, pods: _Pods) -> None:
        kept = ("startTime", "completionTime", "conditions")
        active = [] if finished(job) else pods.active
        counts = {"active": len(active), "succeeded": pods.good, "failed": len(pods.failed)}
        job["status"] = {key: value for key, value in job["status"].items() if key in kept}
        job["status"] |= {name: number for name, number in counts.items() if number}
        job["status"] |= {"ready": sum(map(_is_ready, active)), "terminating": 0, "uncountedTerminatedPods": {}}
        self._cluster.objects.put(JOB, job)

    def _clear(self, job: Json, key: tuple[str, str], at: datetime) -> None:
        """Delete a finished Job when its time to live is over."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = datetime.fromisoformat(job["status"]["conditions"][-1]["lastTransitionTime"])
        left = float(seconds) - seconds_between(ended, at)
        if left > 0:
            self._queue.after(key, left)
        else:
            self._delete(job)

    def _tell(self, job: Json, reason: str, message: str, kind: str = "Normal") -> None:
        note(self._cluster.objects, job, reason, message, kind=kind, component="job-controller")


def finished(job: Json) -> bool:
    """Whether a Job has come to its end, good or bad."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)


def _phase(pod: Json) -> str:
    return str((pod.get("status") or {}).get("phase") or "Pending")


def _is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _restarts(pod: Json) -> int:
    return sum(one.get("restartCount", 0) for one in (pod.get("status") or {}).get("containerStatuses") or ())


def _ended(pod: Json) -> datetime:
    states = [one.get("state") or {} for one in pod["status"].get("containerStatuses") or ()]
    times = [state["terminated"]["finishedAt"] for state in states if "terminated" in state]
    return datetime.fromisoformat(max(times, default=pod["metadata"]["creationTimestamp"]))
