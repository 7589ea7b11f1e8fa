"""A gateway's endpoint in a Traffic Manager profile as `providers.ports.Entrance`: open or closed as a whole.

Traffic Manager has no ETag: a write begins with a fresh read whose foreign part must equal that of the read before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from providers.azure import traffic_checks
from providers.azure.clients import Clients, nothing, read_profile
from providers.azure.container_groups import utc_now
from providers.azure.entrance_requests import (
    entrance_findings,
    entrance_patch,
    entrance_profile,
    entrance_seen,
    foreign_part,
)
from providers.azure.profile_requests import Owner
from providers.azure.profile_views import Body
from providers.azure.settings import TrafficManager
from providers.errors import Conflict, Missing
from providers.ports import EntranceSeen, Finding


class Profiles(Protocol):
    """Whole Traffic Manager profiles, read and written; raises `providers.errors`."""

    def act(self) -> AbstractContextManager[None]:
        """Let all calls inside share one budget of time."""
        ...

    def get(self, subscription: str, resource_group: str, profile: str) -> Body | None:
        """Return a profile's body, or None when there is none."""
        ...

    def patch(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Change a profile."""
        ...

    def put(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Create a profile."""
        ...


class ProfileEntrance:
    """One target's endpoint; `now` says when an answer came, `profiles` None means those of Azure by `clients`."""

    def __init__(
        self,
        settings: TrafficManager,
        *,
        service: str,
        target: str,
        clients: Clients | None = None,
        now: Callable[[], datetime] = utc_now,
        profiles: Profiles | None = None,
    ) -> None:
        self._settings, self._owner, self._now = settings, Owner(service, target), now
        self._clients = clients or Clients()
        self._profiles = profiles or AzureProfiles(self._clients)
        self._foreign: list[Body] | None = None

    def look(self) -> EntranceSeen:
        """Read the profile and those above it, one GET each; a profile that does not exist is a closed entrance."""
        settings = self._settings
        with self._profiles.act():
            body, at = self._get(), self._now()
            above = [
                self._profiles.get(each.subscription or settings.subscription, each.resource_group, each.profile)
                for each in (settings.parents if body is not None else ())
            ]
        return entrance_seen(body, above, settings, self._owner, at)

    def set(self, is_open: bool) -> None:
        """Open or close our endpoint by one PATCH (or the PUT that creates the profile); none when it is so already.

        Raises Conflict, with nothing written, when another endpoint is not as the read before showed it.
        """
        settings = self._settings
        place = (settings.subscription, settings.resource_group, settings.profile)
        with self._profiles.act():
            if self._foreign is None:
                self._get()
            before = self._foreign
            body = self._get()
            if body is None:
                if is_open:
                    self._profiles.put(*place, self._created())
                return
            patch = entrance_patch(body, settings, self._owner, is_open=is_open)
            if patch is None:
                return
            if before != self._foreign:
                message = f"Traffic Manager profile {settings.profile} ({settings.resource_group}) has changed since it"
                raise Conflict(f"{message} was looked at; nothing was written", code="ForeignChange")
            self._profiles.patch(*place, patch)

    def preflight(self) -> tuple[Finding, ...]:
        """Check the profile, its endpoints, its parents and the vanity names; reads only."""
        return traffic_checks.findings(self._clients, self._settings, self._owner, entrance_findings)

    def _get(self) -> Body | None:
        settings = self._settings
        body = self._profiles.get(settings.subscription, settings.resource_group, settings.profile)
        self._foreign = [] if body is None else foreign_part(body, settings, self._owner)
        return body

    def _created(self) -> Body:
        settings = self._settings
        if settings.create is None:
            where = f"Traffic Manager profile {settings.profile} ({settings.resource_group})"
            remedy = "make it, or say trafficManager.create in the manifest"
            raise Missing(f"{where} does not exist; {remedy}", code="ProfileMissing")
        return entrance_profile(settings.create, settings, self._owner)


class AzureProfiles:
    """The profiles of Azure, by the SDK's clients."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def act(self) -> AbstractContextManager[None]:
        """Let all calls inside share one budget of time."""
        return self._clients.retry.act()

    def get(self, subscription: str, resource_group: str, profile: str) -> Body | None:
        """Return a profile's body, or None when there is none."""
        found: Body | None = read_profile(self._clients, subscription, resource_group, profile)
        return found

    def patch(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Change a profile."""
        self._write("changing", self._clients.traffic(subscription).profiles.update, resource_group, profile, body)

    def put(self, subscription: str, resource_group: str, profile: str, body: Body) -> None:
        """Create a profile."""
        call = self._clients.traffic(subscription).profiles.create_or_update
        self._write("creating", call, resource_group, profile, body)

    def _write(self, doing: str, call: Callable[..., Any], resource_group: str, profile: str, body: Body) -> None:
        self._clients.write(
            f"{doing} Traffic Manager profile {profile} ({resource_group})",
            call,
            resource_group,
            profile,
            json.dumps(body).encode(),
            content_type="application/json",
            cls=nothing,
        )
