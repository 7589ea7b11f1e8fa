"""One way to one source of counts over HTTP: kept connections, one attempt, a limit of time and of size.

A source is asked again at the next look, so nothing is tried twice here. Secrets are resolved for each request and are
in no message of ours; where a source repeats them, `Answer.hidden` masks them. Redirects are not followed: what is sent
may hold a secret, and belongs to the host that was named.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from providers.attempts import Attempt, attempt, pool_classes, refuse_late
from providers.errors import Denied, Invalid, NotSent, Throttled, Transient
from providers.metrics.addresses import allowed, guarded, written
from providers.metrics.http_answers import Answer, trouble
from providers.metrics.settings import Access, Header
from providers.retry import Retry
from providers.secrets import SecretRef, Secrets

if TYPE_CHECKING:
    import ssl

Tokens = Callable[[str], str]
"""Gives an Entra token for a scope; raises `providers.errors`."""
AGENT = "rollout"
MOST_BYTES = 4 * 1024 * 1024
"""The longest answer that is read."""
UNRESOLVED = ("SecretUnresolved", "NoCredential", "Authorities")
"""Codes of errors about something of ours that a person must provide."""
_CONNECT_PART = 0.5
_CHUNK = 65536
_LONGEST_WAIT_SECONDS = 60.0
"""How long a source that wants to be left alone is left alone at most."""
_MASKED = 6
"""Shorter parts of what a header hides would mask words that say nothing of them."""
_MASKED_WHOLE = 4
"""All that a header hides, from its first reference to its last, is masked from so many characters on."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: `path` and `query` follow those of the source's URL; `body` goes out as it is."""

    method: str = "GET"
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str = ""


class Caller:
    """Asks one source; safe to share between threads, made without any I/O.

    `token` gives Entra tokens, where `access` has a scope. `monotonic` counts seconds, `now` (UTC) reads dates.
    """

    def __init__(
        self,
        access: Access,
        secrets: Secrets,
        token: Tokens | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.access = access
        self._secrets, self._token, self._most, self._now = secrets, token, most_bytes, now
        self._monotonic = monotonic
        self._retry = Retry(budget_seconds=access.timeout_seconds, attempts=1, monotonic=monotonic)
        self._lock = threading.Lock()
        self._pools: Any = None
        self._closed_until = -math.inf

    @property
    def where(self) -> str:
        """The server that is asked, as it is named in messages."""
        parts = urlsplit(self.access.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @contextmanager
    def look(self) -> Iterator[None]:
        """Let all requests inside share the one limit of time that a request alone has."""
        with self._retry.act():
            yield

    def ask(self, request: Request, doing: str) -> Answer:
        """Send one request and return its answer, whatever its status; `doing` begins the messages of errors.

        The answer knows the secrets that were sent, to be masked in messages: a token, what each header hides as a
        whole from 4 characters on, and each of several references in one header from 6 on. Shorter ones, and what the
        manifest says in the open (text in headers, the URL with its query), are not masked.

        Raises Transient when no answer came in time or it is too long (code `TooLong`), Throttled while the source
        wants to be left alone, NotSent when a secret, a token or an authority is not there, Denied rather than show a
        token to everybody on the way and where the source's address is link-local (code `LinkLocal`), Invalid for what
        can never be sent.
        """
        with self._retry.act():
            seconds = self._retry.left()
            try:
                with attempt(seconds, self._retry) as present:
                    return self._exchange(request, present)
            except Exception as error:
                raise trouble(error, doing, self.where, self.access.timeout_seconds) from error

    def close(self) -> None:
        """Close every connection that is not in use; they are made anew when needed."""
        with self._lock:
            pools, self._pools = self._pools, None
        if pools is not None:
            pools.clear()

    def _exchange(self, request: Request, present: Attempt) -> Answer:
        wait = self._closed_until - self._monotonic()
        if wait > 0:
            message = f"{self.where} wants no more questions for {math.ceil(wait)} s; nothing was sent"
            raise Throttled(message, code="WaitingForService", retry_after=wait)
        secret: list[str] = []
        headers = self._headers(request, secret)
        pools = self._pool()
        left = present.left()
        refuse_late(left)
        response = pools.urlopen(
            request.method,
            full_url(self.access.url, request),
            body=request.body,
            headers=headers,
            timeout=_timeout(left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            body = _read(response, present, self._most)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        found = {name.lower(): value for name, value in response.headers.items()}
        status = int(response.status)
        answer = Answer(self.where, status, found, body, tuple(secret))
        said = answer.wait_seconds(self._now())
        if said is not None:
            self._closed_until = self._monotonic() + min(said, _LONGEST_WAIT_SECONDS)
        return answer

    def _headers(self, request: Request, secret: list[str]) -> dict[str, str]:
        headers = {"Accept": "application/json", "User-Agent": AGENT}
        if request.content_type:
            headers["Content-Type"] = request.content_type
        for name, value in self.access.headers.items():
            headers[name] = _sendable(name, _resolved(value, self._secrets, secret))
        if self.access.scope is not None:
            headers["Authorization"] = f"Bearer {self._entra(self.access.scope, secret)}"
        return headers

    def _entra(self, scope: str, secret: list[str]) -> str:
        parts = urlsplit(self.access.url)
        if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
            raise Denied(
                f"an Entra token is sent by https only, for {self.where} would show it to everybody on the way"
            )
        if self._token is None:
            raise NotSent("there is nobody here to get an Entra token from", code="NoCredential")
        found = self._token(scope)
        secret.append(found)
        return _sendable("Authorization", found)

    def _pool(self) -> Any:
        with self._lock:
            if self._pools is None:
                self._pools = _pools(self.access)
            return self._pools


def full_url(base: str, request: Request) -> str:
    """The URL of one request: its path and query after those of the source's own URL."""
    parts = urlsplit(base)
    path = parts.path.rstrip("/") + request.path if request.path else parts.path
    query = "&".join(part for part in (parts.query, urlencode(request.query)) if part)
    return f"{parts.scheme}://{parts.netloc}{path or '/'}{f'?{query}' if query else ''}"


def _resolved(value: Header, secrets: Secrets, secret: list[str]) -> str:
    """The text of a header; what must not be shown of it is added to `secret`."""
    parts = value if isinstance(value, tuple) else (value,)
    texts = [secrets.resolve(part) if isinstance(part, SecretRef) else part for part in parts]
    places = [place for place, part in enumerate(parts) if isinstance(part, SecretRef)]
    if places:
        whole = "".join(texts[places[0] : places[-1] + 1])
        secret += [whole] if len(whole.strip()) >= _MASKED_WHOLE else []
        secret += [texts[place] for place in places if len(texts[place].strip()) >= _MASKED]
    return "".join(texts)


def _sendable(name: str, value: str) -> str:
    """Refuse what no header can hold, in words of ours: those of the client would hold the value."""
    if any(character < " " and character != "\t" for character in value) or not value.isascii():
        raise Invalid(f"the header {name} holds a character that no header can: a line break, or none of ASCII")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _pools(access: Access) -> Any:
    from urllib.request import getproxies, proxy_bypass

    from urllib3 import PoolManager, ProxyManager

    parts = urlsplit(access.url)
    host = parts.hostname or ""
    allowed(host, written(host))
    more: dict[str, Any] = {"maxsize": 4}
    if parts.scheme == "https":
        more["ssl_context"] = _tls(access)
    # A proxy that the environment names has no business between us and a server on this machine.
    proxy = None if _is_loopback(host) or proxy_bypass(host) else getproxies().get(parts.scheme)
    made: Any = PoolManager(**more) if proxy is None else ProxyManager(proxy, **more)
    made.pool_classes_by_scheme = guarded(pool_classes()) if proxy is None else pool_classes()
    return made


def _tls(access: Access) -> ssl.SSLContext:
    import ssl

    context = ssl.create_default_context()
    if not access.verify:
        from urllib3 import disable_warnings
        from urllib3.exceptions import InsecureRequestWarning

        disable_warnings(InsecureRequestWarning)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    elif access.ca is not None:
        # Authorities that companies made for themselves lack extensions that strict checks of newer Pythons ask for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            context.load_verify_locations(cafile=access.ca)
        except ssl.SSLError:
            raise Invalid(f"`ca`: expected certificates in PEM in {access.ca}", code="Authorities") from None
        except OSError as error:
            raise NotSent(f"`ca`: {access.ca} cannot be read: {error.strerror}", code="Authorities") from None
    return context


def _timeout(seconds: float) -> Any:
    from urllib3 import Timeout

    return Timeout(connect=max(seconds * _CONNECT_PART, 0.001), read=max(seconds, 0.001))


def _limit(response: Any, seconds: float) -> None:
    """Let the next part of an answer take no longer than that."""
    socket = getattr(response.connection, "sock", None)
    if socket is None:
        # The last answer of a connection takes its socket along, and nothing public leads to it any more.
        found: Any = response
        for name in ("_fp", "fp", "raw", "_sock"):
            found = getattr(found, name, None)
        socket = found
    if socket is not None:
        socket.settimeout(seconds)


def _read(response: Any, present: Attempt, most: int) -> bytes:
    parts: list[bytes] = []
    have = 0
    while have <= most:
        left = present.left()
        if left <= 0:
            raise Transient("the answer did not end in time", code="OutOfTime")
        _limit(response, left)
        part = response.read1(_CHUNK)
        if not part:
            return b"".join(parts)
        parts.append(part)
        have += len(part)
    raise Transient(f"the answer is longer than {most} bytes", code="TooLong")
