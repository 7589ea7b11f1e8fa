"""What a watcher relies on in any registry, held against the emulator's and a real one alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.registry_doors import DEBIAN, DOCKER_MANIFEST, DOORS, OCI_INDEX, OCI_MANIFEST, Door
from watchers.errors import NotFound
from watchers.policies import policy_of
from watchers.registry import Registry
from watchers.watch import READS_TO_BELIEVE, Sight, look

NAME = "shop/storefront"
RULE, FOLLOW = policy_of({"semver": ">=1.0.0"}), policy_of({"digest": "prod"})


REAL = pytest.mark.local


@pytest.fixture(params=[pytest.param(name, marks=REAL if name == DEBIAN else (), id=name) for name in DOORS])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """An empty registry."""
    with DOORS[request.param]() as opened:
        yield opened


@pytest.fixture
def registry(door: Door) -> Registry:
    """The client that watches it."""
    return door.registries.of(door.host)


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_tag_has_the_digest_of_the_bytes_that_were_pushed(door: Door, registry: Registry, kind: str) -> None:
    digest = door.push(NAME, "1.0.0", "one", kind)
    for reference in ("1.0.0", digest):
        found = registry.digest(NAME, reference)
        assert (found.digest, found.media_type) == (digest, kind)


def test_an_image_for_several_platforms_has_the_digest_of_its_index(door: Door, registry: Registry) -> None:
    digest = door.push_index(NAME, "1.0.0", "one")
    found = registry.digest(NAME, "1.0.0")
    assert (found.digest, found.media_type) == (digest, OCI_INDEX)
    assert look(registry, NAME, RULE, None) == Sight("1.0.0", digest)


def test_all_tags_are_listed_once(door: Door, registry: Registry) -> None:
    names = {f"1.0.{number}" for number in range(30)} | {"latest", "Main_7", "sha256-" + "a" * 64 + ".sig"}
    for name in sorted(names):
        door.push(NAME, name, "one")
    found = registry.tags(NAME)
    assert set(found) == names and len(found) == len(names)


def test_what_is_not_there_is_told_apart(door: Door, registry: Registry) -> None:
    door.push(NAME, "1.0.0", "one")
    with pytest.raises(NotFound) as tag:
        registry.digest(NAME, "9.9.9")
    assert tag.value.code == "MANIFEST_UNKNOWN"
    for rule in (RULE, FOLLOW):
        with pytest.raises(NotFound):
            look(registry, "shop/nothing", rule, None)
    with pytest.raises(NotFound) as name:
        registry.tags("shop/nothing")
    assert name.value.code == "NAME_UNKNOWN"


def test_the_best_tag_is_seen_and_a_better_one_after_it(door: Door, registry: Registry) -> None:
    first = door.push(NAME, "1.0.0", "one")
    door.push(NAME, "latest", "other")
    sight = look(registry, NAME, RULE, None)
    assert sight == Sight("1.0.0", first)
    assert look(registry, NAME, RULE, sight) is sight
    second = door.push(NAME, "1.1.0", "two")
    sight = look(registry, NAME, RULE, sight)
    assert sight == Sight("1.1.0", second)
    door.push(NAME, "1.0.1", "three")
    assert look(registry, NAME, RULE, sight) == sight


def test_a_followed_tag_shows_each_new_digest(door: Door, registry: Registry) -> None:
    sight = None
    for content in ("one", "two", "one"):
        digest = door.push(NAME, "prod", content)
        sight = look(registry, NAME, FOLLOW, sight)
        assert sight == Sight("prod", digest)
        assert look(registry, NAME, FOLLOW, sight) is sight


def test_a_winner_that_was_pushed_again_is_seen_by_a_thorough_look(door: Door, registry: Registry) -> None:
    door.push(NAME, "1.0.0", "one")
    sight = look(registry, NAME, RULE, None)
    digest = door.push(NAME, "1.0.0", "two")
    assert look(registry, NAME, RULE, sight, thorough=True) == Sight("1.0.0", digest)


def test_a_deleted_winner_stays_for_some_looks_and_then_gives_way(door: Door, registry: Registry) -> None:
    older = door.push(NAME, "1.0.0", "one")
    newer = door.push(NAME, "1.1.0", "two")
    sight = look(registry, NAME, RULE, None)
    door.delete(NAME, newer)
    for _ in range(READS_TO_BELIEVE - 1):
        sight = look(registry, NAME, RULE, sight, thorough=True)
        assert sight == Sight("1.1.0", newer)
    assert look(registry, NAME, RULE, sight, thorough=True) == Sight("1.0.0", older)


def test_what_was_remembered_goes_on_where_it_was_left(door: Door, registry: Registry) -> None:
    digest = door.push(NAME, "1.0.0", "one")
    known = Sight.known("1.0.0", digest)
    sight = look(registry, NAME, RULE, known)
    assert sight == known
    assert look(registry, NAME, RULE, sight) is sight
