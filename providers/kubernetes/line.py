"""One way to one API server, as one identity: requests out, answers in; no retries, no redirects, nothing late."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from providers.attempts import Attempt, pool_classes, refuse_late
from providers.errors import Invalid, Transient
from providers.kubernetes.credentials import Credentials, Proof
from providers.kubernetes.kubeconfig import Access

AGENT = "rollout"
MOST_BYTES = 16 * 1024 * 1024
"""The longest answer that is read: ten times what a store of Kubernetes keeps of one object."""
_CONNECT_PART = 0.25
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` begins with a slash and follows the server's URL; `body` goes out as it is."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `proof` is what the request showed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    proof: Proof = field(repr=False)


class Line:
    """Connections to the server of one `access`, kept open between requests; safe to share between threads."""

    def __init__(self, access: Access, now: Callable[[], datetime]) -> None:
        self.access = access
        self.credentials = Credentials(access.user, now)
        self._lock = threading.Lock()
        self._pools: tuple[tuple[bytes | None, bytes | None], Any] | None = None

    def ask(self, request: Request, attempt: Attempt, most: int = MOST_BYTES, *, cut: bool = False) -> Answer:
        """Send one request within the attempt and read its answer, at most `most` bytes of it.

        With `cut` the rest of a longer answer is left; without, it is Transient (code `TooLong`). Raises what urllib3
        raises; NotSent before anything has left.
        """
        proof = self.credentials.proof(attempt.left)
        pools = self._pool(proof)
        left = min(attempt.seconds, attempt.left())
        refuse_late(left)
        attempt.ready = True
        url = f"{self.access.server}{request.path}"
        if request.query:
            url += f"?{urlencode(request.query)}"
        response = pools.urlopen(
            request.method,
            url,
            body=request.body,
            headers=self._headers(request, proof),
            timeout=_timeout(left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = _read(response, attempt, most, cut)
        except BaseException:
            response.close()
            raise
        response.close() if cut else response.release_conn()
        return Answer(int(response.status), dict(response.headers), body, proof)

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._lock:
            pools, self._pools = self._pools, None
        if pools is not None:
            pools[1].clear()

    def _headers(self, request: Request, proof: Proof) -> Any:
        from urllib3 import HTTPHeaderDict

        found = HTTPHeaderDict({"Accept": "application/json", "User-Agent": AGENT})
        for name, value in request.headers.items():
            found[name] = value
        if proof.authorization is not None:
            found["Authorization"] = proof.authorization
        for name, value in self.access.user.impersonates:
            found.add(name, value)
        return found

    def _pool(self, proof: Proof) -> Any:
        """Return the pools for a proof; a certificate belongs to the connection, so another one needs others."""
        with self._lock:
            key = (proof.certificate, proof.key)
            if self._pools is None or self._pools[0] != key:
                self._pools = (key, _pools(self.access, proof))
            return self._pools[1]


def _pools(access: Access, proof: Proof) -> Any:
    from kubernetes.client import Configuration
    from kubernetes.client.rest import RESTClientObject

    settings = Configuration(host=access.server)
    settings.verify_ssl, settings.tls_server_name = access.verify, access.server_name
    if access.proxy is not None:
        settings.proxy, settings.no_proxy = access.proxy, None
    elif access.loopback:
        # A proxy that the environment names has no business between us and a server on this machine.
        settings.proxy = None
    try:
        pools = RESTClientObject(settings).pool_manager
    except ImportError as error:
        raise Invalid(f"proxy {access.proxy}: expected the package pysocks: {error}", code="Kubeconfig") from error
    pools.pool_classes_by_scheme = pool_classes()
    if urlsplit(access.server).scheme == "https":
        pools.connection_pool_kw["ssl_context"] = _tls(access, proof)
    return pools


def _tls(access: Access, proof: Proof) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=access.authority.decode() if access.authority else None)
    except (ssl.SSLError, ValueError) as error:
        message = f"certificate-authority of {access.server}: expected certificates in PEM; {error}"
        raise Invalid(message, code="Kubeconfig") from error
    # Authorities that clusters made for themselves lack extensions that strict checks of newer Pythons ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if proof.certificate is not None and proof.key is not None:
        # OpenSSL takes a key from files only: they are ours alone and gone before the first connection is made.
        with tempfile.TemporaryDirectory(prefix="rollout-") as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(mode=0o600)
            pair.write_bytes(proof.certificate + b"\n" + proof.key)
            try:
                context.load_cert_chain(pair)
            except ssl.SSLError as error:
                message = f"client certificate for {access.server}: expected a PEM certificate and its key; {error}"
                raise Invalid(message, code="Kubeconfig") from error
    return context


def _timeout(seconds: float) -> Any:
    from urllib3 import Timeout

    connect = max(seconds * _CONNECT_PART, 0.001)
    return Timeout(connect=connect, read=max(seconds - connect, 0.001))


def _read(response: Any, attempt: Attempt, most: int, cut: bool) -> bytes:
    parts: list[bytes] = []
    have = 0
    while have < most:
        left = attempt.left()
        if left <= 0:
            raise Transient("the answer did not end within the time of its act", code="OutOfTime")
        socket = getattr(response.connection, "sock", None)
        if socket is not None:
            socket.settimeout(left)
        part = response.read1(min(_CHUNK, most - have))
        if not part:
            return b"".join(parts)
        parts.append(part)
        have += len(part)
    if not cut and response.read1(1):
        raise Transient(f"the answer is longer than {most} bytes", code="TooLong")
    return b"".join(parts)
