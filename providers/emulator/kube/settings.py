"""The knobs of an emulated cluster: delays of its controllers and the manners of its Gateway controller."""

from __future__ import annotations

from dataclasses import dataclass, field

CONTROLLER = "emulator.rollout/gateway-controller"
FEATURES = (
    "Gateway",
    "GRPCRoute",
    "HTTPRoute",
    "HTTPRouteMethodMatching",
    "HTTPRouteNamedRouteRule",
    "HTTPRouteQueryParamMatching",
    "HTTPRouteRequestMirror",
    "HTTPRouteRequestMultipleMirrors",
    "HTTPRouteRequestPercentageMirror",
    "HTTPRouteRequestTimeout",
    "ReferenceGrant",
)


@dataclass(slots=True)
class ClusterSettings:
    """How a cluster differs from its quickest and kindest form; mutable, so that a test may change it midway.

    Delays are in seconds. `controller_seconds`: how long after a change a controller sees it, and for so long an
    `observedGeneration` lags behind. `propagation_seconds`: how much later a route's new generation carries requests.
    `status_seconds`: how long after a write the route's status speaks of it; None means with the propagation, less
    means that the status promises what is not so yet. `termination_seconds`: how long a pod whose deletion has begun
    still answers whoever holds a connection, from when the data plane has let go of it. `route_programmed`: routes also
    bear the condition Programmed. `supported_features`: what GatewayClasses say; None means that they say nothing.
    `gateway_hostnames`: `namespace/name` of a Gateway to the host name that stands in its status instead of its
    address. `schedulable` False: new pods find no node.
    """

    controller_seconds: float = 0.1
    propagation_seconds: float = 0.0
    status_seconds: float | None = None
    termination_seconds: float = 1.0
    route_programmed: bool = False
    supported_features: tuple[str, ...] | None = FEATURES
    controller_name: str = CONTROLLER
    gateway_hostnames: dict[str, str] = field(default_factory=dict)
    schedulable: bool = True
    restart_backoff_seconds: float = 10.0
    pull_backoff_seconds: float = 10.0
    backoff_most_seconds: float = 300.0
