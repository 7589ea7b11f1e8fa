"""What a manifest says about one target in a cluster, as plain frozen values; nothing here loads a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

IN_CLUSTER = "in-cluster"
"""The context that means: the cluster in which this process runs, by its service account."""
DEFAULT_WEIGHT = 1000
HIGHEST_WEIGHT = 1_000_000
"""The largest weight of one backend (Gateway API v1)."""
RouteKind = Literal["HTTPRoute", "GRPCRoute"]


@dataclass(frozen=True, slots=True)
class Deployments:
    """A target's `kubernetes`: where Deployments are made, and of what.

    `objects` are the template's objects with variables resolved: one Deployment, and what belongs to it (at most one
    Service; HorizontalPodAutoscalers, PodDisruptionBudgets, ConfigMaps). `containers` names the containers and init
    containers whose image is replaced; None means every one whose repository equals the manifest's image.
    """

    context: str
    namespace: str
    objects: tuple[Mapping[str, Any], ...]
    containers: tuple[str, ...] | None = None
    inject: bool = True
    """Whether ROLLOUT_SERVICE, ROLLOUT_REVISION and ROLLOUT_TARGET are added to the environment."""
    probe_port: int | None = None
    """The container's port that is probed: each revision's Service opens it, whatever else the template's opens."""
    proxied: bool = False
    """Whether probes go through the API server's service proxy, which must be allowed."""
    adopt: tuple[str, ...] = ()
    """Services that were there before us and serve: their selectors must not match a candidate's pods."""
    stable_service: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """One route whose backends are ours."""

    kind: RouteKind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Routes:
    """A target's `gatewayApi`: the routes in front of its Services, which stand in `namespace`.

    `adopt` names Services that were backends before our first release. `weight` is the sum of our weights as the
    manifest gives it; None means `DEFAULT_WEIGHT`, and is refused beside foreign backends with weight. `port` is the
    Service port that a new backend names where no backend of ours stands beside it. `stable_service` names the Service
    that selects the pods of whoever has everything. What the strategy needs of the routes: `matches`, `mirrors`,
    `probes`.
    """

    context: str
    namespace: str
    routes: tuple[Route, ...]
    port: int
    adopt: tuple[str, ...] = ()
    weight: int | None = None
    stable_service: str | None = None
    service_ports: tuple[Mapping[str, Any], ...] = ()
    """The ports of the template's Service, with which a `stable_service` that does not exist is made."""
    matches: bool = False
    mirrors: bool = False
    probes: bool = False
