"""Whether a new or changed container group is let in: request rate, quotas, images, and its name in DNS."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from providers.emulator.group_rules import cores, normal_location
from providers.emulator.lifecycle import Group
from providers.emulator.paths import ResourceId
from providers.emulator.values import ArmError

if TYPE_CHECKING:
    from providers.emulator.groups import Groups
    from providers.emulator.world import World


class Admission:
    """The limits that the service sets per subscription and region."""

    def __init__(self, world: World, groups: Groups) -> None:
        """Keep whose limits these are."""
        self._world, self._groups = world, groups
        self._writes: list[tuple[datetime, str, str]] = []

    def admit(self, rid: ResourceId, region: str, body: Mapping[str, Any], old: Group | None) -> str | None:
        """Return the FQDN that the group will have (None: none); raises ArmError when it is not let in."""
        self.check_rate(rid.subscription, region)
        self._check_quota(region, rid.subscription, body, old)
        self._check_images(rid.name, body)
        return self._fqdn(rid, region, body, old)

    def check_rate(self, subscription: str, region: str) -> None:
        """Count one create or delete in a region; raises ArmError 429 when there were too many of late."""
        now = self._world.now()
        settings = self._world.settings
        self._writes = [entry for entry in self._writes if entry[0] > now - timedelta(hours=1)]
        mine = [at for at, sub, where in self._writes if (sub, where) == (subscription.lower(), region)]
        recent = sum(at > now - timedelta(minutes=5) for at in mine)
        if recent >= settings.writes_per_five_minutes or len(mine) >= settings.writes_per_hour:
            raise ArmError(
                429,
                "TooManyRequests",
                f"The request rate for container groups in region '{region}' exceeds the limit. Please retry later.",
                {"Retry-After": "30"},
            )
        self._writes.append((now, subscription.lower(), region))

    def _check_quota(self, region: str, subscription: str, body: Mapping[str, Any], old: Group | None) -> None:
        for usage in self.usages(subscription, region):
            name, used, limit = usage["name"]["value"], usage["currentValue"], usage["limit"]
            before = (1 if name == "ContainerGroups" else cores(old.body)) if old is not None else 0
            asked = 1 if name == "ContainerGroups" else cores(body)
            if used - before + asked > limit:
                raise ArmError(
                    409,
                    "ContainerGroupQuotaReached",
                    f"Resource type 'Microsoft.ContainerInstance/containerGroups' container group quota '{name}' "
                    f"exceeded in region '{region}'. Limit: '{limit:g}', Usage: '{used:g}' Requested: '{asked:g}'.",
                )

    def usages(self, subscription: str, location: str) -> list[dict[str, Any]]:
        """Return how much of each quota a subscription uses in a region."""
        region, settings = normal_location(location), self._world.settings
        mine = [g for g in self._groups.all() if g.subscription.lower() == subscription.lower() and g.region == region]
        used = {"ContainerGroups": float(len(mine)), "StandardCores": sum(cores(g.body) for g in mine)}
        limits = {"ContainerGroups": float(settings.group_quota), "StandardCores": settings.core_quota}
        titles = {"ContainerGroups": "Container Groups", "StandardCores": "Standard Cores"}
        return [
            {
                "unit": "Count",
                "currentValue": int(-(-value // 1)),
                "limit": int(limits[name]),
                "name": {"value": name, "localizedValue": titles[name]},
            }
            for name, value in used.items()
        ]

    def _check_images(self, name: str, body: Mapping[str, Any]) -> None:
        properties = body["properties"]
        for container in [*(properties.get("initContainers") or []), *properties["containers"]]:
            image = container["properties"].get("image")
            if image and not self._world.images.accessible(image):
                raise ArmError(
                    400,
                    "InaccessibleImage",
                    f"The image '{image}' in container group '{name}' is not accessible. Please check the image and "
                    "registry credential.",
                )

    def _fqdn(self, rid: ResourceId, region: str, body: Mapping[str, Any], old: Group | None) -> str | None:
        address = body["properties"].get("ipAddress") or {}
        label = address.get("dnsNameLabel")
        if label is None or address.get("type") != "Public":
            return None
        subscription, group = rid.subscription.lower(), rid.resource_group.lower()
        reach = {
            "TenantReuse": "tenant",
            "SubscriptionReuse": subscription,
            "ResourceGroupReuse": f"{subscription}/{group}",
            "Noreuse": f"{rid.key}/{self._world.now().isoformat()}",
        }.get(address.get("autoGeneratedDomainNameLabelScope", "Unsecure"))
        if reach is not None:
            label = f"{label}.{_letters(f'{label}/{reach}')}"
            if old is not None and address.get("autoGeneratedDomainNameLabelScope") == "Noreuse":
                return old.fqdn
        fqdn = f"{label}.{region}.azurecontainer.io"
        if (self._groups.holder_of(fqdn) or rid.key) != rid.key:
            raise ArmError(
                400,
                "DnsNameLabelNotAvailable",
                f"The DNS name label '{address['dnsNameLabel']}' in container group '{rid.name}' not available. "
                "Try using a different label.",
            )
        return fqdn


def _letters(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return "".join(chr(ord("a") + byte % 26) for byte in digest)
