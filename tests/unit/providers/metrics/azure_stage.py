"""A server on this machine that answers as Azure's monitoring does, and the questions that are put to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from providers.azure.clients import Clients
from providers.azure.credentials import Credentials, Endpoint
from providers.ports import Arm, Question
from providers.retry import Retry
from strategies.model import Side
from strategies.seen import Reading, Tally

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
STABLE = Arm(Side.STABLE, "a" * 64, "sha256:aa", ("shop-aaaaaaaa-1-0",), ("shop_west_aaaaaaaa_1_0",))
CANDIDATE = Arm(
    Side.CANDIDATE,
    "b" * 64,
    "sha256:bb",
    ("shop-bbbbbbbb-2-0", "shop-bbbbbbbb-2-1"),
    ("shop_west_bbbbbbbb_2_0", "shop_west_bbbbbbbb_2_1"),
)


def question(
    minutes: float = 5, *, since: datetime = START, step: float = 5.0, leaving: Side | None = None
) -> Question:
    """A question that is put so many minutes after `START`."""
    now = START + timedelta(minutes=minutes)
    return Question("shop", "west", since, now, step, STABLE, CANDIDATE, leaving)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server got it."""

    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


Answer = tuple[int, Any]
"""A status and a body: text as it is, anything else as JSON."""


@dataclass(slots=True)
class Monitor:
    """The server: `answer` says what each call gets, `calls` are those that came."""

    answer: Callable[[Call], Answer]
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[Call], Answer], **retry: Any) -> Iterator[tuple[Monitor, Clients]]:
    """Serve on loopback, with the clients whose cloud this is; they never sleep."""
    monitor = Monitor(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            call = Call(parts.path, asked, json.loads(text) if text else None, dict(self.headers.items()))
            monitor.calls.append(call)
            status, body = monitor.answer(call)
            sent = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            plain = isinstance(body, str) and not body.startswith(("{", "["))
            kinds = {"Content-Type": "text/plain" if plain else "application/json", "Content-Length": str(len(sent))}
            self.send_response(status)
            for name, value in {**kinds, **monitor.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint = Endpoint.parse(f"http://127.0.0.1:{server.server_port}")
    clients = Clients(Credentials(endpoint), Retry(sleep=lambda _: None, **retry))
    try:
        yield monitor, clients
    finally:
        clients.close()
        server.shutdown()
        server.server_close()
        thread.join()


class Identity:
    """A credential that remembers for what it gave tokens."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token_info(self, *scopes: str, **_more: Any) -> Any:
        self.scopes += scopes
        return SimpleNamespace(token="t", expires_on=4_102_444_800, token_type="Bearer", refresh_on=None)


def tally(minute: int, requests: int, failures: int = 0) -> Tally:
    """One minute's counts."""
    start = START + timedelta(minutes=minute)
    return Tally(start, start + timedelta(minutes=1), requests, failures)


def problem(found: Reading) -> str:
    """What a reading says is wrong; it must hold no counts at all, and be worth asking again."""
    assert (found.stable, found.candidate, found.mistaken) == ((), (), False)
    assert found.problem is not None
    return found.problem


def mistake(found: Reading) -> str:
    """What a reading says can never be answered; it must hold no counts at all."""
    assert found.mistaken
    assert (found.stable, found.candidate) == ((), ())
    assert found.problem is not None
    return found.problem


def minutes(*values: Any, aggregation: str = "total", start: datetime = START) -> list[dict[str, Any]]:
    """Points of one series, one a minute; a value of None is a point without any."""
    points = []
    for number, value in enumerate(values):
        point = {"timeStamp": f"{start + timedelta(minutes=number):%Y-%m-%dT%H:%M:%SZ}"}
        points.append(point if value is None else {**point, aggregation: value})
    return points


def metric(*series: list[dict[str, Any]], unit: str = "Count", interval: str = "PT1M", **more: Any) -> dict[str, Any]:
    """An answer about one metric with these series."""
    listed = [{"metadatavalues": _labels(number), "data": points} for number, points in enumerate(series)]
    one = {"name": {"value": "Requests"}, "unit": unit, "timeseries": listed, "errorCode": "Success", **more}
    return {"cost": 0, "timespan": "", "interval": interval, "value": [one]}


def _labels(number: int) -> list[dict[str, Any]]:
    return [{"name": {"value": "status"}, "value": f"{number}xx"}]


def table(*rows: list[Any], columns: tuple[tuple[str, str], ...] | None = None) -> dict[str, Any]:
    """An answer with one table: time, requests and failures unless other columns are given."""
    named = columns or (("TimeGenerated", "datetime"), ("requests", "long"), ("failures", "long"))
    listed = [{"name": name, "type": kind} for name, kind in named]
    return {"tables": [{"name": "PrimaryResult", "columns": listed, "rows": list(rows)}]}


def row(second: float, requests: Any, failed: Any = 0) -> list[Any]:
    """One row: so many seconds after `START`, requests and failures."""
    return [f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%fZ}", requests, failed]


def refusal(code: str, message: str, *inner: tuple[str, str]) -> dict[str, Any]:
    """An error body, each inner error within the one before it."""
    error: dict[str, Any] | None = None
    for each, text in reversed([(code, message), *inner]):
        error = {"code": each, "message": text, **({"innererror": error} if error else {})}
    return {"error": error}
