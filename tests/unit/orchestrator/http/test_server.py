"""The one HTTP server: whatever it is sent it answers in one shape, and it stops without leaving anything."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.answers import SAFE_HEADERS, Refusal, answer
from orchestrator.http.guard import Guard
from orchestrator.http.server import STOPPING, Limits, Server
from tests.unit.orchestrator.http.serving import Client, Lines, is_closed, read_answer, serving

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def fine(_request: web.Request) -> web.Response:
    return answer({"fine": True})


async def broken(_request: web.Request) -> web.Response:
    raise KeyError("the secret hunter2")


async def refusing(_request: web.Request) -> web.Response:
    raise Refusal(409, "busy", "another one is at it", {"Retry-After": "3"})


async def slow(_request: web.Request) -> web.Response:
    raise TimeoutError


ROUTES = [web.get("/", fine), web.get("/broken", broken), web.get("/refusing", refusing), web.get("/slow", slow)]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, "notFound"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405, "methodNotAllowed"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", 417, "expectationFailed"),
        (b"GET /refusing HTTP/1.1\r\nHost: a\r\n\r\n", 409, "busy"),
        (b"GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", 500, "internal"),
        (b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", 500, "internal"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "badRequest"),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 404, "notFound"),
        (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 404, "notFound"),
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 404, "notFound"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "badRequest"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400, "badRequest"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, "badRequest"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 400, "badRequest"),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(500)) + b"\r\n",
            400,
            "badRequest",
        ),
    ],
)
def test_every_refusal_is_json_with_a_code_and_safe_headers(sent: bytes, status: int, code: str) -> None:
    with serving(ROUTES) as client:
        found = client.raw(sent)
    assert (found.status, found.code) == (status, code)
    assert found.document["error"]["message"]
    assert {name: found.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS
    assert found.headers["Content-Type"].startswith("application/json")


def test_whatever_bytes_arrive_they_are_answered_or_hung_up_on_and_the_next_client_is_served() -> None:
    pieces = [
        b"GET ",
        b"/ ",
        b"HTTP/1.1",
        b"\r\n",
        b"Host: a",
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"\0",
    ]

    with serving(ROUTES) as client:

        @given(parts=st.lists(st.sampled_from(pieces) | st.binary(max_size=10), max_size=12))
        def check(parts: list[bytes]) -> None:
            with client.connect() as connection:
                connection.sendall(b"".join(parts))
                connection.shutdown(socket.SHUT_WR)
                received = connection.makefile("rb").read()
            assert not received or received.startswith(b"HTTP/1.")
            assert client.ask("GET", "/").status == 200

        check()


def test_a_refusal_keeps_the_headers_that_say_what_to_do() -> None:
    with serving(ROUTES) as client:
        assert client.ask("GET", "/refusing").headers["Retry-After"] == "3"
        assert "GET" in client.ask("DELETE", "/").headers["Allow"]


def test_a_mistake_of_ours_is_logged_by_place_and_neither_answer_nor_log_repeats_its_text() -> None:
    log = Lines()
    with serving(ROUTES, log=log) as client:
        found = client.ask("GET", "/broken?token=hunter2")
    [(event, keys)] = log.said
    assert (event, keys["error"], keys["path"]) == ("request_failed", "KeyError", "/broken")
    assert "test_server.py" in str(keys["place"])
    assert "hunter2" not in f"{found.body!r}{found.headers}{log.said}"


def test_good_answers_have_safe_headers_too_and_connections_are_kept() -> None:
    with serving(ROUTES) as client, client.connect() as connection:
        for _ in range(3):
            connection.sendall(GET)
            found = read_answer(connection)
            assert (found.status, found.document) == (200, {"fine": True})
            assert found.headers["X-Content-Type-Options"] == "nosniff"


def test_an_answer_in_hand_is_finished_before_the_server_stops_and_nobody_else_is_let_in() -> None:
    entered, go_on = threading.Event(), threading.Event()

    async def in_hand(_request: web.Request) -> web.Response:
        entered.set()
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait, 10)
        return answer({"finished": True})

    server = Server("127.0.0.1:0", [web.get("/", in_hand)], guard=Guard())
    client = Client(*server.start())
    with client.connect() as idle, client.connect() as busy:
        busy.sendall(GET)
        assert entered.wait(10)
        stopping = threading.Thread(target=server.stop, args=(10.0,))
        stopping.start()
        assert is_closed(idle)
        with pytest.raises(OSError):
            client.connect().close()
        go_on.set()
        assert read_answer(busy).document == {"finished": True}
        stopping.join(10)
    assert not stopping.is_alive()


def test_an_answer_that_takes_longer_than_the_grace_is_cut_off() -> None:
    entered, cancelled = threading.Event(), threading.Event()

    async def endless(_request: web.Request) -> web.Response:
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return answer({})

    server = Server("127.0.0.1:0", [web.get("/", endless)], guard=Guard())
    client = Client(*server.start())
    with client.connect() as connection:
        connection.sendall(GET)
        assert entered.wait(10)
        server.stop(0.0)
        assert is_closed(connection)
    assert cancelled.is_set()


def test_an_answer_that_waits_for_news_ends_when_the_server_stops() -> None:
    entered = threading.Event()

    async def waits(request: web.Request) -> web.Response:
        entered.set()
        await request.app[STOPPING].wait()
        return answer({"news": []})

    server = Server("127.0.0.1:0", [web.get("/", waits)], guard=Guard())
    client = Client(*server.start())
    with client.connect() as connection:
        connection.sendall(GET)
        assert entered.wait(10)
        server.stop(30.0)
        assert read_answer(connection).document == {"news": []}


def test_a_server_can_be_stopped_twice_and_started_again() -> None:
    server = Server("127.0.0.1:0", ROUTES, guard=Guard())
    for _ in range(2):
        client = Client(*server.start())
        assert client.ask("GET", "/").status == 200
        server.stop()
        server.stop()
    assert "rollout-http" not in {thread.name for thread in threading.enumerate()}


def test_connections_that_arrive_while_it_stops_are_not_leaked() -> None:
    server = Server("127.0.0.1:0", ROUTES, guard=Guard())
    client = Client(*server.start())
    arriving = [client.connect() for _ in range(20)]
    server.stop(0.0)
    assert all(is_closed(connection) for connection in arriving)
    for connection in arriving:
        connection.close()


def test_one_connection_too_many_is_told_so_while_all_others_are_being_answered() -> None:
    entered = threading.Semaphore(0)

    async def waits(request: web.Request) -> web.Response:
        entered.release()
        await request.app[STOPPING].wait()
        return answer({})

    with serving([web.get("/", waits)], limits=Limits(connections=2, spare=0)) as client:
        busy = [client.connect() for _ in range(2)]
        for connection in busy:
            connection.sendall(GET)
            assert entered.acquire(timeout=10)
        with client.connect() as third:
            found = read_answer(third)
        assert (found.status, found.code, found.headers["Retry-After"]) == (503, "full", "1")
    for connection in busy:
        assert read_answer(connection).status == 200
        connection.close()


def test_connections_that_ask_nothing_give_way_to_one_that_does_the_oldest_first() -> None:
    with serving(ROUTES, limits=Limits(connections=3)) as client:
        silent = [client.connect() for _ in range(3)]
        for _ in range(2):
            # Who comes in the same instant as all of them is told to come back.
            assert any(client.ask("GET", "/").status == 200 for _ in range(3))
        assert is_closed(silent[0])
        silent[2].sendall(GET)
        assert read_answer(silent[2]).status == 200
        for connection in silent:
            connection.close()


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_client_that_says_nothing_or_never_finishes_its_head_is_cut_off(begun: bytes) -> None:
    with serving(ROUTES, limits=Limits(idle_seconds=0.2)) as client, client.connect() as connection:
        connection.sendall(begun)
        assert is_closed(connection)


def test_a_head_that_drips_in_is_cut_off_as_well() -> None:
    with serving(ROUTES, limits=Limits(idle_seconds=0.2)) as client, client.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
        connection.settimeout(0.02)
        received = None
        for _ in range(500):
            try:
                connection.sendall(b"a")
                received = connection.recv(100)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                received = b""
                break
    assert received == b""


def test_a_large_answer_is_sent_to_its_end_while_the_server_stops() -> None:
    entered, size = threading.Event(), 8 * 1024 * 1024

    async def large(_request: web.Request) -> web.Response:
        entered.set()
        return web.Response(body=b"x" * size)

    server = Server("127.0.0.1:0", [web.get("/", large)], guard=Guard())
    client = Client(*server.start())
    with client.connect() as connection:
        connection.sendall(GET)
        assert entered.wait(10)
        stopping = threading.Thread(target=server.stop, args=(10.0,))
        stopping.start()
        assert len(read_answer(connection).body) == size
        stopping.join(10)
    assert not stopping.is_alive()
