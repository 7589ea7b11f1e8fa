"""The door without HTTP: `providers.ports` straight over a world, for the simulation and for tests of the engine.

Bodies, marks and readings are those of the Azure adapters (their pure halves); only the transport is another one. There
is no retrying here: whoever calls sees each fault that the world injects, and sees it in the adapters' own errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from providers.azure import errors, marks, profile_requests, profile_views, requests
from providers.azure.group_views import group_seen
from providers.azure.profile_requests import Owner
from providers.azure.settings import ContainerInstances, Parent, TrafficManager
from providers.emulator.arm import Arm
from providers.emulator.group_rules import cores
from providers.errors import Conflict, Denied, Missing, Transient
from providers.ports import Finding
from providers.secrets import LocalSecrets, Secrets, resolve_all
from strategies.model import TrafficIntent
from strategies.seen import GroupSeen, GroupState, Mark, ProbeSeen, TrafficSeen

if TYPE_CHECKING:
    import random

    from providers.emulator.world import World
    from providers.probes.settings import ProbeSettings

PROFILE_VERSION = "2022-04-01"
PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Line:
    """Calls on a world's ARM; an answer later than `PATIENCE_SECONDS` has acted and reads as a timeout."""

    arm: Arm

    def ask(self, doing: str, method: str, path: str, version: str, body: Any = None) -> Any:
        """Return the answer's JSON; raises `providers.errors` as the Azure adapters do."""
        reply = self.arm.call(method, path, body, version)
        if reply.delay_seconds > PATIENCE_SECONDS:
            raise Transient(f"{doing}: no answer within {PATIENCE_SECONDS:g} s", code="Timeout")
        result = reply.result
        if result.status >= 400:
            told = (result.body or {}).get("error") or {}
            code = str(told.get("code") or "")
            kind = errors._kind(result.status, code)
            raise kind(
                f"{doing}: {told.get('message') or 'refused'}",
                code=code or f"Http{result.status}",
                retry_after=errors.retry_after(result.headers),
            )
        return result.body

    def read(self, doing: str, path: str, version: str) -> Any:
        """Return a resource's JSON, or None when there is none."""
        try:
            return self.ask(doing, "GET", path, version)
        except Missing:
            return None


def _scope(subscription: str, resource_group: str, provider: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{provider}"


class InProcessWorkloads:
    """Container groups of one target of one service, as `providers.ports.Workloads`."""

    def __init__(
        self,
        world: World,
        settings: ContainerInstances,
        *,
        service: str,
        target: str,
        image: str,
        secrets: Secrets | None = None,
    ) -> None:
        """Open the door for one target; `image` is the manifest's repository."""
        self._world, self._line = world, _Line(Arm(world))
        self._settings, self._service, self._target, self._image = settings, service, target, image
        self._secrets = secrets or LocalSecrets()
        self._groups = _scope(
            settings.subscription, settings.resource_group, "Microsoft.ContainerInstance/containerGroups"
        )

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read each named group with one GET; 404 is ABSENT, what could not be read for now is left out."""
        found = []
        for name in names:
            try:
                found.append(self._look(name))
            except Transient:
                # No fact is better than a guessed one: the caller sees that this name is missing and looks again.
                continue
        return tuple(found)

    def discover(self) -> tuple[GroupSeen, ...]:
        """Find every group that bears our mark for this service and target."""
        doing = f"listing the container groups of {self._settings.resource_group}"
        listed = self._line.ask(doing, "GET", self._groups, requests.API_VERSION)["value"]
        names = sorted(item["name"] for item in listed if self._is_ours(marks.from_tags(item.get("tags"))))
        return tuple(group for group in map(self._look, names) if self._is_ours(group.mark))

    def ensure(self, name: str, mark: Mark) -> None:
        """Begin to create the group `name` from the template and `mark.digest`, or mark anew what stands there."""
        standing = self._get(name)
        if standing is not None:
            self._refuse_foreign(name, standing)
            tags = marks.marked_anew(standing.get("tags"), mark)
            if tags != standing.get("tags"):
                path = f"{self._groups}/{name}"
                self._line.ask(
                    f"marking container group {name} anew", "PATCH", path, requests.API_VERSION, {"tags": tags}
                )
            return
        body = requests.group_body(self._settings, self._image, mark)
        version, sent = requests.api_version(body), resolve_all(body, self._secrets)
        self._line.ask(f"creating container group {name}", "PUT", f"{self._groups}/{name}", version, sent)

    def _refuse_foreign(self, name: str, body: Any) -> None:
        if not self._is_ours(marks.from_tags(body.get("tags"))):
            message = f"container group {name} does not bear the mark of {self._service}/{self._target}"
            raise Denied(message, code="NotOurs")

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Begin to delete the group `name`, or mark it as retained until then; raises Denied for what is not ours."""
        body = self._get(name)
        if body is None:
            return
        self._refuse_foreign(name, body)
        path, version = f"{self._groups}/{name}", requests.API_VERSION
        if keep_until is not None:
            if marks.keep_until(body.get("tags")) != keep_until:
                tags = {"tags": marks.with_keep_until(body.get("tags"), keep_until)}
                self._line.ask(f"marking container group {name} as retained", "PATCH", path, version, tags)
        elif group_seen(name, body, self._world.now()).state is not GroupState.GOING:
            self._line.ask(f"deleting container group {name}", "DELETE", path, version)

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Check the quota for `replicas` more groups."""
        settings = self._settings
        path = f"/subscriptions/{settings.subscription}/providers/Microsoft.ContainerInstance/locations"
        doing = f"reading the usage of {settings.location}"
        answer = self._line.ask(doing, "GET", f"{path}/{settings.location}/usages", requests.API_VERSION)
        needs = {"ContainerGroups": float(replicas), "StandardCores": replicas * cores(settings.template)}
        found = []
        for usage in answer["value"]:
            name, used, limit = usage["name"]["value"], usage["currentValue"], usage["limit"]
            message = f"{name}: {used} of {limit} used, {needs[name]:g} more needed beside the running version"
            found.append(Finding(used + needs[name] <= limit, f"quota in {settings.location}", message))
        return tuple(found)

    def _get(self, name: str) -> Any:
        return self._line.read(f"reading container group {name}", f"{self._groups}/{name}", requests.API_VERSION)

    def _look(self, name: str) -> GroupSeen:
        body, at = self._get(name), self._world.now()
        return GroupSeen(name, GroupState.ABSENT, at) if body is None else group_seen(name, body, at)

    def _is_ours(self, mark: Mark | None) -> bool:
        return mark is not None and (mark.service, mark.target) == (self._service, self._target)


class InProcessTraffic:
    """One target's part of a Traffic Manager profile, as `providers.ports.Traffic`."""

    def __init__(self, world: World, settings: TrafficManager, *, service: str, target: str) -> None:
        """Open the door for one target."""
        self._world, self._line = world, _Line(Arm(world))
        self._settings, self._owner = settings, Owner(service, target)

    def look(self) -> TrafficSeen:
        """Read the profile and those above it; a profile that does not exist is a fact, too."""
        body, at = self._get(), self._world.now()
        if body is None:
            return TrafficSeen(at, exists=False)
        above = [(parent, self._read(*self._of_parent(parent))) for parent in self._settings.parents]
        return profile_views.traffic_seen(body, above, at)

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write split, TTL and marks in one PATCH, or the PUT that creates the profile.

        Raises Conflict, with nothing written, when foreign endpoints are not as `seen` showed them.
        """
        for parent in self._settings.parents:
            self._shift_parent(parent, intent)
        body = self._get()
        if body is None:
            self._create(intent, seen)
            return
        found = [profile_views.endpoint_seen(item) for item in profile_views.endpoints(body)]
        before, after = (profile_views.foreign_part(part, intent) for part in (seen.endpoints, found))
        if not seen.exists or before != after:
            message = f"profile {self._settings.profile} has changed since it was looked at; nothing was written"
            raise Conflict(message, code="ForeignChange")
        profile_requests.refuse_rival(body, intent, self._owner)
        self._patch(self._path(), profile_requests.split_patch(body, intent, self._settings, self._owner))

    def preflight(self) -> tuple[Finding, ...]:
        """Check that the profile exists or can be created, and shares its traffic by weight."""
        subject, body = f"profile {self._settings.profile}", self._get()
        if body is None:
            creatable = self._settings.create is not None
            remedy = "" if creatable else "make it, or say trafficManager.create in the manifest"
            return (Finding(creatable, subject, f"does not exist in {self._settings.resource_group}", remedy),)
        weighted = profile_views.is_weighted(body)
        method = body["properties"]["trafficRoutingMethod"]
        remedy = "" if weighted else "make the profile Weighted, or nest a Weighted one in it"
        return (Finding(weighted, subject, f"shares its traffic by {method}", remedy),)

    def _path(self) -> str:
        settings = self._settings
        kind = "Microsoft.Network/trafficManagerProfiles"
        return f"{_scope(settings.subscription, settings.resource_group, kind)}/{settings.profile}"

    def _of_parent(self, parent: Parent) -> tuple[str, str]:
        subscription = parent.subscription or self._settings.subscription
        scope = _scope(subscription, parent.resource_group, "Microsoft.Network/trafficManagerProfiles")
        return f"{scope}/{parent.profile}", parent.profile

    def _get(self) -> Any:
        return self._read(self._path(), self._settings.profile)

    def _read(self, path: str, name: str) -> Any:
        return self._line.read(f"reading Traffic Manager profile {name}", path, PROFILE_VERSION)

    def _patch(self, path: str, patch: Mapping[str, Any]) -> None:
        name = path.rpartition("/")[2]
        self._line.ask(f"changing Traffic Manager profile {name}", "PATCH", path, PROFILE_VERSION, dict(patch))

    def _shift_parent(self, parent: Parent, intent: TrafficIntent) -> None:
        path, name = self._of_parent(parent)
        body = self._read(path, name)
        patch = None if body is None else profile_requests.parent_patch(body, intent, self._owner)
        if patch is not None:
            self._patch(path, patch)

    def _create(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        name, create = self._settings.profile, self._settings.create
        if seen.exists:
            raise Conflict(f"profile {name} was there and is not any more; nothing was written", code="ProfileGone")
        if create is None:
            raise Missing(f"profile {name} does not exist and the manifest does not say how to create it")
        body = profile_requests.new_profile(create, intent, self._settings, self._owner)
        doing = f"creating Traffic Manager profile {name}"
        self._line.ask(doing, "PUT", self._path(), PROFILE_VERSION, body)


class InProcessProbes:
    """Our own probes, asked of the world instead of over sockets, as `providers.ports.Probes`."""

    def __init__(self, world: World, settings: ProbeSettings, rng: random.Random | None = None) -> None:
        """Open the door; `rng` decides which of the requests to a partly failing workload fail."""
        self._world, self._settings, self._rng = world, settings, rng or world.rng

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> host name) once; a failed probe is an answer, never an exception."""
        return tuple(self._probe(endpoint, host) for endpoint, host in addresses.items())

    def _probe(self, endpoint: str, host: str) -> ProbeSeen:
        settings, world = self._settings, self._world
        world.tick()
        now, group = world.now(), world.groups.by_name(host.rstrip("."))
        if group is None:
            return ProbeSeen(endpoint, now, False, f"name {host} was not resolved")
        answer = world.answer(group.key, settings.path, self._rng, port=settings.port, host=settings.host or host)
        if answer is None:
            return ProbeSeen(endpoint, now, False, f"connection refused by {host}:{settings.port}")
        if answer.latency_seconds > settings.timeout_seconds:
            why = f"timed out after {settings.timeout_seconds:g} s while waiting for the answer"
            return ProbeSeen(endpoint, now, False, why, settings.timeout_seconds)
        ok = any(low <= answer.status <= high for low, high in settings.expect)
        return ProbeSeen(endpoint, now, ok, "" if ok else f"status {answer.status}", answer.latency_seconds)
