"""What is no policy: every mistake at once, in words that say what was expected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.policies import KEYS, PolicyProblem, mistakes, policy_of

SIGNATURE = "sha256-" + "0f" * 32
VALUES = st.one_of(
    st.text(max_size=12),
    st.integers(),
    st.booleans(),
    st.none(),
    st.sampled_from(["asc", "desc", "1.x", "latest", "(a)", "$1", "^v(.*)$"]),
)


@pytest.mark.parametrize(
    ("follow", "said"),
    [
        ({}, ["must have exactly one of semver, numerical, alphabetical, digest; got none"]),
        (
            {"semver": "1", "digest": "a"},
            ["must have exactly one of semver, numerical, alphabetical, digest; got semver and digest"],
        ),
        ({"semver": "newest"}, ["semver: must be a range of versions, such as \">=1.4 <2\"; got 'newest'"]),
        (
            {"semver": ">=1.4 <two"},
            ["semver: must be a range of versions, such as \">=1.4 <2\" ('<two' is no comparison); got '>=1.4 <two'"],
        ),
        ({"semver": 1}, ['semver: must be a range of versions, such as ">=1.4 <2"; got 1']),
        ({"numerical": "up"}, ["numerical: must be asc (the greatest wins) or desc (the smallest wins); got 'up'"]),
        ({"alphabetical": 1}, ["alphabetical: must be asc (the greatest wins) or desc (the smallest wins); got 1"]),
        ({"digest": "-x"}, ["digest: must be a tag whose digest is followed, such as latest; got '-x'"]),
        ({"digest": ""}, ["digest: must be a tag whose digest is followed, such as latest; got ''"]),
        (
            {"digest": SIGNATURE},
            [f"digest: must be the tag of an image, not that of a signature; got {SIGNATURE!r}"],
        ),
        (
            {"digest": "latest", "pattern": "x"},
            ["pattern: must stand beside a rule that chooses among tags, digest follows one; got 'x'"],
        ),
        ({"semver": "1", "extract": "$1"}, ["extract: must stand beside a pattern; got '$1' alone"]),
        (
            {"semver": "1", "pattern": "^v(.*)$", "extract": "$1x-$2"},
            [
                "extract: must name groups of the pattern ($0, $1); got $1x; ${1}x puts text behind a group",
                "extract: must name groups of the pattern ($0, $1); got $2",
            ],
        ),
        (
            {"semver": "1", "pattern": "(?=x)"},
            [
                "pattern: must be a regular expression of RE2, which has no look-around and no back-references "
                "(invalid perl operator: (?=); got '(?=x)'"
            ],
        ),
        ({"semver": "1", "pattern": "x" * 501}, ["pattern: must have at most 500 characters; got 501"]),
        ({"semver": "1", "pattern": "x", "extract": "x" * 501}, ["extract: must have at most 500 characters; got 501"]),
        (
            {"semver": "1", "pattern": 3, "extract": 4, "allowDowngrade": "yes"},
            [
                "allowDowngrade: must be true or false; got 'yes'",
                "pattern: must be text; got 3",
                "extract: must be text; got 4",
            ],
        ),
        (
            {"semver": "1", "allowdowngrade": True},
            ["allowdowngrade: must be a known key; got 'allowdowngrade': did you mean 'allowDowngrade'?"],
        ),
        (
            {"semver": "1", "replicas": 2},
            [
                "replicas: must be a known key; got 'replicas': known here: semver, numerical, alphabetical, digest, "
                "pattern, extract, allowDowngrade, every"
            ],
        ),
    ],
)
def test_every_mistake_is_named_at_once(follow: dict[str, object], said: list[str]) -> None:
    assert [str(problem) for problem in mistakes(follow)] == said
    with pytest.raises(PolicyProblem) as error:
        policy_of(follow)
    assert str(error.value) == said[0]


def test_a_problem_carries_its_path_below_follow() -> None:
    (problem,) = mistakes({"semver": "x.y"})
    assert problem.path == ("semver",)


@given(follow=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_any_mapping_is_a_policy_or_has_mistakes(follow: dict[str, object]) -> None:
    found = list(mistakes(follow))
    if found:
        with pytest.raises(PolicyProblem):
            policy_of(follow)
    else:
        assert policy_of(follow).best([]) is None
