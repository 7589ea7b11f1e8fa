"""Bars and the chart of the demo's picture."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.demo.chart import FAILED, Look, apportion, bar, chart
from providers.emulator.load_counts import Counts

LOOKS = [Look(), Look(colours=False), Look(symbols=False), Look(colours=False, symbols=False)]
looks = st.sampled_from(LOOKS)
shares = st.dictionaries(st.sampled_from(["v1", "v2", "v3", "unknown"]), st.floats(0, 100), min_size=1)


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    requests = draw(st.integers(1, 80))
    return Counts(requests, draw(st.integers(0, requests)))


histories = st.dictionaries(
    st.integers(1_700_000_000, 1_700_000_200),
    st.dictionaries(st.sampled_from(["v1", "v2", "v3", "unknown"]), counts(), min_size=1),
)


@given(parts=st.dictionaries(st.text(max_size=3), st.floats(0, 1e6), max_size=6), cells=st.integers(12, 90))
def test_all_cells_are_given_out_and_no_part_above_zero_goes_without_one(parts, cells):
    sizes = apportion(parts, cells)
    assert set(sizes) == {what for what, part in parts.items() if part > 0}
    assert not sizes or sum(sizes.values()) == cells
    assert all(size >= 1 for size in sizes.values())


@given(parts=st.dictionaries(st.sampled_from("abc"), st.integers(1, 100), min_size=2), cells=st.integers(20, 90))
def test_a_larger_part_never_gets_fewer_cells_than_a_smaller_one(parts, cells):
    sizes = apportion(parts, cells)
    ordered = sorted(parts, key=lambda what: parts[what])
    assert all(sizes[small] <= sizes[large] + 1 for small, large in pairwise(ordered))


@given(shares=shares, cells=st.integers(8, 60), look=looks)
def test_a_bar_says_every_share_above_zero_in_numbers(shares, cells, look):
    drawn = bar(shares, cells, look).plain
    assert all((f"{what} {share:.0f} %" in drawn) == (share > 0) for what, share in shares.items())


@given(history=histories, width=st.integers(30, 200), rows=st.integers(5, 12), look=looks)
def test_a_chart_keeps_to_its_room_whatever_was_counted(history, width, rows, look):
    marks = [(datetime.fromtimestamp(second, UTC), "something happened") for second in history]
    lines = chart(history, marks, width, rows, look)
    assert len(lines) == rows + 1
    assert all(line.cell_len <= width for line in lines)


@given(history=histories, rows=st.integers(5, 12))
def test_every_second_in_which_a_request_failed_shows_it_at_the_bottom(history, rows):
    look = Look(colours=False)
    lines = [line.plain[7:] for line in chart(history, [], 230, rows, look)]
    wide = 2
    for column, second in enumerate(sorted(history)[-111:]):
        failed = any(each.failed for each in history[second].values())
        assert (lines[rows - 1][column * wide] == look.fill(FAILED)) == failed


def test_without_colours_every_version_and_failures_are_drawn_with_blocks_of_their_own():
    for look in LOOKS[1:]:
        fills = {look.fill(what) for what in (*look.versions, FAILED)}
        assert len(fills) == 4 or (look.colours and look.symbols)


@pytest.mark.parametrize("symbols", [True, False])
def test_nothing_but_ascii_is_drawn_where_the_stream_knows_nothing_else(symbols):
    look = Look(colours=False, symbols=symbols)
    history = {1_700_000_000: {"v1": Counts(10, 2), "v2": Counts(3, 0)}}
    marks = [(datetime.fromtimestamp(1_700_000_000, UTC), "v2")]
    lines = [*chart(history, marks, 60, 6, look), bar({"v1": 40.0, "v2": 60.0}, 30, look)]
    assert all(line.plain.isascii() for line in lines) == (not symbols)


def test_a_mark_stands_below_its_second_and_one_without_room_is_left_out():
    history = {1_700_000_000 + second: {"v1": Counts(10, 0)} for second in range(40)}
    marks = [(datetime.fromtimestamp(1_700_000_000 + second, UTC), word) for second, word in ((5, "v2"), (7, "lost"))]
    axis = chart(history, marks, 60, 4, Look())[-1].plain
    assert axis.index("↑ v2") == 7 + 5
    assert "lost" not in axis
