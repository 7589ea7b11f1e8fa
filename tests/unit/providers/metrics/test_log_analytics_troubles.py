"""What is no answer of a query: nothing is counted that was not said, and the reason is."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from providers.metrics.log_analytics import LogQueries
from providers.metrics.settings import LogAnalytics
from tests.unit.providers.metrics.azure_stage import (
    Answer,
    Call,
    mistake,
    problem,
    question,
    refusal,
    row,
    serving,
    table,
    tally,
)
from tests.unit.providers.metrics.kql_stage import QUERY, RULE, SOURCE, read, sides


def test_neither_workspace_nor_resource_is_a_mistake() -> None:
    assert "expected a workspace or a resource" in mistake(read(lambda _: (200, table()), LogAnalytics(QUERY)))


@pytest.mark.parametrize(
    ("requests", "failures"),
    [("NaN", 0), (float("nan"), 0), (float("inf"), 0), (-1, 0), ("7", 0), (None, 0), (7, None), (True, 0)],
)
def test_what_is_no_count_is_left_out_and_named(requests: Any, failures: Any) -> None:
    odd = table(row(0, 4), row(60, requests, failures), row(120, 4))
    found = read(sides(odd, table(row(0, 1), row(60, 1), row(120, 1))))
    assert found.stable == (tally(0, 4), tally(2, 4))
    assert found.candidate == (tally(0, 1), tally(1, 1), tally(2, 1))
    assert "expected counts of requests and of failures; got" in str(found.problem)
    assert not found.mistaken


def test_a_side_whose_every_row_is_odd_says_so_and_counts_nothing() -> None:
    assert "got -1 and 0" in problem(read(lambda _: (200, table(row(0, -1), row(60, -1)))))


def test_several_rows_for_one_interval_are_a_mistake() -> None:
    told = mistake(read(lambda _: (200, table(row(0, 1), row(0, 2)))))
    assert "expected one row for each interval; got several" in told


def test_rows_that_are_not_binned_by_the_interval_are_a_mistake() -> None:
    assert "bin(<time column>, $interval)" in mistake(read(lambda _: (200, table(row(3.5, 1)))))


def test_a_time_that_is_none_is_a_mistake() -> None:
    assert "whole intervals" in mistake(read(lambda _: (200, table(["then", 1, 0]))))


def test_a_missing_column_is_a_mistake_that_names_what_is_there() -> None:
    columns = (("TimeGenerated", "datetime"), ("count_", "long"))
    told = mistake(read(lambda _: (200, table(["2026-05-04T12:00:00Z", 1], columns=columns))))
    assert "expected the columns a datetime, requests, failures or slow" in told
    assert "count_ (long)" in told


def test_an_answer_that_is_not_whole_gives_no_counts() -> None:
    body = {**table(row(0, 9)), **refusal("PartialError", "There were some errors", ("Limit", "Too many rows"))}
    assert (
        problem(read(lambda _: (200, body))) == "the answer is not whole: Limit: There were some errors. Too many rows"
    )


def test_a_part_of_one_sides_answer_spoils_that_side_alone() -> None:
    part = {**table(row(0, 9)), **refusal("PartialError", "some errors")}
    found = read(sides(table(row(0, 5)), part))
    assert (found.stable, found.candidate) == ((tally(0, 5),), ())
    assert "candidate: the answer is not whole" in str(found.problem)


def test_a_query_that_is_no_kql_is_a_mistake_told_by_its_innermost_error() -> None:
    inner = (("SyntaxError", "A recognition error occurred"), ("SYN0002", "Query could not be parsed at 'wher'"))
    body = refusal("BadArgumentError", "The request had some invalid properties", *inner)
    told = mistake(read(lambda _: (400, body)))
    assert told.startswith("SYN0002: querying logs: The request had some invalid properties")
    assert "could not be parsed at 'wher'" in told


@pytest.mark.parametrize("body", ["", "[]", "nothing", {"error": "no"}, {"error": {"details": [3]}}, "<p>no</p>"])
def test_a_refused_query_is_a_mistake_however_its_refusal_is_written(body: Any) -> None:
    assert mistake(read(lambda _: (400, body))).startswith("Http400: querying logs: ")


def test_a_workspace_that_does_not_exist_is_a_mistake() -> None:
    assert "no such workspace" in mistake(read(lambda _: (404, refusal("WorkspaceNotFoundError", "no such workspace"))))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "AuthenticationFailed"),
        (403, "InsufficientAccessError"),
        (429, "ThrottledError"),
        (500, "Oops"),
        (503, "ServiceUnavailable"),
        (504, "GatewayTimeout"),
        (302, "Moved"),
    ],
)
def test_a_refusal_or_failure_of_the_source_is_a_problem_and_no_mistake(status: int, code: str) -> None:
    assert code in problem(read(lambda _: (status, refusal(code, "said so"))))


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        "null",
        {},
        {"tables": None},
        {"tables": [3]},
        {"tables": [{}]},
        {"tables": [{"columns": [1], "rows": []}]},
        {"tables": [{"columns": [], "rows": [[1]]}]},
    ],
)
def test_an_answer_that_makes_no_sense_is_a_problem_and_no_crash(body: Any) -> None:
    assert problem(read(lambda _: (200, body)))


def test_a_query_with_several_results_is_a_mistake() -> None:
    both = {"tables": table()["tables"] * 2}
    assert "one result; got 2 tables" in mistake(read(lambda _: (200, both)))


def test_a_source_that_does_not_answer_in_time_is_a_problem() -> None:
    stop = threading.Event()

    def hang(_: Call) -> Answer:
        stop.wait(5)
        return 200, table()

    with serving(hang) as (_, clients):
        found = LogQueries(RULE, replace(SOURCE, timeout_seconds=0.2), clients).read(question())
        stop.set()
    assert (found.stable, found.candidate, found.mistaken) == ((), (), False)
    assert "querying logs" in str(found.problem)


def test_a_question_that_is_the_same_for_both_sides_is_a_mistake() -> None:
    assert "asks the same of both sides" in mistake(read(lambda _: (200, table()), replace(SOURCE, query="T | count")))


@pytest.mark.parametrize(
    ("answer", "fatal", "said"),
    [
        ((400, refusal("BadArgumentError", "no", ("SyntaxError", "Query could not be parsed"))), True, "parsed"),
        ((403, refusal("InsufficientAccessError", "no")), True, "Log Analytics Reader"),
        ((200, table()), False, "no rows from"),
        ((503, refusal("ServiceUnavailable", "later")), False, "later"),
    ],
    ids=["bad query", "no role", "no rows", "busy"],
)
def test_doctor_names_what_can_never_be_answered(answer: Answer, fatal: bool, said: str) -> None:
    with serving(lambda _: answer) as (_, clients):
        (finding,) = LogQueries(RULE, SOURCE, clients).preflight(question(2))
    assert (finding.ok, finding.fatal) == (False, fatal)
    assert said in f"{finding.message} {finding.remedy}"
