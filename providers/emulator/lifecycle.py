"""The life of one container group: it comes up, crashes, is restarted, stops, fails; a timeline drives it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.emulator.behaviour import Behaviour, seconds_between
from providers.emulator.exposition import Served
from providers.emulator.settings import Settings
from providers.emulator.timeline import Timeline


@dataclass(slots=True)
class Event:
    """One event of a group or container as the instance view shows it."""

    name: str
    message: str
    at: datetime
    kind: str = "Normal"
    count: int = 1
    last_at: datetime | None = None


@dataclass(slots=True)
class Run:
    """One container: what it runs, since when, and how often it was restarted; `since` None means not running."""

    name: str
    image: str
    behaviour: Behaviour
    ports: frozenset[int]
    liveness: dict[str, Any] | None = None
    since: datetime | None = None
    ended_at: datetime | None = None
    restarts: int = 0
    crashes: int = 0
    failures: int = 0
    events: list[Event] = field(default_factory=list)
    environment: list[dict[str, Any]] = field(default_factory=list)
    served: Served = field(default_factory=Served)

    def note(self, name: str, message: str, at: datetime, kind: str = "Normal") -> None:
        """Add an event, or count it up when it is the same as one before."""
        for event in self.events:
            if event.name == name and event.message == message:
                event.count, event.last_at = event.count + 1, at
                return
        self.events.append(Event(name, message, at, kind))


@dataclass(slots=True)
class Group:
    """One container group; `life` rises with each new deployment, so that what was planned for an old one is void."""

    id: str
    key: str
    subscription: str
    resource_group: str
    name: str
    body: dict[str, Any]
    created_at: datetime
    region: str
    provisioning: str = "Pending"
    state: str = "Pending"
    life: int = 0
    deployed_at: datetime | None = None
    address: str | None = None
    fqdn: str | None = None
    deleting: bool = False
    runs: list[Run] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def restart_policy(self) -> str:
        """Always, OnFailure or Never."""
        return str(self.body["properties"].get("restartPolicy", "Always"))

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports of the group's address."""
        entries = (self.body["properties"].get("ipAddress") or {}).get("ports") or []
        return tuple(entry["port"] for entry in entries if entry.get("protocol", "TCP") == "TCP")

    def server(self, port: int | None = None) -> Run:
        """Return the container that answers on a port; without one, the first that answers on any."""
        if len(self.runs) > 1:
            wanted = set(self.ports if port is None else (port,))
            return next((run for run in self.runs if run.ports & wanted), self.runs[0])
        return self.runs[0]

    @property
    def listening(self) -> bool:
        """Whether anything accepts connections at the group's address now."""
        return bool(self.runs) and not self.deleting and self.address is not None and self.server().since is not None


class Lifecycle:
    """Plans and carries out what happens to groups; `changed` is called whenever a listener shall open or close."""

    def __init__(self, timeline: Timeline, settings: Settings, rng: random.Random, changed: Callable[[], None]) -> None:
        """Keep what drives the groups."""
        self._timeline, self._settings, self._rng, self._changed = timeline, settings, rng, changed

    def deploy(self, group: Group, now: datetime, outcome: str, extra_seconds: float) -> None:
        """Begin a deployment that ends as `outcome` says (ok, capacity or failed) once the slowest container is up."""
        group.life += 1
        group.provisioning = group.state = "Pending"
        group.deployed_at = now
        for run in group.runs:
            run.since = None
            run.note("Pulling", f'pulling image "{run.image}"', now)
        start = max((run.behaviour.start_seconds for run in group.runs), default=0.0)
        seconds = start + extra_seconds + self._settings.provision_seconds
        limit = self._settings.provision_timeout_seconds
        if seconds > limit:
            seconds, outcome = limit, "timeout"
        life = group.life
        self._timeline.at(now + timedelta(seconds=seconds / 2), self._alive(group, life, self._creating))
        end = self._up if outcome == "ok" else lambda g, at: self._failed(g, at, outcome)
        self._timeline.at(now + timedelta(seconds=seconds), self._alive(group, life, end))
        self._changed()

    def _alive(self, group: Group, life: int, act: Callable[[Group, datetime], None]) -> Callable[[datetime], None]:
        def happening(at: datetime) -> None:
            if group.life == life and not group.deleting:
                act(group, at)

        return happening

    def _creating(self, group: Group, _at: datetime) -> None:
        if group.provisioning == "Pending":
            group.provisioning = "Creating"

    def _up(self, group: Group, at: datetime) -> None:
        group.provisioning, group.state = "Succeeded", "Running"
        for run in group.runs:
            run.note("Pulled", f'Successfully pulled image "{run.image}"', at)
            run.note("Created", "Created container", at)
            self._start(group, run, at)
        self._changed()

    def _failed(self, group: Group, at: datetime, outcome: str) -> None:
        group.provisioning = group.state = "Failed"
        if outcome == "capacity":
            group.events.append(Event("InsufficientCapacity.", no_capacity(group), at, "Warning"))
        elif outcome == "timeout":
            message = "Subscription deployment didn't become successful in the time allowed."
            group.events.append(Event("DeploymentTimeout", message, at, "Warning"))
        else:
            group.events.append(Event("FailedMount", "Output: mount error(2): Permission denied", at, "Warning"))
        self._changed()

    def _start(self, group: Group, run: Run, at: datetime) -> None:
        run.since, run.failures = at, 0
        run.note("Started", "Started container", at)
        if run.behaviour.crash_after_seconds is not None:
            crash = at + timedelta(seconds=run.behaviour.crash_after_seconds)
            self._timeline.at(crash, self._alive(group, group.life, self._of(run, at, self._crash)))
        if run.liveness is not None:
            delay = max(run.liveness.get("initialDelaySeconds", 0), 0) + run.liveness.get("periodSeconds", 10)
            due = at + timedelta(seconds=delay)
            self._timeline.at(due, self._alive(group, group.life, self._of(run, at, self._check)))

    def _of(
        self, run: Run, since: datetime, act: Callable[[Group, Run, datetime], None]
    ) -> Callable[[Group, datetime], None]:
        def happening(group: Group, at: datetime) -> None:
            if run.since == since:
                act(group, run, at)

        return happening

    def _crash(self, group: Group, run: Run, at: datetime) -> None:
        run.since, run.ended_at, run.crashes = None, at, run.crashes + 1
        self._changed()
        if group.restart_policy == "Never":
            if all(other.since is None for other in group.runs):
                group.state = "Failed"
            return
        base, most = self._settings.restart_backoff_seconds, self._settings.restart_backoff_most_seconds
        wait = 1.0 if run.crashes == 1 else max(min(base * 2.0 ** min(run.crashes - 2, 30), most), 1.0)
        if run.crashes > 1:
            run.note("BackOff", "Back-off restarting failed container", at, "Warning")
        self._timeline.at(at + timedelta(seconds=wait), self._alive(group, group.life, self._again(run)))

    def _again(self, run: Run) -> Callable[[Group, datetime], None]:
        def happening(group: Group, at: datetime) -> None:
            run.restarts += 1
            self._start(group, run, at)
            self._changed()

        return happening

    def _check(self, group: Group, run: Run, at: datetime) -> None:
        """Carry out one liveness probe; enough failures in a row kill the container, which is then restarted."""
        probe = run.liveness or {}
        since = run.since or at
        path = probe.get("httpGet", {}).get("path", "")
        status = run.behaviour.status(seconds_between(since, at), path, True, self._rng)
        slow = run.behaviour.latency_seconds > probe.get("timeoutSeconds", 1)
        run.failures = 0 if status < 400 and not slow else run.failures + 1
        if run.failures:
            run.note("Unhealthy", f"Liveness probe failed: HTTP probe failed with statuscode: {status}", at, "Warning")
        if run.failures >= probe.get("failureThreshold", 3) and group.restart_policy != "Never":
            run.note("Killing", f"Killing container {run.name}: Container failed liveness probe.", at)
            self._crash(group, run, at)
            return
        due = at + timedelta(seconds=probe.get("periodSeconds", 10))
        self._timeline.at(due, self._alive(group, group.life, self._of(run, since, self._check)))

    def halt(self, group: Group, now: datetime, state: str) -> None:
        """Stop all containers for good or until a new deployment, and leave the group in `state`."""
        group.life += 1
        group.state = state
        for run in group.runs:
            if run.since is not None:
                run.since, run.ended_at = None, now
                run.note("Killing", f"Killing container {run.name}", now)
        self._changed()

    def fail(self, group: Group, now: datetime, event: str, message: str) -> None:
        """Fail a group from outside, with an event that says why."""
        self.halt(group, now, "Failed")
        group.provisioning = "Failed"
        group.events.append(Event(event, message, now, "Warning"))


def no_capacity(group: Group) -> str:
    """Return the service's words for a region that cannot take the group now."""
    requests = [c["properties"]["resources"]["requests"] for c in group.body["properties"]["containers"]]
    cpu, memory = sum(r["cpu"] for r in requests), sum(r["memoryInGB"] for r in requests)
    os_type = group.body["properties"]["osType"]
    return (
        f"The requested resource is not available in the location '{group.region}' at this moment. Please retry with a "
        f"different resource request or in another location. Resource requested: '{cpu:g}' CPU '{memory:g}' GB memory "
        f"'{os_type}' OS"
    )
