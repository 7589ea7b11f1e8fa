"""Whatever goes wrong with Prometheus holds, with its reason: it is never a number, and never an exception."""

from __future__ import annotations

import pytest

from providers.ports import Arm
from strategies.model import Side
from tests.unit.providers.metrics.prometheus_stage import (
    CANDIDATE,
    FAILURES,
    REQUESTS,
    STABLE,
    START,
    counts,
    growing,
    healthy,
    holds,
    metrics,
    of,
    question,
    read,
)
from tests.unit.providers.metrics.servers import Data, Say, error


def without(query: str, arm: Arm) -> Data:
    data = healthy()
    del data.series[of(query, arm)]
    return data


def test_an_error_in_the_promql_is_a_mistake() -> None:
    reading = read(error(400, "bad_data", "1:5: parse error: unclosed left parenthesis"))
    holds(reading, "`requests`: ", " says 400: 1:5: parse error: unclosed left parenthesis", mistaken=True)


def test_an_expression_that_cannot_be_executed_is_a_mistake() -> None:
    holds(read(error(422, "execution", "many-to-many matching")), "many-to-many matching", mistaken=True)


def test_an_address_without_the_api_is_a_mistake() -> None:
    holds(
        read(lambda _: Say(404, "404 page not found\n")), "404 page not found (check the path of `url`)", mistaken=True
    )


def test_several_series_are_a_mistake_and_the_other_side_is_counted() -> None:
    data = healthy()
    data.series[of(REQUESTS, CANDIDATE)] = [({"pod": "a"}, growing(1)), ({"pod": "b"}, growing(1))]
    reading = read(data.decide)
    assert reading.candidate == ()
    assert len(reading.stable) == 4
    assert reading.mistaken
    assert "candidate: `requests`: it finds 2 series where one is meant" in str(reading.problem)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "sign in: `headers` with a secret"),
        (403, "may not read it"),
        (429, "says 429"),
        (500, ""),
        (502, ""),
        (503, ""),
    ],
)
def test_a_refusal_that_may_pass_is_no_mistake_and_ends_the_look(status: int, reason: str) -> None:
    with metrics(error(status, "x", "because")) as (source, server):
        holds(source.read(question()), f"says {status}: because", reason)
        assert len(server.got) == 1


def test_a_sign_in_page_in_place_of_an_answer_is_no_number() -> None:
    holds(read(lambda _: Say(200, "<html>sign in</html>")), "is no JSON: it begins with '<html>sign in</html>'")
    holds(
        read(lambda _: Say(302, "", {"Location": "https://login.example/x?state=1"})), "https://login.example/x, which"
    )


def test_an_empty_vector_is_not_zero_requests() -> None:
    reading = read(without(REQUESTS, CANDIDATE).decide)
    assert reading.candidate == ()
    assert len(reading.stable) == 4
    assert not reading.mistaken
    told = (
        "candidate: `requests` finds no series: check the metric's name and labels, and that the workloads are scraped"
    )
    assert reading.problem == told


def test_no_series_of_failures_is_not_that_none_failed() -> None:
    reading = read(without(FAILURES, CANDIDATE).decide)
    assert reading.candidate == ()
    assert len(reading.stable) == 4
    told = "candidate: `failures` finds no series where `requests` does: `… or vector(0)` says that none failed"
    assert reading.problem == told


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -3.0, "many", ""])
def test_a_value_that_is_no_count_leaves_its_intervals_out(value: float | str) -> None:
    data, since = healthy(), START.timestamp()

    def odd(at: float) -> float | str:
        return value if at == since + 10 else growing(10)(at)

    data.one(of(REQUESTS, CANDIDATE), odd)
    reading = read(data.decide)
    assert [(tally.since - START).seconds for tally in reading.candidate] == [0, 15]
    assert len(reading.stable) == 4
    assert "candidate: `requests` is " in str(reading.problem)
    assert "at 2026-01-01T12:00:10Z" in str(reading.problem)
    assert not reading.mistaken


def test_only_values_that_are_no_counts_give_nothing() -> None:
    data = healthy()
    for arm in (STABLE, CANDIDATE):
        data.one(of(REQUESTS, arm), lambda at: float("nan"))
    holds(read(data.decide), "`requests` is NaN, as a division by zero gives it")


def test_a_side_that_is_not_scraped_any_more_is_missing_and_not_silent() -> None:
    data, gone = healthy(), START.timestamp() + 8
    data.one(of(REQUESTS, CANDIDATE), lambda at: growing(10)(at) if at < gone else None)
    reading = read(data.decide)
    assert counts(reading.candidate) == [(50, 1)]
    assert "`requests` has no number any more: what is not scraped is not without requests" in str(reading.problem)


def test_a_gap_that_is_over_leaves_its_intervals_out_without_a_word() -> None:
    data, since = healthy(), START.timestamp()
    data.one(of(REQUESTS, CANDIDATE), lambda at: None if since + 4 < at < since + 8 else growing(10)(at))
    reading = read(data.decide)
    assert [(tally.since - START).seconds for tally in reading.candidate] == [10, 15]
    assert reading.problem is None


def test_more_failures_than_requests_are_told_as_they_are() -> None:
    data = healthy()
    data.one(of(FAILURES, CANDIDATE), growing(11))
    reading = read(data.decide)
    assert set(counts(reading.candidate)) == {(50, 55)}
    assert reading.problem is None


def test_an_answer_that_lacks_a_part_is_not_counted() -> None:
    data = healthy()
    data.warnings = ["one store did not answer"]
    holds(read(data.decide), "the answer may lack a part: one store did not answer")


def test_an_unknown_word_is_a_mistake() -> None:
    with metrics(healthy().decide, requests='sum(hits{r="$revison"})') as (source, server):
        holds(source.read(question()), "holds $revison, which means nothing", mistaken=True)
        assert server.got == []


def test_a_rate_is_never_taken_for_a_counter() -> None:
    holds(read(healthy().decide, requests='sum(rate(hits{r="$revision"}[1m]))'), "gives a rate", mistaken=True)


def test_an_adopted_side_that_nobody_named_is_a_mistake_and_the_other_is_counted() -> None:
    reading = read(healthy().decide, question(stable=Arm(Side.STABLE, "", "", ("shop",))))
    assert reading.stable == ()
    assert len(reading.candidate) == 4
    assert reading.mistaken
    assert "`stable:` beside the query says its revision" in str(reading.problem)


def test_a_side_without_workloads_is_waited_for() -> None:
    data, asked = Data(), 'sum(hits{pod=~"$groups"})'
    data.one('sum(hits{pod=~"shop-aaaaaaaa-1-0"})', growing(100))
    young = Arm(Side.CANDIDATE, "bbbbbbbb22222222", "sha256:b")
    reading = read(data.decide, question(candidate=young), requests=asked, failed=None)
    assert len(reading.stable) == 4
    assert reading.problem == "candidate: the candidate side has no workloads yet that $groups could stand for"
    assert not reading.mistaken
