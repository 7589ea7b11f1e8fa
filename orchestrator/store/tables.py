"""Making the tables, and bringing old ones up to date, without loading Alembic where there is nothing for it to do."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.sql import column, table

from orchestrator.store.database import unavailable
from orchestrator.store.errors import StoreMisplaced
from orchestrator.store.schema import HEAD, metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

    from orchestrator.store.database import Database

_VERSION = table("alembic_version", column("version_num"))
_NEW_VERSION_TABLE = text(
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
"""As Alembic itself would make it."""
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7310868)")
"""A number of our own; PostgreSQL lets one transaction at a time hold it."""
_PATIENCE_SECONDS = 10.0


def ready(database: Database) -> None:
    """Leave the database with the newest tables; several processes may do it at the same moment.

    A crash leaves the tables as they were before or as they are after. Raises StoreMisplaced for what is no database of
    ours, or one that a newer version has changed.
    """
    try:
        if database.engine.dialect.name == "sqlite":
            _write_ahead(database)
        if _version(database) == HEAD:
            return
        with database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_ONE_AT_A_TIME)
            found = connection.dialect.get_table_names(connection)
            if "alembic_version" in found:
                _migrate(connection, database.name)
            elif found:
                raise StoreMisplaced(
                    f"{database.name}: holds tables of something else ({', '.join(sorted(found)[:5])}); "
                    "give rollout a database of its own with --store"
                )
            else:
                create(connection)
    except (DBAPIError, sqlite3.DatabaseError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise StoreMisplaced(f"{database.name}: cannot be used as a store: {cause}; name another --store") from error


def create(connection: Connection) -> None:
    """Make the tables in an empty database, and note the migration they correspond to."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(_NEW_VERSION_TABLE)
    connection.execute(_VERSION.insert(), {"version_num": HEAD})


def alembic_config(connection: Connection) -> Config:
    """Point Alembic at the migrations in this package and at an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _migrate(connection: Connection, name: str) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    unknown = set(connection.scalars(select(_VERSION.c.version_num))) - known
    if unknown:
        raise StoreMisplaced(
            f"{name}: its tables are of version {', '.join(sorted(unknown))}, this rollout knows up to {HEAD}; "
            "upgrade rollout, or name another --store"
        )
    command.upgrade(config, "head")


def _version(database: Database) -> str | None:
    # Asked with the driver's errors, not ours: that there is no such table is an answer.
    with suppress(OperationalError, ProgrammingError), database.engine.begin() as connection:
        found: str | None = connection.scalar(select(_VERSION.c.version_num))
        return found
    return None


def _write_ahead(database: Database) -> None:
    """Switch the file to write-ahead logging, which lasts; SQLite does not wait for others here, so this does."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with closing(database.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA journal_mode=WAL")
                (mode,) = cursor.fetchone() or ("unknown",)
        except sqlite3.OperationalError as error:
            if time.monotonic() > give_up:
                raise unavailable(database.name, error) from error
            time.sleep(0.02)
            continue
        if mode != "wal":
            raise StoreMisplaced(
                f"{database.name}: SQLite cannot use write-ahead logging there ({mode}); put the file on a local disk"
            )
        return
