"""The sources of a world tell the plain truth, or what an accident leaves of it; the judge counts a second once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.store.memory import MemoryStore
from providers.ports import Arm, Question
from strategies.gates import MetricKind, MetricRule
from strategies.model import Side
from strategies.seen import Reading, Tally
from tests.simulation.grounds import Standing
from tests.simulation.processes import Process
from tests.simulation.run import Simulation
from tests.simulation.scenario import scenario
from tests.simulation.scene import SourceAt
from tests.simulation.sources import Source
from tests.simulation.telemetry import Gap
from tests.simulation.told import Told

OLD, NEW = "old", "new"
RULE = MetricRule("errors", interval_seconds=5.0)


class Stage:
    """A world in which nothing happens by itself, with two workloads whose answers a test gives."""

    def __init__(self) -> None:
        calm = next(seed for seed in range(1, 200) if not scenario(seed).accidents and not scenario(seed).call_faults)
        self.world = Simulation(calm, MemoryStore())
        self.lab, self.telemetry = self.world.lab, self.world.telemetry
        self.where = next(where for where, ground in self.lab.grounds.items() if not ground.by_call)
        self.begun = {OLD: -10.0, NEW: 0.0}
        self.lab.grounds[self.where].standing = self._standing  # type: ignore[method-assign]
        self.process = Process(self.world, 0, 99)

    def _standing(self, name: str) -> Standing | None:
        return Standing(name, name, False, True, self.begun[name], None, False) if name in self.begun else None

    def answers(self, until: float, **by_name: tuple[int, int]) -> None:
        """In each second, so many requests to a workload, and so many of them failed."""
        for second in range(int(self.lab.agenda.seconds), int(until)):
            self.lab.agenda.seconds = second + 0.5
            for name, (requests, failures) in by_name.items():
                self.telemetry._add(name, (requests, failures, 0, 0))
        self.lab.clock.advance(until - (self.lab.clock.now() - self.lab.agenda.started).total_seconds())
        self.lab.agenda.seconds = until

    def read(self, since: float = 0.0, rule: MetricRule = RULE, at: SourceAt | None = None) -> Reading:
        """What the source says of everything from a second on."""
        begun = self.lab.agenda.started
        question = Question(
            service=self.where[0],
            target=self.where[1],
            since=begun + timedelta(seconds=since),
            now=self.lab.clock.now(),
            step_seconds=min(rule.interval_seconds, 5.0),
            stable=Arm(Side.STABLE, "1", "sha256:1", (OLD,)),
            candidate=Arm(Side.CANDIDATE, "2", "sha256:2", (NEW,)),
        )
        return Source(self.process, self.where, rule, at or SourceAt("errors", at_gateway=False)).read(question)

    def gap(self, kind: str, begin: float, end: float, side: Side | None = None) -> None:
        """Let something be wrong with sources for a while."""
        self.telemetry.gaps.append(Gap(kind, begin, end, side=side))

    def spans(self, tallies: tuple[Tally, ...]) -> list[tuple[float, float]]:
        """The intervals in seconds of the world."""
        begun = self.lab.agenda.started
        return [((t.since - begun).total_seconds(), (t.until - begun).total_seconds()) for t in tallies]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_source_tells_each_side_in_the_same_whole_intervals(stage: Stage) -> None:
    stage.answers(12, old=(9, 1), new=(2, 0))
    said = stage.read()
    assert stage.spans(said.stable) == stage.spans(said.candidate) == [(0, 5), (5, 10)]
    assert [(t.requests, t.failures) for t in said.stable] == [(45, 5), (45, 5)]
    assert [(t.requests, t.failures) for t in said.candidate] == [(10, 0), (10, 0)]


def test_a_source_goes_on_from_where_it_was_asked(stage: Stage) -> None:
    stage.answers(12, old=(9, 1), new=(2, 0))
    assert stage.spans(stage.read(since=7).stable) == [(7, 12)]


def test_a_coarse_source_keeps_its_own_intervals_and_what_lags_is_not_told_yet(stage: Stage) -> None:
    stage.answers(50, old=(9, 1), new=(2, 0))
    coarse = replace(RULE, interval_seconds=20.0, lag_seconds=12.0)
    assert stage.spans(stage.read(since=3, rule=coarse).stable) == []
    stage.answers(53, old=(9, 1), new=(2, 0))
    assert stage.spans(stage.read(since=3, rule=coarse).stable) == [(20, 40)]


def test_a_workload_is_known_from_its_start_on_and_while_it_runs(stage: Stage) -> None:
    stage.begun[NEW] = 6.0
    stage.answers(20, old=(9, 1), new=(2, 0))
    assert stage.spans(stage.read().candidate) == [(10, 15), (15, 20)]
    del stage.begun[NEW]
    stage.read()
    stage.answers(25, old=(9, 1))
    assert stage.spans(stage.read(since=15).candidate) == [(15, 20)]


def test_a_process_that_began_anew_makes_its_interval_a_reset(stage: Stage) -> None:
    stage.answers(10, old=(9, 1), new=(2, 0))
    assert not any(tally.reset for tally in stage.read().candidate)
    stage.begun[NEW] = 12.0
    stage.answers(20, old=(9, 1), new=(2, 0))
    assert [tally.reset for tally in stage.read().candidate] == [False, False, True, False]


def test_refused_requests_are_counted_at_a_gateway_and_nowhere_else(stage: Stage) -> None:
    stage.answers(5, old=(9, 1), new=(2, 0))
    stage.telemetry.refused(NEW, 7)
    stage.answers(10, old=(9, 1), new=(2, 0))
    at_gateway = stage.read(at=SourceAt("errors", at_gateway=True))
    assert [(t.requests, t.failures) for t in at_gateway.candidate] == [(10, 0), (17, 7)]
    assert [(t.requests, t.failures) for t in stage.read().candidate] == [(10, 0), (10, 0)]


def test_what_is_lost_of_one_side_is_lost_for_good_and_what_is_late_comes(stage: Stage) -> None:
    stage.gap("lost", 0.0, 5.0, Side.STABLE)
    stage.gap("late", 6.0, 12.0, Side.CANDIDATE)
    stage.answers(11, old=(9, 1), new=(2, 0))
    early = stage.read()
    assert (stage.spans(early.stable), stage.spans(early.candidate)) == ([(5, 10)], [(0, 5)])
    stage.answers(15, old=(9, 1), new=(2, 0))
    assert stage.spans(stage.read().candidate) == [(0, 5), (5, 10), (10, 15)]
    assert stage.spans(stage.read().stable) == [(5, 10), (10, 15)]


def test_a_source_that_is_gone_or_asked_wrongly_says_so_and_tells_no_number(stage: Stage) -> None:
    stage.answers(10, old=(9, 1), new=(2, 0))
    stage.gap("gone", 9.0, 12.0)
    gone = stage.read()
    assert (gone.problem is not None, gone.mistaken, gone.stable, gone.candidate) == (True, False, (), ())
    stage.telemetry.gaps.clear()
    stage.gap("mistaken", 9.0, 12.0)
    assert stage.read().mistaken


def test_a_source_of_requests_alone_tells_of_no_failure(stage: Stage) -> None:
    stage.answers(10, old=(9, 9), new=(2, 2))
    said = stage.read(rule=replace(RULE, kind=MetricKind.QUIET))
    assert [(t.requests, t.failures) for t in said.stable] == [(45, 0), (45, 0)]


def test_the_judge_counts_every_second_once_however_often_and_in_whatever_pieces_it_is_told(stage: Stage) -> None:
    stage.answers(20, old=(9, 1), new=(2, 0))
    begun, known = stage.lab.agenda.started, Told()
    for since in (0.0, 0.0, 3.0, 7.0):
        said = stage.read(since=since)
        known.hear(said.stable, said.candidate, begun, alone=False)
    assert known.both == known.lone == set(range(20))


def test_the_judge_lets_nothing_be_counted_of_which_one_side_was_not_told(stage: Stage) -> None:
    stage.answers(10, old=(9, 1), new=(2, 0))
    begun, known, said = stage.lab.agenda.started, Told(), stage.read()
    both, lone = known.hear(said.stable[:1], said.candidate, begun, alone=False)
    assert both == lone == set(range(5))
    both, lone = known.hear((), said.candidate, begun, alone=True)
    assert (both, lone) == (set(), set(range(5, 10)))
    both, lone = known.hear(said.stable[1:], (), begun, alone=False)
    assert (both, lone) == (set(range(5, 10)), set())
