"""The HorizontalPodAutoscaler, without metrics: it keeps replicas within their bounds, and goes where it is told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from providers.emulator.kube.events import note
from providers.emulator.kube.kinds import AUTOSCALER, DEPLOYMENT
from providers.emulator.kube.objects import Change, Json, stamp
from providers.emulator.kube.work import Queue, is_deleting, settled

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster


class Autoscaler:
    """Scales Deployments between `minReplicas` and `maxReplicas`; one with 0 replicas is left alone, as really."""

    def __init__(self, cluster: Cluster) -> None:
        """Begin with no wish."""
        self._cluster = cluster
        self._wishes: dict[tuple[str, str], int] = {}
        self._queue = Queue[tuple[str, str]](
            cluster.world.timeline,
            cluster.world.now,
            lambda: cluster.settings.controller_seconds,
            self._reconcile,
        )

    def wish(self, namespace: str, deployment: str, replicas: int) -> None:
        """Say what the metrics of a Deployment would ask for from now on."""
        self._wishes[namespace, deployment] = replicas
        self._look_at(namespace, deployment)

    def hear(self, change: Change) -> None:
        """Look soon at the autoscaler that a change concerns."""
        metadata = change.object["metadata"]
        if change.type == "DELETED":
            return
        if change.kind is AUTOSCALER:
            self._queue.soon((metadata["namespace"], metadata["name"]))
        elif change.kind is DEPLOYMENT:
            self._look_at(metadata["namespace"], metadata["name"])

    def _look_at(self, namespace: str, deployment: str) -> None:
        for one in self._cluster.objects.each(AUTOSCALER, namespace):
            if _target(one) == deployment:
                self._queue.soon((namespace, one["metadata"]["name"]))

    def _reconcile(self, key: tuple[str, str], at: datetime) -> None:
        objects = self._cluster.objects
        found = objects.get(AUTOSCALER, *key)
        if found is None or is_deleting(found):
            return
        deployment = objects.get(DEPLOYMENT, key[0], _target(found) or "")
        if deployment is None or is_deleting(deployment):
            message = f'the HPA controller was unable to get the target\'s current scale: "{_target(found)}" not found'
            self._report(found, 0, 0, ("False", "FailedGetScale", message), at)
            return
        have = int(deployment["spec"].get("replicas", 1))
        least, most = int(found["spec"].get("minReplicas", 1)), int(found["spec"]["maxReplicas"])
        wanted = min(max(self._wishes.get((key[0], deployment["metadata"]["name"]), have), least), most)
        if have and wanted != have:
            reason = "Current number of replicas below Spec.MinReplicas" if have < least else "metrics"
            message = f"New size: {wanted}; reason: {reason}"
            note(objects, found, "SuccessfulRescale", message, component="horizontal-pod-autoscaler")
            deployment["spec"]["replicas"] = wanted
            objects.put(DEPLOYMENT, deployment)
        told = ("True", "ReadyForNewScale", "recommended size matches current size")
        self._report(found, int((deployment.get("status") or {}).get("replicas", 0)), wanted if have else 0, told, at)

    def _report(self, found: Json, current: int, desired: int, able: tuple[str, str, str], at: datetime) -> None:
        before = found.get("status") or {}
        condition = {"type": "AbleToScale", "status": able[0], "reason": able[1], "message": able[2]}
        status = {"currentReplicas": current, "desiredReplicas": desired, "currentMetrics": None}
        found["status"] = {**status, "conditions": settled(before.get("conditions") or [], [condition], at)}
        if before.get("desiredReplicas", desired) != desired:
            found["status"]["lastScaleTime"] = stamp(at)
        elif "lastScaleTime" in before:
            found["status"]["lastScaleTime"] = before["lastScaleTime"]
        self._cluster.objects.put(AUTOSCALER, found)


def _target(autoscaler: Json) -> str | None:
    """Return the name of the Deployment that an autoscaler scales, None when it scales anything else."""
    told = autoscaler["spec"]["scaleTargetRef"]
    return str(told["name"]) if told.get("kind") == DEPLOYMENT.kind else None
