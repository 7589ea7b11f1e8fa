"""What the watcher remembers and what the daemon notices: manifests, sightings and stirrings, on every door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.store.ports import Store
from orchestrator.store.records import Sighting
from strategies.model import CommandKind, Outcome
from tests.conformance.stores import DOORS, SNAPSHOT, START, a_rollout, finish, moved, opener, postgresql, take

SEEN = Sighting("shop", "reg.example/shop", "semver >=1 <2 of ^v(.+)$ as $1", "v1.5.0", "sha256:1", START)
FULL = replace(
    SEEN,
    handled="sha256:0",
    outcome="rolledBackBefore",
    message="é: \0 taken back before",
    rollout="r1",
    problem="reg.example: 401\nUnauthorized",
    problem_at=START + timedelta(microseconds=1),
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture(params=DOORS)
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Open the same store once more, as another process would; a memory store is its own other process."""
    return opener(request, tmp_path)


@pytest.fixture
def store(again: Callable[[], Store]) -> Store:
    return again()


def test_the_last_manifest_in_force_is_found_again(store: Store, again: Callable[[], Store]) -> None:
    assert (store.manifest("shop"), store.manifest_files()) == (None, {})
    newer = replace(SNAPSHOT, manifest="service: shop # é\0", file="moved/shop.yaml")
    for kept in (SNAPSHOT, newer, newer):
        store.keep_manifest("shop", kept)
    store.keep_manifest("blog", SNAPSHOT)
    assert (again().manifest("shop"), again().manifest("blog")) == (newer, SNAPSHOT)
    assert again().manifest_files() == {"blog": "shop.yaml", "shop": "moved/shop.yaml"}


def test_the_last_sighting_of_every_service_is_found_again(store: Store, again: Callable[[], Store]) -> None:
    assert (store.sighting("shop"), store.sightings()) == (None, [])
    blank = Sighting("a-blog", "reg.example/blog", "digest latest")
    upper = Sighting("ab", "reg.example/ab", "digest latest")
    for sighting in (SEEN, upper, blank, FULL, FULL):
        store.keep_sighting(sighting)
    assert again().sighting("shop") == FULL
    assert again().sightings() == [blank, upper, FULL]


def test_what_is_watched_no_longer_is_forgotten_and_nothing_else(store: Store, again: Callable[[], Store]) -> None:
    store.submit(a_rollout(), SNAPSHOT)
    for service in ("shop", "blog"):
        store.keep_manifest(service, SNAPSHOT)
        store.keep_sighting(replace(FULL, service=service))
    store.forget_watch("shop")
    store.forget_watch("shop")
    assert (again().manifest("shop"), again().sighting("shop")) == (None, None)
    assert [sighting.service for sighting in again().sightings()] == ["blog"]
    assert again().manifest_files() == {"blog": "shop.yaml"}
    assert again().active_ids() == ["r1"]


def test_a_watched_service_that_never_had_a_rollout_is_no_service_of_the_journal(store: Store) -> None:
    store.keep_manifest("shop", SNAPSHOT)
    store.keep_sighting(SEEN)
    assert (store.services(), store.latest("shop")) == ([], None)


def test_stirrings_are_the_rollouts_under_way_with_their_newest_command(
    store: Store, again: Callable[[], Store]
) -> None:
    assert store.stirrings() == {}
    for name in ("shop", "blog", "cart"):
        store.submit(a_rollout(f"of-{name}", service=name), SNAPSHOT)
    assert list(again().stirrings().items()) == [("of-shop", 0), ("of-blog", 0), ("of-cart", 0)]
    again().command("of-blog", CommandKind.PAUSE, "kim", at=START)
    again().command("of-blog", CommandKind.RESUME, "kim", at=START)
    assert store.stirrings() == {"of-shop": 0, "of-blog": 2, "of-cart": 0}
    handled = replace(moved(store.load("of-blog"), Outcome.RUNNING), handled=2)
    store.save(handled, expected=0, fence=take(store, "blog").fence, events=())
    finish(store, store.load("of-shop"), Outcome.PROMOTED)
    finish(store, store.load("of-cart"), Outcome.STUCK)
    assert list(again().stirrings().items()) == [("of-blog", 2), ("of-cart", 0)]
