"""A source that takes its time delays no look, and its answer is not lost."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.look import look
from orchestrator.patient import Patient
from orchestrator.patient import patient as for_looks
from orchestrator.ports import TargetPorts
from providers.errors import Transient
from providers.ports import Arm, Finding, Question
from strategies.gates import MetricRule
from strategies.model import Side
from strategies.seen import ProbeSeen, Reading, Tally
from tests.unit.orchestrator.forecast.stage import Clock
from tests.unit.strategies.sources import judged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNTED = (Tally(NOW - timedelta(seconds=5), NOW, 9),)


def question(seconds: float = 0.0) -> Question:
    now = NOW + timedelta(seconds=seconds)
    arms = [Arm(side, "", "") for side in (Side.STABLE, Side.CANDIDATE)]
    return Question("shop", "west", now - timedelta(seconds=5), now, 5.0, *arms)


class Slow:
    """A source that answers when it is let; `asked` counts how often it was asked."""

    def __init__(self, fails: bool = False) -> None:
        self.asked, self.let, self._fails = 0, threading.Event(), fails

    def read(self, asked: Question) -> Reading:
        self.asked += 1
        assert self.let.wait(10)
        if self._fails:
            raise RuntimeError("a bug of ours")
        return Reading("errors", asked.now, COUNTED, COUNTED)

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        return (Finding(True, "metric errors", "it answers"),)


class Together:
    """A source that answers only when so many are asked at the same time."""

    def __init__(self, metric: str, gate: threading.Barrier) -> None:
        self._metric, self._gate = metric, gate

    def read(self, asked: Question) -> Reading:
        self._gate.wait()
        return Reading(self._metric, asked.now, COUNTED, COUNTED)

    def preflight(self, _question: Question) -> tuple[Finding, ...]:
        return ()


class Still:
    """Workloads, routing and probes that show nothing."""

    def look(self, _names: tuple[str, ...] = ()) -> Any:
        raise Transient("not today")

    def sample(self, _due: dict[str, str]) -> tuple[ProbeSeen, ...]:
        return ()


def heard(patient: Patient, seconds: float = 0.0) -> Reading:
    """What a look hears."""
    return patient.ask(question(seconds))()


def answered(patient: Patient, seconds: float) -> Reading:
    """Look until there is an answer."""
    for _ in range(200):
        reading = heard(patient, seconds)
        if reading.stable or reading.problem:
            return reading
        time.sleep(0.01)
    raise AssertionError("no answer")


def test_a_quick_source_answers_at_the_look_that_asked_it() -> None:
    source = Slow()
    source.let.set()
    assert heard(Patient("errors", source, 10.0)).stable == COUNTED


def test_a_slow_source_is_asked_once_and_its_answer_comes_at_a_later_look() -> None:
    source = Slow()
    patient = Patient("errors", source, 0.01)
    for seconds in range(5):
        assert heard(patient, seconds) == Reading("errors", NOW + timedelta(seconds=seconds))
    assert source.asked == 1
    source.let.set()
    assert answered(patient, 6).at == NOW
    assert answered(patient, 7).stable == COUNTED
    assert source.asked == 2


def test_an_answer_that_is_owed_is_waited_for_at_the_look_of_its_question_alone() -> None:
    source = Slow()
    patient = Patient("errors", source, 0.2)
    begun = time.monotonic()
    for seconds in range(20):
        assert heard(patient, seconds).stable == ()
    assert time.monotonic() - begun < 10 * 0.2
    source.let.set()


def test_all_sources_of_all_targets_are_asked_before_any_is_waited_for() -> None:
    rules = [MetricRule(name) for name in ("errors", "latency", "edge", "logs")]
    of, gate = judged(*rules, names=("west", "north", "east")), threading.Barrier(12, timeout=5)
    still: Any = Still()
    ports = {
        state.name: for_looks(
            TargetPorts(still, still, still, metrics={rule.name: Together(rule.name, gate) for rule in rules}), 5.0
        )
        for state in of.targets
    }
    found = look(of, ports, {}, Clock(), lambda: None)
    counted = [reading.stable for target in found.targets for reading in target.readings]
    assert counted == [COUNTED] * 12


def test_a_source_that_does_not_answer_for_a_minute_is_a_problem_that_is_told() -> None:
    source = Slow()
    patient = Patient("errors", source, 0.01)
    assert heard(patient, 0).problem is None
    assert heard(patient, 61).problem == "it has not answered for 61 s"
    source.let.set()


def test_whatever_goes_wrong_aside_is_told_and_the_source_is_asked_again() -> None:
    source = Slow(fails=True)
    source.let.set()
    patient = Patient("errors", source, 0.01)
    assert answered(patient, 0).problem == "it failed in a way that nobody foresaw (RuntimeError)"
    assert answered(patient, 1).problem == "it failed in a way that nobody foresaw (RuntimeError)"
    assert source.asked == 2
