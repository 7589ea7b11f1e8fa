"""The values a scenario is made of: what stands in a world, what is released, who orders what, what goes wrong."""

from __future__ import annotations

from dataclasses import dataclass

from providers.emulator.behaviour import Behaviour
from strategies.model import CommandKind
from strategies.plan import Service

HEALED_SECONDS = 170.0
"""When all faults are over; from then on every rollout must come to its end."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a route: the path it matches, whether our backends stand in it, and who else does, with weights."""

    path: str
    ours: bool = True
    foreign: tuple[tuple[str, int], ...] = ()
    filtered: bool = False
    weighed: bool = True
    """Whether the weight of an adopted backend is written down, or left to the default of 1."""


@dataclass(frozen=True, slots=True)
class Road:
    """One route, with its rules in order; `parents` is how many Gateways it belongs to."""

    name: str
    rules: tuple[Rule, ...]
    parents: int = 1


@dataclass(frozen=True, slots=True)
class InCluster:
    """What is special about a target in a cluster.

    `routed`: probes come through the gateway, else through the API server's proxy. `companions`: the template brings
    an autoscaler, a disruption budget and a ConfigMap. `stable_service` is `none`, `new`, or `old` where one was there
    before. `entered` says whether the entrance (where `Place.profile` is not empty) stands open at first.
    """

    roads: tuple[Road, ...]
    routed: bool
    companions: bool
    stable_service: str
    entered: bool
    pods: int
    features: bool
    """Whether the class of the gateways says what it can do."""

    @property
    def routing(self) -> str:
        """What the routes together are called."""
        return "routes " + " ".join(road.name for road in self.roads)


@dataclass(frozen=True, slots=True)
class SourceAt:
    """Where one source counts: at the gateways, refused requests included, or in the workloads, while they run.

    `lies`: it takes answers of the candidate for failures that are none; such a source only reports. `phases`: it
    samples counters, the stable side's and the candidate's, each at these seconds of its interval.
    """

    metric: str
    at_gateway: bool
    lies: bool = False
    phases: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What comes of one check, and after how long: `passes`, `fails`, `unsure` (not at once), or `never` told."""

    metric: str
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong with an image and no probe ever shows: the part of requests that fail, and that are slow.

    It begins at an age of its process and at a share of the traffic (percent): too much load, or a leak.
    """

    rate: float = 0.0
    slow: float = 0.0
    after_seconds: float = 0.0
    from_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """One target's surroundings: its profile, who serves at first (`marked`, `adopted` or `none`), and strangers."""

    profile: str
    stable: str
    replicas_before: int
    ttl: int
    foreign: tuple[tuple[str, int, bool], ...]
    metrics: bool
    cluster: InCluster | None = None
    sources: tuple[SourceAt, ...] = ()
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class Release:
    """One image that somebody or the watcher wants out at a time."""

    at: float
    tag: str
    behaviour: Behaviour
    steps: bool = True
    defect: Defect | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One command of a person."""

    at: float
    kind: CommandKind


@dataclass(frozen=True, slots=True)
class Accident:
    """One thing that goes wrong at a time; `kind` is a method of `accidents.Accidents`."""

    at: float
    kind: str
    size: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """One service with its surroundings by target name, its releases and the orders given to it."""

    service: Service
    places: dict[str, Place]
    releases: tuple[Release, ...]
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole world; the rates are chances per call or per tick."""

    seed: int
    services: tuple[Wanted, ...]
    hosts: int
    accidents: tuple[Accident, ...]
    call_faults: float
    crashes: float
    stalls: float
    flaps: float
    propagation: float
    delete_seconds: float
    sqlite: bool
    clients: int
    lag: float = 0.0
    """How long the gateways take to do what a route says (seconds)."""
    early: bool = False
    """Whether a route's status says so before it is true."""
    resolvers: int = 0
    """How many clients there are in front of a target whose requests somebody counts."""
    pinned: int = 0
    """How many of those keep their connection for minutes."""

    @property
    def clustered(self) -> bool:
        """Whether any target stands in a cluster."""
        return any(place.cluster for wanted in self.services for place in wanted.places.values())

    @property
    def counted(self) -> bool:
        """Whether anybody counts requests of any target."""
        return any(place.sources for wanted in self.services for place in wanted.places.values())
