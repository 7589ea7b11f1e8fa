"""What a release will do, as data: steps of rising share, and the rules that judge and drain them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from strategies.detours import Match
from strategies.gates import MetricRule, When


@dataclass(frozen=True, slots=True)
class Step:
    """One share of the traffic, in percent, and what must hold before the next one.

    `match`: requests that reach the candidate besides its share (an A/B test). `mirror`: percent of all requests that
    are copied to it, answers thrown away (a shadow).
    """

    share: float
    hold_seconds: float = 0.0
    approve: bool = False
    match: Match | None = None
    mirror: float = 0.0

    @property
    def leads(self) -> bool:
        """Whether requests reach the candidate besides its share."""
        return self.match is not None or self.mirror > 0

    @property
    def stretch(self) -> When:
        """Which stretch of the rollout it belongs to."""
        if self.share >= 100:
            return When.AFTER
        return When.DURING if self.share > 0 or self.leads else When.BEFORE


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one target: the first has share 0 (the candidate is ready), the last has share 100.

    Raises ValueError naming the step when the shares do not rise from 0 to 100; a step that leads requests to the
    candidate by other means may keep the share of the one before.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        shares = [step.share for step in self.steps]
        if len(shares) < 2 or shares[0] != 0 or shares[-1] != 100:
            raise ValueError(f"a plan goes from share 0 to share 100; got {shares}")
        if self.steps[0].leads or self.steps[-1].leads:
            raise ValueError("the first step of a plan and its last one lead no requests past the split")
        for number, (before, after) in enumerate(pairwise(self.steps), start=1):
            another = after.leads and (after.match, after.mirror) != (before.match, before.mirror)
            if after.share < before.share or (after.share == before.share and not another):
                must = f"must exceed {before.share:g} (steps[{number - 1}])"
                raise ValueError(f"steps[{number}]: {must}; got {after.share:g}")

    @property
    def last(self) -> int:
        """The number of the last step."""
        return len(self.steps) - 1


def blue_green(*, preview_hold: float = 0.0, preview_approve: bool = False, hold: float = 0.0) -> Plan:
    """One shift to everything: gates before it at share 0, `hold` seconds after it before the drain."""
    return Plan((Step(0, preview_hold, preview_approve), Step(100, hold)))


def canary(steps: tuple[Step, ...], *, preview_hold: float = 0.0, preview_approve: bool = False) -> Plan:
    """Rising shares; share 100 is implied after the last of `steps` where it is not written."""
    tail = () if steps and steps[-1].share == 100 else (Step(100),)
    return Plan((Step(0, preview_hold, preview_approve), *steps, *tail))


def ab_test(
    match: Match,
    *,
    hold: float = 0.0,
    approve: bool = False,
    steps: tuple[Step, ...] = (),
    preview_hold: float = 0.0,
    preview_approve: bool = False,
) -> Plan:
    """Requests that match reach the candidate; then rising shares, matching requests staying with it; then all."""
    test = Step(0, hold, approve, match=match)
    rising = tuple(Step(s.share, s.hold_seconds, s.approve, match=match) for s in steps if s.share < 100)
    last = steps[-1] if steps and steps[-1].share == 100 else Step(100)
    return Plan((Step(0, preview_hold, preview_approve), test, *rising, last))


def shadow(
    mirror: float = 100.0,
    *,
    hold: float = 0.0,
    approve: bool = False,
    steps: tuple[Step, ...] = (),
    preview_hold: float = 0.0,
    preview_approve: bool = False,
) -> Plan:
    """The candidate gets copies of `mirror` percent of all requests, unheard; then rising shares; then all."""
    copies = Step(0, hold, approve, mirror=mirror)
    tail = () if steps and steps[-1].share == 100 else (Step(100),)
    return Plan((Step(0, preview_hold, preview_approve), copies, *steps, *tail))


def at_once(plan: Plan) -> Plan:
    """The same plan without its steps, holds and approvals: a first release, an undo, an emergency."""
    return Plan((Step(0), Step(plan.steps[-1].share)))


class Quiet(StrEnum):
    """How the drain treats a source that counts the leaving side's requests."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"


class AfterMost(StrEnum):
    """What happens when the leaving side is still not quiet after `most_seconds`."""

    ASK = "ask"
    FORCE = "force"
    EXTEND = "extend"


@dataclass(frozen=True, slots=True)
class DrainRule:
    """When a side with share zero may be retired; seconds. `margin_seconds` None means max(10 s, TTL/2)."""

    propagation_seconds: float = 60.0
    margin_seconds: float | None = None
    quiet: Quiet = Quiet.AUTO
    quiet_seconds: float | None = None
    """How long the side must be quiet; None means max(2 TTL, 60 s)."""
    most_seconds: float = 1800.0
    then: AfterMost = AfterMost.ASK


@dataclass(frozen=True, slots=True)
class ProbeRule:
    """How probe results are counted: clean ones wanted before traffic, failures in a row that condemn."""

    interval_seconds: float = 2.0
    before: int = 10
    failures: int = 3
    routed: bool = False
    """Whether probes come through the routing itself, which then must lead them by `detours.PROBE_HEADER`."""


class OnDrift(StrEnum):
    """What we do when somebody else changed our part of the split."""

    HOLD = "hold"
    REPAIR = "repair"


class Retire(StrEnum):
    """When the old groups of a wave go."""

    AT_END = "atEnd"
    PER_WAVE = "perWave"


class Scope(StrEnum):
    """How far a failure reaches back."""

    ALL = "all"
    WAVE = "wave"


@dataclass(frozen=True, slots=True)
class WaveRule:
    """How waves of targets follow each other; `bake_seconds` stand between them and after the last of several."""

    retire: Retire = Retire.AT_END
    bake_seconds: float = 900.0
    on_failure: Scope = Scope.ALL


class OnFailure(StrEnum):
    """What a failed verdict leads to."""

    ROLL_BACK = "rollBack"
    PAUSE = "pause"


class WhileRunning(StrEnum):
    """What a newer revision does to a rollout that is under way."""

    REPLACE = "replace"
    QUEUE = "queue"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The longest each stretch may take, in seconds."""

    ready_seconds: float = 600.0
    wave_seconds: float = 21600.0
    total_seconds: float = 86400.0


@dataclass(frozen=True, slots=True)
class Target:
    """One workload host and the traffic in front of it, as far as decisions need to know it."""

    name: str
    plan: Plan
    wave: int = 1
    replicas: int = 1
    weight: int | None = None
    """Sum of our weights in this profile; None: what the adopted endpoints had, or 1000."""
    most: int = 1000
    """The largest weight that one endpoint may have."""
    entrance: bool = False
    """Whether the routing stands behind a name of ours that can be closed, and so must be before it leads nowhere."""
    ttl_during: int | None = None
    adopt: tuple[str, ...] = ()
    on_drift: OnDrift = OnDrift.HOLD
    probe: ProbeRule = field(default_factory=ProbeRule)
    drain: DrainRule = field(default_factory=DrainRule)
    by_resolver: bool = False
    """Whether DNS carries the split, so that whole populations of clients change sides together."""
    metrics: tuple[MetricRule, ...] = ()
    longest_seconds: float = 1800.0
    """How long a step may stay undecided before a person is asked."""

    def asks_after(self, step: int) -> float:
        """Seconds after which a person is asked about an undecided step; within its hold nothing has to be decided."""
        return max(self.longest_seconds, self.plan.steps[step].hold_seconds)


@dataclass(frozen=True, slots=True)
class Service:
    """What one manifest asks for, without any word about where it runs."""

    name: str
    image: str
    targets: tuple[Target, ...]
    waves: WaveRule = field(default_factory=WaveRule)
    deadlines: Deadlines = field(default_factory=Deadlines)
    on_failure: OnFailure = OnFailure.ROLL_BACK
    while_running: WhileRunning = WhileRunning.REPLACE
    retain_seconds: float = 0.0

    def target(self, name: str) -> Target:
        """The target called `name`; KeyError when the service has none."""
        for target in self.targets:
            if target.name == name:
                return target
        raise KeyError(f"service {self.name} has no target {name!r}")
