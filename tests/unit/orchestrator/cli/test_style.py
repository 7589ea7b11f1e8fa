"""Numbers, lengths of time, bars, columns and folded lines as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.style import Style, bar, columns, folded, percent, span
from strategies.figures import amount


@given(st.floats(0, 4e7))
def test_a_length_of_time_never_has_more_than_two_units(seconds: float) -> None:
    assert len(span(seconds).split()) in (2, 4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0, "0 s"), (0.44, "0.4 s"), (42, "42 s"), (252, "4 m 12 s"), (3600, "1 h"), (187500, "2 d 4 h")],
)
def test_lengths_of_time_read_as_people_say_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


@given(st.floats(0, 100), st.integers(1, 60))
def test_a_bar_has_always_the_same_width_and_hides_no_traffic(share: float, cells: int) -> None:
    text = bar(share, Style(), cells)
    assert len(text) == cells
    assert ("█" in text) == (share > 0)


@given(st.lists(st.lists(st.text("ab ", max_size=5), min_size=1, max_size=4), max_size=5))
def test_columns_begin_at_the_same_place_in_every_row(rows: list[list[str]]) -> None:
    lines = columns(rows)
    assert len(lines) == len(rows)
    for i in range(1, 4):
        places = {sum(max(len(r[k]) for r in rows if k < len(r)) + 2 for k in range(i)) for row in rows if len(row) > i}
        for row, line in zip(rows, lines, strict=True):
            if len(row) > i and row[i].strip():
                (place,) = places
                assert line[place:].startswith(row[i].rstrip())


def test_shares_are_written_without_a_needless_zero() -> None:
    assert [percent(share) for share in (10.0, 33.333, None)] == ["10 %", "33.3 %", "–"]


@given(st.text("ab `1s%", max_size=120), st.integers(30, 80), st.integers(0, 9))
def test_folding_breaks_lines_only_at_spaces_and_hangs_what_follows(text: str, columns: int, indent: int) -> None:
    lines = folded(text, columns, indent)
    assert " ".join([lines[0], *(line[indent:] for line in lines[1:])]) == text
    assert all(line.startswith(" " * indent) for line in lines[1:])
    if text.count("`") < 2 and all(len(word) < 20 for word in text.replace(" s", "_s").replace(" %", "_%").split()):
        assert all(len(line.rstrip()) <= columns or "  " in line for line in lines)


def test_a_number_stays_with_its_unit_and_a_command_in_one_piece() -> None:
    assert folded("it waits for at most 30 s and then", 22) == ["it waits for at most", "30 s and then"]
    assert folded("say this: `rollout abort storefront` or not", 30) == [
        "say this:",
        "`rollout abort storefront` or",
        "not",
    ]


@given(st.floats(0, 1e308))
def test_a_number_of_evidence_is_never_rounded_up(value: float) -> None:
    said = amount(value)
    if said[0].isdigit():
        assert float(said.replace(",", "")) <= value
    else:
        assert said == ("over 1,000,000" if value >= 1e6 else "under 0.01")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "under 0.01"), (0.437, "0.43"), (1.0, "1"), (3.29, "3.2"), (19.96, "19.9"), (126.6, "126"), (999.9, "999")],
)
def test_numbers_of_evidence_read_as_people_write_them(value: float, said: str) -> None:
    assert amount(value) == said
