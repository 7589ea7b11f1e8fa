"""How a tenant's keys come over HTTP: within one limit of bytes and time, and from nowhere else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.http import entra as module
from orchestrator.http.entra import fetched
from watchers.errors import Malformed, Unreachable

KEYS = b'{"keys": []}'


@contextmanager
def standing_at(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[str]:
    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Says)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_keys_are_read_over_http_and_anything_but_an_answer_of_their_size_is_refused() -> None:
    with standing_at(200, KEYS) as address:
        assert fetched(address) == KEYS
    with standing_at(302, b"", {"Location": "http://127.0.0.1:1/"}) as address, pytest.raises(ValueError, match="302"):
        fetched(address)
    with (
        standing_at(200, b"x" * (2 * 1024 * 1024)) as address,
        pytest.raises(Malformed, match="more than 1048576 bytes"),
    ):
        fetched(address)
    with pytest.raises(Unreachable):
        fetched("http://127.0.0.1:1/")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_keys_that_drip_in_are_given_up_when_the_time_for_all_of_them_is_over(
    head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_FETCH_SECONDS", 0.3)
    given_up = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(ConnectionError):
            connection.sendall(head)
            while not given_up.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        dripping = threading.Thread(target=drip, args=(listening,))
        dripping.start()
        timer = threading.Timer(10.0, given_up.set)
        timer.start()
        try:
            with pytest.raises(Unreachable, match=r"within 0\.3 s"):
                fetched(f"http://127.0.0.1:{listening.getsockname()[1]}/keys")
            assert not given_up.is_set()
        finally:
            given_up.set()
            timer.cancel()
            timer.join()
            dripping.join()
