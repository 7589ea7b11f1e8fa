"""The words everything else is said in: revisions, slots, the wanted traffic, a target's state, a rollout, a command.

All of it is frozen and made of plain values, so that a state can be saved, compared and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from strategies.detours import Detour, Mirror
from strategies.evidence import Evidence
from strategies.phases import FORWARD, TERMINAL, Phase
from strategies.plan import Service
from strategies.seen import CheckSeen
from strategies.tail import Tail
from strategies.values import evolve


class Side(StrEnum):
    """The two roles of a release."""

    STABLE = "stable"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class Revision:
    """What is released: an image digest and the hash of the resolved templates it runs in."""

    digest: str
    template: str
    id: str
    """64 hexadecimal digits; `names.revision_id` makes it from the two above."""
    image: str = ""
    tag: str | None = None

    @property
    def short(self) -> str:
        """The eight digits that names carry."""
        return self.id[:8]


class Stage(StrEnum):
    """How far one slot's resource has come, as far as we know."""

    INTENDED = "intended"
    BEGUN = "begun"
    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True)
class Slot:
    """One replica of one side: a container group (or Deployment) and its place in the routing.

    `name` is empty for an adopted endpoint, behind which nothing is ours. `weight` is the endpoint's weight when its
    side has everything; None means an equal part.
    """

    number: int
    name: str
    endpoint: str
    address: str | None = None
    stage: Stage = Stage.INTENDED
    intended_at: datetime | None = None
    begun_at: datetime | None = None
    absences: int = 0
    restarts: int | None = None  # of its containers at the last look; None before the first one at which they ran
    crashes: int = 0  # restarts that we saw, or that a candidate had before we first saw it run
    ready: bool = False
    clean: int = 0
    failed: int = 0
    failing_since: datetime | None = None
    failing_why: str = ""
    fault: str | None = None  # why the resource itself is bad (failed, gone, refused), with the provider's own words
    retire_at: datetime | None = None
    retire_acked_at: datetime | None = None
    weight: int | None = None
    adopted: bool = False
    kept_until: datetime | None = None
    """Until when it runs on though it has left the routing; a retained one that is wanted again loses this first."""
    partial: bool = False  # its creation was broken off, so it is asked for again
    held: bool = False  # it cannot be made before a person provides what is missing of ours
    leftover: str | None = None  # why it could not be deleted, when deletion is forbidden to us
    id: str | None = None  # the provider's own id of the resource, once it was seen


@dataclass(frozen=True, slots=True)
class Member:
    """One of our endpoints as it shall stand in the routing; weight 0 means present and switched off."""

    endpoint: str
    address: str
    weight: int


@dataclass(frozen=True)
class TrafficIntent:
    """Everything we want of one profile or route: our members, what of ours shall be absent, TTL and marks.

    `ttl_seconds` None leaves the TTL alone. `active` is the rollout's id while it runs, None to take the mark off.
    `ttl_original` is what the profile's `rollout-ttl` tag shall hold while the TTL is lowered.
    """

    members: tuple[Member, ...] = ()
    absent: tuple[str, ...] = ()
    ttl_seconds: int | None = None
    ttl_original: int | None = None
    active: str | None = None
    own: tuple[str, ...] = ()
    """Rollouts whose mark may stand where ours is written: this one, and those that were over when it began."""
    rolled_back: str | None = None
    """First eight digits of a revision taken back: written with the leaving, so that an empty store knows."""
    detours: tuple[Detour, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    entrance: bool | None = None  # whether the name in front shall lead here; None leaves it alone


@dataclass(frozen=True)
class Asked:
    """A wanted traffic state and what has been heard of it since.

    `off` counts consecutive reads that differ; two in a row are believed. `acked_at` is known only to the process that
    sent the write. `confirmed_at` is the answer time of the first read that showed exactly the intent.
    """

    intent: TrafficIntent
    at: datetime
    share: float
    acked_at: datetime | None = None
    off: int = 0
    shown: int = 0
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so: a stable code, a sentence, the numbers."""

    code: str
    message: str
    evidence: tuple[tuple[str, str | float | int | None], ...] = ()


@dataclass(frozen=True)
class TargetState:
    """All that is remembered of one target of a rollout; times are UTC, durations seconds, shares percent.

    `routed_as` is the name clients use, `note` what the target waits for, in words for people.
    """

    name: str
    since: datetime
    phase: Phase = Phase.PENDING
    spent_seconds: float = 0.0  # time in this phase during which an engine ran
    step: int = 0
    candidate: tuple[Slot, ...] = ()
    stable: tuple[Slot, ...] = ()
    weight: int | None = None
    asked: Asked | None = None
    share: float = 0.0  # the candidate's, as last confirmed by read-back
    exposed: bool = False  # an answer or route may have named the candidate
    exposed_at: datetime | None = None  # since when; None where that was not, or nobody knows
    expires_at: datetime | None = None  # the latest expiry of any answer that names the leaving side
    ttl_original: int | None = None
    ttl_before: int | None = None
    ttl_lowered_at: datetime | None = None
    ttl_shift: int | None = None  # the largest TTL in the chain when the present split was confirmed
    observed: float | None = None
    online: bool = False
    parents_were_healthy: bool = False  # whether the profiles above took this one for that before any traffic
    drift_since: datetime | None = None
    lags: str | None = None  # what of the routing is not, or not yet, in force as it was asked
    lost: int = 0  # consecutive looks at which the profile or route itself was absent
    approved: int = -1
    waived: int = -1  # the last step whose hold and approval a person waived
    overruled: int = -1  # the last step at which a person went on without proof
    metrics: tuple[Evidence, ...] = ()
    checks: tuple[CheckSeen, ...] = ()
    doubt: Reason | None = None  # what is not proven yet at this step
    tail: Tail | None = None
    talkers: tuple[tuple[str, float], ...] = ()  # who still reaches the leaving side, with requests per second
    probed_at: datetime | None = None
    failure: Reason | None = None
    refused: Reason | None = None  # a write to the routing that was definitely refused in this phase
    routed_as: str | None = None
    note: str = ""
    asks_person: bool = False
    settled: bool = False  # a person has said which side shall serve, whatever its health
    drained_at: datetime | None = None
    problem: str | None = None


class CommandKind(StrEnum):
    """What a person or a newer revision may ask of a rollout under way."""

    PAUSE = "pause"
    RESUME = "resume"
    APPROVE = "approve"
    PROMOTE = "promote"
    PROMOTE_FULL = "promoteFull"
    ABORT = "abort"
    RETRY = "retry"
    SETTLE = "settle"
    SUPERSEDE = "supersede"


@dataclass(frozen=True, slots=True)
class Command:
    """One recorded wish: who, when, why; `argument` is the side for settle, the newer rollout's id for supersede."""

    seq: int
    kind: CommandKind
    actor: str
    at: datetime
    reason: str = ""
    argument: str = ""


class Outcome(StrEnum):
    """How a rollout ended, or that it has not."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolledBack"
    SUPERSEDED = "superseded"
    STUCK = "stuck"


@dataclass(frozen=True)
class Rollout:
    """One release of one service: a header and one state per target, saved as one row by compare-and-set on `version`.

    `commands` is the inbox as loaded: those with `seq` above `handled`.
    """

    id: str
    service: Service
    number: int
    revision: Revision
    created_at: datetime
    ticked_at: datetime
    targets: tuple[TargetState, ...]
    previous: Revision | None = None
    version: int = 0
    handled: int = 0
    commands: tuple[Command, ...] = ()
    wave_seconds: float = 0.0
    """Time spent in the present wave, as `spent_seconds` in all; both stand still while a person is awaited."""
    paused: Reason | None = None
    full: bool = False
    aborted: Reason | None = None
    failure: Reason | None = None
    superseded_by: str | None = None
    succeeds: tuple[str, ...] = ()
    """Rollouts whose marks stood in the routing, with nobody behind them, when this one began."""
    spent_seconds: float = 0.0
    ended_at: datetime | None = None

    def target(self, name: str) -> TargetState:
        """The state of the target called `name`; KeyError when there is none."""
        for state in self.targets:
            if state.name == name:
                return state
        raise KeyError(f"rollout {self.id} has no target {name!r}")

    @property
    def wave(self) -> int:
        """The highest wave that has begun, or the first one."""
        begun = [self.service.target(s.name).wave for s in self.targets if s.phase is not Phase.PENDING]
        return max(begun, default=min(target.wave for target in self.service.targets))

    @property
    def outcome(self) -> Outcome:
        """Derived from the targets, never stored."""
        phases = {state.phase for state in self.targets}
        if Phase.STUCK in phases and phases <= TERMINAL | {Phase.STUCK}:
            return Outcome.STUCK
        if not phases <= TERMINAL:
            return Outcome.RUNNING
        if phases == {Phase.PROMOTED}:
            return Outcome.PROMOTED
        return Outcome.SUPERSEDED if self.superseded_by else Outcome.ROLLED_BACK

    @property
    def may_turn(self) -> bool:
        """Whether any target can still be taken back; one whose old side is going already goes on."""
        return any(state.phase in FORWARD or state.phase is Phase.STUCK for state in self.targets)

    @property
    def can_return(self) -> bool:
        """Whether every target can still be taken back."""
        return all(state.phase in FORWARD or state.phase is Phase.STUCK for state in self.targets)


def with_target(rollout: Rollout, state: TargetState) -> Rollout:
    """The same rollout with one target's state replaced."""
    return evolve(rollout, targets=tuple(state if old.name == state.name else old for old in rollout.targets))
