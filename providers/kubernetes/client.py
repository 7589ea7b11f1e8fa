"""A real API server as `providers.kubernetes.api.Api`, and one of them for each context of a kubeconfig.

Here alone a call is tried again, by `providers.retry`. A kubeconfig may change under our feet (the proxy of an
Arc-enabled cluster writes a new port and certificate, `az` renews what it wrote): when the server cannot be reached or
refuses us and the files have changed, they are read anew and the request goes out once more, unless it had left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.attempts import Attempt, attempt
from providers.errors import Denied, Invalid, NotSent, ProviderError, Throttled, Transient
from providers.kubernetes.api import JSON
from providers.kubernetes.errors import lacks_role, parsed, refused, translate
from providers.kubernetes.kubeconfig import Access, load
from providers.kubernetes.line import MOST_BYTES, Answer, Line, Request
from providers.retry import Retry

BEGINNING = 65536
"""How many bytes of a probe's answer are read."""
_ROLES_SECONDS = 2.0
"""A server that has just started refuses what it will allow a moment later, for it has not read all roles yet."""


def utc_now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


class ClusterApi:
    """One context's API server; made without any I/O, safe to share between threads.

    `kubeconfig` None means what KUBECONFIG lists, else `~/.kube/config`; the context `in-cluster` needs none.
    """

    def __init__(
        self,
        context: str,
        *,
        retry: Retry | None = None,
        now: Callable[[], datetime] = utc_now,
        kubeconfig: Path | None = None,
    ) -> None:
        self._context, self._kubeconfig = context, kubeconfig
        self._retry, self._now = retry or Retry(), now
        self._line: Line | None = None
        self._lock = threading.Lock()

    def act(self) -> AbstractContextManager[None]:
        """Let all calls inside share one budget of time."""
        return self._retry.act()

    def now(self) -> datetime:
        """The time (UTC) with which answers are stamped."""
        return self._now()

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        """GET `path` and return its JSON; tried again after passing errors. Raises `providers.errors`."""
        request = Request("GET", path, query or {})

        def once(seconds: float) -> Any:
            with attempt(seconds, self._retry) as present:
                return _json(self._exchange(doing, request, present), doing)

        return self._retry.read(once)

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send one write and return the answer's JSON; tried again only after Throttled. Raises `providers.errors`.

        What failed before the request left is NotSent; a plain Transient means that it may have been taken. That a role
        is lacking is believed the second time.
        """
        sent = None if body is None else json.dumps(body).encode()
        request = Request(method, path, query or {}, {"Content-Type": content_type} if sent is not None else {}, sent)

        refusals: list[Denied] = []

        def once(seconds: float) -> Any:
            with attempt(seconds, self._retry) as present:
                try:
                    with _unsent(present):
                        return _json(self._exchange(doing, request, present), doing)
                except Denied as error:
                    refusals.append(error)
                    if lacks_role(error) and len(refusals) == 1:
                        raise Throttled(error.message, code=error.code, retry_after=_ROLES_SECONDS) from error
                    raise

        return self._retry.write(once)

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """GET `path` once, within the timeout, and return HTTP status and the beginning of the body as text.

        Raises Transient when no answer came, NotSent when the server was not reached, Invalid where the context cannot
        be used.
        """
        doing, request = f"asking for {path}", Request("GET", path, query or {}, headers)
        within = replace(self._retry, budget_seconds=timeout_seconds)
        with within.act(), attempt(timeout_seconds, within) as present, _unsent(present):
            answer = self._exchange(doing, request, present, BEGINNING)
        return answer.status, answer.body.decode(errors="replace")

    def close(self) -> None:
        """Close every connection; they are made anew when needed again."""
        with self._lock:
            line, self._line = self._line, None
        if line is not None:
            line.close()

    def _exchange(self, doing: str, request: Request, present: Attempt, beginning: int | None = None) -> Answer:
        """Send a request, and once more where other credentials or a changed kubeconfig give it another chance."""
        with _named(doing):
            line = self._known()
        try:
            answer = self._ask(line, doing, request, present, beginning)
        except Transient as error:
            if isinstance(error, Throttled) or not self._changed(line) or (present.began and request.method != "GET"):
                raise
            return self._ask(self._known(), doing, request, present, beginning)
        if not _is_refusal(answer, proxied=beginning is not None):
            return answer
        with _named(doing):
            if not (self._changed(line) or line.credentials.renewed(answer.proof, present.left)):
                return answer
        # Who is refused has done nothing, so even a write may go out once more.
        present.began = False
        return self._ask(self._known(), doing, request, present, beginning)

    def _ask(self, line: Line, doing: str, request: Request, present: Attempt, beginning: int | None) -> Answer:
        with _named(doing):
            return line.ask(request, present, beginning or MOST_BYTES, cut=beginning is not None)

    def _known(self) -> Line:
        with self._lock:
            if self._line is None:
                self._line = Line(load(self._context, self._kubeconfig), self._now)
            return self._line

    def _changed(self, line: Line) -> bool:
        """Whether the files say something else than what `line` was made of; then what they say is used from now on."""
        try:
            found: Access = load(self._context, self._kubeconfig)
        except (Invalid, NotSent):
            # Half written, or gone for a moment: what we know is better than that.
            return False
        with self._lock:
            if self._line is line and found.fingerprint != line.access.fingerprint:
                self._line = Line(found, self._now)
                line.close()
            return self._line is not line


@dataclass(slots=True)
class Clusters:
    """The API servers of all contexts that are used, made when first needed; safe to share between threads."""

    retry: Retry = field(default_factory=Retry)
    now: Callable[[], datetime] = field(default=utc_now)
    kubeconfig: Path | None = None
    _made: dict[str, ClusterApi] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def api(self, context: str) -> ClusterApi:
        """Return the API server of a context; nothing is read or sent before its first call."""
        with self._lock:
            if context not in self._made:
                self._made[context] = ClusterApi(context, retry=self.retry, now=self.now, kubeconfig=self.kubeconfig)
            return self._made[context]

    def close(self) -> None:
        """Close every connection; what was handed out stays usable."""
        with self._lock:
            made = list(self._made.values())
        for api in made:
            api.close()


@contextmanager
def _named(doing: str) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        message = error.message if error.message.startswith(doing) else f"{doing}: {error.message}"
        raise type(error)(message, code=error.code, retry_after=error.retry_after) from error
    except Exception as error:
        raise translate(error, doing) from error


@contextmanager
def _unsent(present: Attempt) -> Iterator[None]:
    """Say of what failed on the way that nothing was sent, where nothing was."""
    try:
        yield
    except Transient as error:
        if type(error) is Transient and not present.began:
            raise NotSent(f"{error.message}; nothing was sent", code=error.code) from error
        raise


def _is_refusal(answer: Answer, *, proxied: bool) -> bool:
    """Whether the server does not know us; what stands behind its proxy may say 401 as well, but not as a Status."""
    if answer.status != 401 or not proxied:
        return answer.status == 401
    body = parsed(answer.body)
    return isinstance(body, Mapping) and body.get("kind") == "Status"


def _json(answer: Answer, doing: str) -> Any:
    if not 200 <= answer.status < 300:
        raise refused(answer.status, parsed(answer.body), answer.headers, doing)
    if not answer.body.strip():
        return None
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise translate(error, doing) from error
