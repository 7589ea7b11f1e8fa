"""What no server can make us do: wait longer than was said, or read more than was said."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.unit.watchers.fakes import reply, served
from watchers.errors import Malformed, Unreachable
from watchers.transport import HttpTransport

FAST = 0.4
Script = Callable[[socket.socket, threading.Event], None]


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[int]:
    """A server that takes one connection and leaves it to a function until it returns or the test is over."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def run() -> None:
        with contextlib.suppress(OSError), server:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                script(connection, over)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        over.set()
        thread.join()


def dripping(*parts: bytes) -> Script:
    def script(connection: socket.socket, over: threading.Event) -> None:
        for part in parts:
            for byte in part:
                if over.wait(0.02):
                    return
                connection.sendall(bytes([byte]))

    return script


def pouring(first: bytes, again: bytes) -> Script:
    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(first)
        while not over.is_set():
            connection.sendall(again)

    return script


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "script",
    [
        dripping(b"HTTP/1.1 200 " + b"O" * 400),
        dripping(HEAD, b"X-Slow: yes\r\n" * 40),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 40),
        dripping(HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 40),
        dripping(HEAD, b"Content-Length: 400\r\n\r\n", b"x" * 400),
    ],
    ids=["status", "headers", "interim answers", "chunks", "body"],
)
def test_an_answer_that_drips_in_is_given_up_when_its_time_is_over(script: Script) -> None:
    with scripted(script) as port:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"no complete answer within 0\.4 s"):
            HttpTransport(FAST).send("GET", f"http://127.0.0.1:{port}/", {}, most=1000)
        # Dripping to its end would take twenty times as long.
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "script",
    [
        pouring(b"HTTP/1.1 200 ", b"O" * 1000),
        pouring(HEAD, b"X-Long: " + b"a" * 1000 + b"\r\n"),
        pouring(HEAD + b"X-Long: ", b"a" * 1000),
        pouring(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    ],
    ids=["status", "headers", "one header", "interim answers"],
)
def test_a_head_without_an_end_is_cut_off(script: Script) -> None:
    with scripted(script) as port, pytest.raises(Malformed):
        HttpTransport(10).send("GET", f"http://127.0.0.1:{port}/", {}, most=1000)


def test_a_head_without_an_end_is_named_as_that() -> None:
    script = pouring(HEAD, b"X-Long: " + b"a" * 1000 + b"\r\n")
    with scripted(script) as port, pytest.raises(Malformed, match=f"127.0.0.1:{port}: a head of more than 65536 bytes"):
        HttpTransport(10).send("GET", f"http://127.0.0.1:{port}/", {}, most=1000)


def test_a_proxy_that_drips_its_answer_is_given_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(dripping(HEAD, b"X-Slow: yes\r\n" * 40)) as port:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "")
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"contoso\.example: no complete answer within 0\.4 s"):
            HttpTransport(FAST).send("GET", "https://contoso.example/v2/", {}, most=99)
        assert time.monotonic() - began < 5


def test_a_connection_that_was_used_up_to_its_limits_serves_the_next_question_as_well() -> None:
    transport = HttpTransport(5)
    with served(lambda door: reply(door, 200, {"X-Long": "a" * 60_000}, b"b" * 200_000)) as port:
        for _ in range(3):
            answer = transport.send("GET", f"http://127.0.0.1:{port}/x", {}, most=200_000)
            assert (len(answer.body), len(answer.headers["X-Long"])) == (200_000, 60_000)
        transport.close()


@pytest.mark.parametrize(("asked", "sent"), [("", "/"), ("/", "/"), ("/a?b=c", "/a?b=c"), ("?b=c", "/?b=c")])
@pytest.mark.parametrize("fragment", ["", "#part"])
def test_what_is_asked_for_is_the_path_and_query_and_never_the_fragment(asked: str, sent: str, fragment: str) -> None:
    paths: list[str] = []

    def answer(door: object) -> None:
        paths.append(door.path)  # type: ignore[attr-defined]
        reply(door, 200, {})  # type: ignore[arg-type]

    transport = HttpTransport(5)
    with served(answer) as port:
        found = transport.send("GET", f"http://127.0.0.1:{port}{asked}{fragment}", {}, most=9)
        transport.close()
    assert paths == [sent]
    assert found.address == f"http://127.0.0.1:{port}{sent}"
