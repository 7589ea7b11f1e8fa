"""The one node of a cluster: it pulls images, starts pods' containers, checks and restarts them, and ends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from providers.emulator.behaviour import Reference
from providers.emulator.kube import checks
from providers.emulator.kube.events import note
from providers.emulator.kube.kinds import DEPLOYMENT, JOB, POD, REPLICA_SET, named
from providers.emulator.kube.objects import Change, Json
from providers.emulator.kube.pod_run import Container, Pod, status_json
from providers.emulator.kube.work import controller_of, is_deleting

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster

NODE_NAME = "node-1"
RETRY_SCHEDULING_SECONDS = 5.0
_IMAGE = re.compile(r"[a-z0-9]([a-z0-9._\-]|/(?!/)|:\d+(?=/))*(:[A-Za-z0-9_][\w.\-]{0,127})?(@sha256:[0-9a-f]{64})?")


class Kubelet:
    """Runs every pod of a cluster; it hears of pods by the store's changes."""

    def __init__(self, cluster: Cluster) -> None:
        """Begin with no pod."""
        self._cluster = cluster
        self._world = cluster.world
        self.rng = cluster.world.rng
        self.pods: dict[tuple[str, str], Pod] = {}

    def hear(self, change: Change) -> None:
        """Take up a new pod, end one whose deletion has begun, forget one that is gone."""
        if change.kind is not POD:
            return
        metadata = change.object["metadata"]
        key = (metadata["namespace"], metadata["name"])
        pod = self.pods.get(key)
        if change.type == "DELETED":
            if pod is not None and pod.uid == metadata["uid"]:
                self._forget(pod)
        elif pod is None:
            self._take(change.object)
        elif is_deleting(change.object) and not pod.deleting:
            self._end(pod, change.object)
        else:
            pod.labels = metadata.get("labels") or {}

    def _take(self, body: Json) -> None:
        metadata, now = body["metadata"], self._world.now()
        deployment, uid = self._belongs(body)
        containers = []
        for spec in body["spec"]["containers"]:
            behaviour = self._world.images.behaviour(spec["image"])
            containers.append(Container(spec["name"], spec["image"], behaviour, spec))
        namespace, name = metadata["namespace"], metadata["name"]
        address = self._world.addresses.give(self._cluster.id_of("pods", namespace, name), deployment)
        pod = Pod(
            namespace,
            name,
            metadata["uid"],
            metadata.get("labels") or {},
            deployment,
            uid,
            address,
            containers,
            now,
        )
        if (controller_of(body) or {}).get("kind") == JOB.kind:
            pod.restarts = body["spec"].get("restartPolicy", pod.restarts)
        self.pods[pod.key] = pod
        self._world.timeline.at(now, self._while_alive(pod, self._schedule))

    def _belongs(self, body: Json) -> tuple[str, str]:
        """Return name and uid of the Deployment that a pod belongs to, or of what else controls it, or its own."""
        owner = controller_of(body)
        if owner is None:
            return body["metadata"]["name"], body["metadata"]["uid"]
        if owner["kind"] == REPLICA_SET.kind:
            above = self._cluster.objects.peek(REPLICA_SET, body["metadata"]["namespace"], owner["name"])
            higher = controller_of(above) if above is not None else None
            if higher is not None and named(higher["kind"]) is DEPLOYMENT:
                return higher["name"], higher["uid"]
        return owner["name"], owner["uid"]

    def _while_alive(self, pod: Pod, act: Callable[[Pod, datetime], None]) -> Callable[[datetime], None]:
        life = pod.life

        def happening(at: datetime) -> None:
            if pod.life == life and not pod.gone:
                act(pod, at)

        return happening

    def plan(self, pod: Pod, when: datetime, act: Callable[[Pod, datetime], None]) -> None:
        """Do something with a pod at a time, if it then still runs as it does now."""
        self._world.timeline.at(when, self._while_alive(pod, act))

    def _schedule(self, pod: Pod, at: datetime) -> None:
        body = self._cluster.objects.get(POD, *pod.key)
        if body is None:
            return
        if not self._cluster.settings.schedulable:
            message = "0/1 nodes are available: 1 node(s) were unschedulable."
            note(
                self._cluster.objects, body, "FailedScheduling", message, kind="Warning", component="default-scheduler"
            )
            self.show(pod, at)
            self.plan(pod, at + timedelta(seconds=RETRY_SCHEDULING_SECONDS), self._schedule)
            return
        pod.scheduled = True
        body["spec"]["nodeName"] = NODE_NAME
        self._cluster.objects.put(POD, body)
        message = f"Successfully assigned {pod.namespace}/{pod.name} to {NODE_NAME}"
        note(self._cluster.objects, body, "Scheduled", message, component="default-scheduler")
        self.show(pod, at)
        for container in pod.containers:
            self._pull(pod, container, at, 0)

    def _pull(self, pod: Pod, container: Container, at: datetime, tries: int) -> None:
        image = container.image
        if not _IMAGE.fullmatch(image):
            why = f'Failed to apply default image tag "{image}": couldn\'t parse image name "{image}": '
            self._wait(pod, container, at, "InvalidImageName", why + "invalid reference format")
            self.tell(pod, "InspectFailed", container.waiting[1] if container.waiting else why, "Warning")
            return
        self.tell(pod, "Pulling", f'Pulling image "{image}"')
        if self._world.images.accessible(image):
            # What the image does is looked up again: it may have been pushed since the pod was made.
            container.behaviour = self._world.images.behaviour(image)
            due = at + timedelta(seconds=container.behaviour.start_seconds)
            self.plan(pod, due, lambda _pod, then: self._pulled(pod, container, then))
            return
        parsed = Reference.parse(image)
        host = f"{parsed.host}/" if parsed.host else ""
        reason = f'failed to resolve reference "{image}": {host}{parsed.repository}: not found'
        message = f'Failed to pull image "{image}": rpc error: code = NotFound desc = {reason}'
        self.tell(pod, "Failed", message, "Warning")
        self.tell(pod, "Failed", "Error: ErrImagePull", "Warning")
        self._wait(pod, container, at, "ErrImagePull", message.partition(": ")[2])
        wait = self._backoff(self._cluster.settings.pull_backoff_seconds, tries)
        self.plan(pod, at + timedelta(seconds=1), lambda _pod, then: self._back_off_pull(pod, container, then))
        self.plan(pod, at + timedelta(seconds=wait), lambda _pod, then: self._pull(pod, container, then, tries + 1))

    def _back_off_pull(self, pod: Pod, container: Container, at: datetime) -> None:
        message = f'Back-off pulling image "{container.image}"'
        self.tell(pod, "BackOff", message)
        self.tell(pod, "Failed", "Error: ImagePullBackOff", "Warning")
        self._wait(pod, container, at, "ImagePullBackOff", message)

    def _wait(self, pod: Pod, container: Container, at: datetime, reason: str, message: str) -> None:
        container.waiting = (reason, message)
        self.show(pod, at)

    def _backoff(self, base: float, tries: int) -> float:
        return max(min(base * 2.0 ** min(tries, 30), self._cluster.settings.backoff_most_seconds), 1.0)

    def _pulled(self, pod: Pod, container: Container, at: datetime) -> None:
        self.tell(pod, "Pulled", f'Successfully pulled image "{container.image}"')
        self.start(pod, container, at)

    def start(self, pod: Pod, container: Container, at: datetime) -> None:
        """Start a container, for the first time or again."""
        self.tell(pod, "Created", f"Created container: {container.name}")
        self.tell(pod, "Started", f"Started container {container.name}")
        container.since, container.waiting = at, None
        container.passed, container.failed = {}, {}
        crash, task = container.behaviour.crash_after_seconds, container.behaviour.task_seconds
        if crash is not None:
            self.plan(pod, at + timedelta(seconds=crash), self._of(container, at, self.crash))
        if pod.restarts != "Always" and task is not None:
            self.plan(pod, at + timedelta(seconds=task), self._of(container, at, self._done))
        checks.begin(self, pod, container, at)
        self.show(pod, at)
        self._cluster.changed()

    def _of(
        self, container: Container, since: datetime, act: Callable[[Pod, Container, datetime], None]
    ) -> Callable[[Pod, datetime], None]:
        def happening(pod: Pod, at: datetime) -> None:
            if container.since == since:
                act(pod, container, at)

        return happening

    def crash(self, pod: Pod, container: Container, at: datetime) -> None:
        """End a container that died or was killed by its liveness check, and plan its restart."""
        self._ended(pod, container, at, 1)

    def _done(self, pod: Pod, container: Container, at: datetime) -> None:
        """End the container of a task as its image says."""
        code = container.behaviour.task_exit_code
        if code and container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            container.said = container.behaviour.task_output
        self._ended(pod, container, at, code)

    def _ended(self, pod: Pod, container: Container, at: datetime, code: int) -> None:
        container.ended = (container.since or at, at, code)
        container.since, container.ready, container.started = None, False, False
        container.over = pod.restarts == "Never" or (pod.restarts == "OnFailure" and not code)
        if container.over:
            self.show(pod, at)
            self._cluster.changed()
            return
        container.crashes += 1
        if container.crashes == 1:
            container.waiting, wait = None, 1.0
        else:
            wait = self._backoff(self._cluster.settings.restart_backoff_seconds, container.crashes - 2)
            where = f"container={container.name} pod={pod.name}_{pod.namespace}({pod.uid})"
            container.waiting = ("CrashLoopBackOff", f"back-off {wait:g}s restarting failed {where}")
            told = f"Back-off restarting failed container {container.name} in pod {pod.name}_{pod.namespace}"
            self.tell(pod, "BackOff", f"{told}({pod.uid})", "Warning")
        self.show(pod, at)
        self._cluster.changed()

        def again(_pod: Pod, then: datetime) -> None:
            container.restarts += 1
            self.start(pod, container, then)

        self.plan(pod, at + timedelta(seconds=wait), again)

    def show(self, pod: Pod, at: datetime) -> None:
        """Write a pod's status, and remember since when it is ready."""
        pod.ready_at = (pod.ready_at or at) if pod.ready else None
        body = self._cluster.objects.get(POD, *pod.key)
        if body is not None and body["metadata"]["uid"] == pod.uid:
            body["status"] = status_json(pod, body.get("status") or {}, at)
            self._cluster.objects.put(POD, body)

    def tell(self, pod: Pod, reason: str, message: str, kind: str = "Normal") -> None:
        """Write an Event about a pod."""
        body = self._cluster.objects.peek(POD, *pod.key)
        if body is not None:
            note(self._cluster.objects, body, reason, message, kind=kind)

    def readdress(self, pod: Pod) -> str:
        """Give a pod another address because its own is in use on this machine, and return it."""
        self._world.addresses.retire(pod.address, self._world.now())
        identity = self._cluster.id_of("pods", pod.namespace, pod.name)
        pod.address = self._world.addresses.give(identity, pod.deployment)
        self.show(pod, self._world.now())
        return pod.address

    def cannot_bind(self, pod: Pod, port: int, why: str) -> None:
        """Keep a pod from running because its port cannot be opened on this machine, with an event that says why."""
        pod.life += 1
        message = f"Port {port} cannot be bound: {why}"
        for container in pod.containers:
            container.since, container.ready, container.started = None, False, False
            container.waiting = ("PortUnavailable", message)
        self.tell(pod, "PortUnavailable", message, "Warning")
        self.show(pod, self._world.now())

    def _end(self, pod: Pod, body: Json) -> None:
        """Begin to end a pod: its containers stop a little after nobody is led to it any more, then it is gone.

        Where somebody else carries the requests, it is from `let_go` on: until then only the end of its grace ends it.
        """
        pod.deleting, now = True, self._world.now()
        pod.life += 1
        for container in pod.containers:
            self.tell(pod, "Killing", f"Stopping container {container.name}")
        grace = float(body["metadata"].get("deletionGracePeriodSeconds") or 0)
        seconds = grace if self._cluster.gateways.awaits else min(self._cluster.settings.termination_seconds, grace)
        self._end_by(pod, now + timedelta(seconds=seconds))

    @property
    def ending(self) -> list[Pod]:
        """The pods whose deletion has begun."""
        return [pod for pod in self.pods.values() if pod.deleting]

    def let_go(self, pods: Iterable[Pod]) -> None:
        """Let pods whose deletion has begun come to their end, because nobody is led to them any more."""
        due = self._world.now() + timedelta(seconds=self._cluster.settings.termination_seconds)
        for pod in pods:
            self._end_by(pod, due)

    def _end_by(self, pod: Pod, due: datetime) -> None:
        if pod.ends_at is None or due < pod.ends_at:
            pod.ends_at = due
            self.plan(pod, due, self._over)

    def _over(self, pod: Pod, _at: datetime) -> None:
        self._cluster.objects.remove(POD, *pod.key)

    def _forget(self, pod: Pod) -> None:
        pod.gone = pod.deleting = True
        for container in pod.containers:
            container.since = None
        self._world.addresses.retire(pod.address, self._world.now())
        self.pods.pop(pod.key, None)
        self._cluster.changed()
