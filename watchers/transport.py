"""HTTP to a registry by the standard library: kept connections, one time limit per exchange, bounded answers."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from watchers.addresses import is_loopback
from watchers.errors import Malformed, Unreachable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

AGENT = "rollout"
"""How we name ourselves to a registry."""
# Method, target, body and headers, as http.client takes them.
_Question = tuple[str, str, bytes | None, Mapping[str, str]]
_IDLE_CONNECTIONS = 8
_CHUNK = 65536
_MOST_HEAD_BYTES = 65536


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


class HttpTransport:
    """Connections kept open per host, shared by all threads; `timeout_seconds` limits each exchange as a whole.

    Proxies come from the environment (HTTPS_PROXY, NO_PROXY), trusted certificates from SSL_CERT_FILE or the system.
    """

    def __init__(self, timeout_seconds: float = 10.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._idle: dict[str, list[_Line]] = {}
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int
    ) -> Answer:
        """Send one request and read its answer; see `Transport.send`."""
        origin, target = _apart(address)
        question = (method, target, body, headers)
        deadline = self._monotonic() + self._timeout_seconds
        kept = self._take(origin)
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, question, deadline, most)
                except ConnectionError:
                    # A kept connection that the other end has closed meanwhile says nothing about the registry.
                    kept.close()
            return self._exchange(_Line(self._connect(origin), origin, self._monotonic), question, deadline, most)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(origin.partition("://")[2], error, self._timeout_seconds) from error

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for lines in idle.values():
            for line in lines:
                line.close()

    def _exchange(self, line: _Line, question: _Question, deadline: float, most: int) -> Answer:
        reusable = False
        try:
            response, content = line.exchange(question, deadline, most)
            reusable = not response.will_close
            return Answer(response.status, line.origin + question[1], response.headers, content)
        finally:
            if not (reusable and self._keep(line)):
                line.close()

    def _take(self, origin: str) -> _Line | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None

    def _keep(self, line: _Line) -> bool:
        with self._lock:
            idle = self._idle.setdefault(line.origin, [])
            if len(idle) >= _IDLE_CONNECTIONS:
                return False
            idle.append(line)
            return True

    def _connect(self, origin: str) -> http.client.HTTPConnection:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
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


class _Line:
    """One connection to an origin, and how long and how much may be read from it just now."""

    __slots__ = ("_connection", "_monotonic", "deadline", "left", "origin")

    def __init__(self, connection: http.client.HTTPConnection, origin: str, monotonic: Callable[[], float]) -> None:
        self._connection, self.origin, self._monotonic = connection, origin, monotonic
        self.deadline, self.left = 0.0, 0
        # Typed as a class there, and only ever called; a proxy's answer to CONNECT comes through it as well.
        connection.response_class = partial(_Response, self)  # type: ignore[assignment]

    def exchange(self, question: _Question, deadline: float, most: int) -> tuple[http.client.HTTPResponse, bytes]:
        """Send one question and read its answer's head and body, both bounded, until the deadline (monotonic)."""
        self.deadline, self.left = deadline, _MOST_HEAD_BYTES
        connection = self._connection
        if connection.sock is not None:
            connection.sock.settimeout(self.rest())
        connection.request(*question)
        response = connection.getresponse()
        self.left = sys.maxsize
        content = b"" if response.length == 0 else self._body(response, most)
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        # Read by pieces it does not always close by itself, and the connection then takes no further question.
        response.close()
        return response, content

    def rest(self) -> float:
        """Return the seconds until the deadline; raises TimeoutError when none are left."""
        rest = self.deadline - self._monotonic()
        if rest <= 0:
            raise TimeoutError
        return rest

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _body(self, response: http.client.HTTPResponse, most: int) -> bytes:
        pieces, size = [], 0
        while not response.isclosed():
            piece = response.read1(_CHUNK)
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise _TooLong(f"more than {most} bytes")
        return b"".join(pieces)


class _Response(http.client.HTTPResponse):
    """A response whose every read, those of its head included, keeps to the limits of its line."""

    def __init__(
        self, line: _Line, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self.fp = io.BufferedReader(_Limited(self.fp.detach(), sock, line))


class _Limited(io.RawIOBase):
    """The bytes of a socket; a timeout of the socket alone would begin anew with each byte that drips in."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket, line: _Line) -> None:
        self._source, self._sock, self._line = source, sock, line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        line = self._line
        if line.left <= 0:
            raise _TooLong(f"a head of more than {_MOST_HEAD_BYTES} bytes")
        self._sock.settimeout(line.rest())
        count: int | None = self._source.readinto(buffer)
        line.left -= count or 0
        return count

    def close(self) -> None:
        self._source.close()
        super().close()


class _TooLong(http.client.HTTPException):
    """More came than is read; says how much that is."""


def _apart(address: str) -> tuple[str, str]:
    """Cut an address into its origin and what is asked for there."""
    scheme, _, rest = address.partition("://")
    netloc, slash, target = rest.partition("/")
    if slash and "?" not in netloc and "#" not in address:
        return f"{scheme}://{netloc}", f"/{target}"
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"


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
    if isinstance(error, _TooLong):
        return Malformed(f"{host}: {error}", "expected a smaller answer; check that it is a registry")
    if isinstance(error, http.client.HTTPException):
        return Malformed(
            f"{host}: does not answer in HTTP ({type(error).__name__})", "check the registry's name and port"
        )
    why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return Unreachable(f"{host}: cannot be reached ({why})", "check the network, the proxy and the registry's name")
