"""A rollout on a fake clock without a store: the engine's own loop over an assumed world, and a source of counts.

`look`, `advance`, `missing`, `act`, `wake`, in the order in which `orchestrator.engine` calls them. The world is the
one that `rollout plan` assumes (`orchestrator.forecast_world`): every act succeeds, after a time that is said. Requests
are read from a tape. Probes are clean throughout, so that what is measured is what the counts prove.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import ceil

from orchestrator.forecast_world import AssumedWorld, Latencies, Place
from strategies.advance import advance
from strategies.begin import Survey, begin
from strategies.counting import to_ask
from strategies.gates import MetricKind, MetricRule
from strategies.missing import Action, Shift, missing
from strategies.model import Outcome, Rollout, Slot, Stage, TargetState
from strategies.names import endpoint_name, revision
from strategies.phases import FORWARD, Phase
from strategies.plan import Deadlines, DrainRule, ProbeRule, Service, Step, Target, canary
from strategies.seen import EndpointSeen, Mark, Monitor, Reading, Seen, Tally, TrafficSeen
from strategies.wake import wake
from tests.benchmarks.decisions.traffic import HOLD_SECONDS, STEPS, Four, Tape

NAME = "west"
MINUTE = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""When the candidate gets its first request, in every run."""
REPLICAS = 2
METRICS = ("errors", "latency", "checkouts")
AT_ONCE = Latencies(start_seconds=0.0, online_seconds=0.0, delete_seconds=0.0, taken_seconds=0.0)


@dataclass(frozen=True, slots=True)
class Setting:
    """How our own rule is run.

    `every`: looks come so many seconds apart, and the source counts in as many; None: they come when `strategies.wake`
    says, and the source counts as finely as it is asked to. `metrics` sources decide together, of which the first one
    sees the tape's failures. `ttl`: DNS carries the split. `hold` is how long a step is held after it is in force.
    """

    name: str
    every: float | None = None
    metrics: int = 1
    ttl: int | None = None
    propagation: float = 0.0
    hold: float = HOLD_SECONDS
    longest: float = 1800.0
    bare: bool = False
    """Whether the bet from the start decides alone, without those that begin with each step."""
    probes: int = 1
    """Clean probes in a row before the first request."""

    def rules(self) -> tuple[MetricRule, ...]:
        """The sources that decide."""
        rule = MetricRule(METRICS[0], interval_seconds=self.every or 5.0)
        latency = replace(rule, name=METRICS[1], kind=MetricKind.LATENCY)
        return (rule, latency, replace(rule, name=METRICS[2]))[: self.metrics]


def service(setting: Setting) -> Service:
    """A service with one target, two replicas, and the steps of the table."""
    plan = canary(tuple(Step(100 * share, setting.hold) for share in STEPS))
    probe = ProbeRule(interval_seconds=setting.every or 2.0, before=setting.probes)
    target = Target(
        NAME,
        plan,
        replicas=REPLICAS,
        ttl_during=setting.ttl,
        probe=probe,
        drain=DrainRule(propagation_seconds=setting.propagation),
        by_resolver=setting.ttl is not None,
        metrics=setting.rules(),
        longest_seconds=setting.longest,
    )
    return Service("shop", "r/shop", (target,), deadlines=Deadlines(86400.0, 86400.0, 86400.0))


def begun(setting: Setting, at: datetime) -> tuple[Rollout, Place]:
    """The rollout as it is submitted, beside an old version that serves, and where it stands."""
    old, new = revision("sha256:" + "a" * 64, "t"), revision("sha256:" + "b" * 64, "t")
    marks = [Mark("shop", NAME, old.id, 1, number) for number in range(REPLICAS)]
    stable = tuple(
        Slot(mark.slot, f"old-{mark.slot}", endpoint_name(mark), f"old-{mark.slot}.assumed", Stage.SEEN)
        for mark in marks
    )
    endpoints = tuple(
        EndpointSeen(slot.endpoint, slot.address or "", 500, True, Monitor.ONLINE, mark)
        for slot, mark in zip(stable, marks, strict=True)
    )
    ttl = setting.ttl or 0
    routing = TrafficSeen(at, True, endpoints, ttl_seconds=ttl, ttl_chain=ttl)
    rollout = begin("r2", service(setting), new, Survey(old, ((NAME, stable),), number=1), at)
    return rollout, Place(routing, created_ttl=ttl, routed=setting.ttl is None)


@dataclass(slots=True)
class Source:
    """Answers questions from tapes, one for each metric; knows which share was in force in which second."""

    tapes: tuple[Tape, ...]
    coarse: int | None = None
    """The length of its intervals in seconds, whatever finer ones are asked for."""
    shares: list[tuple[int, float]] = field(default_factory=list)
    failed: int = 0
    """The candidate's failures that answers have told of since somebody set this to zero."""

    def moved(self, share: float, now: datetime) -> None:
        """Requests of the seconds that begin from now on are split so."""
        self.shares.append((ceil((now - MINUTE).total_seconds()), share))

    def read(self, metric: str, since: datetime, step_seconds: float, now: datetime) -> Reading:
        """Both sides' complete intervals since the watermark."""
        step = self.coarse or max(round(step_seconds), 1)
        at, end = ceil((since - MINUTE).total_seconds()), int((now - MINUTE).total_seconds())
        if at + step > end:
            return Reading(metric, now)
        tape, (first, share) = self.tapes[METRICS.index(metric)], self.shares[-1]
        stable: list[Tally] = []
        candidate: list[Tally] = []
        begins, length = MINUTE + timedelta(seconds=at), timedelta(seconds=step)
        while at + step <= end:
            ends = begins + length
            counts = tape.between(share, at, at + step) if at >= first else self._across(tape, at, at + step)
            n_b, x_b, n_c, x_c = counts
            stable.append(Tally(begins, ends, n_b, x_b, False, REPLICAS))
            candidate.append(Tally(begins, ends, n_c, x_c, False, REPLICAS))
            self.failed += x_c
            begins, at = ends, at + step
        return Reading(metric, now, tuple(stable), tuple(candidate))

    def _across(self, tape: Tape, since: int, until: int) -> Four:
        """The counts of an interval in which the share may have changed."""
        total = [0, 0, 0, 0]
        for second in range(since, until):
            one = tape.between(self.share_at(second), second, second + 1)
            total = [a + b for a, b in zip(total, one, strict=True)]
        return total[0], total[1], total[2], total[3]

    def share_at(self, second: int) -> float:
        """The candidate's share in a second; none before the first one."""
        return next((share for first, share in reversed(self.shares) if first <= second), 0.0)

    def served(self, until: float) -> float:
        """The candidate's failures of the first metric until a time, beyond the stable side's rate."""
        tape, beyond = self.tapes[0], 0.0
        marks = [*self.shares, (ceil(until), 0.0)]
        for (since, share), (end, _) in pairwise(marks):
            if share > 0 and end > since:
                beyond += tape.beyond(share, since, min(end, ceil(until)))
        return beyond


@dataclass(frozen=True, slots=True)
class End:
    """How one run ended: by which word, so many seconds after the candidate's first request, and what it cost."""

    outcome: str
    seconds: float
    excess: float
    why: str = ""

    @property
    def rolled(self) -> bool:
        """Whether the candidate was taken back."""
        return self.outcome == "rolledBack"


@dataclass(slots=True)
class Ticks:
    """One rollout's ticks, as `Engine.tick` makes them."""

    rollout: Rollout
    world: AssumedWorld
    now: datetime
    every: float | None = None
    source: Source | None = None
    acts: tuple[Action, ...] = ()

    @property
    def state(self) -> TargetState:
        """The only target's."""
        return self.rollout.target(NAME)

    def tick(self) -> None:
        """Look, decide, act."""
        seen = self.world.look(self.rollout, self.rollout.service, self.now)
        if self.source is not None and self.state.exposed:
            asked = to_ask(self.state, self.rollout.service.target(NAME), self.now)
            readings = tuple(self.source.read(one.metric, one.since, one.step_seconds, self.now) for one in asked)
            seen = Seen((replace(seen.targets[0], readings=readings),))
        self.rollout = advance(self.rollout, seen, self.now)
        self.acts = missing(self.rollout, seen)
        for action in self.acts:
            self.world.act(action, self.now)
            if isinstance(action, Shift) and self.source is not None and self.state.asked is not None:
                self.source.moved(self.state.asked.share / 100, self.now)

    def go_on(self) -> bool:
        """Let the time come at which it is looked again; False when it has ended."""
        due = wake(self.rollout, self.now)
        if due is None or self.rollout.outcome is Outcome.STUCK:
            return False
        self.now = due if self.every is None else self.now + timedelta(seconds=self.every)
        return True


def ticks(setting: Setting, source: Source | None, latencies: Latencies = AT_ONCE) -> Ticks:
    """A rollout just submitted, at such a time that its candidate's first request comes at `MINUTE`."""
    at = MINUTE - timedelta(seconds=_lead(setting, latencies))
    rollout, place = begun(setting, at)
    return Ticks(rollout, AssumedWorld(rollout, {NAME: place}, latencies), at, setting.every, source)


@cache
def _lead(setting: Setting, latencies: Latencies) -> float:
    """Seconds from the start until the first request."""
    rollout, place = begun(setting, MINUTE)
    rehearsed = Ticks(rollout, AssumedWorld(rollout, {NAME: place}, latencies), MINUTE, setting.every)
    while True:
        rehearsed.tick()
        if rehearsed.state.share or rehearsed.state.exposed:
            return (rehearsed.now - MINUTE).total_seconds()
        if not rehearsed.go_on():
            raise RuntimeError("the rehearsal ended before the candidate had a request")


def decided(setting: Setting, tapes: tuple[Tape, ...]) -> End:
    """Run the whole tick loop until the candidate is taken back, gets everything, or a person is asked."""
    source = Source(tapes, None if setting.every is None else int(setting.every))
    run = ticks(setting, source)
    while True:
        run.tick()
        passed = (run.now - MINUTE).total_seconds()
        if run.rollout.failure is not None or run.state.phase not in FORWARD:
            reason = run.rollout.failure
            return End("rolledBack", passed, source.served(passed), reason.code if reason else "")
        if run.state.phase is Phase.SHIFTING and run.state.step == run.rollout.service.target(NAME).plan.last:
            return End("promoted", passed, source.served(passed))
        if run.state.asks_person:
            return End("asked", passed, source.served(passed), run.state.doubt.code if run.state.doubt else "")
        if not run.go_on():
            raise RuntimeError(f"the rollout ended by itself: {run.rollout.outcome}")
