"""Ranges of versions: the verdicts that users of the dialect know, and what must hold whatever the range."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.watchers.verdicts import VERDICTS
from watchers import ranges
from watchers.ranges import LONGEST_RANGE, MOST_ALTERNATIVES, RangeProblem
from watchers.versions import Version, parse

NUMBERS = st.sampled_from(["0", "0", "1", "2", "3", "10"])
PRERELEASES = st.sampled_from(["", "", "", "-alpha", "-alpha.1", "-rc.2", "-0"])
VERSIONS = st.builds("{}.{}.{}{}".format, NUMBERS, NUMBERS, NUMBERS, PRERELEASES)
PARTIALS = st.one_of(
    VERSIONS, NUMBERS, st.builds("{}.{}".format, NUMBERS, NUMBERS), st.builds("{}.x".format, NUMBERS), st.just("*")
)
OPERATORS = st.sampled_from(["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"])
COMPARISONS = st.builds(str.__add__, OPERATORS, PARTIALS)
SPACES = st.sampled_from([" ", "  ", ", ", " ,", "\t", "\n "])
GROUPS = st.builds(lambda terms, space: space.join(terms), st.lists(COMPARISONS, min_size=1, max_size=3), SPACES)
RANGES = st.lists(GROUPS, min_size=1, max_size=3).map(" || ".join)


def version(text: str) -> Version:
    found = parse(text)
    assert found is not None, text
    return found


def holds(text: str, tag: str) -> bool:
    return ranges.parse(text).holds(version(tag))


def signs(text: str) -> str | None:
    """The verdict on every version of the table; None for what is no range."""
    try:
        wanted = ranges.parse(text)
    except RangeProblem:
        return None
    return "".join("+" if wanted.holds(version(tag)) else "-" for tag in VERDICTS["versions"])


def test_every_range_of_the_table_has_the_verdicts_that_its_users_know() -> None:
    assert len(VERDICTS["ranges"]) > 600
    assert [(text, told, signs(text)) for text, told in VERDICTS["ranges"] if signs(text) != told] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (">=1.4 <2", ">=1.4 <2"),
        (" >= 1.4 ,\t< 2 ", ">=1.4 <2"),
        ("=>1.4||=<2", ">=1.4 || <=2"),
        ("~>1.2.3", "~1.2.3"),
        ("1.2 - 2.1", ">=1.2 <=2.1"),
        ("v1.x", "v1.x"),
        ("1||2 - 3", ">=1 || 2 <=3"),
    ],
)
def test_the_canonical_words_show_what_was_understood(text: str, words: str) -> None:
    assert ranges.parse(text).text == words


@given(text=RANGES, tags=st.lists(VERSIONS, min_size=1, max_size=10))
def test_the_canonical_words_mean_the_same_and_stay_the_same(text: str, tags: list[str]) -> None:
    wanted = ranges.parse(text)
    again = ranges.parse(wanted.text)
    assert again.text == wanted.text
    assert [wanted.holds(version(tag)) for tag in tags] == [again.holds(version(tag)) for tag in tags]


@given(left=RANGES, right=RANGES, tag=VERSIONS)
def test_an_alternative_only_adds(left: str, right: str, tag: str) -> None:
    assert holds(f"{left} || {right}", tag) == (holds(left, tag) or holds(right, tag))


@given(left=GROUPS, right=GROUPS, tag=VERSIONS.filter(lambda tag: "-" not in tag))
def test_for_releases_all_comparisons_of_an_alternative_must_hold(left: str, right: str, tag: str) -> None:
    assert holds(f"{left} {right}", tag) == (holds(left, tag) and holds(right, tag))


@given(text=GROUPS, tag=VERSIONS)
def test_prereleases_need_an_alternative_that_names_one(text: str, tag: str) -> None:
    wanted = ranges.parse(text)
    assert wanted.prereleases == ("-" in text)
    assert wanted.prereleases or "-" not in tag or not wanted.holds(version(tag))


@given(bound=VERSIONS, tag=VERSIONS)
def test_comparisons_with_whole_versions_are_the_order_itself(bound: str, tag: str) -> None:
    assume("-" in bound or "-" not in tag)
    a, b = version(tag).rank, version(bound).rank
    expected = {">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b, "=": a == b, "": a == b, "!=": a != b}
    assert {operator: holds(operator + bound, tag) for operator in expected} == expected


@given(bound=VERSIONS, tag=VERSIONS)
def test_tilde_lies_within_caret_from_the_first_major_version_on(bound: str, tag: str) -> None:
    assume(version(bound).rank[0] > 0)
    assert not holds(f"~{bound}", tag) or holds(f"^{bound}", tag)


@given(text=st.text(alphabet="0123456789.xX*-+v =<>!~^|,\t\nab", max_size=40))
def test_any_text_is_a_range_or_a_problem_in_one_sentence(text: str) -> None:
    try:
        wanted = ranges.parse(text)
    except RangeProblem as error:
        assert str(error)
        assert "\n" not in str(error)
    else:
        assert ranges.parse(wanted.text).text == wanted.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a comparison is missing"),
        (">=1 || ", "a comparison is missing"),
        (">=1,", "a comparison is missing after '>=1,'"),
        (">=1.4 <two", "'<two' is no comparison"),
        ("1.2.3.4", "'.4' cannot follow '1.2.3'"),
        ("1.2 -2", "'-2' is no comparison"),
        ("1 | 2", "'|' is no version"),
        ("1.2.3-01", "'1.2.3-01' is no version"),
        ("^1.2x", "'1.2x' is no version"),
        (" " * (LONGEST_RANGE + 1), f"it has {LONGEST_RANGE + 1} characters, at most {LONGEST_RANGE} are read"),
        ("||".join("1" * (MOST_ALTERNATIVES + 1)), "it has 33 alternatives, at most 32 are read"),
    ],
)
def test_a_problem_names_the_part_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(RangeProblem) as error:
        ranges.parse(text)
    assert str(error.value) == message
