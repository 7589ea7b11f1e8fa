"""The desks at which CI systems issue identities for their jobs, on a port of this machine."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from providers.azure.oidc import Answer, Issuer


class Desk(BaseHTTPRequestHandler):
    """Both systems' desks for identities: each answers a request as its own documentation says, or as it is told."""

    server: Any

    def _answer(self, name: str) -> None:
        said = self.server
        path = urlsplit(self.path)
        said.asked.append((self.command, dict(parse_qsl(path.query)), dict(self.headers)))
        status = said.status
        if self.headers["Authorization"] != "Bearer job-t0ken" and status == 200:
            status = 401
        body = said.body if said.body is not None else json.dumps({name: f"assertion-{len(said.asked)}"}).encode()
        self.send_response(status)
        for key, value in said.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer("value")

    def do_POST(self) -> None:
        self._answer("oidcToken")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Office(ThreadingHTTPServer):
    """The desk on a free port of this machine; `status`, `headers` and `body` are what it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.asked: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.status, self.headers, self.body = 200, dict[str, str](), None

    def open(self, issuer: Issuer) -> Answer:
        """Send an issuer's request here instead of to its own host."""
        parts = urlsplit(issuer.url)
        url = f"http://127.0.0.1:{self.server_port}{parts.path}?{parts.query}"
        with requests.Session() as session:
            session.trust_env = False
            got = session.request(issuer.method, url, headers=dict(issuer.headers), timeout=5, allow_redirects=False)
            return Answer(got.status_code, got.headers, got.content)
