"""The Deployment controller: replica sets and pods as the spec wants them, step by step, and the status of it all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from providers.emulator.behaviour import seconds_between
from providers.emulator.kube import replicas
from providers.emulator.kube.deployment_status import Counts, due, status_json
from providers.emulator.kube.events import note
from providers.emulator.kube.kinds import DEPLOYMENT, POD, REPLICA_SET
from providers.emulator.kube.objects import Change, Json, clone
from providers.emulator.kube.pod_run import Pod
from providers.emulator.kube.work import Queue, controller_of, is_deleting

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

REVISION = "deployment.kubernetes.io/revision"


class Deployments:
    """Brings the pods of every Deployment of a cluster to what its spec says."""

    def __init__(self, cluster: Cluster, delete: Callable[[Json], None]) -> None:
        """Begin with nothing to do; `delete` begins the deletion of an object."""
        self._cluster, self._delete = cluster, delete
        self._made = 0
        self._queue = Queue[tuple[str, str]](
            cluster.world.timeline,
            cluster.world.now,
            lambda: cluster.settings.controller_seconds,
            self._reconcile,
        )

    def hear(self, change: Change) -> None:
        """Look soon at the Deployment that a change concerns."""
        metadata = change.object["metadata"]
        if change.kind is DEPLOYMENT:
            if change.type != "DELETED":
                self._queue.soon((metadata["namespace"], metadata["name"]))
        elif change.kind is REPLICA_SET or change.kind is POD:
            name = self._owner(change.object)
            if name is not None:
                self._queue.soon((metadata["namespace"], name))

    def _owner(self, body: Json) -> str | None:
        """Return the name of the Deployment above a replica set or a pod, None when there is none."""
        owner = controller_of(body)
        if owner is not None and owner["kind"] == REPLICA_SET.kind:
            above = self._cluster.objects.peek(REPLICA_SET, body["metadata"]["namespace"], owner["name"])
            owner = controller_of(above) if above is not None else None
        return owner["name"] if owner is not None and owner["kind"] == DEPLOYMENT.kind else None

    def _reconcile(self, key: tuple[str, str], at: datetime) -> None:
        objects = self._cluster.objects
        deployment = objects.get(DEPLOYMENT, *key)
        if deployment is None or is_deleting(deployment):
            return
        sets = self._sets(deployment)
        digest = replicas.template_hash(deployment["spec"]["template"])
        name = f"{key[1]}-{digest}"
        newest = next((one for one in sets if one["metadata"]["name"] == name), None)
        is_new = newest is None and not deployment["spec"].get("paused")
        if is_new:
            number = 1 + max((int(_revision(one)) for one in sets), default=0)
            newest = objects.put(REPLICA_SET, replicas.replica_set(DEPLOYMENT, deployment, 0, number))
            sets.append(newest)
        older = [one for one in sets if one["metadata"]["name"] != name]
        for one, wanted in self._wanted(deployment, newest, older, at):
            self._scale(deployment, one, wanted)
        self._report(deployment, newest, is_new, at)

    def _sets(self, deployment: Json) -> list[Json]:
        uid = deployment["metadata"]["uid"]
        every = self._cluster.objects.each(REPLICA_SET, deployment["metadata"]["namespace"])
        return [clone(one) for one in every if (controller_of(one) or {}).get("uid") == uid and not is_deleting(one)]

    def _pods(self, replica_set: Json) -> list[Pod]:
        """Return the living pods of a replica set, those first that would be missed least."""
        uid, namespace = replica_set["metadata"]["uid"], replica_set["metadata"]["namespace"]
        found = []
        for pod in self._cluster.kubelet.pods.values():
            if pod.namespace == namespace and not pod.deleting:
                body = self._cluster.objects.peek(POD, *pod.key)
                if body is not None and (controller_of(body) or {}).get("uid") == uid:
                    found.append(pod)
        return sorted(found, key=lambda pod: (pod.ready, pod.scheduled, -pod.created_at.timestamp()))

    def _available(self, deployment: Json, pods: list[Pod], at: datetime) -> int:
        """Count the pods that are ready for long enough, and look again when the next one will be."""
        seconds = float(deployment["spec"].get("minReadySeconds", 0))
        count = 0
        for pod in pods:
            if pod.ready and pod.ready_at is not None:
                left = seconds - seconds_between(pod.ready_at, at)
                count += left <= 0
                if left > 0:
                    self._queue.after((pod.namespace, deployment["metadata"]["name"]), left)
        return count

    def _wanted(self, deployment: Json, newest: Json | None, older: list[Json], at: datetime) -> list[tuple[Json, int]]:
        """Say how many pods each replica set shall have in the next step."""
        spec = deployment["spec"]
        wanted = int(spec.get("replicas", 1))
        have = {one["metadata"]["name"]: self._pods(one) for one in older}
        left = [one for one in older if have[one["metadata"]["name"]]]
        if newest is None:
            return [(_latest(older), wanted)] if older else []
        new = self._pods(newest)
        recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
        if recreate and (left or (self._ending(deployment) and not new)):
            return [*((one, 0) for one in left), (newest, 0)]
        if not left or spec.get("paused"):
            return [(newest, wanted)]
        surge, unavailable = replicas.limits(spec)
        total = len(new) + sum(map(len, have.values()))
        up = min(wanted, len(new) + max(wanted + surge - total, 0))
        # Pods that are not ready are given up first; of the others only as many as the new ones already replace.
        spare = self._available(deployment, new, at) + sum(
            self._available(deployment, pods, at) for pods in have.values()
        )
        spare -= wanted - unavailable
        found = [(newest, max(up, 0))]
        for one in left:
            pods = have[one["metadata"]["name"]]
            good = self._available(deployment, pods, at)
            cut = min(max(spare, 0), good)
            spare -= cut
            found.append((one, good - cut))
        return found

    def _ending(self, deployment: Json) -> list[Pod]:
        uid = deployment["metadata"]["uid"]
        return [pod for pod in self._cluster.kubelet.pods.values() if pod.owner_uid == uid and pod.deleting]

    def _scale(self, deployment: Json, replica_set: Json, wanted: int) -> None:
        """Make or give up pods until a replica set has as many as wanted."""
        objects = self._cluster.objects
        pods = self._pods(replica_set)
        if replica_set["spec"].get("replicas") != wanted:
            verb = "up" if wanted > replica_set["spec"].get("replicas", 0) else "down"
            told = f"from {replica_set['spec'].get('replicas', 0)} to {wanted}"
            message = f"Scaled {verb} replica set {replica_set['metadata']['name']} {told}"
            note(objects, deployment, "ScalingReplicaSet", message, component="deployment-controller")
            replica_set["spec"]["replicas"] = wanted
            replica_set = objects.put(REPLICA_SET, replica_set)
        for _ in range(wanted - len(pods)):
            self._made += 1
            objects.put(POD, replicas.pod(replica_set, f"{self._cluster.name}/{self._made}"))
        for pod in pods[: max(len(pods) - wanted, 0)]:
            body = objects.get(POD, *pod.key)
            if body is not None:
                self._delete(body)
        living = self._pods(replica_set)
        ready = sum(pod.ready for pod in living)
        status = {"replicas": len(living), "fullyLabeledReplicas": len(living)}
        status |= {"readyReplicas": ready, "availableReplicas": ready} if ready else {}
        replica_set["status"] = {**status, "observedGeneration": replica_set["metadata"]["generation"]}
        objects.put(REPLICA_SET, replica_set)

    def _report(self, deployment: Json, newest: Json | None, is_new: bool, at: datetime) -> None:
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        by_set = {one["metadata"]["name"]: self._pods(one) for one in self._sets(deployment)}
        every = [pod for pods in by_set.values() for pod in pods]
        present = newest["metadata"]["name"] if newest is not None else ""
        counts = Counts(
            len(every),
            len(by_set.get(present, [])),
            sum(pod.ready for pod in every),
            self._available(deployment, every, at),
            len(self._ending(deployment)),
        )
        if newest is not None:
            annotations = deployment["metadata"].setdefault("annotations", {})
            annotations[REVISION] = _revision(newest)
        deployment["status"] = status_json(deployment, counts, present, is_new, at)
        deployment = self._cluster.objects.put(DEPLOYMENT, deployment)
        late = due(deployment["status"], deployment["spec"])
        if late is not None:
            self._queue.after((namespace, name), max(seconds_between(at, late), 0.001))


def _revision(replica_set: Json) -> str:
    return str((replica_set["metadata"].get("annotations") or {}).get(REVISION, "1"))


def _latest(sets: list[Json]) -> Json:
    return max(sets, key=lambda one: int(_revision(one)))
