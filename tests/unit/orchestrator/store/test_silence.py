"""A PostgreSQL that takes connections and falls silent: every question ends, within less than a lease's time."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import cast
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from orchestrator.lease import LEASE_SECONDS
from orchestrator.store import database, opening
from orchestrator.store.database import ANSWER_SECONDS
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.opening import CONNECT_SECONDS, open_store
from tests.conformance.stores import postgresql


class Wire:
    """Carries what two ends say to each other; while `cut`, it takes all there is and delivers nothing."""

    def __init__(self, port: int) -> None:
        self.cut = threading.Event()
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _carry(self) -> None:
        ends: dict[socket.socket, socket.socket] = {}
        with closing(self._listening), selectors.DefaultSelector() as eyes:
            eyes.register(self._listening, selectors.EVENT_READ)
            while not self._stopped.is_set():
                for key, _ in eyes.select(0.05):
                    if key.fileobj is self._listening:
                        here, there = self._listening.accept()[0], socket.create_connection(("127.0.0.1", self._server))
                        ends |= {here: there, there: here}
                        for end in (here, there):
                            eyes.register(end, selectors.EVENT_READ)
                        continue
                    end, said = cast("socket.socket", key.fileobj), b""
                    with suppress(OSError):
                        said = end.recv(65536)
                    if not said:
                        eyes.unregister(end)
                        with suppress(OSError):
                            ends[end].shutdown(socket.SHUT_WR)
                    elif not self.cut.is_set():
                        ends[end].sendall(said)
            for end in ends:
                end.close()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def wire(server: str) -> Iterator[Wire]:
    port = urlsplit(server).port
    assert port is not None
    made = Wire(port)
    try:
        yield made
    finally:
        made.close()


def test_all_limits_together_are_less_than_a_lease() -> None:
    assert ANSWER_SECONDS + CONNECT_SECONDS < LEASE_SECONDS
    limits = opening.LIMITS
    assert float(limits["connect_timeout"]) == CONNECT_SECONDS
    idle, interval, count = (int(limits[f"keepalives_{name}"]) for name in ("idle", "interval", "count"))
    assert idle + interval * count < ANSWER_SECONDS
    assert int(limits["tcp_user_timeout"]) / 1000 < ANSWER_SECONDS


def test_a_store_that_falls_silent_is_unavailable_and_is_there_again_when_it_answers(
    wire: Wire, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWER_SECONDS", 0.3)
    monkeypatch.setitem(opening.LIMITS, "connect_timeout", "2")
    with closing(open_store(f"postgresql://test@127.0.0.1:{wire.port}/postgres")) as store:
        assert store.next_number("shop") == 1
        wire.cut.set()
        with pytest.raises(StoreUnavailable):
            store.next_number("shop")
        wire.cut.clear()
        assert store.next_number("shop") == 2
        # While it is in use, too.
        with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 s"), store.database.read() as connection:
            wire.cut.set()
            connection.scalar(text("SELECT 1"))
        wire.cut.clear()
        assert store.next_number("shop") == 3


def test_a_statement_that_takes_too_long_is_cancelled_and_the_store_unavailable(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(opening.LIMITS, "options", "-c statement_timeout=50ms")
    with (
        closing(open_store(server)) as store,
        pytest.raises(StoreUnavailable, match="statement timeout"),
        store.database.read() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(60)"))


def test_what_the_url_asks_of_the_server_is_added_to_the_limits(server: str) -> None:
    url = f"{server}?options=-c%20lock_timeout%3D7s%20-c%20work_mem%3D8MB&connect_timeout=3"
    with closing(open_store(url)) as store, store.database.read() as connection:
        shown = {name: connection.scalar(text(f"SHOW {name}")) for name in ("lock_timeout", "work_mem")}
        assert shown == {"lock_timeout": "7s", "work_mem": "8MB"}
        assert connection.scalar(text("SHOW statement_timeout")) == "8s"
