"""Answers of Prometheus' HTTP API, good and bad, read without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Denied, Invalid, Missing, ProviderError, Throttled, Transient
from providers.metrics.grid import Grid
from providers.metrics.http_answers import Answer
from providers.metrics.prometheus_answers import clients, failure, lived, missing, points

START = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = START.timestamp()
GRID = Grid(START, timedelta(seconds=5), 3)


def said(document: Any, status: int = 200) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer("http://p:9090", status, {}, body)


def matrix(*values: Any, **more: Any) -> Answer:
    """One series with these values at the grid's bounds."""
    pairs = [[FIRST + 5 * number, value] for number, value in enumerate(values) if value is not None]
    return said(
        {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}, **more}
    )


def vector(*series: Any) -> Answer:
    return said({"status": "success", "data": {"resultType": "vector", "result": list(series)}})


def refused(answer: Answer) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        points(answer, "`requests`", GRID, 0)
    return told.value


def test_values_stand_at_the_bounds_they_were_asked_for() -> None:
    assert points(matrix("1", "2.0", None, "4e0"), "", GRID, 0).values == (1, 2, None, 4)


def test_values_before_the_grid_stand_before_it() -> None:
    pairs = [[FIRST - 10, "1"], [FIRST - 5, "2"], [FIRST, "3"]]
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}}
    read = points(said(body), "", GRID, 2)
    assert read.values == (1, 2, 3, None, None, None)
    assert read.before == 2


def test_times_are_read_to_the_millisecond() -> None:
    pairs = [[FIRST + 0.001, "1"], [FIRST + 4.999, "2"]]
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}}
    assert points(said(body), "", GRID, 0).values[:2] == (1, 2)


def test_counts_are_rounded_to_whole_numbers() -> None:
    assert points(matrix("0.4", "0.5", "1.5", "2.4999999999"), "", GRID, 0).values == (0, 1, 2, 3)


def test_an_empty_vector_is_no_series_and_no_zero() -> None:
    read = points(said({"status": "success", "data": {"resultType": "matrix", "result": []}}), "", GRID, 0)
    assert not read.series
    assert set(read.values) == {None}
    assert "finds no series: check the metric's name and labels" in str(missing("`requests`", read, 3))


def test_several_series_are_a_mistake_with_a_way_out() -> None:
    series = [{"metric": {"pod": pod}, "values": [[FIRST, "1"]]} for pod in ("a", "b")]
    error = refused(said({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    assert isinstance(error, Invalid)
    assert error.message == "`requests`: it finds 2 series where one is meant, such as a: wrap it in sum(…)"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NaN", "NaN, as a division by zero gives it"),
        ("+Inf", "+Inf, as a division by zero gives it"),
        ("-Inf", "-Inf, as a division by zero gives it"),
        ("-5", "-5, and no count is below zero"),
        ("many", "'many', which is no number"),
        ("1_000", "'1_000', which is no number"),
        ("", "'', which is no number"),
        (7, "7, which is no number"),
        (None, None),
        (True, "True, which is no number"),
        (["1"], "['1'], which is no number"),
        ("1e300", "1e300, too large to be counted exactly"),
        ("9007199254740994", "9007199254740994, too large to be counted exactly"),
    ],
)
def test_a_value_that_is_no_count_is_missing_and_named(text: Any, why: str | None) -> None:
    read = points(matrix("1", "2", text, "4"), "", GRID, 0)
    assert read.values == (1, 2, None, 4)
    told = missing("`requests`", read, 3)
    assert told == (None if why is None else f"`requests` is {why}, at 2026-01-01T00:00:10Z")


def test_a_bad_value_of_long_ago_is_not_told_again() -> None:
    pairs = [[FIRST - 5, "NaN"], *([FIRST + 5 * number, "1"] for number in range(4))]
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}}
    assert missing("`requests`", points(said(body), "", GRID, 1), 3) is None


def test_a_number_that_ends_before_the_newest_bound_is_told() -> None:
    told = missing("`requests`", points(matrix("1", "2", "3"), "", GRID, 0), 3)
    assert told == "`requests` has no number any more: what is not scraped is not without requests"
    assert missing("`requests`", points(matrix("1", None, None, "3"), "", GRID, 0), 3) is None


def test_values_for_other_times_than_those_asked_for_are_not_used() -> None:
    pairs = [[FIRST + 2.5, "1"]]
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": pairs}]}}
    error = refused(said(body))
    assert type(error) is Transient
    assert "answers for 2026-01-01T00:00:02.500000Z, which was not asked for" in error.message


def test_native_histograms_are_no_numbers() -> None:
    series = [{"metric": {}, "histograms": [[FIRST, {"count": "1", "sum": "2"}]]}]
    error = refused(said({"status": "success", "data": {"resultType": "matrix", "result": series}}))
    assert isinstance(error, Invalid)
    assert "gives histograms where numbers are meant: use histogram_count(…)" in error.message


def test_another_kind_of_result_is_a_mistake() -> None:
    error = refused(vector())
    assert isinstance(error, Invalid)
    assert "gives a vector where a matrix is meant" in error.message


def test_an_answer_with_a_warning_may_lack_a_part_and_is_not_used() -> None:
    error = refused(matrix("1", "2", warnings=["store a is down"]))
    assert type(error) is Transient
    assert "the answer may lack a part: store a is down" in error.message


def test_infos_are_no_warnings() -> None:
    assert points(matrix("1", infos=["a metric whose name does not end in _total"]), "", GRID, 0).values[0] == 1


def test_an_error_in_an_answer_of_success_is_an_error() -> None:
    bad = refused(said({"status": "error", "errorType": "bad_data", "error": "parse error"}))
    slow = refused(said({"status": "error", "errorType": "timeout", "error": "took too long"}))
    assert isinstance(bad, Invalid)
    assert type(slow) is Transient
    assert bad.message == "`requests`: http://p:9090 says: parse error"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, Denied),
        (403, Denied),
        (404, Missing),
        (405, Invalid),
        (408, Transient),
        (413, Invalid),
        (422, Invalid),
        (429, Throttled),
        (500, Transient),
        (502, Transient),
        (503, Transient),
        (504, Transient),
        (301, Invalid),
        (302, Denied),
        (308, Invalid),
    ],
)
def test_a_refusal_says_whether_asking_again_can_help(status: int, kind: type[ProviderError]) -> None:
    error = failure(said({"status": "error", "error": "because"}, status), "`requests`")
    assert type(error) is kind
    assert error.message.startswith("`requests`: http://p:9090 s")


def test_a_refusal_is_told_in_the_servers_own_words() -> None:
    body = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unclosed left parenthesis"}
    told = failure(said(body, 400), "`requests`").message
    assert told == "`requests`: http://p:9090 says 400: 1:5: parse error: unclosed left parenthesis"
    assert (
        failure(said(b"no route\n", 404), "x").message
        == "x: http://p:9090 says 404: no route (check the path of `url`)"
    )
    assert len(failure(said(b"x" * 10**6, 500), "x").message) < 400


BAD = [
    b"",
    b"<html>sign in</html>",
    b"{",
    b"null",
    b"[]",
    b'"ok"',
    b"[" * 100_000,
    b'{"status": "success"}',
    b'{"status": "success", "data": null}',
    b'{"status": "success", "data": {"resultType": "matrix"}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": {}}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [1]}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [1]}]}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1]]}]}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [["1", "2"]]}]}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[NaN, "2"]]}]}}',
    b'{"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1e300, "2"]]}]}}',
    b'{"data": {"resultType": "matrix", "result": []}}',
    b"\xff\xfe",
]


@pytest.mark.parametrize("body", BAD)
def test_an_answer_that_cannot_be_read_may_be_better_next_time(body: bytes) -> None:
    assert type(refused(said(body))) is Transient


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["NaN", "1", "success"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["status", "data", "result", "resultType", "values", "metric", "x"]), inner)
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["matrix", "vector"]))
def test_no_answer_of_any_shape_breaks_the_reading(inner: Any, kind: str) -> None:
    shapes = (
        inner,
        {"status": "success", "data": {"resultType": kind, "result": inner}},
        {"status": "success", "data": inner},
    )
    one = {
        "status": "success",
        "data": {"resultType": kind, "result": [{"metric": inner, "values": inner, "value": inner}]},
    }
    for document in (*shapes, one):
        for read in (lambda answer: points(answer, "", GRID, 0), lambda answer: clients(answer, "")):
            try:
                read(said(document))
            except ProviderError as error:
                assert error.message


@given(st.lists(st.floats(min_value=0, max_value=1e9) | st.none(), min_size=4, max_size=4))
def test_a_number_read_is_the_nearest_whole_one(values: list[float | None]) -> None:
    read = points(matrix(*(None if value is None else repr(value) for value in values)), "", GRID, 0)
    for value, number in zip(values, read.values, strict=True):
        assert (number is None) == (value is None)
        if value is not None and number is not None:
            assert abs(number - value) <= 0.5 + 1e-6


def test_clients_of_the_same_name_are_one() -> None:
    found = [{"metric": {"client": "a"}, "value": [FIRST, "1.5"]}, {"metric": {"client": "a"}, "value": [FIRST, "1"]}]
    assert clients(vector(*found), "") == (("a", 2.5),)


def test_no_more_clients_are_told_than_a_person_reads() -> None:
    found = [{"metric": {"client": f"c{n:03}"}, "value": [FIRST, str(n)]} for n in range(500)]
    told = clients(vector(*found), "")
    assert len(told) == 20
    assert told[0] == ("c499", 499.0)


@pytest.mark.parametrize("value", ["-1", "+Inf", "NaN", "x", None, 5])
def test_a_rate_that_is_none_is_no_client(value: Any) -> None:
    assert clients(vector({"metric": {"client": "a"}, "value": [FIRST, value]}), "") == ()


def test_only_whole_intervals_of_the_servers_own_time_are_left() -> None:
    now = START + timedelta(seconds=15)
    assert lived(GRID, None, now, 0) == (GRID, None)
    assert lived(GRID, now, now, 0) == (GRID, None)
    assert lived(GRID, now - timedelta(seconds=1), now, 0) == (GRID, None)
    shorter, said_so = lived(GRID, now - timedelta(seconds=6), now, 0)
    assert (shorter.count, said_so) == (2, "the server's clock is 6 s behind ours: set both right")
    assert lived(GRID, now - timedelta(days=3), now, 0)[0].count == 0
