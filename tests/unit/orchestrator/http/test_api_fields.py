"""What a request may hold: read exactly, or refused with every problem at once, whatever is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from orchestrator.http.api_fields import Field, Kind, read, read_body, read_query
from orchestrator.http.api_routes import ROUTES
from orchestrator.words import BadInput

FIELDS = (
    Field("name", "a name", required=True, longest=5, pattern="[a-z]+", example="abc"),
    Field("flag", "a flag", Kind.FLAG, default=False),
    Field("count", "a number", Kind.NUMBER, default=3, least=1, most=9),
    Field("part", "an amount", Kind.AMOUNT, most=100),
    Field("words", "words", Kind.TEXTS),
    Field("at", "a time", Kind.MOMENT),
    Field("kind", "a kind", one_of=("x", "y")),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([field.name for field in FIELDS]) | st.text(max_size=6)


def problems(body: Any) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read_body(FIELDS, body if isinstance(body, bytes) else json.dumps(body).encode())
    return [path for path, _ in caught.value.problems]


def test_what_fits_is_read_and_what_is_left_out_has_its_default() -> None:
    read_back = read_body(FIELDS, b'{"name": "abc", "at": "2030-01-31T19:00:00+01:00", "words": {"a": "b"}}')
    at = datetime(2030, 1, 31, 18, tzinfo=UTC)
    absent = {"part": None, "kind": None}
    assert read_back == {"name": "abc", "flag": False, "count": 3, "words": {"a": "b"}, "at": at, **absent}


def test_every_problem_is_told_at_once() -> None:
    wrong = {"name": "ABCDEF", "flag": "yes", "count": 10, "part": -0.5, "words": {"a": 1}, "at": "soon"}
    assert problems({**wrong, "kind": "z", "more": 1}) == [*wrong, "kind", "more"]
    assert problems({}) == ["name"]
    assert problems(b"") == ["name"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b'{"name": NaN}', b'{"name": "a", "name": "b"}', b"[" * 100_000],
    ids=lambda body: body[:12].decode(errors="replace"),
)
def test_what_is_no_json_object_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(BadInput, match="must"):
        read_body(FIELDS, body)


@pytest.mark.parametrize("at", ["2030-01-31T18:00:00", "0001-01-01T00:00:00+10:00", 5, True, "2030-13-01T00:00:00Z"])
def test_a_time_has_its_zone_and_can_be(at: Any) -> None:
    assert problems({"name": "a", "at": at}) == ["at"]


@pytest.mark.parametrize("part", [0, 2, 0.5, 100.0])
def test_an_amount_may_have_a_fraction(part: float) -> None:
    assert read_body(FIELDS, json.dumps({"name": "a", "part": part}).encode())["part"] == part


@pytest.mark.parametrize("part", ["-1", "100.01", "1e999", '"2"', "true", "[]"])
def test_an_amount_is_a_number_within_its_limits(part: str) -> None:
    assert problems(f'{{"name": "a", "part": {part}}}'.encode()) == ["part"]


@pytest.mark.parametrize("text", ["\ud800", "a\x00", "\x1b[31m", "\x7f"])
def test_what_no_database_keeps_and_no_terminal_shows_is_refused(text: str) -> None:
    field = Field("reason", "why")
    with pytest.raises(BadInput, match="control characters"):
        read((field,), {"reason": text})
    assert problems({"name": "a", "words": {"k": text}}) == ["words"]
    assert problems({"name": "a", "words": {text: "v"}}) == ["words"]
    assert read((field,), {"reason": "two\nlines\tand é"}) == {"reason": "two\nlines\tand é"}


def test_a_query_is_read_as_words_and_whole_numbers() -> None:
    fields = (Field("after", "", default=""), Field("limit", "", Kind.NUMBER, default=5, least=1, most=10))
    assert read_query(fields, [("limit", "7"), ("after", "12")]) == {"after": "12", "limit": 7}
    for word in ("0", "11", "-1", "1.0", "x", "", "9" * 50):
        with pytest.raises(BadInput, match="limit"):
            read_query(fields, [("limit", word)])


@given(st.dictionaries(NAMES, ANY_JSON, max_size=8))
def test_whatever_is_sent_is_read_or_refused_and_the_published_schema_agrees(given_: dict[str, Any]) -> None:
    present = {name: value for name, value in given_.items() if value is not None}
    schema = {
        "type": "object",
        "properties": {field.name: field.schema() for field in FIELDS if field.kind is not Kind.MOMENT},
        "required": ["name"],
        "additionalProperties": False,
    }
    try:
        values = read(FIELDS, given_)
    except BadInput as error:
        assert error.problems
        refused = True
    else:
        assert set(values) == {field.name for field in FIELDS}
        refused = False
    unfit = any(character in json.dumps(present) for character in ("\\ud", "\\u00", "\x7f"))
    whole_floats = any(isinstance(value, float) for value in present.values())
    if "at" not in present and not whole_floats and not unfit:
        assert Draft202012Validator(schema).is_valid(present) is not refused


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_for_every_path(body: bytes) -> None:
    for route in ROUTES:
        try:
            read_body(route.body, body)
        except BadInput as error:
            assert str(error)
