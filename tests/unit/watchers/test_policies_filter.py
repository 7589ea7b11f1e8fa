"""Patterns and what is extracted by them: Go's templates over RE2's groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.verdicts import VERDICTS
from watchers.filters import Filter, FilterProblem, groups_of, template


def extracted(pattern: str, text: str, tag: str) -> str | None:
    pieces, unknown = template(text, groups_of(pattern))
    assert unknown == ()
    return Filter(pattern, pieces)(tag)


def test_every_template_of_the_table_gives_what_go_gives() -> None:
    rows = VERDICTS["templates"]
    assert len(rows) > 100
    assert [row for row in rows if extracted(*row[:3]) != row[3]] == []


def test_a_pattern_matches_anywhere_unless_it_is_anchored() -> None:
    assert Filter("b")("abc") == "abc"
    assert Filter("^b")("abc") is None


def test_without_a_template_the_whole_tag_is_compared_and_not_what_matched() -> None:
    assert Filter("[0-9]+")("build-12-x") == "build-12-x"


@pytest.mark.parametrize(
    ("pattern", "text", "unknown"),
    [
        ("(a)", "$2", ("2",)),
        ("(a)", "$10", ("10",)),
        ("(a)", "$01", ("01",)),
        ("(a)", "$1a${1b}$1", ("1a", "1b")),
        ("(?P<n>a)", "$n$m${nn}$n_", ("m", "nn", "n_")),
        ("a", "$1", ("1",)),
        ("a", "$0$$1$-${", ()),
        ("(a)", "$99999999999999999999", ("99999999999999999999",)),
    ],
)
def test_names_that_are_no_groups_are_told(pattern: str, text: str, unknown: tuple[str, ...]) -> None:
    assert template(text, groups_of(pattern))[1] == unknown


@given(text=st.text(alphabet="$${}1aé_-0", max_size=20))
def test_a_template_without_groups_in_it_is_its_own_text_with_doubled_dollars_halved(text: str) -> None:
    pieces, _ = template(text.replace("$", "$$"), groups_of(""))
    assert Filter("", pieces)("x") == text


@given(tag=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,30}\Z"))
def test_group_zero_is_all_that_matched(tag: str) -> None:
    assert extracted("^.*$", "$0", tag) == tag


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "missing ): ("),
        ("[a", "missing ]: [a"),
        ("(a)\\1", "invalid escape sequence: \\1"),
        ("(?<=a)b", "invalid perl operator: (?<="),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("(?:\\pL{30}){30}", "pattern too large - compile failed"),
        ("(?P<n>a)|(?P<n>b)", "two groups are called n"),
        ("\ud800", "it holds half a character"),
    ],
)
def test_what_re2_cannot_run_is_refused_in_its_words(
    pattern: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FilterProblem) as error:
        groups_of(pattern)
    assert str(error.value) == said
    assert capfd.readouterr().err == ""
