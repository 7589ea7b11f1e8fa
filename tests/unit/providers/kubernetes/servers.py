"""API servers of this machine that say what they are told to, kubeconfigs that lead to them, and certificates."""

from __future__ import annotations

import base64
import http.server
import json
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import yaml

from providers.kubernetes.client import ClusterApi
from providers.retry import Retry

STAMP = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    user: str = ""


@dataclass
class Say:
    """One answer; `raw` instead of all of it."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


Decide = Callable[[Got], Say]


@dataclass
class Server:
    """A server that records what it gets; `decide` answers, and may be changed at any time."""

    url: str
    decide: Decide
    got: list[Got] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(decide: Decide | None = None, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Server]:
    """Serve on a free port (or `port`) of this machine."""
    made = Server("", decide or (lambda _got: Say()))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            got = Got(self.command, self.path, dict(self.headers.items()), body, str((peer or {}).get("subject", "")))
            made.got.append(got)
            say = made.decide(got)
            if say.raw is not None:
                self.wfile.write(say.raw)
                self.close_connection = True
                return
            text = say.body.encode() if isinstance(say.body, str) else json.dumps(say.body).encode()
            self.send_response(say.status)
            for name, value in {"Content-Length": str(len(text)), **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_one)

    class Listening(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        block_on_close = False
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is no error of the server's."""

        def finish_request(self, request: Any, client_address: Any) -> None:
            with request if tls is None else tls.wrap_socket(request, server_side=True) as talking:
                clients.append(talking)
                super().finish_request(talking, client_address)

    clients: list[socket.socket] = []
    listening = Listening(("127.0.0.1", port), Handler)
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
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def status(code: int, reason: str, message: str = "it is so", **details: Any) -> Say:
    """A Status object as API servers send it with a refusal."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return Say(code, {**body, "message": message, "details": details})


def only(*credentials: str) -> Decide:
    """Let in whoever shows one of these credentials."""
    return lambda got: Say() if got.headers.get("Authorization") in credentials else status(401, "Unauthorized")


def kubeconfig(path: Path, contexts: dict[str, tuple[dict[str, Any], dict[str, Any] | None]]) -> Path:
    """Write a kubeconfig: context name -> (cluster, user)."""
    users = [{"name": f"u-{name}", "user": user} for name, (_, user) in contexts.items() if user is not None]
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": f"c-{name}", "cluster": cluster} for name, (cluster, _) in contexts.items()],
        "users": users,
        "contexts": [
            {"name": name, "context": {"cluster": f"c-{name}", **({} if user is None else {"user": f"u-{name}"})}}
            for name, (_, user) in contexts.items()
        ],
        "current-context": next(iter(contexts), ""),
    }
    path.write_text(yaml.safe_dump(body))
    return path


def api(folder: Path, server: Server, user: dict[str, Any] | None = None, **more: Any) -> ClusterApi:
    """A client of one server through a kubeconfig in `folder` whose only context is `here`."""
    cluster = {"server": server.url, **more.pop("cluster", {})}
    path = kubeconfig(folder / "config", {"here": (cluster, user)})
    return ClusterApi("here", kubeconfig=path, **{"retry": quick(), "now": lambda: STAMP, **more})


def quick(**more: Any) -> Retry:
    """A policy that waits for nothing."""
    return Retry(**{"sleep": lambda _seconds: None, "budget_seconds": 5.0, **more})


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    """A kubeconfig user whose credentials come from a small program."""
    path = folder / "plugin.py"
    path.write_text(script)
    said = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "args": [str(path)], **more}
    return {"exec": said}


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes

    def file(self, folder: Path, name: str) -> Path:
        """Write both into one file."""
        path = folder / f"{name}.pem"
        path.write_bytes(self.certificate + self.key)
        return path


class Authority:
    """A certificate authority of its own."""

    def __init__(self, name: str = "authority") -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), name
        self.certificate = self._sign(self._name, self._key, ca=True)

    @property
    def data(self) -> str:
        """The authority's certificate as a kubeconfig holds it."""
        return base64.b64encode(self.certificate).decode()

    def pair(self, name: str, *hosts: str) -> Pair:
        """Make a certificate for a person or a server."""
        from cryptography.hazmat.primitives import serialization as write
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(write.Encoding.PEM, write.PrivateFormat.PKCS8, write.NoEncryption())
        return Pair(self._sign(name, key, hosts=hosts), pem)

    def server(self, folder: Path, *hosts: str, clients: bool = False) -> ssl.SSLContext:
        """Make the TLS settings of a server, which with `clients` wants to see a certificate of ours."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair("server", *(hosts or ("127.0.0.1",))).file(folder, f"{self._name}-server"))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.certificate.decode())
        return context

    def _sign(self, name: str, key: Any, *, ca: bool = False, hosts: tuple[str, ...] = ()) -> bytes:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.x509.oid import NameOID

        def called(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(called(name))
            .issuer_name(called(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if hosts:
            names: list[x509.GeneralName] = [
                x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
            ]
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
