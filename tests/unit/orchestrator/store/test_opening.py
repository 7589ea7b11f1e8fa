"""Opening a store: the place, the driver, the tables; and what is said when one of them is not good."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from orchestrator.store import opening
from orchestrator.store.errors import StoreMisplaced, StoreUnavailable
from orchestrator.store.opening import default_url, filesystem, open_store
from orchestrator.store.schema import HEAD, metadata
from orchestrator.store.tables import alembic_config, create
from tests.conformance.stores import postgresql


def _schema(path: Path) -> set[tuple[str, ...]]:
    """Everything SQLite knows about tables, columns, keys and indexes, in no order that a reader could rely on."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return {(kind, name, table, "".join((sql or "").split())) for kind, name, table, sql in found}


def _database(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return f"sqlite:///{path}"


def _migrated(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "head")
    engine.dispose()


def test_tables_made_at_once_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    _migrated(f"sqlite:///{tmp_path}/migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    with engine.begin() as connection:
        create(connection)
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    assert _schema(tmp_path / "made.db") == _schema(tmp_path / "migrated.db")


def test_postgresql_has_the_same_tables_either_way() -> None:
    with postgresql() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        shape = text(
            "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'public' UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes "
            "WHERE schemaname = 'public' UNION ALL SELECT conrelid::regclass::text, conname, "
            "pg_get_constraintdef(oid), '', '' FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
        )
        shapes = []
        for make in (create, lambda connection: command.upgrade(alembic_config(connection), "head")):
            with engine.begin() as connection:
                make(connection)
                shapes.append(set(connection.execute(shape).all()))
                connection.execute(text("DROP SCHEMA public CASCADE"))
                connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    assert len(shapes[0]) > 30
    assert shapes[0] == shapes[1]


def test_the_newest_migration_is_the_one_the_code_names(tmp_path: Path) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_heads() == [HEAD]
    engine.dispose()


def test_an_older_database_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    url = _database(tmp_path / "old.db", "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    with closing(open_store(url)) as store:
        assert store.next_number("shop") == 1
    open_store(url).close()


def test_a_database_that_a_newer_version_changed_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.db"
    open_store(url).close()
    _database(tmp_path / "new.db", "UPDATE alembic_version SET version_num = '9999'")
    before = _schema(tmp_path / "new.db")
    with pytest.raises(StoreMisplaced, match=f"9999, this rollout knows up to {HEAD}; upgrade"):
        open_store(url)
    assert _schema(tmp_path / "new.db") == before


def test_opening_a_store_that_is_current_loads_no_migration_tool(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rollout.db"
    heavy = "[m for m in ('alembic', 'sqlalchemy.orm', 'psycopg', 'pydantic', 'azure') if m in sys.modules]"
    program = (
        f"import sys; from orchestrator.store.opening import open_store; open_store({url!r}).close(); print({heavy})"
    )
    for _ in ("new", "current"):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"


def test_the_file_is_private_durable_and_shared_by_write_ahead_logging(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "rollout.db"
    with closing(open_store(f"sqlite:///{path}")) as store, store.database.read() as connection:
        settings = ("journal_mode", "synchronous", "foreign_keys")
        assert [connection.scalar(text(f"PRAGMA {name}")) for name in settings] == ["wal", 2, 1]
    modes = [stat.S_IMODE(place.stat().st_mode) for place in (path.parent.parent, path.parent, path)]
    assert modes == [0o700, 0o700, 0o600]


def test_the_rollouts_under_way_are_found_by_an_index(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/rollout.db")) as store, store.database.read() as connection:
        for query in (
            "SELECT row, id FROM rollouts WHERE active > ''",
            "SELECT * FROM rollouts WHERE active = 'a'",
        ):
            plan = " ".join(str(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
            assert "SEARCH rollouts USING INDEX" in plan


def test_what_is_no_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("shopping list, quite long enough to be more than a header of SQLite would be; " * 9)
    before = path.read_text()
    with pytest.raises(StoreMisplaced, match="cannot be used as a store: file is not a database"):
        open_store(f"sqlite:///{path}")
    assert path.read_text() == before


def test_a_database_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    url = _database(tmp_path / "other.db", "CREATE TABLE books (id INTEGER)")
    with pytest.raises(StoreMisplaced, match=r"tables of something else \(books\); .*--store"):
        open_store(url)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("books",)]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "expected sqlite"),
        ("mysql://root:hunter2@db/x", "got mysql://db/x$"),
        ("mysql://root@db/x?password=hunter2&sslpassword=hunter2", "got mysql://db/x$"),
        ("sqlite:////x.db?password=hunter2", "expected a plain file.*; got sqlite:////x.db and more"),
        ("sqlite://", "expected a plain file"),
        ("sqlite:///:memory:", "expected a plain file"),
        ("sqlite:////proc/nowhere/rollout.db", "cannot be opened for writing.*--store"),
        ("sqlite:////dev/null/rollout.db", "cannot be opened for writing.*--store"),
        ("sqlite:////dev", "cannot be opened for writing.*directory.*--store"),
    ],
)
def test_a_place_that_can_never_work_is_refused_with_the_way_out(url: str, said: str) -> None:
    with pytest.raises(StoreMisplaced, match=said) as refused:
        open_store(url)
    assert "hunter2" not in str(refused.value)


def test_a_missing_postgresql_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreMisplaced, match=r"pip install 'psycopg\[binary\]'"):
        open_store("postgresql://test@127.0.0.1/x")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://test:hunter2@127.0.0.1:1/x", "postgresql://127.0.0.1:1/x: "),
        ("postgresql://127.0.0.1:1/x?user=test&password=hunter2&sslpassword=hunter2", "postgresql://127.0.0.1:1/x: "),
        ("postgresql://test@/x?host=/nowhere&password=hunter2", "postgresql:///nowhere/x: "),
    ],
)
def test_a_database_that_does_not_answer_is_unavailable_and_its_password_unsaid(url: str, name: str) -> None:
    pytest.importorskip("psycopg", reason="the optional driver psycopg is not installed")
    with pytest.raises(StoreUnavailable) as failed:
        open_store(url)
    assert str(failed.value).startswith(name)
    assert "hunter2" not in str(failed.value)


def test_a_network_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(opening, "_mounts", lambda: f"/dev/sda / ext4 rw 0 0\nfiler:/x {tmp_path} nfs4 rw 0 0\n")
    with pytest.raises(StoreMisplaced, match=r"network file system \(nfs4\).*--store"):
        open_store(f"sqlite:///{tmp_path}/rollout.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/kim/x", "nfs4"),
        ("/homely", "ext4"),
        ("/home/kim/local/x", "xfs"),
        ("/mnt/with space/x", "cifs"),
        ("/over", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_deepest_and_latest_mount(path: str, kind: str) -> None:
    mounts = (
        "/dev/sda / ext4 rw 0 0\nfiler:/h /home nfs4 rw 0 0\n/dev/sdb /home/kim/local xfs rw 0 0\n"
        "//s/x /mnt/with\\040space cifs rw 0 0\nf:/ /over nfs rw 0 0\ntmpfs /over tmpfs rw 0 0\nshort\n"
    )
    assert filesystem(Path(path), mounts) == kind
    assert filesystem(Path(path), "") is None


def test_the_default_place_is_the_platforms_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_url() == "sqlite:////state/rollout/rollout.db"
    for ignored in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", ignored)
        assert default_url() == "sqlite:////home/kim/.local/state/rollout/rollout.db"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_url() == "sqlite:////home/kim/Library/Application Support/rollout/rollout.db"
