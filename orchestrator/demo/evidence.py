"""The demo's clients as a source of evidence: an address that is asked what they counted, second by second.

It is a webhook like any other (`gates.metrics[].webhook`): the rollout knows nothing of the demo.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import Any, Self

from providers.emulator.load import LoadGenerator

METRIC = "clients"
"""The name of the source in the demo's manifests."""
SETTLED_SECONDS = 1
"""How old a second must be before it is complete: answers of its last requests have come by then."""


def answer(load: LoadGenerator, stable: str, candidate: str, since: float, now: float) -> dict[str, Any]:
    """What the clients counted of two versions in the complete seconds between two times (seconds since 1970)."""
    counted = load.per_second()
    return {
        "intervals": [
            {
                "since": datetime.fromtimestamp(second, UTC).isoformat(),
                "until": datetime.fromtimestamp(second + 1, UTC).isoformat(),
                "stable": _told(counted.get(second, {}), stable),
                "candidate": _told(counted.get(second, {}), candidate),
            }
            for second in range(ceil(since), int(now - SETTLED_SECONDS))
        ]
    }


def _told(versions: Mapping[str, Any], version: str) -> dict[str, int]:
    found = versions.get(version)
    return {"requests": found.requests, "failures": found.failed} if found else {"requests": 0, "failures": 0}


class ClientCounts:
    """Answers on a free port of this machine, as a `with` block, for one crowd per target.

    `crowds` gives the load of each target, `version` the version that an image's digest stands for.
    """

    def __init__(self, crowds: Callable[[], Mapping[str, LoadGenerator]], version: Callable[[str], str]) -> None:
        self._crowds, self._version = crowds, version
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="counts", daemon=True)

    @property
    def url(self) -> str:
        """The address to ask."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/counts"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_ended: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        load = self._crowds().get(question["target"])
        if load is None:
            return {"intervals": []}
        stable, candidate = (self._version(question[side]["digest"] or "") for side in ("stable", "candidate"))
        since = datetime.fromisoformat(question["since"]).timestamp()
        return answer(load, stable, candidate, since, datetime.now(UTC).timestamp())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        asked = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
                body = json.dumps(asked(question)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_said: object) -> None:
                """Nothing: the demo's own picture is on this terminal."""

        return Handler
