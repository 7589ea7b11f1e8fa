"""G3: how long a good version takes from its push until the old group is gone, and where the time goes.

The whole tick loop over a world whose provider takes its time, as scripted; each phase's time is held against what its
rule demands, and what remains is idle time of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.forecast_world import Latencies
from strategies.drain import margin_seconds, settle_seconds
from strategies.model import Outcome
from strategies.phases import Phase
from strategies.plan import Target
from tests.benchmarks.decisions.stage import NAME, Setting, Source, Ticks, ticks
from tests.benchmarks.decisions.traffic import good, tape
from tests.benchmarks.goals import Goal

START_SECONDS, ONLINE_SECONDS, DELETE_SECONDS = 45.0, 15.0, 20.0
"""Pull and start of the new groups; the routing layer's own checks of a new endpoint; a deletion."""
CASES = (
    Setting("requests split one by one", probes=10),
    Setting("DNS, TTL 10 s", ttl=10, propagation=30.0, probes=10),
)
RPS, RATE = 50.0, 0.01


@dataclass(frozen=True, slots=True)
class Stretch:
    """One visit of a phase: seconds it took, and seconds that its rule demands."""

    phase: Phase
    took: float
    due: float

    @property
    def idle(self) -> float:
        """What is left is ours."""
        return self.took - self.due


def goals() -> list[Goal]:
    """The whole time beside the sum of what is demanded, and the longest idle stretch in ticks."""
    found = []
    for setting in CASES:
        visits = stretches(setting)
        took, due = sum(each.took for each in visits), sum(each.due for each in visits)
        worst = max(visits, key=lambda each: each.idle)
        tick = _target(setting).probe.interval_seconds
        case = f"push until the old group is gone, {setting.name}"
        found += [
            Goal("G3", case, took, 1.10 * due, "s", limit=due),
            Goal("G3", f"most idle in one phase ({worst.phase}), {setting.name}", worst.idle / tick, 2.0, "ticks"),
        ]
    return found


def _target(setting: Setting) -> Target:
    return ticks(setting, None).rollout.service.target(NAME)


def stretches(setting: Setting) -> list[Stretch]:
    """Run a rollout to its end and attribute its time."""
    latencies = Latencies(START_SECONDS, ONLINE_SECONDS, DELETE_SECONDS, taken_seconds=0.0)
    run = ticks(setting, Source((tape(good(RPS, RATE), 0),)), latencies)
    found: list[Stretch] = []
    phase, since, proof_at, hold, boundary = run.state.phase, run.now, 0.0, 0.0, 0.0
    while True:
        run.tick()
        state = run.state
        if state.phase is Phase.HOLDING and state.doubt is not None:
            # Evidence that is not there yet is no idleness: the limit is holds or evidence, whichever is longer.
            proof_at = (run.now - since).total_seconds()
        if state.phase is not phase:
            took = (run.now - since).total_seconds()
            found.append(Stretch(phase, took, _due(run, phase, took, max(hold, proof_at, boundary))))
            phase, since, proof_at = state.phase, run.now, 0.0
            boundary = _boundary(run)
            hold = run.rollout.service.target(NAME).plan.steps[state.step].hold_seconds
        if not run.go_on():
            break
    if run.rollout.outcome is not Outcome.PROMOTED:
        raise RuntimeError(f"a good version ended as {run.rollout.outcome}")
    return found


def _boundary(run: Ticks) -> float:
    """Seconds until the source's next whole interval begins: as fine as quiet can be told."""
    known, rule = run.state.metrics[:1], run.rollout.service.target(NAME).metrics[0]
    if not known or known[0].until is None:
        return 0.0
    return (known[0].until - run.now).total_seconds() % rule.interval_seconds


def _due(run: Ticks, phase: Phase, took: float, waits: float) -> float:
    """Seconds that a phase's own rule demands, given how it was left.

    `waits` is its hold, or how long proof was not there, or until its source could tell anything of it.
    """
    target = run.rollout.service.target(NAME)
    rule, probe, ttl = target.drain, target.probe, run.state.ttl_shift or 0
    match phase:
        case Phase.PREPARING:
            return START_SECONDS + (probe.before - 1) * probe.interval_seconds
        case Phase.HOLDING:
            return min(waits, took)
        case Phase.SHIFTING:
            first = run.state.step == 1 and target.by_resolver
            return max(settle_seconds(rule, ttl), ONLINE_SECONDS if first else 0.0)
        case Phase.DRAINING:
            confirmed = run.state.asked.confirmed_at if run.state.asked is not None else None
            floor = ttl + rule.propagation_seconds + margin_seconds(rule, ttl)
            passed = (run.now - (confirmed or run.now)).total_seconds() - took
            return max(floor - passed, waits + max(2.0 * ttl, 60.0))
        case Phase.RETIRING:
            return DELETE_SECONDS
        case _:
            return 0.0


def timeline(setting: Setting) -> list[str]:
    """The attribution for people, a line for each visit of a phase."""
    return [f"{each.phase:<10} {each.took:7.1f} s, due {each.due:7.1f} s" for each in stretches(setting)]
