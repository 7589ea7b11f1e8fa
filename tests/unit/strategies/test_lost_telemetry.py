"""Telemetry that is lost is told within its time by the clock of the tick, whatever the source or the step does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.gates import When
from strategies.seen import Reading
from tests.unit.strategies.book import Book
from tests.unit.strategies.build import at, state_of
from tests.unit.strategies.sources import RULE, judged, reading

GOOD, FEW = (100, 0), (1, 0)


def test_the_candidates_telemetry_that_goes_and_comes_back_is_told_each_once() -> None:
    book = Book(judged(share=10.0)).go(20, GOOD, FEW).go(60, GOOD, None).go(20, GOOD, FEW)
    assert book.told("telemetry_") == [("telemetry_lost", 55.0), ("telemetry_back", 85.0)]
    assert book.data("telemetry_lost") == {"metric": "errors", "side": "candidate", "limit": 30.0, "dryRun": False}
    assert book.data("telemetry_back") == {"metric": "errors", "side": "candidate"}


def test_when_a_whole_source_goes_both_sides_are_lost_and_neither_is_back_before_it_is() -> None:
    book = Book(judged(share=10.0)).go(20, GOOD, FEW).go(40, GOOD, None).go(60, None, None)
    sides = [dict(e.data)["side"] for e in book.events if e.kind == "telemetry_lost"]
    assert sides == ["candidate", "stable"]
    assert book.told("telemetry_back") == []
    book.go(10, GOOD, FEW)
    assert [kind for kind, _ in book.told("telemetry_back")] == ["telemetry_back"] * 2


@pytest.mark.parametrize("hangs", [True, False], ids=["it hangs", "it fails"])
def test_what_is_lost_is_told_within_its_time_by_the_clock_though_the_step_changes_meanwhile(hangs: bool) -> None:
    book = Book(judged(share=10.0)).go(20, GOOD, GOOD)
    while book.now < 120:
        failing = () if hangs else (Reading("errors", at(book.now + 5), problem="HTTP 503"),)
        book.step(5, *failing)
    shifts = [(dict(e.data)["after"], (e.at - at(0)).total_seconds()) for e in book.events if e.kind == "phase_changed"]
    assert shifts == [("shifting", 30.0), ("holding", 50.0)]
    assert book.told("telemetry_") == [("telemetry_lost", 55.0)] * 2
    book.go(10, GOOD, GOOD)
    assert book.told("telemetry_back") == [("telemetry_back", 125.0)] * 2


def test_what_was_known_of_a_candidate_before_it_had_any_traffic_is_not_lost_with_its_first_step() -> None:
    book = Book(judged(replace(RULE, when=(When.BEFORE, *RULE.when)), share=0.0)).go(5, GOOD, (0, 0))
    while book.now < 60:
        book.step(5, reading(GOOD, None, since=book.now, until=book.now + 5))
    assert book.told("telemetry_") == [("telemetry_lost", 60.0)]


def test_a_source_that_has_not_answered_yet_has_not_recovered() -> None:
    book = Book(judged(share=10.0)).go(5, GOOD, FEW)
    for _ in range(3):
        book.step(5, Reading("errors", at(book.now + 5), problem="did not answer within 5 s"))
        book.step(1, Reading("errors", at(book.now + 1)))
    assert book.told("metric_") == [("metric_failing", 10.0)]
    assert state_of(book.of).metrics[0].problem == "did not answer within 5 s"
    book.step(5, reading(GOOD, FEW, since=5, until=25))
    assert book.told("metric_")[1:] == [("metric_recovered", 28.0)]


def test_an_engine_that_was_away_finds_nothing_lost_that_the_source_still_knows() -> None:
    book = Book(judged(share=10.0)).go(20, GOOD, FEW)
    book.step(600, reading(GOOD, FEW, since=20, until=620))
    assert book.told("telemetry_") == []


def test_a_candidate_that_never_said_anything_is_lost_after_its_time() -> None:
    book = Book(judged(share=10.0)).go(60, GOOD, None)
    assert book.told("telemetry_") == [("telemetry_lost", 35.0)]
