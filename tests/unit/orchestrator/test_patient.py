"""A source that takes its time delays no look, and its answer is not lost."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from orchestrator.patient import Patient
from providers.ports import Arm, Finding, Question
from strategies.model import Side
from strategies.seen import Reading, Tally

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


def answered(patient: Patient, seconds: float) -> Reading:
    """Look until there is an answer."""
    for _ in range(200):
        reading = patient.read(question(seconds))
        if reading.stable or reading.problem:
            return reading
        time.sleep(0.01)
    raise AssertionError("no answer")


def test_a_quick_source_answers_at_the_look_that_asked_it() -> None:
    source = Slow()
    source.let.set()
    assert Patient("errors", source, 10.0).read(question()).stable == COUNTED


def test_a_slow_source_is_asked_once_and_its_answer_comes_at_a_later_look() -> None:
    source = Slow()
    patient = Patient("errors", source, 0.01)
    for seconds in range(5):
        assert patient.read(question(seconds)) == Reading("errors", NOW + timedelta(seconds=seconds))
    assert source.asked == 1
    source.let.set()
    assert answered(patient, 6).at == NOW
    assert answered(patient, 7).stable == COUNTED
    assert source.asked == 2


def test_a_source_that_does_not_answer_for_a_minute_is_a_problem_that_is_told() -> None:
    source = Slow()
    patient = Patient("errors", source, 0.01)
    assert patient.read(question(0)).problem is None
    assert patient.read(question(61)).problem == "it has not answered for 61 s"
    source.let.set()


def test_whatever_goes_wrong_aside_is_told_and_the_source_is_asked_again() -> None:
    source = Slow(fails=True)
    source.let.set()
    patient = Patient("errors", source, 0.01)
    assert answered(patient, 0).problem == "RuntimeError: a bug of ours"
    assert answered(patient, 1).problem == "RuntimeError: a bug of ours"
    assert source.asked == 2


def test_before_a_rollout_one_waits_for_it() -> None:
    (finding,) = Patient("errors", Slow(), 0.01).preflight(question())
    assert finding.ok
