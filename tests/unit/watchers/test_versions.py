"""Versions: read strictly, ordered as semver.org says."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.versions import HIGHEST_NUMBER, LONGEST, Rank, parse

# From the specification's section on precedence, and what it says beside: numbers by value and below words, words by
# code points, fewer parts below more, a prerelease below its release.
_WRITTEN = """
    0.0.0-0 0.0.0 0.0.1 0.1.0 0.10.0 1.0.0-0 1.0.0-2 1.0.0-11 1.0.0-11.1 1.0.0-- 1.0.0--1 1.0.0-1a 1.0.0-ALPHA
    1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1-a 1.0.1
    1.2.0 1.10.0 2.0.0 10.0.0
"""
CHAIN = _WRITTEN.split()
NUMBERS = st.integers(0, HIGHEST_NUMBER)
IDENTIFIERS = st.one_of(st.integers(0, 10**30).map(str), st.from_regex(r"\A[0-9]*[A-Za-z-][0-9A-Za-z-]{0,4}\Z"))
DOTTED = st.lists(IDENTIFIERS, min_size=1, max_size=4).map(".".join)
BUILDS = st.lists(st.from_regex(r"\A[0-9A-Za-z-]{1,5}\Z"), min_size=1, max_size=3).map(".".join)


@st.composite
def versions(draw: st.DrawFn) -> str:
    core = f"{draw(NUMBERS)}.{draw(NUMBERS)}.{draw(NUMBERS)}"
    prerelease, build = draw(st.none() | DOTTED), draw(st.none() | BUILDS)
    return core + (f"-{prerelease}" if prerelease else "") + (f"+{build}" if build else "")


def rank(text: str) -> Rank:
    version = parse(text)
    assert version is not None, text
    return version.rank


def by_the_specification(left: str, right: str) -> int:
    """Its rules word for word: -1, 0 or 1."""

    def core(text: str) -> tuple[list[int], list[str]]:
        numbers, _, prerelease = text.partition("+")[0].partition("-")
        return [int(number) for number in numbers.split(".")], prerelease.split(".") if prerelease else []

    (a, words_a), (b, words_b) = core(left), core(right)
    if a != b:
        return -1 if a < b else 1
    if not words_a or not words_b:
        return bool(words_b) - bool(words_a)
    for x, y in zip(words_a, words_b, strict=False):
        if x == y:
            continue
        if x.isdigit() != y.isdigit():
            return -1 if x.isdigit() else 1
        return -1 if (int(x) < int(y) if x.isdigit() else x < y) else 1
    return (len(words_a) > len(words_b)) - (len(words_a) < len(words_b))


def test_the_specifications_chain_is_in_its_order() -> None:
    assert [(low, high) for low, high in pairwise(CHAIN) if not rank(low) < rank(high)] == []


@given(left=versions(), right=versions())
def test_any_two_versions_stand_as_the_specification_says(left: str, right: str) -> None:
    a, b = rank(left), rank(right)
    assert (a > b) - (a < b) == by_the_specification(left, right)


@given(text=versions())
def test_a_version_keeps_its_words_and_a_v_before_it_changes_nothing(text: str) -> None:
    version = parse(text)
    assert version is not None
    assert version == parse(f"v{text}")
    core = ".".join(str(number) for number in version.rank[:3])
    written = core + (f"-{version.prerelease}" if version.prerelease else "")
    assert text == written + (f"+{version.build}" if version.build else "")


@given(text=versions(), build=BUILDS)
def test_build_metadata_cannot_order(text: str, build: str) -> None:
    assert rank(text) == rank(f"{text.partition('+')[0]}+{build}")


@pytest.mark.parametrize(
    "text",
    [
        *("", "v", "1", "1.4", "v1.4", "1.4.2.1", "1.4.2.1-rc", "latest", "x", "1.x.2", "1.2.x", "*", "1..2", "1.2."),
        *("01.2.3", "1.02.3", "1.2.03", "v01.2.3", "2024.01.31", "V1.2.3", "vv1.2.3", "v.1.2.3", "v-1.2.3", "=1.2.3"),
        *(
            "-1.2.3",
            "+1.2.3",
            "1.-2.3",
            "1.2.3-",
            "1.2.3+",
            "1.2.3-+b",
            "1.2.3-a..b",
            "1.2.3-a.",
            "1.2.3-.a",
            "1.2.3+b.",
        ),
        *(
            "1.2.3-01",
            "1.2.3-a.00",
            "1.2.3-a_b",
            "1.2.3_4",
            "1.2.3+a+b",
            "1.2.3 ",
            " 1.2.3",
            "1.2.3\n",
            "1.2.3-é",
            "١.٢.٣",
        ),
        *("1.2.3-rc~1", "1,2,3", "1.2.3a", "1.2.3.rc1", "1e1.2.3", "0x1.2.3", "1_0.2.3", f"{HIGHEST_NUMBER + 1}.0.0"),
        "1.2.3-" + "a" * (LONGEST - 5),
    ],
)
def test_what_only_looks_like_a_version_is_none(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "0.0.0",
            "v0.0.0",
            "10.20.30",
            "1.2.3-0",
            "1.2.3-0a",
            "1.2.3--",
            "1.2.3---1",
            "1.2.3-01a",
            "1.2.3+01",
            "1.2.3+-",
        ),
        *(
            f"{HIGHEST_NUMBER}.{HIGHEST_NUMBER}.{HIGHEST_NUMBER}",
            "1.2.3-" + "9" * 200,
            "1.2.3-a.b.c+d.e",
            "1.0.0-x.7.z.92",
        ),
        "1.2.3-" + "a" * (LONGEST - 6),
    ],
)
def test_the_odd_ones_that_the_specification_allows_are_versions(text: str) -> None:
    assert parse(text) is not None
