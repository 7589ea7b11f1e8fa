"""What every store must do, the one in memory as well as each database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from orchestrator.store.errors import ActiveRollout, EndedRollout, StaleWrite, UnknownRollout
from orchestrator.store.ports import Store
from strategies.journal import event
from strategies.model import CommandKind, Outcome
from tests.conformance.stores import DOORS, SNAPSHOT, START, a_rollout, finish, moved, opener, postgresql, take

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


def test_a_submitted_rollout_is_loaded_as_it_was_given(store: Store, again: Callable[[], Store]) -> None:
    given = a_rollout()
    assert store.submit(given, SNAPSHOT) == given
    other = again()
    assert other.load("r1") == other.active("shop") == other.latest("shop") == given
    assert other.snapshot("r1") == SNAPSHOT
    assert other.active_ids() == ["r1"]
    assert other.services() == ["shop"]


def test_a_service_has_one_rollout_under_way_and_another_service_its_own(store: Store) -> None:
    store.submit(a_rollout(), SNAPSHOT)
    with pytest.raises(ActiveRollout, match="r1 is still under way") as refused:
        store.submit(a_rollout("r2"), SNAPSHOT)
    assert refused.value.rollout == "r1"
    store.submit(a_rollout("r3", service="blog"), SNAPSHOT)
    assert store.active_ids() == ["r1", "r3"]
    assert [stored.rollout for stored in store.events("shop")] == ["r1"]
    with pytest.raises(UnknownRollout):
        store.load("r2")


def test_a_rollout_submitted_again_by_its_id_is_the_one_that_is_there(store: Store) -> None:
    store.submit(a_rollout(), SNAPSHOT)
    saved = store.save(moved(a_rollout(), Outcome.RUNNING), expected=0, fence=take(store).fence, events=())
    assert store.submit(a_rollout(), SNAPSHOT) == saved
    assert len(store.events("shop")) == 1


def test_a_saved_state_replaces_the_version_it_was_decided_from(store: Store, again: Callable[[], Store]) -> None:
    rollout = store.submit(a_rollout(), SNAPSHOT)
    fence = take(store).fence
    saved = store.save(
        moved(rollout, Outcome.RUNNING), expected=0, fence=fence, events=[event(START, "x", "west", n=1)]
    )
    assert saved == replace(moved(rollout, Outcome.RUNNING), version=1)
    assert again().load("r1") == saved
    assert [(s.seq, s.event.kind) for s in again().events("shop")] == [(1, "rollout_submitted"), (2, "x")]


@pytest.mark.parametrize("expected", [-1, 0, 2])
def test_a_save_from_another_version_changes_nothing(store: Store, expected: int) -> None:
    rollout = store.submit(a_rollout(), SNAPSHOT)
    fence = take(store).fence
    saved = store.save(moved(rollout, Outcome.RUNNING), expected=0, fence=fence, events=())
    with pytest.raises(StaleWrite, match=f"version {expected} was expected, 1 is stored"):
        store.save(moved(saved, Outcome.ROLLED_BACK), expected=expected, fence=fence, events=[event(START, "x")])
    assert store.load("r1") == saved
    assert len(store.events("shop")) == 1
    assert store.poisoned("shop") == {}


def test_a_save_needs_the_fence_of_the_lease_as_it_stands(store: Store) -> None:
    rollout = store.submit(a_rollout(), SNAPSHOT)
    attempt = partial(store.save, moved(rollout, Outcome.RUNNING), expected=0, events=[event(START, "x")])
    with pytest.raises(StaleWrite, match="nobody holds it"):
        attempt(fence=0)
    first = take(store)
    take(store, key="blog")
    second = take(store, pid=2)
    with pytest.raises(StaleWrite, match=f"under fence {first.fence}.*its fence is {second.fence}"):
        attempt(fence=first.fence)
    assert store.lease_release(second)
    with pytest.raises(StaleWrite, match="nobody holds it"):
        attempt(fence=second.fence)
    assert store.load("r1") == rollout
    assert len(store.events("shop")) == 1


@pytest.mark.parametrize("outcome", [Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.SUPERSEDED])
def test_an_ended_rollout_gives_way_and_takes_nothing_more(store: Store, outcome: Outcome) -> None:
    ended = finish(store, store.submit(a_rollout(), SNAPSHOT), outcome)
    assert ended.ended_at == START + SECOND
    assert store.load("r1") == store.latest("shop") == ended
    assert (store.active("shop"), store.active_ids()) == (None, [])
    with pytest.raises(EndedRollout, match=outcome.value):
        store.save(ended, expected=1, fence=take(store).fence, events=[event(START, "x")])
    with pytest.raises(EndedRollout):
        store.command("r1", CommandKind.ABORT, "kim", at=START)
    assert len(store.events("shop")) == 1
    store.submit(a_rollout("r2"), SNAPSHOT)
    assert store.active_ids() == ["r2"]


def test_a_stuck_rollout_has_not_ended(store: Store) -> None:
    stuck = finish(store, store.submit(a_rollout(), SNAPSHOT), Outcome.STUCK)
    assert stuck.ended_at is None
    assert store.active("shop") == stuck
    with pytest.raises(ActiveRollout):
        store.submit(a_rollout("r2"), SNAPSHOT)


def test_the_end_keeps_the_time_that_the_rollout_itself_gives(store: Store) -> None:
    rollout = store.submit(a_rollout(), SNAPSHOT)
    ending = replace(moved(rollout, Outcome.PROMOTED), ended_at=START + 9 * SECOND)
    assert store.save(ending, expected=0, fence=take(store).fence, events=()).ended_at == START + 9 * SECOND


def test_numbers_rise_and_none_is_drawn_twice(store: Store, again: Callable[[], Store]) -> None:
    assert [store.next_number("shop"), again().next_number("shop"), store.next_number("blog")] == [1, 2, 1]
    assert store.next_number("shop", above=7) == 8
    assert store.next_number("shop", above=3) == 9
    store.submit(a_rollout(number=40), SNAPSHOT)
    assert store.next_number("shop") == 41
    assert store.services() == ["blog", "shop"]


def test_commands_wait_in_order_until_the_state_has_handled_them(store: Store, again: Callable[[], Store]) -> None:
    rollout = store.submit(a_rollout(), SNAPSHOT)
    pause = store.command("r1", CommandKind.PAUSE, "kim", reason="lunch", at=START)
    settle = again().command("r1", CommandKind.SETTLE, "kim", argument="stable", at=START + SECOND)
    assert (pause.seq, settle.seq) == (1, 2)
    assert store.load("r1").commands == (pause, settle)
    loaded = replace(store.load("r1"), handled=1)
    saved = store.save(loaded, expected=rollout.version, fence=take(store).fence, events=())
    assert saved.commands == store.active("shop").commands == store.latest("shop").commands == (settle,)
    assert store.history("shop")[0].commands == ()
    store.save(replace(saved, handled=2), expected=1, fence=take(store).fence, events=())
    assert store.load("r1").commands == ()
    assert store.command("r1", CommandKind.ABORT, "kim", at=START).seq == 3


def test_the_journal_counts_through_all_rollouts_of_a_service(store: Store, again: Callable[[], Store]) -> None:
    first = store.submit(a_rollout(), SNAPSHOT, [event(START, "extra", reason="é", share=0.1, ok=True, none=None, n=1)])
    finish(store, first, Outcome.PROMOTED)
    store.submit(a_rollout("other", service="blog"), SNAPSHOT)
    store.submit(a_rollout("r2"), SNAPSHOT)
    store.record("r1", [event(START, "retained_deleted"), event(START, "done")])
    log = again().events("shop")
    assert [(s.seq, s.rollout) for s in log] == [(1, "r1"), (2, "r1"), (3, "r2"), (4, "r1"), (5, "r1")]
    assert log[1].event == event(START, "extra", reason="é", share=0.1, ok=True, none=None, n=1)
    assert store.events("shop", after=3) == log[3:]
    assert store.events(rollout="r1") == store.events("shop", rollout="r1") == [log[i] for i in (0, 1, 3, 4)]
    assert store.events(rollout="r1", after=2) == log[3:]
    assert store.events("blog", rollout="r1") == store.events("nobody") == store.events(rollout="none") == []
    with pytest.raises(ValueError, match="service or a rollout"):
        store.events()


def test_what_is_not_there_is_named(store: Store) -> None:
    asked = (store.load, store.snapshot, partial(store.record, events=[event(START, "x")]))
    for ask in (*asked, lambda name: store.command(name, CommandKind.ABORT, "kim", at=START)):
        with pytest.raises(UnknownRollout, match="'gone'"):
            ask("gone")
    take(store)
    with pytest.raises(UnknownRollout):
        store.save(a_rollout("gone"), expected=0, fence=1, events=())
    assert (store.active("gone"), store.latest("gone"), store.history("gone"), store.lease_of("gone")) == (
        None,
        None,
        [],
        None,
    )
    assert (store.promoted("gone"), store.poisoned("gone"), store.retained("gone")) == ([], {}, [])


def test_history_is_newest_first_and_promotions_are_in_the_order_of_time(store: Store) -> None:
    for number, outcome in enumerate([Outcome.PROMOTED, Outcome.ROLLED_BACK, Outcome.PROMOTED]):
        submitted = a_rollout(f"r{number}", digest=f"sha256:{number}", number=number)
        finish(store, store.submit(submitted, SNAPSHOT), outcome)
    store.submit(a_rollout("b1", service="blog"), SNAPSHOT)
    assert [r.id for r in store.history("shop")] == ["r2", "r1", "r0"]
    assert [r.id for r in store.history(limit=2)] == ["b1", "r2"]
    assert [(i, revision.digest) for i, revision in store.promoted("shop")] == [("r0", "sha256:0"), ("r2", "sha256:2")]
    assert store.promoted("shop")[0][1] == store.load("r0").revision


def test_writers_at_the_same_moment_leave_no_gap_and_no_double(store: Store, again: Callable[[], Store]) -> None:
    store.submit(a_rollout(), SNAPSHOT)

    def write(writer: int) -> list[tuple[int, int]]:
        mine, drawn = again(), []
        for turn in range(5):
            command = mine.command("r1", CommandKind.PAUSE, "kim", at=START)
            mine.record("r1", [event(START, "a", by=writer), event(START, "b", by=writer, turn=turn)])
            drawn.append((command.seq, mine.next_number("shop")))
        return drawn

    def begin(writer: int) -> str | None:
        try:
            store.submit(a_rollout(f"new{writer}", service="blog"), SNAPSHOT)
        except ActiveRollout as refused:
            return refused.rollout
        return None

    with ThreadPoolExecutor(4) as threads:
        drawn = sorted(pair for pairs in threads.map(write, range(4)) for pair in pairs)
        refused = list(threads.map(begin, range(4)))
    assert [seq for seq, _ in drawn] == list(range(1, 21))
    assert sorted(number for _, number in drawn) == list(range(2, 22))
    log = store.events("shop")
    assert [stored.seq for stored in log] == list(range(1, 42))
    pairs = [(stored.event.kind, dict(stored.event.data)["by"]) for stored in log[1:]]
    assert all(a == ("a", b[1]) and b[0] == "b" for a, b in zip(pairs[::2], pairs[1::2], strict=True))
    assert refused.count(None) == 1
    assert {name for name in refused if name} == set(store.active_ids()) - {"r1"}
