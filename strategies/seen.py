"""Facts: what one look at the world showed. Absence of a fact is never a fact."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from strategies.detours import Detour, Mirror

BELIEVED = 2
"""Equal reads in a row that are believed against what we expected."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What we write on everything we make, so that an empty store can be rebuilt from the world."""

    service: str
    target: str
    revision: str
    """The whole revision id where the place is long enough for it (tags), else its first eight digits."""
    number: int
    slot: int
    rollout: str = ""
    digest: str = ""
    template: str = ""
    image: str = ""
    tag: str = ""


class GroupState(StrEnum):
    """A workload's own state, as far as it matters here."""

    ABSENT = "absent"
    COMING = "coming"
    RUNNING = "running"
    """Provisioned, and every container running."""
    FAILED = "failed"
    GOING = "going"


@dataclass(frozen=True, slots=True)
class GroupSeen:
    """One workload as it was read; `why` holds the provider's error code and last events when it is not well."""

    name: str
    state: GroupState
    at: datetime
    address: str | None = None
    restarts: int = 0
    why: str = ""
    id: str = ""
    mark: Mark | None = None
    keep_until: datetime | None = None
    """Until when a retained group shall run on."""
    partial: bool = False
    """Whether not all that belongs to it was made: its creation was broken off, and is asked for again."""


class Monitor(StrEnum):
    """The routing layer's own opinion of an endpoint."""

    ONLINE = "online"
    CHECKING = "checking"
    DEGRADED = "degraded"
    OFF = "off"
    UNMONITORED = "unmonitored"


@dataclass(frozen=True, slots=True)
class EndpointSeen:
    """One endpoint or backend, ours or foreign; a switched-off one has share zero whatever its weight says."""

    name: str
    address: str
    weight: int
    enabled: bool
    monitor: Monitor = Monitor.ONLINE
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class TrafficSeen:
    """A profile or route as it was read; `at` is when the answer came.

    `ttl_chain` is the largest TTL among this profile and those above it. `active` pairs each holder (`names.holder`: a
    service's target) that says it moves this profile's weights with its rollout's id. `detours` and `mirrors` are ours.
    """

    at: datetime
    exists: bool
    endpoints: tuple[EndpointSeen, ...] = ()
    ttl_seconds: int = 0
    ttl_chain: int = 0
    ttl_original: int | None = None
    active: tuple[tuple[str, str], ...] = ()
    rolled_back: tuple[tuple[str, str], ...] = ()
    """Pairs of a holder and the first eight digits of its revision last taken back (tag `rollout-rolled-back`)."""
    parents_healthy: bool = True
    weighted: bool = True
    """Whether weights decide at all: somebody may have switched the profile to another method."""
    address: str | None = None
    """The name clients use."""
    detours: tuple[Detour, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    whole: bool = True
    """Whether every part that carries the split (rules, routes, what follows them) says the same."""
    taken: bool = True
    """Whether the routing layer says that what is written is in force; a write just made is not, for a while."""
    why: str = ""
    """What is not whole, or why it is not taken."""
    entrance: bool | None = None
    """Whether the name in front leads here; None where there is none that we open and close, or it could not be read
    (then nothing is `taken`)."""

    def endpoint(self, name: str) -> EndpointSeen | None:
        """The endpoint called `name` in any letter case, if it is there."""
        wanted = name.lower()
        for endpoint in self.endpoints:
            if endpoint.name == name or endpoint.name.lower() == wanted:
                return endpoint
        return None


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """One probe of one endpoint address."""

    slot: str
    """The slot's endpoint name."""
    at: datetime
    ok: bool
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """One side's requests and failures over one interval, as one source counted them.

    `reset`: a counter began anew within it, so that how many there were is not known. `instances` is how many workloads
    of the side were counted, None where the source does not tell. More failures than requests are told as they are.
    """

    since: datetime
    until: datetime
    requests: int
    failures: int = 0
    reset: bool = False
    instances: int | None = None

    @property
    def can_be(self) -> bool:
        """Whether no more failed than came: else something else is counted as failures, or not yet all that came."""
        return self.failures <= self.requests


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source gave at one look: each side's complete intervals since the watermark, in time order.

    `problem` says in the source's own words why something is missing: that is no evidence, either way. `mistaken`: the
    question itself is wrong, so that asking again cannot help. `talkers` pairs who still reaches the leaving side with
    requests per second, the most first.
    """

    metric: str
    at: datetime
    stable: tuple[Tally, ...] = ()
    candidate: tuple[Tally, ...] = ()
    problem: str | None = None
    mistaken: bool = False
    talkers: tuple[tuple[str, float], ...] = ()


class CheckState(StrEnum):
    """How far a check is."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be made, or came to no result: that is no evidence, either way."""


@dataclass(frozen=True)
class CheckSeen:
    """One check at one step, as it was found: how it ended or how far it is (`why`), and the end of what it wrote."""

    metric: str
    step: int
    state: CheckState
    at: datetime
    why: str = ""
    attempt: int = 0
    """How often it had been tried in vain before."""
    output: str = ""

    @property
    def told(self) -> str:
        """How it ended and what it wrote, on one line."""
        return ": ".join(" ".join(text.split()) for text in (self.why, self.output) if text.strip())


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and failures of both sides over one interval, from one source; probes are not among them."""

    since: datetime
    until: datetime
    stable_requests: int
    stable_failures: int
    candidate_requests: int
    candidate_failures: int
    instances: int | None = None
    """How many workloads of the candidate were counted, where that is known."""

    @property
    def can_be(self) -> bool:
        """Whether no more failed than came, on either side."""
        return self.stable_failures <= self.stable_requests and self.candidate_failures <= self.candidate_requests


class Act(StrEnum):
    """The three kinds of act."""

    ENSURE = "ensure"
    SHIFT = "shift"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class Ack:
    """An act that returned, or may have been taken: known to the process that did it, a fact of its next look."""

    act: Act
    name: str
    """The slot's resource name; empty for a shift."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """An act that was definitely refused; `final` when asking again cannot help."""

    act: Act
    name: str
    at: datetime
    code: str
    message: str
    final: bool
    waits: bool = False
    """Whether nothing was sent because something of ours is missing that a person must provide (a secret)."""


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """What one look showed of one target; `traffic` None and missing groups mean: could not be read this time."""

    name: str
    groups: tuple[GroupSeen, ...] = ()
    traffic: TrafficSeen | None = None
    probes: tuple[ProbeSeen, ...] = ()
    readings: tuple[Reading, ...] = ()
    checks: tuple[CheckSeen, ...] = ()
    acks: tuple[Ack, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    problem: str | None = None

    def group(self, name: str) -> GroupSeen | None:
        """What was read of the workload called `name`, if it was read."""
        for group in self.groups:
            if group.name == name:
                return group
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at all targets of a rollout."""

    targets: tuple[TargetSeen, ...] = field(default=())

    def target(self, name: str) -> TargetSeen:
        """What was seen of the target called `name`; an empty look when nothing was."""
        return next((t for t in self.targets if t.name == name), TargetSeen(name))
