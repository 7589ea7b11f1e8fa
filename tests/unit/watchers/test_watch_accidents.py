"""Looking at a repository while something is wrong with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.emulator.registry_manners import Manners
from tests.unit.watchers.emulated import AZURE, EVERY, FOLLOW, HEAD, LIST, PLAIN, TIMES, World, opened
from tests.unit.watchers.fakes import NAME
from watchers.errors import Malformed, NotFound, NotReady, RegistryError, Throttled, Unreachable
from watchers.reference import ReferenceProblem
from watchers.watch import READS_TO_BELIEVE, Sight, look


@EVERY
def test_a_winner_that_vanished_stays_until_it_is_missing_in_the_third_list_in_a_row(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    world.later()
    world.push("1.1.0")
    sight = seen = world.look(None)
    world.untag("1.1.0")
    for _ in range(READS_TO_BELIEVE - 1):
        sight = world.look(sight)
        assert sight == seen
    assert world.look(sight).tag == "1.0.0"


def test_a_winner_that_vanished_under_later_pushes_is_missed_on_azure_too() -> None:
    world = opened(AZURE)
    for tag in ("1.0.0", "1.1.0", "latest"):
        world.push(tag)
        world.later()
    sight = world.look(None)
    world.untag("1.1.0")
    for _ in range(READS_TO_BELIEVE):
        sight = world.look(sight)
    assert sight.tag == "1.0.0"


@EVERY
def test_a_winner_missing_for_a_moment_is_not_gone(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    world.push("1.1.0")
    sight = seen = world.look(None)
    for _ in range(3):
        world.emulated.manners.hide(NAME, "1.1.0", 2)
        for _ in range(4):
            sight = world.look(sight)
            assert sight == seen


@EVERY
def test_something_better_is_taken_though_the_winner_of_before_is_missing(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    sight = world.look(None)
    world.later()
    world.push("1.1.0")
    world.untag("1.0.0")
    assert world.look(sight).tag == "1.1.0"


@EVERY
def test_a_repository_that_was_emptied_loses_its_winner_only_after_several_lists(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    sight = world.look(None)
    world.untag("1.0.0")
    tags = []
    for _ in range(READS_TO_BELIEVE):
        sight = world.look(sight)
        tags.append(sight.tag)
    assert tags == ["1.0.0"] * (READS_TO_BELIEVE - 1) + [None]
    assert sight.digest is None
    assert world.look(sight).tag is None


def test_what_a_store_remembered_is_kept_when_it_is_missing_and_read_anew_when_it_is_there() -> None:
    world = opened(AZURE)
    digest = world.push("1.0.0")
    known = Sight.known("1.1.0", "sha256:" + "0" * 64)
    assert world.look(known) == known
    assert world.look(Sight.known("1.0.0", "sha256:" + "0" * 64)).digest == digest
    assert world.asked == [TIMES, LIST, HEAD + "1.0.0"]
    world.push("prod")
    world.look(Sight.known("prod", "sha256:" + "0" * 64), rule=FOLLOW)
    assert world.asked == [HEAD + "prod"]


@EVERY
def test_a_tag_that_is_listed_before_its_manifest_is_there_is_not_ready(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    sight = world.look(None)
    world.later()
    digest = world.push("1.1.0")
    world.emulated.manners.lag(NAME, "1.1.0", world.clock.now() + timedelta(seconds=60))
    for _ in range(2):
        with pytest.raises(NotReady, match=r"shop/web:1\.1\.0: listed, but its manifest is not to be had .*quarantine"):
            world.look(sight)
        world.later(20)
    world.later(20)
    assert world.look(sight) == Sight("1.1.0", digest)


def test_an_image_in_quarantine_is_not_ready_until_it_is_released() -> None:
    world = opened(AZURE)
    world.push("1.0.0")
    sight = world.look(None)
    world.later()
    digest = world.push("1.1.0")
    world.emulated.manners.quarantine(NAME, digest)
    with pytest.raises(NotReady) as refused:
        world.look(sight)
    assert refused.value.passing
    world.emulated.manners.release(NAME, digest)
    assert world.look(sight).digest == digest


@EVERY
def test_a_list_cut_short_changes_nothing(manners: Manners) -> None:
    world = opened(manners)
    world.push("1.0.0")
    sight = world.look(None)
    world.later()
    world.push("1.1.0")
    world.emulated.manners.cut(1)
    with pytest.raises(Malformed, match="expected a JSON object") as refused:
        world.look(sight)
    assert refused.value.passing
    assert world.look(sight).tag == "1.1.0"


@pytest.mark.parametrize(("status", "kind"), [(429, Throttled), (503, Unreachable)])
def test_a_busy_registry_is_left_alone_and_then_asked_again(status: int, kind: type[RegistryError]) -> None:
    world = opened(AZURE)
    world.push("1.0.0")
    sight = world.look(None)
    world.emulated.manners.throttle(1, "30", status=status)
    with pytest.raises(kind) as refused:
        world.look(sight)
    assert refused.value.retry_after == 30
    world.later(20)
    with pytest.raises(Throttled) as waiting:
        world.look(sight)
    assert (world.asked, waiting.value.retry_after) == ([], 10)
    world.later(10)
    assert world.look(sight) is sight


@EVERY
def test_ten_thousand_junk_tags_and_pages_do_not_hide_the_winner(manners: Manners) -> None:
    world = opened(manners)
    digest = world.push("1.0.0")
    store = world.emulated.store
    kept = store.manifest(NAME, "1.0.0")
    for number in range(10_000):
        store.put_manifest(NAME, f"build-{number:05}", kept.media_type, kept.body, world.clock.now())
    sight = world.look(None)
    assert sight == Sight("1.0.0", digest)
    assert world.look(sight) is sight
    assert len(world.asked) == (1 if world.manners.azure else 11)


def test_an_unknown_repository_is_said_by_its_name() -> None:
    for manners in (AZURE, PLAIN):
        with pytest.raises(NotFound, match=r"localhost:5000/shop/web") as refused:
            opened(manners).look(None)
        assert refused.value.code == "NAME_UNKNOWN"


def test_a_registry_of_another_kind_is_asked_for_azures_list_only_once() -> None:
    world = opened(PLAIN)
    world.push("1.0.0")
    sight = world.look(None)
    assert world.asked == [TIMES, LIST, HEAD + "1.0.0"]
    world.look(None)
    assert world.asked == [LIST, HEAD + "1.0.0"]
    assert world.registry.by_time is False
    assert world.look(sight) is sight


def test_a_locked_registry_is_opened_once_for_many_looks() -> None:
    world = World(locked=True)
    world.push("1.0.0")
    sight = world.look(None)
    assert world.look(sight) is sight
    assert world.asked == [TIMES]
    world.later(3600)
    world.look(sight)
    assert world.look(world.look(sight)) == sight


@pytest.mark.parametrize("name", ["Shop/web", "../v2", "shop web", ""])
def test_a_name_that_is_none_is_refused_before_anything_is_sent(name: str) -> None:
    world = World()
    for before in (None, Sight.known("1.0.0", "sha256:" + "0" * 64)):
        with pytest.raises(ReferenceProblem):
            look(world.registry, name, FOLLOW, before)
    assert world.transport.requests == []
