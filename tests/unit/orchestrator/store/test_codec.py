"""Whatever the model can hold comes back from JSON as it was, and what cannot is refused before it is stored."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.store.codec import decode, encode, from_micros, to_micros
from orchestrator.store.errors import UnreadableRecord
from orchestrator.store.records import LeaseRecord, Retained, Snapshot, Suspension
from strategies.journal import Event
from strategies.model import Command, Rollout
from strategies.plan import Plan, blue_green, canary
from tests.conformance.stores import START, a_rollout

PLANS = (blue_green(hold=0.1), canary((), preview_hold=1e-9))
TIMES = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    # What PostgreSQL and JSON can both carry: any text but lone surrogates.
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    float: st.floats(allow_nan=False, allow_infinity=False),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    type(None): st.none(),
    datetime: TIMES,
    Plan: st.sampled_from(PLANS),
}


@cache
def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Every value a type of the model allows, with short tuples."""
    if kind in LEAVES:
        return LEAVES[kind]
    parts = get_args(kind)
    if get_origin(kind) is tuple:
        if parts[-1] is ...:
            return st.lists(any_of(parts[0]), max_size=2).map(tuple)
        return st.tuples(*map(any_of, parts))
    if parts:
        return st.one_of(*map(any_of, parts))
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    return st.builds(kind, **{name: any_of(hint) for name, hint in get_type_hints(kind).items()})


@given(st.one_of(*(any_of(kind) for kind in (Event, Command, Snapshot, LeaseRecord, Retained, Suspension))))
def test_every_small_value_survives(value: object) -> None:
    assert decode(encode(value, "it"), type(value), "it") == value


@settings(deadline=None)
@given(any_of(Rollout))
def test_every_rollout_survives_bit_for_bit(rollout: Rollout) -> None:
    back = decode(encode(rollout, "it"), Rollout, "it")
    assert back == rollout
    assert _bits(back) == _bits(rollout)


def _bits(value: object) -> object:
    """The value with every float as its bytes, so that 0.0 and -0.0, equal to `==`, are told apart, and types as well.

    A plan's shares may be written as whole numbers, and come back as what they are declared to be.
    """
    if isinstance(value, Plan):
        return value
    if is_dataclass(value):
        return [_bits(getattr(value, part.name)) for part in fields(value)]
    if isinstance(value, tuple):
        return [_bits(part) for part in value]
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


@given(any_of(Rollout), st.sampled_from(["x", "zz_new", "Ünbekannt"]))
@settings(max_examples=20, deadline=None)
def test_a_field_that_a_newer_version_wrote_is_passed_over(rollout: Rollout, name: str) -> None:
    body: dict[str, Any] = json.loads(encode(rollout, "it"))
    for place in (body, body["service"], body["revision"], *body["targets"]):
        place[name] = {"new": [1, None]}
    assert decode(json.dumps(body), Rollout, "it") == rollout


def test_a_field_that_an_older_version_did_not_know_takes_its_default() -> None:
    @dataclass(frozen=True, slots=True)
    class Older:
        name: str

    @dataclass(frozen=True, slots=True)
    class Newer:
        name: str
        since: datetime | None = None
        tags: tuple[str, ...] = field(default=("none",))

    assert decode(encode(Older("a"), "it"), Newer, "it") == Newer("a")


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_has_no_word_for_is_refused_before_it_is_stored(number: float) -> None:
    with pytest.raises(UnreadableRecord, match="rollout r1"):
        encode(replace(a_rollout(), spent_seconds=number), "rollout r1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"at": "2026-01-01T00:00:00Z", "kind": 3}'])
def test_what_cannot_be_read_names_itself_and_the_way_out(text: str) -> None:
    with pytest.raises(UnreadableRecord, match=r"event 7: .*--store"):
        decode(text, Event, "event 7")


def test_a_phase_of_a_newer_version_is_refused_by_name() -> None:
    body = json.loads(encode(a_rollout(), "it"))
    body["targets"][0]["phase"] = "levitating"
    with pytest.raises(UnreadableRecord, match="levitating"):
        decode(json.dumps(body), Rollout, "it")


@given(TIMES)
def test_a_time_survives_as_microseconds(at: datetime) -> None:
    assert from_micros(to_micros(at)) == at


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        to_micros(START.replace(tzinfo=None))
