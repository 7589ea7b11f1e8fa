"""Shares become whole weights whose sum never changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import split
from strategies.model import Slot

ratios = st.lists(st.integers(1, 1000), min_size=1, max_size=6)


@st.composite
def divisions(draw: st.DrawFn) -> tuple[int, list[int]]:
    parts = draw(ratios)
    return draw(st.integers(len(parts), 1000 * len(parts))), parts


def slots(count: int, side: str, weights: list[int | None] | None = None) -> list[Slot]:
    given = weights or [None] * count
    return [
        Slot(n, f"{side}{n}", f"{side}{n}", f"{side}{n}.x", weight=w, adopted=w is not None)
        for n, w in enumerate(given)
    ]


@given(divisions())
def test_the_parts_always_add_up_to_the_total_and_each_is_a_weight_that_traffic_manager_takes(
    division: tuple[int, list[int]],
) -> None:
    total, parts = division
    found = split.apportion(total, parts)
    assert sum(found) == total
    assert all(split.LOWEST <= part <= split.HIGHEST for part in found)


@given(st.integers(1, 6), st.integers(6, 1000))
def test_equal_ratios_give_parts_that_differ_by_at_most_one(count: int, total: int) -> None:
    found = split.apportion(total, [1] * count)
    assert max(found) - min(found) <= 1


@given(divisions())
def test_a_larger_ratio_never_gets_the_smaller_part(division: tuple[int, list[int]]) -> None:
    total, parts = division
    found = split.apportion(total, parts)
    for mine, part in zip(parts, found, strict=True):
        assert all(part >= other for ratio, other in zip(parts, found, strict=True) if mine > ratio)


@pytest.mark.parametrize(("total", "parts"), [(1, [1, 1]), (1001, [1]), (5, []), (0, [1])])
def test_an_impossible_division_is_refused_and_names_what_is_possible(total: int, parts: list[int]) -> None:
    with pytest.raises(ValueError, match="can share a weight of"):
        split.apportion(total, parts)


@given(st.floats(0, 100), st.integers(6, 1000), st.integers(1, 3), st.integers(1, 3))
def test_both_sides_together_always_have_the_whole_weight(share: float, weight: int, old: int, new: int) -> None:
    members = split.members(share, weight, slots(old, "old"), slots(new, "new"))
    assert sum(member.weight for member in members) == weight


@given(st.floats(0.1, 99.9), st.integers(6, 1000), st.integers(1, 3), st.integers(1, 3))
def test_between_the_ends_every_endpoint_of_both_sides_has_some_weight(
    share: float, weight: int, old: int, new: int
) -> None:
    members = split.members(share, weight, slots(old, "old"), slots(new, "new"))
    assert all(member.weight >= 1 for member in members)


@given(st.floats(0, 100), st.floats(0, 100), st.integers(6, 1000))
def test_a_larger_share_never_gives_the_candidate_less(one: float, other: float, weight: int) -> None:
    low, high = sorted((one, other))
    assert split.candidate_weight(low, weight, 1, 1) <= split.candidate_weight(high, weight, 1, 1)


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=3))
def test_adopted_endpoints_have_exactly_their_former_weights_when_the_candidate_has_nothing(weights: list[int]) -> None:
    members = split.members(0, 333, slots(len(weights), "hand", list(weights)), slots(1, "new"))
    assert [member.weight for member in members] == [*weights, 0]


def test_an_adopted_endpoint_that_was_switched_off_stays_so() -> None:
    members = split.members(50, 100, slots(2, "hand", [100, 0]), slots(1, "new"))
    assert {m.endpoint: m.weight for m in members} == {"hand0": 50, "hand1": 0, "new0": 50}


def test_at_the_whole_share_the_old_side_is_present_and_switched_off() -> None:
    members = split.members(100, 100, slots(1, "old"), slots(2, "new"))
    assert {m.endpoint: m.weight for m in members} == {"old0": 0, "new0": 50, "new1": 50}
