"""A registry that answers each repository in a wrong way of its own, on a real socket of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Reply = tuple[int, dict[str, str], bytes]


def _refused(status: int, code: str, **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": f"made to say {status}"}]}).encode()
    return status, {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}, body


def _tags(*tags: str) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps({"name": "x", "tags": list(tags)}).encode()


def _soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)


WAYS: dict[str, Callable[[], Reply]] = {
    "unauthorized": lambda: _refused(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="crooked"'),
    "forbidden": lambda: _refused(403, "DENIED"),
    "nowhere": lambda: _refused(404, "NAME_UNKNOWN"),
    "busy": lambda: _refused(429, "TOOMANYREQUESTS"),
    "busy-brief": lambda: _refused(429, "TOOMANYREQUESTS", Retry_After="0.2"),
    "busy-dated": lambda: _refused(429, "TOOMANYREQUESTS", Retry_After=_soon()),
    "truncated": lambda: (200, {"Content-Type": "application/json"}, b'{"name": "x", "tags": ["1.0.0", "1.'),
    "wrong-shape": lambda: (200, {"Content-Type": "application/json"}, b'{"name": "x", "tags": "1.0.0"}'),
    "broken": lambda: _refused(500, "UNKNOWN"),
    "junk": lambda: _tags(*(f"junk-{number:05d}" for number in range(10_000))),
    "lookalikes": lambda: _tags("1.0", "v1", "01.2.3", "1.2.3.4", "latest", "1.2.3-", "1.2.x"),
    "catastrophic": lambda: _tags("a" * 127 + "!", "a" * 128),
}
"""How each repository answers a question for its tags, by name."""


class CrookedRegistry:
    """Serves `WAYS` below /v2/<name>/ until the block ends."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def host(self) -> str:
        """The registry's name in an image reference."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.split("/")[2] if self.path.startswith("/v2/") else ""
        status, headers, body = WAYS[name]() if name in WAYS else _refused(404, "NOT_FOUND")
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""
