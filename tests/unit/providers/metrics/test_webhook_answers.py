"""What a webhook may answer, and what it may not; read without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.metrics.webhook_answers import Counted, counted
from strategies.seen import Tally

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = START + timedelta(seconds=20)
GOOD = {"requests": 10, "failures": 1}


def one(**change: Any) -> dict[str, Any]:
    return {
        "since": "2026-01-01T12:00:00Z",
        "until": "2026-01-01T12:00:05Z",
        "stable": GOOD,
        "candidate": GOOD,
        **change,
    }


def read(document: Any, beside: str | None = "failures") -> Counted:
    return counted(document, START, NOW, beside)


def refused(document: Any) -> str:
    """Why nothing of an answer was used."""
    found = read(document)
    assert found.stable == ()
    assert found.problem is not None
    return found.problem


TALLY = Tally(START, START + timedelta(seconds=5), 10, 1)


def test_a_side_that_is_null_or_absent_has_no_answer() -> None:
    null, absent = one(candidate=None), one()
    del absent["candidate"]
    for document in (null, absent):
        assert read(document) == Counted(stable=(TALLY,))


@pytest.mark.parametrize(
    "since",
    ["2026-01-01T12:00:00+00:00", "2026-01-01T14:00:00+02:00", "2026-01-01T12:00:00.000Z", 1767268800, 1767268800.0],
)
def test_times_may_be_written_in_several_ways(since: Any) -> None:
    assert read(one(since=since)).stable == (TALLY,)


def test_whole_numbers_may_have_a_decimal_point() -> None:
    assert read(one(stable={"requests": 10.0, "failures": 1.0})).stable == (TALLY,)


def test_a_counter_that_began_anew_needs_no_numbers() -> None:
    found = read(one(stable={"reset": True, "requests": None})).stable
    assert found == (Tally(START, TALLY.until, 0, reset=True),)


def test_how_many_workloads_were_counted_may_be_said() -> None:
    assert read(one(candidate={**GOOD, "instances": 3})).candidate[0].instances == 3


def test_what_is_too_slow_is_called_so_and_nothing_is_needed_where_nothing_is_counted() -> None:
    assert read(one(stable={"requests": 10, "slow": 1}, candidate=None), "slow").stable == (TALLY,)
    only = read(one(stable={"requests": 10}, candidate=None), None)
    assert only.stable == (Tally(START, TALLY.until, 10),)
    assert "stable.failures: expected no such key, only instances, requests, reset, slow" in str(
        read(one(), "slow").problem
    )


def test_intervals_that_are_known_already_are_passed_over() -> None:
    early = one(since="2026-01-01T11:59:55Z", until="2026-01-01T12:00:00Z")
    assert read({"intervals": [early, one()]}) == Counted((TALLY,), (TALLY,))


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, 'the answer: expected an object with "intervals"; got None'),
        ([], 'the answer: expected an object with "intervals"; got []'),
        ("ok", "the answer: expected an object"),
        ({}, "intervals: expected a list; got None"),
        ({"intervals": None}, "intervals: expected a list; got None"),
        ({"intervals": {}}, "intervals: expected a list; got {}"),
        ({"interval": []}, "interval: expected no such key, only clients, intervals; got []"),
        ({"intervals": [7]}, "intervals[0]: expected an interval; got 7"),
        (one(canidate=GOOD), "canidate: expected no such key, only candidate, since, stable, until"),
        (one(since=None), "since: expected a time with its zone"),
        (one(since="yesterday"), "since: expected a time with its zone"),
        (one(since="2026-01-01T12:00:00"), "since: expected a time with its zone"),
        (one(since=True), "since: expected a time with its zone"),
        (one(since=1e300), "since: expected a time with its zone"),
        (one(since=float("nan")), "since: expected a time with its zone"),
        (one(until=None), "until: expected a time with its zone"),
        (one(until="2026-01-01T12:00:00Z"), "until: expected a time after 2026-01-01T12:00:00Z"),
        (one(until="2026-01-01T11:00:00Z"), "until: expected a time after"),
        (one(until="2026-01-01T12:00:21Z"), "no time to come (here it is 2026-01-01T12:00:20Z): set the clocks"),
        (one(stable=[]), 'stable: expected an object with "requests" and "failures", or null; got []'),
        (one(stable=5), "stable: expected an object"),
        (one(stable={}), "stable.requests: expected a whole number, 0 or more; got None"),
        (one(stable={"requests": 10}), "stable.failures: expected a whole number, 0 or more; got None"),
        (
            one(stable={"requests": "10", "failures": 0}),
            "stable.requests: expected a whole number, 0 or more; got '10'",
        ),
        (one(stable={"requests": -1, "failures": 0}), "stable.requests: expected a whole number, 0 or more; got -1"),
        (one(stable={"requests": 1.5, "failures": 0}), "stable.requests: expected a whole number, 0 or more; got 1.5"),
        (one(stable={"requests": float("nan"), "failures": 0}), "stable.requests: expected a whole number"),
        (one(stable={"requests": float("inf"), "failures": 0}), "stable.requests: expected a whole number"),
        (one(stable={"requests": 10**30, "failures": 0}), "stable.requests: expected a whole number"),
        (one(stable={"requests": True, "failures": 0}), "stable.requests: expected a whole number"),
        (one(stable={"requests": 1, "failures": -2}), "stable.failures: expected a whole number, 0 or more; got -2"),
        (one(stable={**GOOD, "errors": 1}), "stable.errors: expected no such key"),
        (one(stable={**GOOD, "reset": "yes"}), "stable.reset: expected true or false; got 'yes'"),
        (one(stable={**GOOD, "instances": -1}), "stable.instances: expected a whole number"),
    ],
)
def test_what_is_wrong_is_named_by_its_path_and_not_used(document: Any, why: str) -> None:
    assert why in refused(document)


def test_intervals_must_be_in_time_order_and_apart() -> None:
    found = read({"intervals": [one(), one()]})
    assert found.stable == (TALLY,)
    told = "intervals[1].since: expected 2026-01-01T12:00:05Z or later, where the one before ends"
    assert found.problem == f"{told}; got '2026-01-01T12:00:00Z'"


def test_several_faults_are_told_by_the_first_and_their_number() -> None:
    found = read(one(stable={}, candidate={}))
    assert str(found.problem).endswith("got None (and 1 more)")


@pytest.mark.parametrize(
    "clients", [[], "x", {"a": "1"}, {"a": -1}, {"a": float("nan")}, {"a": float("inf")}, {"a": True}]
)
def test_clients_must_be_numbers_by_name(clients: Any) -> None:
    found = read({"intervals": [one()], "clients": clients})
    assert found.stable == (TALLY,)
    assert found.clients == ()
    assert str(found.problem).startswith("clients")


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([one()["since"]]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["intervals", "since", "until", "stable", "candidate", "requests", "failures", "clients"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(ANY)
def test_no_answer_of_any_shape_breaks_the_reading(document: Any) -> None:
    for each in (document, {"intervals": [document]}, one(stable=document), {"intervals": [], "clients": document}):
        found = read(each)
        assert all(0 <= tally.failures <= tally.requests for tally in (*found.stable, *found.candidate))


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 1000)), max_size=4))
def test_good_counts_are_read_as_they_are(numbers: list[tuple[int, int]]) -> None:
    intervals = []
    for number, (fine, bad) in enumerate(numbers):
        times = [(START + timedelta(seconds=5 * n)).isoformat() for n in (number, number + 1)]
        side = {"requests": fine + bad, "failures": bad}
        intervals.append({"since": times[0], "until": times[1], "stable": side, "candidate": side})
    found = read({"intervals": intervals})
    assert found.problem is None
    assert [(tally.requests - tally.failures, tally.failures) for tally in found.stable] == numbers
    assert found.stable == found.candidate
