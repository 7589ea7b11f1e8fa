"""The world's DNS: profiles answer a weighted CNAME with their TTL, container groups their address."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from providers.emulator.kube.names import SERVICE_ZONES
from providers.emulator.monitor import CHECKING, DEGRADED, ONLINE, UNMONITORED, Endpoint, Profile, Published
from providers.emulator.profile_rules import record_kind
from providers.emulator.values import DnsAnswer

if TYPE_CHECKING:
    from providers.emulator.world import World

ZONE = ".trafficmanager.net"


class Names:
    """Answers one question at a time; who follows a chain asks again."""

    def __init__(self, world: World) -> None:
        """Answer for a world's profiles and groups."""
        self._world = world

    def resolve(self, name: str, rng: random.Random) -> DnsAnswer:
        """Answer for a name in any letter case, with or without the final dot."""
        plain = name.rstrip(".").lower()
        if plain.endswith(ZONE):
            profile = self._world.profiles.by_relative_name(plain.removesuffix(ZONE))
            return DnsAnswer("NXDOMAIN") if profile is None else self._profile(profile, rng)
        group = self._world.groups.by_name(plain)
        if group is not None:
            ttl = self._world.settings.address_ttl_seconds
            return DnsAnswer("NOERROR", address=group.address, ttl_seconds=ttl)
        for cluster in self._world.clusters.values():
            found = cluster.resolve(plain, rng)
            if found is not None:
                return found
        return DnsAnswer("NXDOMAIN" if self._known_zone(plain) else "REFUSED")

    def _known_zone(self, name: str) -> bool:
        return self._world.groups.zone_of(name) or name.endswith(SERVICE_ZONES)

    def published(self, profile: Profile) -> Published:
        """Return the profile as DNS knows it now: as it stood before the propagation delay, or as it began."""
        seen = self._world.now() - timedelta(seconds=self._world.settings.propagation_seconds)
        known = profile.published
        return next((view for view in reversed(known) if view.since <= seen), known[0])

    def _profile(self, profile: Profile, rng: random.Random) -> DnsAnswer:
        """Pick down through nested profiles; the TTL is the largest one met, the longest that any answer may live."""
        ttl = 0
        for _ in range(11):
            view = self.published(profile)
            if not view.enabled:
                return DnsAnswer("NXDOMAIN")
            ttl = max(ttl, view.ttl_seconds)
            endpoint = self._pick(profile, view, rng)
            if endpoint is None:
                return DnsAnswer("NOERROR", ttl_seconds=ttl)
            if endpoint.kind != "nestedEndpoints":
                target = endpoint.target
                if record_kind(target) == "DomainName":
                    return DnsAnswer("NOERROR", cname=target, ttl_seconds=ttl)
                return DnsAnswer("NOERROR", address=target, ttl_seconds=ttl)
            child = self._world.profiles.find(endpoint.target.lower())
            if child is None:
                break
            profile = child
        return DnsAnswer("NOERROR", ttl_seconds=ttl)

    def _pick(self, profile: Profile, view: Published, rng: random.Random) -> Endpoint | None:
        states = {id(e): self._world.profiles.monitor.status(profile, e) for e in view.endpoints if e.enabled}
        enabled = [endpoint for endpoint in view.endpoints if endpoint.enabled]
        good = [e for e in enabled if states[id(e)] in (ONLINE, CHECKING, UNMONITORED, "Inactive")]
        able = good or [e for e in enabled if states[id(e)] == DEGRADED]
        if not able:
            return None
        if view.method == "Priority":
            return min(able, key=lambda e: e.properties.get("priority", 1000))
        weights = [e.properties["weight"] if view.method == "Weighted" else 1 for e in able]
        return able[0] if len(able) == 1 else rng.choices(able, weights)[0]
