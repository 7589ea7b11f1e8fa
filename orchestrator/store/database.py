"""One database, SQLite or PostgreSQL, as two kinds of transaction: those that only read and those that write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 10
_WRITES = "rollout_writes"


def begin_as_asked(engine: Engine) -> None:
    """Make SQLite transactions begin when we say, and take the write lock at once when they are going to write.

    The driver's own habit is to begin at the first change: two processes that both read first would then find each
    other in the way with work half done.
    """

    @event.listens_for(engine, "connect")
    def _settings(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        try:
            with closing(connection.cursor()) as cursor:
                for setting in (f"busy_timeout={BUSY_SECONDS * 1000}", "foreign_keys=ON", "synchronous=FULL"):
                    cursor.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Database:
    """An engine with the store's own errors in place of the driver's."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Use `engine`; `name` is its address for messages, without a password."""
        self.engine, self.name = engine, name
        self._writing = engine.execution_options(**{_WRITES: True})

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection for reading."""
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are durable together when the block ends, or gone when it raises."""
        with self._translated(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
            raise unavailable(self.name, error.orig if isinstance(error, DBAPIError) else error) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def unavailable(name: str, cause: BaseException | None) -> StoreUnavailable:
    """Put a driver's own words behind the database's name, with what can be done."""
    return StoreUnavailable(
        f"{name}: {cause}; check that the database can be reached and written, or name another --store"
    )
