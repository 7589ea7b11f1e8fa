"""Policies: which tag wins, which does not count, and what is no policy."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import weakref
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.verdicts import VERDICTS
from watchers.policies import Policy, policy_of

SIGNATURE = "sha256-" + "0f" * 32
TAGS = st.one_of(
    st.builds(
        "{}{}.{}.{}{}".format, st.sampled_from(["", "v"]), *[st.integers(0, 3)] * 3, st.sampled_from(["", "-rc.1"])
    ),
    st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,8}\Z"),
    st.integers(0, 10**20).map(str),
    st.sampled_from([SIGNATURE, f"{SIGNATURE}.sig", "latest", "1.4", "01.2.3", "1_0", "1e3"]),
)
MANY = st.lists(TAGS, max_size=20)
FOLLOWS: list[dict[str, object]] = [
    {"semver": "*"},
    {"semver": ">=1-0 <3"},
    {"semver": "1.x", "pattern": "^v?(.*)$", "extract": "$1"},
    {"numerical": "asc"},
    {"numerical": "desc"},
    {"numerical": "asc", "pattern": "([0-9]+)", "extract": "$1"},
    {"alphabetical": "asc"},
    {"alphabetical": "desc", "pattern": "^[a-z]"},
    {"digest": "latest"},
]
POLICIES = st.sampled_from(FOLLOWS).map(policy_of)


def best(tags: str, **follow: object) -> str | None:
    return policy_of(follow).best(tags.split())


@pytest.mark.parametrize(
    ("follow", "tags", "winner"),
    [
        ({"semver": ">=1.4 <2"}, "1.4.0 1.10.0 1.9.0 2.0.0 1.3.9", "1.10.0"),
        ({"semver": ">=1.4 <2"}, "v1.4.0 1.4 v1.5 latest 1.4.1.1 01.9.0", "v1.4.0"),
        ({"semver": "1.x"}, "1.4.0-rc.1 1.3.0 2.0.0-alpha", "1.3.0"),
        ({"semver": ">=1.4-0"}, "1.4.0-rc.1 1.3.0 1.4.0-beta", "1.4.0-rc.1"),
        ({"semver": "3.x"}, "1.0.0 2.0.0", None),
        (
            {"semver": "1.x", "pattern": "^v(?P<version>.+)-prod$", "extract": "$version"},
            "v1.2.3-prod v1.9.0-dev v1.1.0-prod",
            "v1.2.3-prod",
        ),
        ({"semver": "1.x", "pattern": "-prod$"}, "1.2.3-prod 1.3.0", None),
        ({"numerical": "asc"}, "9 10 8", "10"),
        ({"numerical": "desc"}, "9 10 8.5 08.25", "08.25"),
        ({"numerical": "asc"}, "20240131 latest 20231231 v20250101", "20240131"),
        ({"numerical": "asc"}, "9007199254740992 9007199254740993 9007199254740991", "9007199254740993"),
        ({"numerical": "asc"}, "1e308 1e309 inf nan 9", "1e308"),
        (
            {"numerical": "asc", "pattern": "^main-[0-9a-f]+-(?P<ts>[0-9]+)$", "extract": "${ts}"},
            "main-1a2b-100 main-ff-99 dev-aa-900",
            "main-1a2b-100",
        ),
        ({"alphabetical": "asc"}, "RELEASE.2023 RELEASE.2024 RELEASE.2022", "RELEASE.2024"),
        ({"alphabetical": "desc"}, "b a c", "a"),
        ({"alphabetical": "asc"}, "Z a z A _", "z"),
        ({"alphabetical": "asc", "pattern": "x"}, "a b", None),
        ({"digest": "latest"}, "latest 1.0.0", "latest"),
        ({"digest": "stable"}, "latest 1.0.0", None),
        ({"semver": "*"}, "", None),
    ],
)
def test_the_winner_is_the_original_tag(follow: dict[str, object], tags: str, winner: str | None) -> None:
    assert policy_of(follow).best(tags.split()) == winner


@pytest.mark.parametrize(
    ("follow", "tags", "winner"),
    [
        ({"semver": "1.x", "pattern": "^(.+)-[a-z]", "extract": "$1"}, "1.0.0-amd64 1.0.0-arm64", "1.0.0-arm64"),
        ({"semver": "1.x", "pattern": "^(.+)-[a-z]", "extract": "$1"}, "1.0.0-arm64 1.0.0-amd64", "1.0.0-amd64"),
        ({"semver": "1.x"}, "1.0.0 v1.0.0", "v1.0.0"),
        ({"semver": "1.x"}, "v1.0.0 1.0.0 0.9.0", "1.0.0"),
        ({"numerical": "asc"}, "1.0 1.00 1", "1"),
        ({"numerical": "desc"}, "1 1.0 2", "1.0"),
        ({"alphabetical": "desc", "pattern": "^(.)", "extract": "$1"}, "b2 a1 a3 a2", "a2"),
    ],
)
def test_of_equals_the_later_one_wins(follow: dict[str, object], tags: str, winner: str) -> None:
    assert policy_of(follow).best(tags.split()) == winner


@pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom", ".cosign.bundle", "-attestation", "_x"])
@pytest.mark.parametrize("digest", ["sha256-" + "0f" * 32, "sha512-" + "a1" * 64, "sha512-" + "a1" * 32])
def test_what_hangs_on_an_image_matches_no_rule(digest: str, suffix: str) -> None:
    tag = digest + suffix
    everything = [
        {"alphabetical": "asc"},
        {"alphabetical": "desc", "pattern": ".*", "extract": "$0"},
        {"numerical": "asc", "pattern": "([0-9]+)", "extract": "$1"},
        {"semver": "*", "pattern": "^", "extract": "1.0.0"},
    ]
    assert [policy_of(follow).best([tag]) for follow in everything] == [None] * 4
    (weighed,) = policy_of(everything[0]).weigh([tag])
    assert (weighed.matched, weighed.why) == (False, "a signature or attestation of an image")


@pytest.mark.parametrize("tag", ["sha256-0f0f", "sha256-" + "0F" * 32, "sha-1a2b3c4", "x" + SIGNATURE])
def test_tags_that_only_begin_like_a_signatures_are_ordinary_ones(tag: str) -> None:
    assert best(tag, alphabetical="asc") == tag


@given(policy=POLICIES, tags=MANY)
def test_the_winner_is_one_of_the_tags_and_nothing_that_matches_beats_it(policy: Policy, tags: list[str]) -> None:
    winner = policy.best(tags)
    matching = [tag for tag in tags if policy.best([tag]) is not None]
    assert (winner in matching) if matching else winner is None
    assert winner is None or not any(policy.older(winner, tag) for tag in matching)


@given(policy=POLICIES, tags=MANY, seed=st.integers(0, 99))
def test_the_order_of_the_tags_decides_only_between_equals(policy: Policy, tags: list[str], seed: int) -> None:
    shuffled = random.Random(seed).sample(tags, len(tags))
    one, other = policy.best(tags), policy.best(shuffled)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert not policy.older(one, other)
        assert not policy.older(other, one)


@given(policy=POLICIES, tags=MANY, tag=TAGS)
def test_one_more_tag_either_wins_or_changes_nothing(policy: Policy, tags: list[str], tag: str) -> None:
    assert policy.best([*tags, tag]) in (tag, policy.best(tags))


@given(policy=POLICIES, a=TAGS, b=TAGS, c=TAGS)
def test_older_is_a_strict_order(policy: Policy, a: str, b: str, c: str) -> None:
    assert not policy.older(a, a)
    assert not (policy.older(a, b) and policy.older(b, a))
    assert policy.older(a, c) or not (policy.older(a, b) and policy.older(b, c))


@pytest.mark.parametrize(
    ("follow", "tag", "than", "older"),
    [
        ({"semver": "1.x"}, "1.4.0", "1.10.0", True),
        ({"semver": "1.x"}, "1.10.0", "1.4.0", False),
        ({"semver": "1.x"}, "1.4.0", "v1.4.0", False),
        ({"semver": "1.x"}, "1.4.0", "2.0.0", True),
        ({"semver": "1.x"}, "1.4.0-rc.1", "1.4.0", True),
        ({"semver": "1.x"}, "1.4.0", "latest", False),
        ({"semver": "1.x"}, "latest", "1.4.0", False),
        ({"semver": "1.x", "pattern": "^v(.*)$", "extract": "$1"}, "v1.4.0", "1.5.0", False),
        ({"numerical": "asc"}, "9", "10", True),
        ({"numerical": "desc"}, "9", "10", False),
        ({"numerical": "desc"}, "10", "9", True),
        ({"alphabetical": "asc"}, "a", "b", True),
        ({"alphabetical": "asc"}, SIGNATURE, "z", False),
        ({"digest": "latest"}, "latest", "latest", False),
    ],
)
def test_older_means_strictly_below_in_the_policys_own_order(
    follow: dict[str, object], tag: str, than: str, *, older: bool
) -> None:
    assert policy_of(follow).older(tag, than) is older


@given(policy=POLICIES, tags=MANY)
def test_weighing_agrees_with_the_choice_and_loses_no_tag(policy: Policy, tags: list[str]) -> None:
    weighed = policy.weigh(tags)
    assert sorted(each.tag for each in weighed) == sorted(tags)
    assert [each.matched for each in weighed] == sorted((each.matched for each in weighed), reverse=True)
    assert all(each.why for each in weighed)
    assert policy.best(tags) == (weighed[0].tag if weighed and weighed[0].matched else None)
    matched = [each.tag for each in weighed if each.matched]
    assert not any(policy.older(one, other) for one, other in pairwise(matched))
    assert all((policy.best([each.tag]) is not None) == each.matched for each in weighed)


def test_every_tag_is_told_what_was_compared_and_why_it_lost() -> None:
    policy = policy_of({"semver": ">=1.4 <2", "pattern": "^v(.+)$", "extract": "$1"})
    tags = ["junk", "v1.4.0", "v2.0.0", "v1.5.0-rc.1", "vnext", "v1.5.0", "v2.1.0"]
    assert [(each.tag, each.compared, each.why) for each in policy.weigh(tags)] == [
        ("v1.5.0", "1.5.0", "the highest version in >=1.4 <2"),
        ("v1.4.0", "1.4.0", "ranks below v1.5.0"),
        ("v2.1.0", "2.1.0", "outside >=1.4 <2"),
        ("v2.0.0", "2.0.0", "outside >=1.4 <2"),
        ("v1.5.0-rc.1", "1.5.0-rc.1", "a prerelease, and >=1.4 <2 names none"),
        ("junk", None, "does not match the pattern"),
        ("vnext", "next", "no version, such as 1.4.2"),
    ]


def test_a_collision_is_told_with_the_tag_that_came_later() -> None:
    policy = policy_of({"numerical": "asc", "pattern": "^([0-9]+)-", "extract": "$1"})
    assert [(each.tag, each.why) for each in policy.weigh(["7-a", "7-b"])] == [
        ("7-b", "the highest number"),
        ("7-a", "ranks the same as 7-b, which comes later"),
    ]


def test_numbers_are_those_of_the_table_and_no_digit_of_them_is_lost() -> None:
    policy = policy_of({"numerical": "asc", "pattern": "(?s)^(.*)$", "extract": "$1"})
    told = [(text, bool(number)) for text, number in VERDICTS["numbers"]]
    assert [(text, policy.best([text]) is not None) for text, _ in told] == told


@given(numbers=st.lists(st.integers(0, 10**40), min_size=1, max_size=8, unique=True), point=st.integers(0, 5))
def test_numbers_are_compared_exactly(numbers: list[int], point: int) -> None:
    tags = [str(Decimal(number).scaleb(-point)) if point else str(number) for number in numbers]
    exact = [tag for tag in tags if "E" not in tag]
    if exact:
        assert Decimal(policy_of({"numerical": "asc"}).best(exact) or 0) == max(map(Decimal, exact))
        assert Decimal(policy_of({"numerical": "desc"}).best(exact) or 0) == min(map(Decimal, exact))


def test_ten_thousand_junk_tags_and_a_catastrophic_pattern_leave_the_one_good_tag() -> None:
    dice = random.Random(3)
    junk = ["a" * dice.randrange(60, 120) + dice.choice("!bB.") for _ in range(10_000)]
    policy = policy_of({"semver": "*", "pattern": r"^(?:(a+)+|([a-z]+)*)+-(\d.*)$", "extract": "$3"})
    assert policy.best([*junk[:5000], "a" * 100 + "-1.2.3", *junk[5000:]]) == "a" * 100 + "-1.2.3"
    assert {each.why for each in policy.weigh(junk)} == {"does not match the pattern"}


@pytest.mark.parametrize(
    "follow",
    [
        {"semver": ">=1.4 <2", "pattern": "^v(.+)$", "extract": "$1", "allowDowngrade": True},
        {"digest": "latest"},
        {"alphabetical": "desc", "pattern": "x"},
    ],
)
def test_equal_rules_are_one_object_for_as_long_as_somebody_holds_it(follow: dict[str, object]) -> None:
    one = policy_of(follow)
    assert policy_of({**follow, "every": "5m", "numerical": None}) is one
    assert policy_of({**follow, "allowDowngrade": not one.allow_downgrade}) != one
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("follow", "text"),
    [
        ({"semver": ">= 1.4,<2", "pattern": "^v(.+)$", "extract": "$1"}, "semver >=1.4 <2 of ^v(.+)$ as $1"),
        ({"semver": "1.4 - 2"}, "semver >=1.4 <=2"),
        ({"numerical": "asc", "pattern": "[0-9]"}, "numerical asc of [0-9]"),
        ({"alphabetical": "desc", "extract": ""}, "alphabetical desc"),
        ({"digest": "latest", "allowDowngrade": True}, "digest latest"),
    ],
)
def test_a_policys_words_are_canonical(follow: dict[str, object], text: str) -> None:
    assert policy_of(follow).text == text


def test_only_the_digest_rule_follows_a_tag() -> None:
    assert [policy_of(follow).follows for follow in FOLLOWS] == [None] * 8 + ["latest"]


def test_what_is_not_given_is_not_allowed_to_go_back() -> None:
    assert policy_of({"semver": "1"}).allow_downgrade is False
    assert policy_of({"semver": "1", "allowDowngrade": True}).allow_downgrade is True


def test_regular_expressions_are_loaded_only_when_a_pattern_needs_them() -> None:
    program = (
        "import sys; from watchers.policies import policy_of\n"
        "assert policy_of({'semver': '1.x'}).best(['1.0.0']) and 're2' not in sys.modules\n"
        "assert policy_of({'semver': '1.x', 'pattern': '^'}).best(['1.0.0']) and 're2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
