"""Traffic Manager's own health checks: it asks the world's workloads at the monitor's interval and keeps the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.values import Answer

if TYPE_CHECKING:
    from providers.emulator.kube.cluster import Cluster
    from providers.emulator.kube.objects import Json
    from providers.emulator.world import World

CHECKING, ONLINE, DEGRADED = "CheckingEndpoint", "Online", "Degraded"
DISABLED, INACTIVE, STOPPED, UNMONITORED = "Disabled", "Inactive", "Stopped", "Unmonitored"
FIRST_CHECK_SECONDS = 1.0
"""How long after a write an endpoint that was never checked is checked; it does not wait for its profile's interval."""


@dataclass(slots=True)
class Health:
    """The score of one endpoint: its status and how many checks failed in a row."""

    status: str = CHECKING
    failures: int = 0

    def take(self, passed: bool, tolerated: int) -> None:
        """Count one check: a single good one brings Online, one more than tolerated in a row brings Degraded."""
        if passed:
            self.status, self.failures = ONLINE, 0
            return
        self.failures += 1
        if self.failures > tolerated:
            self.status = DEGRADED


@dataclass(slots=True)
class Endpoint:
    """One endpoint of a profile; `properties` are the checked ones, unknown fields included."""

    name: str
    kind: str
    properties: dict[str, Any]
    health: Health = field(default_factory=Health)

    @property
    def enabled(self) -> bool:
        """Whether it is switched on."""
        return bool(self.properties["endpointStatus"] == "Enabled")

    @property
    def always(self) -> bool:
        """Whether it is served without being checked."""
        return bool(self.properties["alwaysServe"] == "Enabled")

    @property
    def target(self) -> str:
        """The host name or address of an external endpoint, else the id of what it points at."""
        return str(self.properties.get("target") or self.properties.get("targetResourceId") or "")


@dataclass(frozen=True, slots=True)
class Published:
    """What DNS knows of a profile since a time: its switch, TTL, routing method and the endpoints as they were."""

    since: datetime
    enabled: bool
    ttl_seconds: int
    method: str
    endpoints: tuple[Endpoint, ...]


@dataclass(slots=True)
class Profile:
    """One Traffic Manager profile; `life` rises when the checks' interval changes, which voids what was planned."""

    id: str
    key: str
    subscription: str
    resource_group: str
    name: str
    tags: dict[str, str]
    properties: dict[str, Any]
    created_at: datetime
    endpoints: list[Endpoint] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    written_at: datetime | None = None
    life: int = 0

    @property
    def enabled(self) -> bool:
        """Whether the profile is switched on."""
        return bool(self.properties["profileStatus"] == "Enabled")

    @property
    def relative_name(self) -> str:
        """The first label of its name in DNS, in lower case."""
        return str(self.properties["dnsConfig"]["relativeName"]).lower()


class Monitor:
    """Checks the endpoints of all profiles, each at its own interval."""

    def __init__(self, world: World) -> None:
        """Begin with nothing planned; unknown hosts are taken for healthy until `foreign` says otherwise."""
        self._world = world
        self.foreign: dict[str, bool] = {}

    def watch(self, profile: Profile) -> None:
        """Plan the checks of a profile anew, from one interval after now on."""
        profile.life += 1
        life = profile.life

        def check(at: datetime) -> None:
            if profile.life != life:
                return
            self._round(profile)
            self._world.timeline.at(at + self._interval(profile), check)

        self._world.timeline.at(self._world.now() + self._interval(profile), check)

    def greet(self, profile: Profile) -> None:
        """Plan the first check of the endpoints that a write has added or switched on."""

        def check(_at: datetime) -> None:
            if self._world.profiles.find(profile.key) is profile:
                self._round(profile, unknown=True)

        if any(_unknown(endpoint) for endpoint in profile.endpoints):
            self._world.timeline.at(self._world.now() + timedelta(seconds=FIRST_CHECK_SECONDS), check)

    def _interval(self, profile: Profile) -> timedelta:
        return timedelta(seconds=profile.properties["monitorConfig"]["intervalInSeconds"])

    def _round(self, profile: Profile, *, unknown: bool = False) -> None:
        """Check every endpoint that is checked at all; with `unknown` only those that never were."""
        if not profile.enabled:
            return
        tolerated = profile.properties["monitorConfig"]["toleratedNumberOfFailures"]
        for endpoint in profile.endpoints:
            if unknown and not _unknown(endpoint):
                continue
            if endpoint.enabled and not endpoint.always and endpoint.kind != "nestedEndpoints":
                endpoint.health.take(self._passes(profile, endpoint), tolerated)

    def _passes(self, profile: Profile, endpoint: Endpoint) -> bool:
        config = profile.properties["monitorConfig"]
        target = endpoint.target.rstrip(".").lower()
        group = self._world.groups.by_name(target)
        gateway = self._world.gateway_of(target) if group is None else None
        if gateway is not None:
            return self._asks(gateway, target, profile, endpoint)
        if group is None:
            return not self._world.groups.zone_of(target) and self.foreign.get(target, True)
        if config["protocol"] == "TCP":
            return group.listening and config["port"] in group.ports
        host = _headers(profile, endpoint).get("host", target)
        answer = self._world.groups.answer(group.key, config["path"], self._world.rng, config["port"], host)
        return answer is not None and _expected(answer, config)

    def _asks(self, gateway: tuple[Cluster, Json], target: str, profile: Profile, endpoint: Endpoint) -> bool:
        """Check an endpoint that is a cluster's Gateway: a listener must have the port, and the path lead to a pod."""
        config, headers = profile.properties["monitorConfig"], _headers(profile, endpoint)
        cluster, body = gateway
        path = None if config["protocol"] == "TCP" else config["path"]
        answer = cluster.check(body, config["port"], path, headers.get("host", target), headers)
        return answer is not None and (path is None or _expected(answer, config))

    def status(self, profile: Profile, endpoint: Endpoint, depth: int = 0) -> str:
        """Return an endpoint's monitor status as ARM shows it; a nested one is judged by its child profile."""
        if not endpoint.enabled:
            return DISABLED
        if not profile.enabled:
            return INACTIVE
        if endpoint.always:
            return UNMONITORED
        if endpoint.kind != "nestedEndpoints":
            return endpoint.health.status
        child = self._world.profiles.find(endpoint.target.lower())
        if child is None or depth >= 10:
            return STOPPED
        overall = self.overall(child, depth + 1)
        if overall in ("Disabled", "Inactive"):
            return STOPPED
        states = [self.status(child, inner, depth + 1) for inner in child.endpoints]
        if sum(state in (ONLINE, UNMONITORED) for state in states) >= endpoint.properties["minChildEndpoints"]:
            return ONLINE
        return CHECKING if CHECKING in states else DEGRADED

    def overall(self, profile: Profile, depth: int = 0) -> str:
        """Return a profile's monitor status as ARM shows it."""
        if not profile.enabled:
            return "Disabled"
        states = {self.status(profile, endpoint, depth) for endpoint in profile.endpoints}
        if DEGRADED in states:
            return "Degraded"
        if states & {ONLINE, UNMONITORED}:
            return "Online"
        return "CheckingEndpoints" if CHECKING in states else "Inactive"


def _headers(profile: Profile, endpoint: Endpoint) -> dict[str, str]:
    """The headers that a check of an endpoint sends besides its own, names in small letters."""
    config = profile.properties["monitorConfig"]
    headers = [*(config.get("customHeaders") or []), *(endpoint.properties.get("customHeaders") or [])]
    return {entry["name"].lower(): str(entry["value"]) for entry in headers}


def _unknown(endpoint: Endpoint) -> bool:
    return endpoint.enabled and endpoint.health.status == CHECKING and endpoint.health.failures == 0


def _expected(answer: Answer, config: Mapping[str, Any]) -> bool:
    if answer.latency_seconds > config["timeoutInSeconds"]:
        return False
    ranges = config.get("expectedStatusCodeRanges") or [{"min": 200, "max": 200}]
    return any(entry["min"] <= answer.status <= entry["max"] for entry in ranges)
