"""A gateway's endpoint in a profile of a world as `providers.ports.Entrance`: the real adapter without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from providers.azure.entrance import ProfileEntrance
from providers.azure.entrance_requests import entrance_findings
from providers.azure.profile_requests import Owner
from providers.azure.profile_views import Body, is_weighted
from providers.azure.settings import TrafficManager
from providers.emulator.arm import Arm
from providers.emulator.inprocess import PROFILE_VERSION, _Line, _scope
from providers.ports import Finding

if TYPE_CHECKING:
    from providers.emulator.world import World


class InProcessEntrance(ProfileEntrance):
    """One target's endpoint in a world; there is no retrying here, as in every door without HTTP."""

    def __init__(self, world: World, settings: TrafficManager, *, service: str, target: str) -> None:
        """Open the door for one target."""
        self._world_profiles = WorldProfiles(world)
        super().__init__(settings, service=service, target=target, now=world.now, profiles=self._world_profiles)
        self._of = Owner(service, target)

    def preflight(self) -> tuple[Finding, ...]:
        """Check that the profile exists or can be created, shares its traffic by weight, and has room for ours."""
        settings = self._settings
        subject = f"profile {settings.profile}"
        body = self._world_profiles.get(settings.subscription, settings.resource_group, settings.profile)
        if body is None:
            creatable = settings.create is not None
            remedy = "" if creatable else "make it, or say trafficManager.create in the manifest"
            return (Finding(creatable, subject, f"does not exist in {settings.resource_group}", remedy),)
        weighted = is_weighted(body)
        method = body["properties"]["trafficRoutingMethod"]
        remedy = "" if weighted else "make the profile Weighted, or nest a Weighted one in it"
        first = Finding(weighted, subject, f"shares its traffic by {method}", remedy)
        return (first, *entrance_findings(body, settings, self._of, subject))


class WorldProfiles:
    """The profiles of a world, as `providers.azure.entrance.Profiles`."""

    def __init__(self, world: World) -> None:
        """Open the door."""
        self._line = _Line(Arm(world))

    @contextmanager
    def act(self) -> Iterator[None]:
        """Do nothing: no call here takes any time."""
        yield

    def get(self, subscription: str, resource_group: str, profile: str) -> Body | None:
        """Return a profile's body, or None when there is none."""
        path = self._path(subscription, resource_group, profile)
        found: Body | None = self._line.read(f"reading Traffic Manager profile {profile}", path, PROFILE_VERSION)
        return found

    def patch(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Change a profile."""
        path = self._path(subscription, resource_group, profile)
        self._line.ask(f"changing Traffic Manager profile {profile}", "PATCH", path, PROFILE_VERSION, body)

    def put(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Create a profile."""
        path = self._path(subscription, resource_group, profile)
        self._line.ask(f"creating Traffic Manager profile {profile}", "PUT", path, PROFILE_VERSION, body)

    @staticmethod
    def _path(subscription: str, resource_group: str, profile: str) -> str:
        scope = _scope(subscription, resource_group, "Microsoft.Network/trafficManagerProfiles")
        return f"{scope}/{profile}"
