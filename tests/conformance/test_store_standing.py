"""What of a store outlives rollouts: poison, retained workloads, suspensions and leases, on every door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.store.ports import Store
from orchestrator.store.records import Retained, Suspension
from strategies.model import Outcome
from tests.conformance.stores import DOORS, SNAPSHOT, START, a_rollout, finish, opener, owner, postgresql, take

SECOND = timedelta(seconds=1)


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


def test_only_a_rolled_back_revision_is_poisoned_until_it_is_pardoned(store: Store, again: Callable[[], Store]) -> None:
    good, bad = a_rollout("r1", digest="sha256:good"), a_rollout("r2", digest="sha256:bad")
    finish(store, store.submit(good, SNAPSHOT), Outcome.PROMOTED)
    finish(store, store.submit(bad, SNAPSHOT), Outcome.ROLLED_BACK, "three probes\0 failed")
    finish(store, store.submit(a_rollout("r3", digest="sha256:newer"), SNAPSHOT), Outcome.SUPERSEDED)
    assert list(again().poisoned("shop")) == [bad.revision.id]
    assert "three probes" in again().poisoned("shop")[bad.revision.id]
    assert store.is_poisoned("shop", bad.revision.id)
    assert not store.is_poisoned("blog", bad.revision.id)
    store.poison("shop", bad.revision.id, "another reason")
    assert "three probes" in store.poisoned("shop")[bad.revision.id]
    store.pardon("shop", bad.revision.id)
    store.pardon("shop", bad.revision.id)
    assert not again().is_poisoned("shop", bad.revision.id)


def test_retained_workloads_are_due_when_their_time_has_come(store: Store, again: Callable[[], Store]) -> None:
    late = Retained("shop", "west", "shop-1", "r1", "rev", START + 2 * SECOND)
    soon = Retained("blog", "west", "blog-1", "r2", "rev", START + SECOND)
    for entry in (late, soon, late):
        store.retain(entry)
    assert again().retained_due(START) == []
    assert again().retained_due(START + SECOND) == [soon]
    assert again().retained_due(START + 2 * SECOND) == [soon, late]
    longer = replace(late, until=START + 9 * SECOND)
    store.retain(longer)
    assert again().retained("shop") == [longer]
    store.forget_retained(late)
    store.forget_retained(late)
    assert (again().retained("shop"), again().retained("blog")) == ([], [soon])


def test_a_suspension_holds_one_service_or_all_until_its_time(store: Store, again: Callable[[], Store]) -> None:
    everything = Suspension(None, "kim", "audit", START)
    own = Suspension("shop", "lee", "sale", START, START + SECOND)
    store.suspend(everything)
    store.suspend(own)
    assert again().suspended("shop", START) == own
    assert again().suspended("shop", START + SECOND) == again().suspended("blog", START) == everything
    store.unsuspend("shop")
    assert again().suspended("shop", START) == everything
    store.suspend(own)
    store.unsuspend(None)
    store.unsuspend(None)
    assert (again().suspended("shop", START), again().suspended("blog", START)) == (own, None)


def test_a_lease_is_taken_only_as_it_was_seen(store: Store, again: Callable[[], Store]) -> None:
    first = store.lease_take("k", owner(1), START, seen=None)
    assert first is not None
    assert again().lease_of("k") == first
    assert again().lease_take("k", owner(2), START, seen=None) is None
    renewed = store.lease_renew(first, START + SECOND)
    assert renewed == replace(first, expires_at=START + SECOND)
    assert again().lease_take("k", owner(2), START, seen=first) is None
    second = again().lease_take("k", owner(2), START, seen=renewed)
    assert second is not None
    assert second.fence > first.fence
    assert store.lease_renew(first, START) is None
    assert not store.lease_release(first)
    assert store.lease_of("k") == second


def test_a_released_lease_can_be_taken_but_not_renewed(store: Store) -> None:
    first = take(store, "k")
    assert store.lease_release(first)
    assert not store.lease_release(first)
    assert store.lease_renew(first, START) is None
    seen = store.lease_of("k")
    assert seen == replace(first, owner=None)
    assert store.lease_renew(seen, START) is None
    assert not store.lease_release(seen)
    assert take(store, "k", pid=2).fence > first.fence
