"""What a manifest says about one target on Azure, as plain frozen values; nothing here loads an SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ContainerInstances:
    """A target's `containerInstances`: where groups are made, and of what.

    `template` is the parsed container group document (ARM shape: `location`, `properties`, `tags`, …) with variables
    resolved and a `providers.secrets.SecretRef` wherever a secret stands. `containers` names the containers and init
    containers whose image is replaced; None means every one whose repository equals the manifest's image.
    """

    subscription: str
    resource_group: str
    location: str
    template: Mapping[str, Any]
    containers: tuple[str, ...] | None = None
    inject: bool = True
    """Whether ROLLOUT_SERVICE, ROLLOUT_REVISION and ROLLOUT_TARGET are added to the environment."""
    allow_system_identity: bool = False


@dataclass(frozen=True, slots=True)
class Monitor:
    """How Traffic Manager probes the endpoints of a profile that we create; `expect` are inclusive status ranges.

    `failures` is how many failures in a row are tolerated (0 to 9); `path` None goes with protocol TCP.
    """

    protocol: str = "HTTP"
    port: int = 80
    path: str | None = "/"
    interval_seconds: int = 30
    timeout_seconds: int = 10
    failures: int = 3
    expect: tuple[tuple[int, int], ...] = ((200, 200),)
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateProfile:
    """A target's `trafficManager.create`: how the profile is made where it does not exist yet.

    `dns_name` is the label below trafficmanager.net and unique in the world.
    """

    dns_name: str
    ttl_seconds: int = 30
    monitor: Monitor = field(default_factory=Monitor)
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Parent:
    """A profile above ours and the name of the nested endpoint in it; `subscription` None means ours."""

    resource_group: str
    profile: str
    endpoint: str
    subscription: str | None = None


@dataclass(frozen=True, slots=True)
class TrafficManager:
    """A target's `trafficManager`: the profile in front of the workloads.

    `custom_headers` and `always_serve` None mean: what the adopted endpoints had. `weight` None means: what the adopted
    ones had, or 1000. `names` are vanity names that shall lead to the profile. The TTL during a rollout is part of
    `strategies.plan.Target`.
    """

    subscription: str
    resource_group: str
    profile: str
    create: CreateProfile | None = None
    weight: int | None = None
    adopt: tuple[str, ...] = ()
    custom_headers: tuple[tuple[str, str], ...] | None = None
    always_serve: bool | None = None
    parents: tuple[Parent, ...] = ()
    names: tuple[str, ...] = ()
    address: str | None = None
    """A gateway's host name: then our only endpoint is this one, and it is open or closed as a whole."""
