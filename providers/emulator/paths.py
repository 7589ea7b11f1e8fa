"""ARM paths taken apart: in any letter case, with doubled or trailing slashes, as the command-line tools send them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_TYPES = {
    ("microsoft.containerinstance", "containergroups"): "Microsoft.ContainerInstance/containerGroups",
    ("microsoft.network", "trafficmanagerprofiles"): "Microsoft.Network/trafficManagerProfiles",
}


@dataclass(frozen=True, slots=True)
class ResourceId:
    """The id of one top-level resource; two ids are the same when their `key` is."""

    subscription: str
    resource_group: str
    kind: str
    name: str

    @property
    def id(self) -> str:
        """The id as ARM writes it, with the names as the caller wrote them."""
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}/providers/{self.kind}/{self.name}"
        )

    @property
    def key(self) -> str:
        """The id in lower case."""
        return self.id.lower()


@dataclass(frozen=True, slots=True)
class ArmPath:
    """A path by its meaning: where it points (`subscription`, `resource_group`), at whose type, and what stands after.

    `provider` and `kind` are lower case and empty where the path has none; `rest` keeps the caller's letters.
    """

    subscription: str = ""
    resource_group: str = ""
    provider: str = ""
    kind: str = ""
    rest: tuple[str, ...] = ()

    def resource(self) -> ResourceId:
        """Return the id of the resource that the path names first; IndexError when it names none."""
        kind = _TYPES.get((self.provider, self.kind), f"{self.provider}/{self.kind}")
        return ResourceId(self.subscription, self.resource_group, kind, self.rest[0])


@dataclass(frozen=True, slots=True)
class ArmCall:
    """One ARM call understood: upper-case method, path taken apart, JSON body (None: none sent) and API version."""

    method: str
    path: ArmPath
    body: Any
    api_version: str


@lru_cache(maxsize=4096)
def parse(path: str) -> ArmPath:
    """Take a path apart; what cannot be understood is left in `rest`. The last `/providers/` decides the type."""
    parts = [part for part in path.split("/") if part]
    lower = [part.lower() for part in parts]
    subscription = group = provider = kind = ""
    at = 0
    if lower[:1] == ["subscriptions"] and len(parts) > 1:
        subscription, at = parts[1], 2
        if lower[2:3] == ["resourcegroups"]:
            group, at = (parts[3] if len(parts) > 3 else "*"), 4
    if "providers" in lower[at:]:
        last = len(lower) - 1 - lower[::-1].index("providers")
        provider = lower[last + 1] if len(lower) > last + 1 else ""
        kind = lower[last + 2] if len(lower) > last + 2 else ""
        at = last + 3
    return ArmPath(subscription, group, provider, kind, tuple(parts[at:]))
