"""The agenda against a model so simple that it cannot be wrong, and what a key may cost."""

from __future__ import annotations

import math
import sys
import tracemalloc
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.daemon.agenda import Agenda

KEYS = ("a", "b", "c", "d")
TIMES = st.integers(0, 20).map(float)


@dataclass
class Naive:
    """Every job in one list, searched from end to end."""

    waiting: dict[str, float] = field(default_factory=dict)
    flying: dict[str, list[float]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)

    def nudge(self, key: str, due: float) -> None:
        if key in self.flying:
            self.dropped.discard(key)
            self.flying[key].append(due)
        else:
            self.waiting[key] = min(due, self.waiting.get(key, math.inf))

    def take(self, now: float) -> list[str]:
        due = sorted((when, key) for key, when in self.waiting.items() if when <= now)
        for _, key in due:
            del self.waiting[key]
            self.flying[key] = []
        return [key for _, key in due]

    def done(self, key: str, due: float | None) -> None:
        wanted = [*self.flying.pop(key), *([] if due is None else [due])]
        if key in self.dropped:
            self.dropped.discard(key)
        elif wanted:
            self.waiting[key] = min(wanted)

    def drop(self, key: str) -> None:
        if key in self.flying:
            self.dropped.add(key)
            self.flying[key].clear()
        self.waiting.pop(key, None)


Step = tuple[str, str, float | None]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("nudge"), st.sampled_from(KEYS), TIMES),
        st.tuples(st.just("take"), st.just(""), TIMES),
        st.tuples(st.just("done"), st.sampled_from(KEYS), st.none() | TIMES),
        st.tuples(st.just("drop"), st.sampled_from(KEYS), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_answers_as_a_list_that_is_searched_from_end_to_end(steps: list[Step]) -> None:
    agenda: Agenda[str] = Agenda()
    naive = Naive()
    for what, key, time in steps:
        if what == "nudge":
            assert time is not None
            agenda.nudge(key, time)
            naive.nudge(key, time)
        elif what == "take":
            assert time is not None
            assert agenda.take(time) == naive.take(time)
        elif what == "drop":
            agenda.drop(key)
            naive.drop(key)
        elif key in naive.flying:
            agenda.done(key, time)
            naive.done(key, time)
        assert agenda.next_due() == min(naive.waiting.values(), default=math.inf)
        assert len(agenda) == len(naive.waiting) + len(naive.flying)
        assert agenda.in_flight == len(naive.flying)
        assert all((each in agenda) == (each in naive.waiting or each in naive.flying) for each in KEYS)


@given(st.lists(st.tuples(st.sampled_from(KEYS), TIMES), max_size=60))
def test_at_most_one_run_of_a_job_is_in_flight_whatever_is_said_of_it(nudges: list[tuple[str, float]]) -> None:
    agenda: Agenda[str] = Agenda()
    flying: set[str] = set()
    for key, due in nudges:
        agenda.nudge(key, due)
        taken = agenda.take(due)
        assert not flying & set(taken)
        flying |= set(taken)


def test_a_nudge_in_flight_means_one_more_run_afterwards_however_often_it_is_said() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.nudge("a", 0.0)
    assert agenda.take(0.0) == ["a"]
    for _ in range(100):
        agenda.nudge("a", 0.0)
    agenda.done("a", 60.0)
    assert agenda.take(0.0) == ["a"]
    agenda.done("a", 60.0)
    assert agenda.take(59.0) == []


def test_a_job_that_is_not_in_flight_cannot_be_done() -> None:
    agenda: Agenda[str] = Agenda()
    with pytest.raises(KeyError):
        agenda.done("a", 1.0)


def test_nudging_one_job_for_ever_keeps_the_heap_small() -> None:
    agenda: Agenda[str] = Agenda()
    for due in range(100_000, 0, -1):
        agenda.nudge("a", float(due))
    assert len(agenda._heap) < 100
    assert agenda.take(1.0) == ["a"]


def test_what_is_known_costs_little_and_what_is_not_due_is_not_touched() -> None:
    keys = [f"service-{number:05}" for number in range(10_000)]
    tracemalloc.start()
    try:
        agenda: Agenda[str] = Agenda()
        for number, key in enumerate(keys):
            agenda.nudge(key, 1000.0 + number)
        each = tracemalloc.get_traced_memory()[0] / len(keys)
    finally:
        tracemalloc.stop()
    assert each <= 200, each
    agenda.nudge(keys[0], 1.0)
    lines = 0

    def count(*_: object) -> object:
        nonlocal lines
        lines += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        taken = agenda.take(1.0)
        agenda.done(keys[0], 2000.0)
    finally:
        sys.settrace(before)
    assert taken == [keys[0]]
    assert lines < 100
