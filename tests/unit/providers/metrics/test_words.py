"""The words of a query, and what they stand for on each side."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Invalid, NotSent
from providers.metrics.words import (
    SIDES,
    WORDS,
    any_of,
    fill,
    tells_sides_apart,
    unknown_words,
    words_in,
    words_of,
)
from providers.ports import Arm, Question
from strategies.model import Side

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OURS = Arm(Side.CANDIDATE, "abcdef0123456789", "sha256:1", ("shop-abcdef01-2-0", "shop-abcdef01-2-1"), ("e0",))
ADOPTED = Arm(Side.STABLE, "", "", ("shop",))
QUESTION = Question("shop", "west", NOW, NOW, 5.0, ADOPTED, OURS)


def filled(text: str, arm: Arm = OURS, stable: str | None = None) -> str:
    return fill(text, words_of(QUESTION, arm, stable, 5))


def test_every_word_stands_for_what_it_says() -> None:
    text = "$service $target $side $revision $revision8 $digest $groups $endpoints $interval"
    assert filled(text) == (
        "shop west candidate abcdef0123456789 abcdef01 sha256:1 (?:shop-abcdef01-2-0|shop-abcdef01-2-1) e0 5s"
    )


def test_the_longer_of_two_words_is_meant() -> None:
    assert filled('"$revision8"') == '"abcdef01"'
    assert words_in("$revision8 $revision") == ("revision8", "revision")


def test_two_dollars_write_one() -> None:
    assert filled("$$side costs $$5") == "$side costs $5"
    assert words_in("$$side") == ()


@pytest.mark.parametrize("text", ['=~"5..$"', "$1", "$", "a$|b", "$(x)", "${env:TOKEN}", '"$"'])
def test_a_dollar_that_no_letter_follows_stays(text: str) -> None:
    assert filled(text) == text
    assert unknown_words(text) == ()


def test_an_unknown_word_is_refused_with_the_words_there_are() -> None:
    assert unknown_words("$revison and $side and $Groups") == ("revison", "Groups")
    with pytest.raises(Invalid, match=r"\$revison means nothing: expected one of \$service, \$target") as told:
        filled("$revison")
    assert all(f"${word}" in str(told.value) for word in WORDS)


def test_an_adopted_side_is_called_what_the_manifest_says() -> None:
    assert filled("$revision/$revision8", ADOPTED, "legacy-2024") == "legacy-2024/legacy-2024"


def test_what_the_manifest_calls_the_stable_side_is_not_said_of_one_that_we_made() -> None:
    assert filled("$revision8", OURS, "legacy") == "abcdef01"


def test_an_adopted_side_without_a_word_for_it_cannot_be_asked_for_by_revision() -> None:
    with pytest.raises(Invalid, match="`stable:` beside the query says its revision"):
        filled("$revision", ADOPTED)
    with pytest.raises(Invalid, match=r"ask by \$revision or \$groups"):
        filled("$digest", ADOPTED, "legacy")
    assert filled("$groups", ADOPTED) == "shop"


def test_a_side_without_workloads_is_not_asked_for_by_them_yet() -> None:
    nothing = Arm(Side.CANDIDATE, "abcdef0123456789", "sha256:1")
    with pytest.raises(NotSent, match="the candidate side has no workloads yet") as told:
        filled("$groups", nothing)
    assert told.value.code == "NoNames"
    assert filled("$revision8", nothing) == "abcdef01"


def test_only_words_that_differ_tell_the_sides_apart() -> None:
    assert all(tells_sides_apart(f'x{{a="${word}"}}') for word in SIDES)
    assert not tells_sides_apart('x{service="$service", target="$target"}[$interval] $$side')


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(st.lists(NAMES.filter(lambda name: not set(name) & set("\\^]['\"`")), min_size=1, max_size=4), NAMES)
def test_the_expression_matches_the_names_and_nothing_else(names: list[str], other: str) -> None:
    expression = any_of(tuple(names))
    assert "\\" not in expression
    assert all(re.fullmatch(expression, name) for name in names)
    assert bool(re.fullmatch(expression, other)) == (other in names)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_an_expression_never_ends_the_quotes_that_it_stands_in(names: list[str]) -> None:
    expression = any_of(tuple(names))
    assert not set(expression) & set("\\'\"`")
    assert all(re.fullmatch(expression, name) for name in names)


@given(st.text())
def test_no_text_breaks_the_reading_of_words(text: str) -> None:
    values = dict.fromkeys((*WORDS, *words_in(text)), "v")
    assert fill(text.replace("$", "$$"), values) == text
    fill(text, values)
