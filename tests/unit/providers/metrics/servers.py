"""Sources of counts on this machine: a server that says what it is told to, and a small Prometheus without scrapes."""

from __future__ import annotations

import http.server
import json
import math
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Got:
    """One request as it arrived; `asked` are the parameters of its URL or its form."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def asked(self) -> dict[str, str]:
        form = self.body.decode() if "form" in self.headers.get("Content-Type", "") else ""
        return dict(parse_qsl(f"{urlsplit(self.path).query}&{form}"))


@dataclass
class Say:
    """One answer; without `date` it does not tell its time. `chunks` come one after the other, each after a wait."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    date: str | None = None
    raw: bytes | None = None
    chunks: Iterator[bytes] | None = None


@dataclass
class Server:
    """A server that keeps what it gets; `decide` may be changed at any time. `clients` counts connections."""

    url: str
    decide: Callable[[Got], Say]
    got: list[Got] = field(default_factory=list)
    clients: int = 0
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(decide: Callable[[Got], Say], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve on a free port of this machine until the block ends."""
    made = Server("", decide)
    listening = _Listening(made, tls)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.closing.set()
        listening.shutdown()
        listening.server_close()
        thread.join()
        for client in listening.open_ones:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


class _Listening(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, made: Server, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.made, self.tls = made, tls
        self.open_ones: list[socket.socket] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error of the server's."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.made.clients += 1
        with request if self.tls is None else self.tls.wrap_socket(request, server_side=True) as talking:
            self.open_ones.append(talking)
            super().finish_request(talking, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # In one piece: a body that follows its head alone waits for the client's acknowledgement.
    wbufsize = -1
    server: _Listening

    def do_GET(self) -> None:
        made = self.server.made
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        got = Got(self.command, self.path, dict(self.headers.items()), body)
        made.got.append(got)
        say = made.decide(got)
        if say.raw is not None:
            self.wfile.write(say.raw)
            self.close_connection = True
            return
        plain = say.body if isinstance(say.body, bytes | str) else json.dumps(say.body)
        text = plain.encode() if isinstance(plain, str) else plain
        self.send_response_only(say.status)
        dated = {"Date": say.date} if say.date is not None else {}
        length = {"Content-Length": str(len(text))} if say.chunks is None else {"Connection": "close"}
        for name, value in {**length, **dated, **say.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if say.chunks is None:
            self.wfile.write(text)
            return
        for chunk in say.chunks:
            self.wfile.write(chunk)
            self.wfile.flush()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


Value = Callable[[float], float | str | None]
"""A series' value at a time (seconds since 1970); None where it has none."""


@dataclass
class Data:
    """What a small Prometheus knows: by the text of a query, its series' labels and values."""

    series: dict[str, list[tuple[dict[str, str], Value]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    date: str | None = None

    def one(self, query: str, value: Value) -> None:
        """Let a query give one series without labels."""
        self.series[query] = [({}, value)]

    def decide(self, got: Got) -> Say:
        """Answer as the HTTP API does."""
        asked, found = got.asked, self.series.get(got.asked["query"], [])
        if urlsplit(got.path).path.endswith("/api/v1/query"):
            at = float(asked["time"])
            known = [
                {"metric": labels, "value": [at, _text(value(at))]} for labels, value in found if value(at) is not None
            ]
            return self._say("vector", known)
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        times = [start + number * step for number in range(int((end - start) / step) + 1)]
        result = []
        for labels, value in found:
            values = [[at, _text(value(at))] for at in times if value(at) is not None]
            if values:
                result.append({"metric": labels, "values": values})
        return self._say("matrix", result)

    def _say(self, kind: str, result: list[Any]) -> Say:
        body: dict[str, Any] = {"status": "success", "data": {"resultType": kind, "result": result}}
        return Say(body={**body, **({"warnings": self.warnings} if self.warnings else {})}, date=self.date)


def error(status: int, kind: str, message: str) -> Callable[[Got], Say]:
    """Answer every request with an error of Prometheus."""
    return lambda _got: Say(status, {"status": "error", "errorType": kind, "error": message})


def http_date(when: datetime) -> str:
    """A time as HTTP's Date header has it."""
    return when.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def _text(value: float | str | None) -> str:
    if not isinstance(value, float | int):
        return str(value)
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else repr(value)
