"""A side that leaves falls silent, and no row says so: it is known from what the same query found before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from providers.metrics.grid import parse
from providers.metrics.log_analytics import LogQueries
from providers.ports import Question
from strategies.model import Side
from strategies.seen import Reading
from tests.unit.providers.metrics.azure_stage import (
    STABLE,
    START,
    Answer,
    Call,
    problem,
    question,
    refusal,
    row,
    serving,
    table,
    tally,
)
from tests.unit.providers.metrics.kql_stage import RULE, SOURCE

SILENT = 30
"""From which minute on nobody asks the side that leaves."""
LEAVING = {Side.STABLE: "aaaaaaaa", Side.CANDIDATE: "bbbbbbbb"}
Minute = Callable[[float], bool]


def logged(leaving: Side, has: Minute = lambda minute: minute < SILENT) -> Callable[[Call], Answer]:
    """Answer as `summarize … by bin()` does: a row of the leaving side for the minutes it has, of the other for all."""

    def answer(call: Call) -> Answer:
        since, until = (_minute(text) for text in call.body["timespan"].split("/"))
        gone = LEAVING[leaving] in call.body["query"]
        # What was there before this test's hour began is a row each hour.
        times = [minute for minute in (*range(-20_160, 0, 60), *range(90)) if since <= minute < until]
        return 200, table(*(row(minute * 60, 9) for minute in times if not gone or has(minute)))

    return answer


def _minute(text: str) -> float:
    when = parse(text)
    assert isinstance(when, datetime)
    return (when - START).total_seconds() / 60


def asked(since: int, now: int, leaving: Side | None) -> Question:
    return question(now + 2, since=START + timedelta(minutes=since), leaving=leaving)


def side(found: Reading, which: Side) -> tuple[Any, ...]:
    return found.stable if which is Side.STABLE else found.candidate


@pytest.mark.parametrize("leaving", Side)
def test_a_side_that_leaves_and_was_counted_before_has_no_requests_where_it_has_no_row(leaving: Side) -> None:
    with serving(logged(leaving)) as (_, clients):
        found = LogQueries(RULE, SOURCE, clients).read(asked(40, 43, leaving))
    assert side(found, leaving) == (tally(40, 0), tally(41, 0), tally(42, 0))
    assert found.problem is None


def test_silence_goes_on_from_look_to_look_up_to_the_newest_row_of_the_other_side() -> None:
    with serving(logged(Side.STABLE)) as (monitor, clients):
        source, since, known = LogQueries(RULE, SOURCE, clients), 25, []
        for now in (28, 32, 36, 50, 80):
            found = source.read(asked(since, now, Side.STABLE))
            assert found.problem is None
            known += [(each.since, each.requests) for each in found.stable]
            since = now
    assert known == [(START + timedelta(minutes=each), 9 * (each < SILENT)) for each in range(25, 80)]
    assert len(monitor.calls) == 10


def test_what_the_other_side_has_not_come_to_yet_is_no_silence() -> None:
    def late(call: Call) -> Answer:
        status, body = logged(Side.STABLE)(call)
        rows = [each for each in body["tables"][0]["rows"] if _minute(each[0]) < 42]
        return status, table(*rows)

    with serving(late) as (_, clients):
        source = LogQueries(RULE, SOURCE, clients)
        assert source.read(asked(40, 45, Side.STABLE)).stable == (tally(40, 0), tally(41, 0))
        assert "no rows from" in problem(source.read(asked(42, 45, Side.STABLE)))


@pytest.mark.parametrize("leaving", [None, Side.CANDIDATE])
def test_silence_of_a_side_that_does_not_leave_is_no_data(leaving: Side | None) -> None:
    with serving(logged(Side.STABLE)) as (monitor, clients):
        source = LogQueries(RULE, SOURCE, clients)
        source.read(asked(20, 25, leaving))
        found = source.read(asked(40, 43, leaving))
    assert found.stable == ()
    assert "stable side: no rows" in str(found.problem)
    assert len(monitor.calls) == 4


def test_a_query_that_never_found_the_side_says_so_and_the_past_is_looked_up_once() -> None:
    with serving(logged(Side.STABLE, lambda _: False)) as (monitor, clients):
        source = LogQueries(RULE, SOURCE, clients)
        for now in (43, 46):
            found = source.read(asked(40, now, Side.STABLE))
            assert found.stable == ()
            assert "stable side: no rows" in str(found.problem)
            assert "check that the query matches this side" in str(found.problem)
    spans = [call.body["timespan"] for call in monitor.calls if "aaaaaaaa" in call.body["query"]]
    assert [round(_minute(each.split("/")[0])) for each in spans] == [40, 40 - 7 * 1440, 40]


def test_rows_that_only_say_zero_do_not_show_that_the_query_matches() -> None:
    def zeros(call: Call) -> Answer:
        status, body = logged(Side.STABLE)(call)
        if "aaaaaaaa" in call.body["query"]:
            body = table(*([when, 0, 0] for when, *_ in body["tables"][0]["rows"]))
        return status, body

    with serving(zeros) as (_, clients):
        assert LogQueries(RULE, SOURCE, clients).read(asked(40, 43, Side.STABLE)).stable == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, refusal("Busy", "later")), "Busy"),
        ((400, refusal("Bad", "no such table")), "no such table"),
        ((200, {"tables": []}), "one result"),
    ],
)
def test_a_past_that_is_not_told_is_asked_for_again_and_spoils_only_that_side(answer: Answer, said: str) -> None:
    well = False

    def past(call: Call) -> Answer:
        begins = _minute(call.body["timespan"].split("/")[0])
        return answer if begins < 0 and not well else logged(Side.STABLE)(call)

    with serving(past, attempts=1) as (_, clients):
        source = LogQueries(RULE, SOURCE, clients)
        found = source.read(asked(40, 43, Side.STABLE))
        assert found.stable == ()
        assert found.candidate == (tally(40, 9), tally(41, 9), tally(42, 9))
        assert said in str(found.problem)
        assert not found.mistaken
        well = True
        assert source.read(asked(40, 43, Side.STABLE)).stable == (tally(40, 0), tally(41, 0), tally(42, 0))


def test_a_mistyped_query_of_the_leaving_side_stays_a_mistake() -> None:
    def mistyped(call: Call) -> Answer:
        return (
            (400, refusal("Bad", "no such column")) if "aaaaaaaa" in call.body["query"] else (200, table(row(2400, 9)))
        )

    with serving(mistyped) as (_, clients):
        found = LogQueries(RULE, SOURCE, clients).read(asked(40, 43, Side.STABLE))
    assert (found.stable, found.mistaken) == ((), True)
    assert "no such column" in str(found.problem)


def test_what_was_found_of_one_revision_says_nothing_of_another() -> None:
    def only(call: Call) -> Answer:
        return (200, table()) if "cccccccc" in call.body["query"] else logged(Side.STABLE)(call)

    with serving(only) as (_, clients):
        source = LogQueries(RULE, SOURCE, clients)
        assert source.read(asked(20, 23, None)).stable == (tally(20, 9), tally(21, 9), tally(22, 9))
        other = replace(asked(40, 43, Side.STABLE), stable=replace(STABLE, revision="c" * 64))
        assert source.read(other).stable == ()
