"""An interrupted write leaves all of it or nothing; processes that write at once lose nothing of each other's work."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import event as hook

from orchestrator.store.errors import StaleWrite, StoreUnavailable
from orchestrator.store.opening import open_store
from orchestrator.store.records import Retained, Sighting, Suspension
from orchestrator.store.sql import SqlStore
from strategies.journal import event
from strategies.model import CommandKind, Outcome
from tests.conformance.stores import SNAPSHOT, START, a_rollout, moved, owner, take

EVENTS = (event(START, "x"), event(START, "y", "west", n=1))


class CrashError(Exception):
    """The process ends here."""


def _all(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def _crash_everywhere(store: SqlStore, path: Path, write: Callable[[], object]) -> int:
    """Do the write over and over, ending it before its first, second, third ... statement, until it comes through."""
    before = _all(path)
    for survived in count():
        left = iter([False] * survived + [True])

        def crash(*_args: object, left: object = left) -> None:
            if next(left, False):
                raise CrashError

        hook.listen(store.database.engine, "before_cursor_execute", crash)
        try:
            write()
        except CrashError:
            assert _all(path) == before
        else:
            assert _all(path) != before
            return survived
        finally:
            hook.remove(store.database.engine, "before_cursor_execute", crash)
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("statements", "write"),
    [
        (9, lambda s: s.submit(a_rollout("r2", service="blog"), SNAPSHOT, EVENTS)),
        (6, lambda s: s.save(moved(s.load("r1"), Outcome.ROLLED_BACK), expected=0, fence=1, events=EVENTS)),
        (4, lambda s: s.command("r1", CommandKind.ABORT, "kim", at=START)),
        (3, lambda s: s.record("r1", EVENTS)),
        (2, lambda s: s.next_number("shop")),
        (1, lambda s: s.retain(Retained("shop", "west", "g", "r1", "rev", START))),
        (1, lambda s: s.suspend(Suspension(None, "kim", "audit", START))),
        (1, lambda s: s.keep_sighting(Sighting("blog", "reg.example/blog", "digest latest"))),
        (2, lambda s: s.forget_watch("shop")),
        (1, lambda s: s.lease_take("k", owner(), START, seen=None)),
    ],
)
def test_a_crash_at_any_statement_of_a_write_leaves_nothing_of_it(
    tmp_path: Path, statements: int, write: Callable[[SqlStore], object]
) -> None:
    path = tmp_path / "rollout.db"
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.submit(a_rollout(), SNAPSHOT)
        take(store)
        store.keep_manifest("shop", SNAPSHOT)
        assert _crash_everywhere(store, path, partial(write, store)) >= statements


def _work(url: str, pid: int, start: Barrier, rounds: int) -> None:
    """One of two processes: open, take the lease in turns, save, command and draw numbers."""
    start.wait(30)
    with closing(open_store(url)) as store:
        for turn in range(rounds):
            store.command("r1", CommandKind.PAUSE, f"process {pid}", at=START)
            store.next_number("shop")
            while True:
                lease = store.lease_take("shop", owner(pid), START, seen=store.lease_of("shop"))
                if lease is None:
                    continue
                before = store.load("r1")
                after = replace(before, spent_seconds=before.spent_seconds + 1)
                note = [event(START, "worked", by=pid, turn=turn, version=before.version)]
                try:
                    store.save(after, expected=before.version, fence=lease.fence, events=note)
                    break
                except StaleWrite:
                    continue


def test_two_processes_that_write_the_same_rollout_lose_nothing(tmp_path: Path) -> None:
    """They also open a database that is not there yet, at the same moment."""
    url, rounds = f"sqlite:///{tmp_path}/rollout.db", 15
    with closing(open_store(url)) as store:
        store.submit(a_rollout(), SNAPSHOT)
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    workers = [context.Process(target=_work, args=(url, pid, start, rounds)) for pid in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    with closing(open_store(url)) as store:
        rollout, log = store.load("r1"), store.events("shop")
        assert (rollout.version, rollout.spent_seconds) == (2 * rounds, 2.0 * rounds)
        assert [command.seq for command in rollout.commands] == list(range(1, 2 * rounds + 1))
        assert store.next_number("shop") == 2 * rounds + 2
    assert [stored.seq for stored in log] == list(range(1, 2 * rounds + 2))
    assert [dict(stored.event.data)["version"] for stored in log[1:]] == list(range(2 * rounds))


def _open(url: str, start: Barrier) -> None:
    start.wait(30)
    with closing(open_store(url)) as store:
        store.next_number("shop")


def test_processes_that_open_a_new_store_at_once_all_find_it_ready(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/rollout.db"
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    workers = [context.Process(target=_open, args=(url, start)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with closing(open_store(url)) as store:
        assert store.next_number("shop") == 4


def test_a_database_that_cannot_be_written_says_so_in_our_words(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/rollout.db")) as store:
        store.submit(a_rollout(), SNAPSHOT)

        @hook.listens_for(store.database.engine, "connect")
        def read_only(connection: sqlite3.Connection, _entry: object) -> None:
            connection.execute("PRAGMA query_only=ON")

        store.database.engine.dispose()
        with pytest.raises(StoreUnavailable, match=r"rollout\.db: attempt to write a readonly database; .*--store"):
            store.command("r1", CommandKind.ABORT, "kim", at=START)
        assert store.load("r1") == a_rollout()
