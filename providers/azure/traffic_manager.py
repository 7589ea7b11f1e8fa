"""Azure Traffic Manager as `providers.ports.Traffic`: the whole split in one PATCH of the profile.

Traffic Manager has no ETag, so a write begins with a fresh read whose foreign part must equal what was decided upon.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from providers.azure import profile_requests, traffic_checks
from providers.azure.clients import Clients, nothing, read_profile
from providers.azure.container_groups import utc_now
from providers.azure.profile_requests import Owner
from providers.azure.profile_views import endpoint_seen, endpoints, foreign_part, traffic_seen
from providers.azure.settings import TrafficManager
from providers.errors import Conflict, Missing
from providers.ports import Finding
from strategies.model import TrafficIntent
from strategies.seen import TrafficSeen


class TrafficManagerProfile:
    """One target's part of a profile; `now` says when an answer came."""

    def __init__(
        self,
        settings: TrafficManager,
        *,
        service: str,
        target: str,
        clients: Clients | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings, self._owner = settings, Owner(service, target)
        self._clients, self._now = clients or Clients(), now

    def look(self) -> TrafficSeen:
        """Read the profile and those above it, one GET each; a profile that does not exist is a fact, too."""
        with self._clients.retry.act():
            body = self._get()
            at = self._now()
            if body is None:
                return TrafficSeen(at, exists=False)
            return traffic_seen(body, [(above, self._get_parent(above)) for above in self._settings.parents], at)

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write split, TTL and marks in one PATCH (or the PUT that creates the profile).

        The TTL of parents is lowered and restored before it, by one PATCH each if it differs: a crash between leaves
        a profile that still differs from the intent, so the engine comes back. Raises Conflict when foreign
        endpoints are not as `seen` showed them.
        """
        with self._clients.retry.act():
            self._shift_parents(intent)
            body = self._get()
            if body is None:
                self._create(intent, seen)
            else:
                self._change(body, intent, seen)

    def preflight(self) -> tuple[Finding, ...]:
        """Check the profile, its parents, its endpoints and the vanity names; reads only."""
        return traffic_checks.findings(self._clients, self._settings, self._owner)

    @property
    def _profile(self) -> str:
        return f"Traffic Manager profile {self._settings.profile} ({self._settings.resource_group})"

    def _get(self) -> Any:
        settings = self._settings
        return read_profile(self._clients, settings.subscription, settings.resource_group, settings.profile)

    def _get_parent(self, above: Any) -> Any:
        subscription = above.subscription or self._settings.subscription
        return read_profile(self._clients, subscription, above.resource_group, above.profile)

    def _shift_parents(self, intent: TrafficIntent) -> None:
        for above in self._settings.parents:
            body = self._get_parent(above)
            if body is None:
                continue
            patch = profile_requests.parent_patch(body, intent, self._owner)
            if patch is not None:
                subscription = above.subscription or self._settings.subscription
                self._write(above.resource_group, above.profile, subscription, patch)

    def _change(self, body: Any, intent: TrafficIntent, seen: TrafficSeen) -> None:
        found = [endpoint_seen(item) for item in endpoints(body)]
        if not seen.exists or foreign_part(found, intent) != foreign_part(seen.endpoints, intent):
            message = f"{self._profile} has changed since it was looked at; nothing was written"
            raise Conflict(message, code="ForeignChange")
        profile_requests.refuse_rival(body, intent, self._owner)
        patch = profile_requests.split_patch(body, intent, self._settings, self._owner)
        self._write(self._settings.resource_group, self._settings.profile, self._settings.subscription, patch)

    def _create(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        settings = self._settings
        if seen.exists:
            raise Conflict(f"{self._profile} was there and is not any more; nothing was written", code="ProfileGone")
        if settings.create is None:
            remedy = "make it, or say trafficManager.create in the manifest"
            raise Missing(f"{self._profile} does not exist; {remedy}", code="ProfileMissing")
        body = profile_requests.new_profile(settings.create, intent, settings, self._owner)
        profiles = self._clients.traffic(settings.subscription).profiles
        self._clients.write(
            f"creating {self._profile}",
            profiles.create_or_update,
            settings.resource_group,
            settings.profile,
            json.dumps(body).encode(),
            content_type="application/json",
            cls=nothing,
        )

    def _write(self, resource_group: str, profile: str, subscription: str, patch: dict[str, Any]) -> None:
        self._clients.write(
            f"changing Traffic Manager profile {profile} ({resource_group})",
            self._clients.traffic(subscription).profiles.update,
            resource_group,
            profile,
            json.dumps(patch).encode(),
            content_type="application/json",
            cls=nothing,
        )
