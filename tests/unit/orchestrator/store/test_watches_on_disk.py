"""A store of the first release is taken along to the watcher's tables, and what a daemon asks all the time is cheap."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.dialects import sqlite

from orchestrator.store.opening import open_store
from orchestrator.store.records import Sighting
from orchestrator.store.sql import STIRRINGS, SqlStore
from orchestrator.store.tables import alembic_config
from strategies.journal import event
from strategies.model import CommandKind, Outcome
from tests.conformance.stores import SNAPSHOT, START, a_rollout, finish, postgresql

SEEN = Sighting("shop", "reg.example/shop", "digest latest", "latest", "sha256:1", START)


def _fill(store: SqlStore) -> None:
    finish(store, store.submit(a_rollout("r1"), SNAPSHOT), Outcome.ROLLED_BACK, "three probes failed")
    store.submit(a_rollout("r2", digest="sha256:2"), SNAPSHOT, [event(START, "extra", share=0.1)])
    store.command("r2", CommandKind.PAUSE, "kim", at=START)


def _first_release(url: str) -> None:
    """Leave a database as the first release did, with data in it."""
    with closing(open_store(url)) as store:
        _fill(store)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in (
            "DROP TABLE manifests",
            "DROP TABLE sightings",
            "DROP TABLE wishes",
            "UPDATE alembic_version SET version_num = '0001'",
        ):
            connection.execute(text(statement))
    engine.dispose()


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [line for line in connection.iterdump() if "alembic_version" not in line]


def _taken_along(url: str) -> None:
    with closing(open_store(url)) as store:
        assert store.poisoned("shop") == {a_rollout().revision.id: "three probes failed"}
        assert [found.id for found in store.history("shop")] == ["r2", "r1"]
        assert store.stirrings() == {"r2": 1}
        assert len(store.events("shop")) == 3
        store.keep_sighting(SEEN)
        store.keep_manifest("shop", SNAPSHOT)
    with closing(open_store(url)) as store:
        assert (store.sighting("shop"), store.manifest("shop")) == (SEEN, SNAPSHOT)


def test_tables_made_by_the_first_migration_alone_are_those_of_the_first_release(tmp_path: Path) -> None:
    _first_release(f"sqlite:///{tmp_path}/now.db")
    engine = create_engine(f"sqlite:///{tmp_path}/then.db")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    engine.dispose()

    def shape(lines: list[str]) -> set[str]:
        return {"".join(line.split()) for line in lines if line.startswith("CREATE")}

    assert shape(_dump(tmp_path / "now.db")) == shape(_dump(tmp_path / "then.db"))


def test_a_store_of_the_first_release_keeps_everything_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "rollout.db"
    _first_release(f"sqlite:///{path}")
    before = _dump(path)
    open_store(f"sqlite:///{path}").close()
    added = [line for line in _dump(path) if line not in before]
    assert [line.split('"')[0].split("(")[0].split()[:3] for line in added] == [
        ["CREATE", "TABLE", "manifests"],
        ["CREATE", "TABLE", "sightings"],
        ["CREATE", "TABLE", "wishes"],
    ]
    assert [line for line in before if line not in _dump(path)] == []
    _taken_along(f"sqlite:///{path}")


def test_a_postgresql_store_of_the_first_release_keeps_everything_it_holds() -> None:
    with postgresql() as url:
        _first_release(url)
        _taken_along(url)


def _open_together(url: str, together: Barrier) -> None:
    together.wait(30)
    with closing(open_store(url)) as store:
        assert store.stirrings() == {"r2": 1}


@pytest.mark.parametrize("door", ["sqlite", "postgresql"])
def test_two_processes_may_open_a_store_of_the_first_release_at_once(tmp_path: Path, door: str) -> None:
    if door == "sqlite":
        _first_release(f"sqlite:///{tmp_path}/rollout.db")
        _both_open(f"sqlite:///{tmp_path}/rollout.db")
        return
    with postgresql() as url:
        _first_release(url)
        _both_open(url)


def _both_open(url: str) -> None:
    spawning = multiprocessing.get_context("spawn")
    together = spawning.Barrier(2)
    opening = [spawning.Process(target=_open_together, args=(url, together)) for _ in range(2)]
    for process in opening:
        process.start()
    for process in opening:
        process.join(60)
    assert [process.exitcode for process in opening] == [0, 0]


def _steps(folder: Path, known: int) -> int:
    """How many steps SQLite's machine takes to find the stirrings of ten active rollouts among so many known ones."""
    path = folder / f"{known}.db"
    open_store(f"sqlite:///{path}").close()
    query = str(STIRRINGS.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO services VALUES (?, 1)", [(f"s{n}",) for n in range(known)])
        connection.executemany(
            "INSERT INTO rollouts (id, service, version, outcome, active, state) VALUES (?, ?, 0, '', ?, '{}')",
            [(f"r{n}", f"s{n}", f"s{n}" if n % (known // 10) == 0 else None) for n in range(known)],
        )
        connection.executemany("INSERT INTO commands VALUES (?, ?, '{}')", [(f"r{n}", 1) for n in range(known)])
        connection.commit()
        plan = " ".join(str(row) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
        assert "SCAN" not in plan
        assert "SEARCH rollouts USING INDEX" in plan
        taken = 0

        def step() -> int:
            nonlocal taken
            taken += 1
            return 0

        connection.set_progress_handler(step, 1)
        assert len(connection.execute(query).fetchall()) == 10
    return taken


def test_noticing_what_stirs_costs_what_is_under_way_and_not_what_is_known(tmp_path: Path) -> None:
    assert _steps(tmp_path, 10_000) <= 1.1 * _steps(tmp_path, 100)
