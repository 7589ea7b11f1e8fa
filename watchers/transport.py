"""HTTP to a registry by the standard library: kept connections, one time limit per exchange, bounded bodies."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol
from urllib.parse import unquote, urlsplit

from watchers.addresses import is_loopback
from watchers.errors import Malformed, Unreachable

_IDLE_CONNECTIONS = 4
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """One response, read to its end; `address` is where it came from. Its repr shows neither headers nor body."""

    status: int
    address: str = field(repr=False)
    headers: Message = field(default_factory=Message, repr=False)
    body: bytes = field(default=b"", repr=False)


class Transport(Protocol):
    """Carries requests; redirects and refusals are answers, not errors."""

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int
    ) -> Answer:
        """Send one request that may safely be sent twice, and read at most `most` bytes of its answer.

        Raises Unreachable when there is no answer, Malformed when it is larger than that or ends too early.
        """
        ...

    def close(self) -> None:
        """Close what is open; it may be used again."""
        ...


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    address: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    most: int

    @property
    def origin(self) -> tuple[str, str]:
        parts = urlsplit(self.address)
        return parts.scheme, parts.netloc

    @property
    def target(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


class HttpTransport:
    """Connections kept open per host, shared by all threads; `timeout_seconds` limits each exchange as a whole.

    Proxies come from the environment (HTTPS_PROXY, NO_PROXY), trusted certificates from SSL_CERT_FILE or the system.
    """

    def __init__(self, timeout_seconds: float = 10.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int
    ) -> Answer:
        """Send one request and read its answer; see `Transport.send`."""
        question = _Question(method, address, headers, body, most)
        kept = self._take(question.origin)
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, question)
                except ConnectionError:
                    # A kept connection that the other end has closed meanwhile says nothing about the registry.
                    kept.close()
            return self._exchange(self._connect(question.origin), question)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(question.origin[1], error, self._timeout_seconds) from error

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, question: _Question) -> Answer:
        deadline = self._monotonic() + self._timeout_seconds
        reusable = False
        try:
            if connection.sock is not None:
                connection.sock.settimeout(self._timeout_seconds)
            headers = {"User-Agent": "rollout", **question.headers}
            connection.request(question.method, question.target, question.body, headers)
            # The response takes the socket over when the connection will close: only here is it still to be had.
            wire = connection.sock
            response = connection.getresponse()
            content = self._read(response, wire, deadline, question)
            reusable = not response.will_close
            return Answer(response.status, question.address, response.headers, content)
        finally:
            if reusable:
                self._keep(question.origin, connection)
            else:
                connection.close()

    def _read(
        self, response: http.client.HTTPResponse, wire: socket.socket | None, deadline: float, question: _Question
    ) -> bytes:
        content = bytearray()
        while not response.isclosed():
            rest = deadline - self._monotonic()
            if rest <= 0:
                raise TimeoutError
            if wire is not None:
                wire.settimeout(rest)
            chunk = response.read1(_CHUNK)
            content += chunk
            if len(content) > question.most:
                raise Malformed(f"{question.origin[1]}: more than {question.most} bytes", "expected a smaller answer")
            if not chunk:
                break
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Read by pieces it does not always close by itself, and the connection then takes no further question.
        response.close()
        return bytes(content)

    def _take(self, origin: tuple[str, str]) -> http.client.HTTPConnection | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None

    def _keep(self, origin: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < _IDLE_CONNECTIONS:
                idle.append(connection)
                return
        connection.close()

    def _connect(self, origin: tuple[str, str]) -> http.client.HTTPConnection:
        scheme, netloc = origin
        parts = urlsplit(f"{scheme}://{netloc}")
        host, port = parts.hostname or "", parts.port
        if scheme == "http":
            return http.client.HTTPConnection(host, port or 80, timeout=self._timeout_seconds)
        if self._context is None:
            self._context = ssl.create_default_context()
        proxy = None if is_loopback(host) else _proxy_for(host)
        if proxy is None:
            return http.client.HTTPSConnection(host, port or 443, timeout=self._timeout_seconds, context=self._context)
        way = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        connection = http.client.HTTPSConnection(
            way.hostname or "", way.port or 80, timeout=self._timeout_seconds, context=self._context
        )
        connection.set_tunnel(host, port or 443, _proxy_headers(way.username, way.password))
        return connection


def _proxy_for(host: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    return None if proxy_bypass(host) else getproxies().get("https")


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _failure(host: str, error: Exception, timeout_seconds: float) -> Unreachable | Malformed:
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = "name the file of the authority that issued it in SSL_CERT_FILE, or mend the registry's certificate"
        return Unreachable(f"{host}: its certificate is not trusted ({error.verify_message})", remedy, passing=False)
    if isinstance(error, ssl.SSLError):
        return Unreachable(f"{host}: no TLS connection ({error.reason or 'handshake failed'})", "expected TLS there")
    if isinstance(error, socket.gaierror):
        lasting = error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
        return Unreachable(f"{host}: no such host in DNS", "check the registry's name", passing=not lasting)
    if isinstance(error, TimeoutError):
        return Unreachable(
            f"{host}: no complete answer within {timeout_seconds:g} s", "check the network and the registry"
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"{host}: connection refused", "check the registry's name and port, and that it runs")
    if isinstance(error, http.client.RemoteDisconnected):
        return Unreachable(f"{host}: closed the connection without an answer", "check that it is a registry")
    if isinstance(error, http.client.IncompleteRead):
        return Malformed(f"{host}: its answer was cut off", "try again", passing=True)
    if isinstance(error, http.client.HTTPException):
        return Malformed(
            f"{host}: does not answer in HTTP ({type(error).__name__})", "check the registry's name and port"
        )
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return Unreachable(f"{host}: cannot be reached ({why})", "check the network, the proxy and the registry's name")
