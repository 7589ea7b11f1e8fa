"""Clients that ask and never read: they are cut off in time, keep nobody out, and do not hold up the end."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aiohttp import web

from orchestrator.http.answers import answer
from orchestrator.http.guard import Guard
from orchestrator.http.server import STOPPING, Limits, Server
from tests.unit.orchestrator.http.serving import PATIENCE_SECONDS, Client, is_closed, read_answer, serving

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Sent:
    """How many large answers have been begun."""

    def __init__(self) -> None:
        self.count = 0

    async def large(self, _request: web.Request) -> web.Response:
        self.count += 1
        return web.Response(body=b"x" * (16 * 1024 * 1024))

    async def fine(self, _request: web.Request) -> web.Response:
        return answer({"fine": True})

    async def waits(self, request: web.Request) -> web.Response:
        self.count += 1
        await request.app[STOPPING].wait()
        return answer({})

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.fine),
            web.get("/healthz", self.fine),
            web.get("/large", self.large),
            web.get("/waits", self.waits),
        ]

    def wait_for(self, count: int) -> None:
        ends = time.monotonic() + PATIENCE_SECONDS
        while self.count < count:
            assert time.monotonic() < ends, f"{self.count} of {count} were begun"
            time.sleep(0.005)


@contextmanager
def never_reading(client: Client, count: int, asking: bytes) -> Iterator[list[socket.socket]]:
    """So many clients with a small buffer, each of which asks and reads nothing."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect((client.host, client.port))
            connection.sendall(asking)
            opened.append(connection)
        yield opened


def answered(connection: socket.socket) -> bool:
    """Whether anything comes within a moment, be it only that the server hangs up."""
    connection.settimeout(0.1)
    try:
        connection.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def healthy(client: Client) -> bool:
    """Ask as a prober does: one of those who come all at once may be told to come back."""
    return any(client.ask("GET", "/healthz").status == 200 for _ in range(3))


def open_files() -> int:
    """Count the open files of this process, which clients and server share."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def drained(connection: socket.socket) -> int:
    """Read until the server hangs up; returns how many bytes came."""
    count = 0
    try:
        while received := connection.recv(1 << 20):
            count += len(received)
    except ConnectionError:
        return count
    return count


@pytest.mark.parametrize("asking", [LARGE, LARGE * 50, LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
def test_an_answer_that_is_not_read_is_broken_off_in_time(asking: bytes) -> None:
    sent = Sent()
    with serving(sent.routes(), limits=Limits(send_seconds=0.2)) as client, never_reading(client, 1, asking) as (it,):
        sent.wait_for(1)
        time.sleep(0.4)
        assert drained(it) < 16 * 1024 * 1024
    assert sent.count == 1


@pytest.mark.parametrize("headers", [b"", b"Connection: close\r\n"])
def test_what_is_left_of_a_small_answer_does_not_keep_a_socket_open_either(headers: bytes) -> None:
    size = 48 * 1024

    async def small(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        return web.Response(body=b"x" * size)

    asking = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + headers + b"\r\n"
    with (
        serving([web.get("/", small)], limits=Limits(send_seconds=0.2)) as client,
        never_reading(client, 1, asking) as (it,),
    ):
        time.sleep(0.5)
        assert drained(it) < size


def test_those_who_come_all_at_once_get_no_more_places_than_there_are() -> None:
    entered, go_on = threading.Event(), threading.Event()

    async def holds_up_everybody(_request: web.Request) -> web.Response:
        entered.set()
        go_on.wait(PATIENCE_SECONDS)
        return answer({})

    limits, clients = Limits(connections=4, spare=2), 20
    with serving([web.get("/", holds_up_everybody)], limits=limits) as client, client.connect() as first:
        first.sendall(GET)
        assert entered.wait(PATIENCE_SECONDS)
        with never_reading(client, clients, b"") as waiting:
            go_on.set()
            assert read_answer(first).status == 200
            told = [connection for connection in waiting if answered(connection)]
    assert len(told) >= clients - 6


def test_an_answer_that_is_read_slowly_and_within_its_time_arrives_whole() -> None:
    sent = Sent()
    with serving(sent.routes(), limits=Limits(send_seconds=60.0)) as client, client.connect() as connection:
        connection.sendall(LARGE)
        sent.wait_for(1)
        time.sleep(0.2)
        assert len(read_answer(connection).body) == 16 * 1024 * 1024


def test_those_who_do_not_read_give_way_to_one_who_does_the_longest_first() -> None:
    sent = Sent()
    limits = Limits(connections=3, spare=0, patient_seconds=0.0)
    with serving(sent.routes(), limits=limits) as client, never_reading(client, 3, LARGE * 20) as deaf:
        sent.wait_for(3)
        assert client.ask("GET", "/").status == 200
        assert drained(deaf[0]) < 16 * 1024 * 1024
        assert client.ask("GET", "/").status == 200


def test_health_is_told_in_places_of_its_own_while_all_others_are_taken() -> None:
    sent = Sent()
    with serving(sent.routes(), limits=Limits(connections=2, spare=2)) as client, ExitStack() as stack:
        for number in (1, 2):
            stack.enter_context(client.connect()).sendall(b"GET /waits HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sent.wait_for(number)
        for _ in range(5):
            found = client.ask("GET", "/healthz")
            assert (found.status, found.headers["Connection"]) == (200, "close")
            crowded = client.ask("GET", "/")
            assert (crowded.status, crowded.code, crowded.headers["Retry-After"]) == (503, "full", "1")
        silent = []
        for _ in range(4):
            silent.append(stack.enter_context(client.connect()))
            assert healthy(client)
        assert is_closed(silent[0])


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
@pytest.mark.parametrize("asking", [LARGE * 5, GET * 500, b"GET / HTTP/1.1\r\n"])
def test_however_many_come_who_do_not_read_no_more_sockets_are_open_than_there_are_places(asking: bytes) -> None:
    limits, clients = Limits(connections=4, spare=2, patient_seconds=0.0), 20
    with serving(Sent().routes(), limits=limits) as client:
        before = open_files()
        with never_reading(client, clients, asking):
            ends = time.monotonic() + PATIENCE_SECONDS
            while (opened := open_files() - before - clients) > 6:
                assert time.monotonic() < ends, f"{opened} sockets are open"
                time.sleep(0.01)
            assert healthy(client)


@pytest.mark.parametrize("asking", [LARGE * 50, GET * 3000])
def test_a_server_stops_in_its_time_though_clients_do_not_read(asking: bytes) -> None:
    sent = Sent()
    server = Server("127.0.0.1:0", sent.routes(), guard=Guard())
    client = Client(*server.start())
    with never_reading(client, 3, asking) as deaf:
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop, args=(0.2,), daemon=True)
        stopping.start()
        stopping.join(PATIENCE_SECONDS)
        assert not stopping.is_alive()
        for connection in deaf:
            drained(connection)
