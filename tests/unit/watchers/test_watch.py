"""Looking at a repository again and again: what is seen, and what it costs."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.registry_manners import Manners
from tests.unit.watchers.emulated import AZURE, EVERY, FOLLOW, HEAD, LIST, PLAIN, RULE, TAGGED, TIMES, World, opened
from tests.unit.watchers.fakes import NAME
from watchers.policies import policy_of
from watchers.watch import READS_TO_BELIEVE, THOROUGH_SECONDS, Sight

VERSIONS = st.builds("{}.{}.{}".format, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
JUNK = st.sampled_from(["latest", "v1", "1.2", "sha256-" + "a" * 64 + ".sig", "main-7"])
PUSHES = st.lists(st.tuples(VERSIONS | JUNK, st.text("ab", min_size=1, max_size=3)), max_size=12)


@EVERY
def test_the_winner_and_its_digest_are_seen(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    digest = world.push("1.2.0")
    world.push("latest")
    sight = world.look(None)
    assert (sight.tag, sight.digest) == ("1.2.0", digest)


@EVERY
def test_nothing_new_costs_one_question_and_gives_the_very_same_sight(manners: Manners) -> None:
    world = opened(manners)
    for number in range(30):
        world.push(f"1.{number}.0")
    sight = world.look(None)
    for _ in range(3):
        assert world.look(sight) is sight
        assert world.asked == [TIMES if world.manners.azure else LIST]


@EVERY
def test_a_better_tag_costs_one_head_more_and_a_worse_one_nothing(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.1.0")
    first = world.look(None)
    world.later()
    world.push("1.0.9")
    second = world.look(first)
    assert (second.tag, second.digest) == (first.tag, first.digest)
    assert len(world.asked) == 1
    world.later()
    digest = world.push("1.2.0")
    third = world.look(second)
    assert (third.tag, third.digest) == ("1.2.0", digest)
    assert world.asked == [TIMES if world.manners.azure else LIST, HEAD + "1.2.0"]


def test_a_followed_tag_is_one_head_whatever_happens() -> None:
    world = World()
    world.push("prod", "old")
    sight = world.look(None, rule=FOLLOW)
    assert world.asked == [HEAD + "prod"]
    assert world.look(sight, rule=FOLLOW) is sight
    assert world.asked == [HEAD + "prod"]
    digest = world.push("prod", "new")
    assert world.look(sight, rule=FOLLOW) == Sight("prod", digest)


def test_a_winner_pushed_again_is_seen_at_once_on_azure_and_by_a_thorough_look_elsewhere() -> None:
    for manners in (AZURE, PLAIN, TAGGED):
        world = opened(manners)
        world.push("1.0.0", "old")
        before = world.look(None)
        world.later()
        digest = world.push("1.0.0", "new")
        sight = world.look(before)
        assert (sight.digest == digest) is manners.azure
        assert world.look(sight, thorough=True).digest == digest


def test_a_push_to_nine_thousand_tags_that_is_told_costs_on_azure_what_it_costs_among_few() -> None:
    asked = []
    for count in (3, 9000):
        world = opened(AZURE)
        kept = world.push("1.0.0")
        one = world.emulated.store.manifest(NAME, "1.0.0")
        for number in range(count):
            world.later(0.001)
            world.emulated.store.put_manifest(NAME, f"0.1.{number}", one.media_type, one.body, world.clock.now())
        sight = world.look(None)
        world.later()
        world.push("sha256-" + "a" * 64 + ".sig")
        sight = world.look(sight, hinted=True)
        assert (sight, world.asked) == (Sight("1.0.0", kept), [TIMES])
        world.later()
        digest = world.push("1.0.0", "again")
        sight = world.look(sight, hinted=True)
        assert sight.digest == digest
        asked.append(len(world.asked))
        assert world.look(sight, hinted=True) is sight
    assert asked[0] == asked[1] <= 2


@pytest.mark.parametrize("manners", [PLAIN, TAGGED], ids=["plain", "etags"])
def test_elsewhere_a_push_that_is_told_is_looked_for_in_the_whole_list_and_in_the_winners_digest(
    manners: Manners,
) -> None:
    world = opened(manners)
    world.push("1.0.0", "old")
    sight = world.look(None)
    digest = world.push("1.0.0", "new")
    assert world.look(sight, hinted=True).digest == digest
    assert world.asked == [LIST, HEAD + "1.0.0"]


def test_a_look_is_thorough_by_itself_once_an_hour() -> None:
    world = opened(PLAIN)
    world.push("1.0.0", "old")
    sight = world.look(None)
    digest = world.push("1.0.0", "new")
    world.later(THOROUGH_SECONDS - 1)
    assert world.look(sight) is sight
    world.later(1)
    assert world.look(sight).digest == digest


@settings(max_examples=40, deadline=None)
@given(pushes=PUSHES, same_moment=st.booleans())
def test_on_azure_a_look_that_rests_on_the_last_one_sees_what_a_fresh_one_sees(
    pushes: list[tuple[str, str]], same_moment: bool
) -> None:
    world = opened(AZURE)
    world.push("0.0.0")
    sight = world.look(None)
    for tag, content in pushes:
        world.push(tag, content)
        if not same_moment:
            world.later()
        sight = world.look(sight)
        assert sight == world.look(None)


@settings(max_examples=30, deadline=None)
@given(pushes=PUSHES, gone=st.sets(VERSIONS), manners=st.sampled_from([AZURE, PLAIN, TAGGED]))
def test_after_enough_thorough_looks_the_past_does_not_matter(
    pushes: list[tuple[str, str]], gone: set[str], manners: Manners
) -> None:
    world = opened(manners)
    world.push("0.0.0")
    sight = world.look(None)
    for tag, content in pushes:
        world.push(tag, content)
        world.later()
        sight = world.look(sight)
    for tag in gone & set(world.emulated.store.repository(NAME).tags):
        world.untag(tag)
    for _ in range(READS_TO_BELIEVE):
        sight = world.look(sight, thorough=True)
    assert sight == world.look(None)


def test_many_pushes_between_two_looks_are_all_seen_on_azure() -> None:
    for count in (15, 400):
        world = opened(AZURE)
        world.push("9.0.0")
        sight = world.look(None)
        for number in range(count):
            world.later()
            world.push(f"10.0.{count - number}")
        assert world.look(sight).tag == f"10.0.{count}"
        # Beyond a few pages the list of all tags is the cheaper question.
        assert (LIST in world.asked) is (count == 400)


def test_a_sight_is_small_and_shows_only_what_was_seen() -> None:
    for manners, rule in ((AZURE, RULE), (PLAIN, RULE), (TAGGED, RULE), (AZURE, FOLLOW)):
        world = opened(manners)
        world.push("2026.11.20-release-candidate-17" if rule is RULE else "prod")
        world.push("1.20.300-build.4711")
        sight = world.look(None, rule=rule)
        parts = [getattr(sight, name) for name in Sight.__slots__]
        assert sys.getsizeof(sight) + sum(sys.getsizeof(part) for part in parts if part is not None) <= 450
        assert repr(sight) == f"Sight(tag={sight.tag!r}, digest={sight.digest!r})"


def test_pushes_of_one_moment_are_all_seen_however_many_pages_they_fill() -> None:
    world = opened(AZURE)
    world.push("1.0.0")
    sight = world.look(None)
    world.push("3.0.0")
    for number in range(25):
        world.push(f"2.0.{number}")
    world.later()
    world.push("latest")
    assert world.look(sight).tag == "3.0.0"
    assert LIST not in world.asked


def test_of_tags_that_rank_the_same_the_same_one_wins_however_they_came() -> None:
    rule = policy_of({"numerical": "asc", "pattern": r"^(?:a|b|c)-(\d+)$", "extract": "$1"})
    for order in (("a-1", "b-1", "c-1"), ("c-1", "b-1", "a-1")):
        for manners in (AZURE, PLAIN):
            world = opened(manners)
            world.push("a-0")
            sight = world.look(None, rule=rule)
            world.later()
            for tag in order:
                world.push(tag)
            assert world.look(sight, rule=rule).tag == "c-1"
