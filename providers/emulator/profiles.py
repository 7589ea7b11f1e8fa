"""Traffic Manager profiles and endpoints: what ARM's calls do to them and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.group_view import stamp
from providers.emulator.monitor import Endpoint, Monitor, Profile, Published
from providers.emulator.paths import ResourceId
from providers.emulator.profile_rules import bad, check_endpoint, check_endpoints, check_profile, kind_of
from providers.emulator.values import ArmError

if TYPE_CHECKING:
    from providers.emulator.world import World

PROFILE_TYPE = "Microsoft.Network/trafficManagerProfiles"
_PUBLISHED_SECONDS = 3600


class Profiles:
    """Every Traffic Manager profile of the world, by its id in lower case and by its name in DNS."""

    def __init__(self, world: World) -> None:
        """Begin with no profile."""
        self._world = world
        self._profiles: dict[str, Profile] = {}
        self._relative: dict[str, str] = {}
        self.monitor = Monitor(world)

    def find(self, key: str) -> Profile | None:
        """Return the profile with an id in lower case, or None."""
        return self._profiles.get(key)

    def all(self) -> list[Profile]:
        """Return every profile in the order of creation."""
        return list(self._profiles.values())

    def by_relative_name(self, name: str) -> Profile | None:
        """Return the profile with a first DNS label in lower case, or None."""
        return self._profiles.get(self._relative.get(name, ""))

    def require(self, rid: ResourceId) -> Profile:
        """Return the profile with an id; raises ArmError 404 when there is none."""
        profile = self._profiles.get(rid.key)
        if profile is None:
            raise _not_found(f"trafficManagerProfiles/{rid.name}", rid.resource_group)
        return profile

    def monitored_paths(self, fqdn: str | None) -> set[str]:
        """Return the paths that profiles check on a host."""
        if fqdn is None:
            return set()
        return {
            profile.properties["monitorConfig"].get("path", "")
            for profile in self._profiles.values()
            if any(endpoint.target.lower() == fqdn for endpoint in profile.endpoints)
        }

    def put(self, rid: ResourceId, body: Mapping[str, Any]) -> tuple[Profile, bool]:
        """Create or replace a profile with its endpoints, and say whether it is new."""
        properties = _copy(body.get("properties") or {})
        return self._write(rid, body.get("location"), dict(body.get("tags") or {}), properties, _listed(properties))

    def patch(self, rid: ResourceId, body: Mapping[str, Any]) -> Profile:
        """Change a profile: tags and endpoints are replaced as a whole, DNS and monitor settings key by key."""
        profile = self.require(rid)
        properties = _copy(profile.properties)
        given = _copy(body.get("properties") or {})
        listed = _listed(given) if given.get("endpoints") is not None else _present(profile.endpoints)
        given.pop("endpoints", None)
        for key, value in given.items():
            merged = key in ("dnsConfig", "monitorConfig") and isinstance(value, Mapping)
            properties[key] = {**properties[key], **value} if merged else value
        tags = dict(body["tags"] or {}) if "tags" in body else profile.tags
        return self._write(rid, body.get("location", "global"), tags, properties, listed)[0]

    def put_endpoint(
        self, rid: ResourceId, kind: str, name: str, body: Mapping[str, Any], merge: bool
    ) -> tuple[Profile, Endpoint, bool]:
        """Create, replace or (with `merge`) change one endpoint, and say whether it is new."""
        profile = self.require(rid)
        canonical = _endpoint_kind(kind)
        old = self.endpoint(profile, canonical, name)
        if merge and old is None:
            raise _not_found(f"trafficManagerProfiles/{rid.name}/{canonical}/{name}", rid.resource_group)
        given = _copy(body.get("properties") or {})
        mine = {**old.properties, **given} if merge and old is not None else given
        listed = _present(e for e in profile.endpoints if e is not old)
        listed.insert(
            profile.endpoints.index(old) if old else len(listed), (old.name if old else name, canonical, mine)
        )
        self._write(rid, "global", profile.tags, _copy(profile.properties), listed)
        now = self.endpoint(profile, canonical, name)
        assert now is not None  # noqa: S101 - just written; tells the type checker
        return profile, now, old is None

    def endpoint(self, profile: Profile, kind: str, name: str) -> Endpoint | None:
        """Return a profile's endpoint by kind and name in any letter case, or None."""
        mine = (e for e in profile.endpoints if e.kind == kind and e.name.lower() == name.lower())
        return next(mine, None)

    def require_endpoint(self, rid: ResourceId, kind: str, name: str) -> tuple[Profile, Endpoint]:
        """Return a profile and its endpoint; raises ArmError 400 for an unknown kind, 404 when either is missing."""
        profile, canonical = self.require(rid), _endpoint_kind(kind)
        found = self.endpoint(profile, canonical, name)
        if found is None:
            raise _not_found(f"trafficManagerProfiles/{rid.name}/{canonical}/{name}", rid.resource_group)
        return profile, found

    def delete_endpoint(self, rid: ResourceId, kind: str, name: str) -> bool:
        """Take an endpoint out; asked for under another kind than its own, nothing happens and True is returned still.

        False: no endpoint of that name exists under any kind.
        """
        profile, canonical = self.require(rid), _endpoint_kind(kind)
        found = self.endpoint(profile, canonical, name)
        if found is None:
            return any(e.name.lower() == name.lower() for e in profile.endpoints)
        rest = _present(e for e in profile.endpoints if e is not found)
        self._write(rid, "global", profile.tags, _copy(profile.properties), rest)
        return True

    def delete(self, rid: ResourceId) -> bool:
        """Delete a profile and say whether it was there; its name answers NXDOMAIN at once."""
        profile = self._profiles.pop(rid.key, None)
        if profile is None:
            return False
        profile.life += 1
        self._relative.pop(profile.relative_name, None)
        return True

    def _write(
        self,
        rid: ResourceId,
        location: Any,
        tags: dict[str, str],
        properties: dict[str, Any],
        listed: list[tuple[Any, str | None, Mapping[str, Any]]],
    ) -> tuple[Profile, bool]:
        """Check the profile as it would stand and put it in place whole; raises ArmError with nothing changed."""
        now = self._world.now()
        old = self._profiles.get(rid.key)
        properties.pop("endpoints", None)
        check_profile(location, properties)
        checked = [(name, kind or "", check_endpoint(name, kind, given)) for name, kind, given in listed]
        check_endpoints(properties["trafficRoutingMethod"], checked)
        relative = str(properties["dnsConfig"]["relativeName"]).lower()
        if old is not None and old.relative_name != relative:
            raise bad("The relative DNS name of a profile cannot be changed.")
        if self._relative.get(relative, rid.key) != rid.key:
            message = f"Domain name {relative}.trafficmanager.net already exists. Please choose a different DNS prefix."
            raise ArmError(409, "DomainNameAlreadyExists", message)
        for name, kind, mine in checked:
            if kind == "nestedEndpoints":
                self._check_nested(rid.key, str(name), str(mine["targetResourceId"]).lower(), 1)
        window = timedelta(seconds=self._world.settings.conflict_window_seconds)
        if old is not None and old.written_at is not None and now - old.written_at < window:
            raise conflict()
        profile = old or Profile(rid.id, rid.key, rid.subscription, rid.resource_group, rid.name, tags, properties, now)
        before = profile.properties["monitorConfig"] if old is not None else None
        profile.tags, profile.properties, profile.written_at = tags, properties, now
        profile.endpoints = [self._made(profile, str(name), kind, mine) for name, kind, mine in checked]
        self._profiles[rid.key], self._relative[relative] = profile, rid.key
        if before is None or before["intervalInSeconds"] != properties["monitorConfig"]["intervalInSeconds"]:
            self.monitor.watch(profile)
        self.monitor.greet(profile)
        self._publish(profile)
        return profile, old is None

    def _made(self, profile: Profile, name: str, kind: str, mine: dict[str, Any]) -> Endpoint:
        """Make an endpoint anew; it keeps its health only while it goes on being checked at the same target."""
        made = Endpoint(name, kind, mine)
        old = self.endpoint(profile, kind, name)
        if old is not None and old.enabled and made.enabled and old.target.lower() == made.target.lower():
            made.health = old.health
        return made

    def _check_nested(self, start: str, name: str, child: str, depth: int) -> None:
        if child == start:
            raise bad(f"The nested endpoint '{name}' would make a loop of profiles.")
        if depth > 10:
            raise bad(f"The nested endpoint '{name}' would nest profiles more than 10 deep.")
        profile = self._profiles.get(child)
        if profile is None:
            raise bad(f"The targetResourceId of nested endpoint '{name}' does not name an existing profile.")
        for endpoint in profile.endpoints:
            if endpoint.kind == "nestedEndpoints":
                self._check_nested(start, name, endpoint.target.lower(), depth + 1)

    def _publish(self, profile: Profile) -> None:
        now = self._world.now()
        ttl = int(profile.properties["dnsConfig"]["ttl"])
        method = str(profile.properties["trafficRoutingMethod"])
        profile.published.append(Published(now, profile.enabled, ttl, method, tuple(profile.endpoints)))
        old = now - timedelta(seconds=max(_PUBLISHED_SECONDS, self._world.settings.propagation_seconds))
        while len(profile.published) > 1 and profile.published[1].since <= old:
            profile.published.pop(0)

    def available(self, name: Any) -> dict[str, Any]:
        """Answer whether a relative DNS name is free."""
        free = str(name).lower() not in self._relative
        answer: dict[str, Any] = {"name": str(name), "type": PROFILE_TYPE, "nameAvailable": free}
        if not free:
            answer["reason"] = "AlreadyExists"
            answer["message"] = (
                f"Domain name {name}.trafficmanager.net already exists. Please choose a different DNS prefix."
            )
        return answer

    def json(self, profile: Profile, api_version: str = "2022-04-01") -> dict[str, Any]:
        """Return a profile as ARM shows it in an API version; it shares its unchanging parts: do not change it."""
        properties = dict(profile.properties)
        if api_version < "2026":
            properties.pop("recordType", None)
        dns = properties["dnsConfig"]
        properties["dnsConfig"] = {**dns, "fqdn": f"{dns['relativeName']}.trafficmanager.net"}
        overall = self.monitor.overall(profile)
        properties["monitorConfig"] = {"profileMonitorStatus": overall, **properties["monitorConfig"]}
        properties["endpoints"] = [self.endpoint_json(profile, endpoint) for endpoint in profile.endpoints]
        return {
            "id": profile.id,
            "name": profile.name,
            "type": PROFILE_TYPE,
            "location": "global",
            "tags": dict(profile.tags),
            "properties": properties,
        }

    def endpoint_json(self, profile: Profile, endpoint: Endpoint) -> dict[str, Any]:
        """Return an endpoint as ARM shows it."""
        properties = {**endpoint.properties, "endpointMonitorStatus": self.monitor.status(profile, endpoint)}
        properties.setdefault("priority", profile.endpoints.index(endpoint) + 1)
        return {
            "id": f"{profile.id}/{endpoint.kind}/{endpoint.name}",
            "name": endpoint.name,
            "type": f"{PROFILE_TYPE}/{endpoint.kind}",
            "properties": properties,
        }

    def state(self) -> list[dict[str, Any]]:
        """Return all profiles as ARM shows them, with the time of their creation."""
        shown = (self.json(profile, "2026-09-01") for profile in self._profiles.values())
        return [
            {**body, "createdAt": stamp(profile.created_at)}
            for body, profile in zip(shown, self._profiles.values(), strict=True)
        ]


def conflict() -> ArmError:
    """Return the refusal of a write that overlaps another one on the same profile."""
    return ArmError(
        409,
        "Conflict",
        "Conflicting changes were detected when processing the request. This can happen when there are multiple "
        "requests trying to update one profile at the same time. Please retry your request.",
    )


def _not_found(what: str, group: str) -> ArmError:
    message = f"The Resource 'Microsoft.Network/{what}' under resource group '{group}' was not found."
    return ArmError(404, "ResourceNotFound", message)


def _endpoint_kind(kind: str) -> str:
    canonical = None if "/" in kind else kind_of(kind)
    if canonical is None:
        raise bad(f"The endpoint type '{kind}' is invalid: use AzureEndpoints, ExternalEndpoints or NestedEndpoints.")
    return canonical


def _listed(properties: Mapping[str, Any]) -> list[tuple[Any, str | None, Mapping[str, Any]]]:
    endpoints = properties.get("endpoints") or []
    if not isinstance(endpoints, list) or not all(isinstance(entry, Mapping) for entry in endpoints):
        raise bad("The property 'endpoints' must be a list of endpoints.")
    return [(e.get("name"), kind_of(str(e.get("type", ""))), e.get("properties") or {}) for e in endpoints]


def _present(endpoints: Iterable[Endpoint]) -> list[tuple[Any, str | None, Mapping[str, Any]]]:
    return [(endpoint.name, endpoint.kind, endpoint.properties) for endpoint in endpoints]


def _copy(value: Any) -> Any:
    """Return a copy of a JSON value without nulls, so that nobody outside holds what the world keeps."""
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items() if item is not None}
    return [_copy(item) for item in value] if isinstance(value, list) else value
