"""One database, SQLite or PostgreSQL, as two kinds of transaction: those that only read and those that write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 10
ANSWER_SECONDS = 9.0
"""How long a PostgreSQL may leave a question unanswered: longer than it may work on one by its own limits."""
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


def give_up_on_silence(engine: Engine) -> None:
    """Close a PostgreSQL connection on which a question stays unanswered for `ANSWER_SECONDS`, and raise.

    The server's own limits are of no use when it is the one that does not answer, and the kernel's when something on
    the way (a proxy, a frozen host) still takes what is sent. Raises ImportError where the driver is missing.
    """
    import psycopg
    from psycopg.abc import RV, PQGen

    def limited(connection: psycopg.Connection[Any], gen: PQGen[RV]) -> PQGen[RV]:
        give_up = time.monotonic() + ANSWER_SECONDS
        try:
            waits_for = next(gen)
            while True:
                # While nothing comes the driver says so several times a second.
                ready = yield waits_for
                if time.monotonic() > give_up and not ready:
                    connection.close()
                    raise psycopg.OperationalError(f"no answer within {ANSWER_SECONDS:g} s")
                waits_for = gen.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer

    class Impatient(psycopg.Connection[Any]):
        def wait(self, gen: PQGen[RV], *args: Any, **more: Any) -> RV:
            return super().wait(limited(self, gen), *args, **more)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: object, _entry: object, args: list[Any], settings: dict[str, Any]) -> DBAPIConnection:
        return cast("DBAPIConnection", Impatient.connect(*args, **settings))


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
