"""One pod as its node runs it, and the status that it shows; pure but for the values it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.emulator.behaviour import Behaviour
from providers.emulator.exposition import Served
from providers.emulator.kube.objects import Json, stamp
from providers.emulator.kube.work import settled

CHECKS = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(slots=True)
class Container:
    """One container: what it runs, since when (None: not now), and how often it was restarted.

    `waiting` is reason and message while it does not run; `ended` is when and with which code it last ended.
    `passed` and `failed` count each check's results in a row.
    """

    name: str
    image: str
    behaviour: Behaviour
    spec: Mapping[str, Any]
    since: datetime | None = None
    started: bool = False
    ready: bool = False
    restarts: int = 0
    crashes: int = 0
    waiting: tuple[str, str] | None = ("ContainerCreating", "")
    ended: tuple[datetime, datetime, int] | None = None
    over: bool = False
    """Whether it has ended for good."""
    said: str = ""
    """What its end is explained with."""
    passed: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    served: Served = field(default_factory=Served)

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports it listens on: those that it declares, and those that its checks ask."""
        declared = [e["containerPort"] for e in self.spec.get("ports") or [] if e.get("protocol", "TCP") == "TCP"]
        asked = (port_of(self.spec, self.check(kind)) for kind in CHECKS)
        return tuple(dict.fromkeys([*declared, *(port for port in asked if port is not None)]))

    def check(self, kind: str) -> Mapping[str, Any]:
        """One of its checks, empty when it has none of that kind."""
        found: Mapping[str, Any] = self.spec.get(kind) or {}
        return found

    @property
    def health_paths(self) -> set[str]:
        """The paths that its own checks ask."""
        return {str(self.check(kind).get("httpGet", {}).get("path", "/")) for kind in CHECKS if self.check(kind)}


@dataclass(slots=True)
class Pod:
    """One pod; `life` rises when its containers are stopped for good, which voids what was planned for it.

    `deployment` is the name of the Deployment it belongs to, or of whatever else controls it, or its own. `ends_at` is
    when it will be gone, once its deletion has begun.
    """

    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str]
    deployment: str
    owner_uid: str
    address: str
    containers: list[Container]
    created_at: datetime
    scheduled: bool = False
    ready_at: datetime | None = None
    deleting: bool = False
    ends_at: datetime | None = None
    gone: bool = False
    life: int = 0
    restarts: str = "Always"
    """When its containers are started again: a Job's are not after a success (OnFailure), or at all (Never)."""

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def phase(self) -> str:
        """How far it is: Pending, Running, Succeeded or Failed."""
        if self.restarts != "Always" and self.containers and all(one.over for one in self.containers):
            codes = [one.ended[2] for one in self.containers if one.ended is not None]
            return "Failed" if any(codes) else "Succeeded"
        return "Running" if any(_began(one) for one in self.containers) else "Pending"

    @property
    def running(self) -> bool:
        """Whether every container runs now."""
        return bool(self.containers) and all(one.since is not None for one in self.containers)

    @property
    def ready(self) -> bool:
        """Whether every container is ready and its deletion has not begun."""
        return self.running and not self.deleting and all(one.ready for one in self.containers)

    @property
    def ports(self) -> tuple[int, ...]:
        """Every TCP port that any of its containers listens on."""
        return tuple(dict.fromkeys(port for one in self.containers for port in one.ports))

    def server(self, port: int | None) -> Container | None:
        """Return the container that listens on a port; without one, the first; None when none does.

        Where no container says anything of ports, the first one is taken to listen on all.
        """
        if port is None or not self.ports:
            return next((one for one in self.containers if port is None and one.ports), self.containers[0])
        return next((one for one in self.containers if port in one.ports), None)


def port_of(container: Mapping[str, Any], check: Mapping[str, Any]) -> int | None:
    """Return the number of the port that a check asks by HTTP or TCP, None when it asks none or one without number."""
    told = (check.get("httpGet") or check.get("tcpSocket") or {}).get("port")
    return numbered([container], told)


def numbered(containers: list[Mapping[str, Any]] | tuple[Mapping[str, Any], ...], port: Any) -> int | None:
    """Return a port's number, by the containers' names of their ports where it is a name; None when nobody has it."""
    if isinstance(port, int) or port is None:
        return port
    entries = (entry for container in containers for entry in container.get("ports") or [])
    return next((entry["containerPort"] for entry in entries if entry.get("name") == port), None)


def status_json(pod: Pod, before: Json, at: datetime) -> Json:
    """Return the pod's whole status; conditions keep the time of their last change from the status before."""
    status: Json = {"phase": pod.phase}
    status["conditions"] = settled(before.get("conditions") or [], _conditions(pod), at)
    if pod.scheduled:
        node = {"hostIP": "10.60.0.1", "hostIPs": [{"ip": "10.60.0.1"}]}
        address = {"podIP": pod.address, "podIPs": [{"ip": pod.address}]} if status["phase"] != "Pending" else {}
        started = {"startTime": before.get("startTime") or stamp(at)}
        status |= {**node, **address, **started}
        status["containerStatuses"] = [_container(one) for one in pod.containers]
    status["qosClass"] = before.get("qosClass", "BestEffort")
    return status


def _began(container: Container) -> bool:
    return container.since is not None or container.ended is not None


def _conditions(pod: Pod) -> list[Json]:
    if not pod.scheduled:
        message = "0/1 nodes are available: 1 node(s) were unschedulable."
        return [_condition("PodScheduled", False, "Unschedulable", message)]
    unready = [one.name for one in pod.containers if not (one.since is not None and one.ready)]
    told = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]") if unready else ("", "")
    if pod.phase in ("Succeeded", "Failed"):
        told = ("PodCompleted" if pod.phase == "Succeeded" else "PodFailed", "")
    return [
        _condition("PodReadyToStartContainers", True),
        _condition("Initialized", True),
        _condition("Ready", not unready, *told),
        _condition("ContainersReady", not unready, *told),
        _condition("PodScheduled", True),
    ]


def _condition(kind: str, is_so: bool, reason: str = "", message: str = "") -> Json:
    why = {"reason": reason, **({"message": message} if message else {})} if reason else {}
    return {"type": kind, "status": "True" if is_so else "False", "lastProbeTime": None, **why}


def _container(one: Container) -> Json:
    last: Json = {}
    if one.ended is not None:
        began, ended, code = one.ended
        reason = "Error" if code else "Completed"
        told = {"exitCode": code, "reason": reason, "startedAt": stamp(began), "finishedAt": stamp(ended)}
        told |= {"message": one.said} if one.said else {}
        last = {"terminated": told}
    if one.since is not None:
        state: Json = {"running": {"startedAt": stamp(one.since)}}
    elif one.waiting is not None:
        reason, message = one.waiting
        state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    else:
        state, last = last, {}
    known = "@" in one.image and _began(one)
    return {
        "name": one.name,
        "state": state,
        "lastState": last,
        "ready": one.since is not None and one.ready,
        "restartCount": one.restarts,
        "image": one.image,
        "imageID": one.image if known else "",
        "started": one.since is not None and one.started,
    }
