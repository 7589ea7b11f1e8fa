"""What a source of counts answered over HTTP, and what went wrong on the way, in our own tree of errors; pure.

Whether asking again can help is all that is told apart: what is Invalid never will.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from providers.errors import Denied, Invalid, Missing, ProviderError, Throttled, Transient

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: Denied,
    403: Denied,
    404: Missing,
    407: Denied,
    408: Transient,
    425: Transient,
    429: Throttled,
}
_MOVED = (301, 308)
_REMEDIES = {
    401: "sign in: `headers` with a secret, or auth: azure",
    403: "this identity may not read it",
    404: "check the path of `url`",
}
_SHOWN = 300
_DEEPEST = 64
"""How deep an answer may be nested."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, headers (names in small letters) and body; `where` is the server that was asked.

    `secrets` are those that were sent, for a server may repeat them: whoever quotes the answer says `hidden` first.
    """

    where: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def hidden(self, text: str) -> str:
        """A part of the answer as messages may show it, every secret in it masked; to be cut only afterwards.

        Masked is a secret as it was sent, and as JSON, Python and URLs write it. Not masked are a part of one, and one
        in another form (another case, Base64 decoded or encoded); what the manifest says in the open; and what `Caller`
        leaves out of `secrets` for being short.
        """
        forms = {form for secret in self.secrets for form in _forms(secret.strip()) if form}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    @property
    def at(self) -> datetime | None:
        """What the server's own clock said, to the second; None where it did not tell."""
        return _date(self.headers.get("date", ""))

    def wait_seconds(self, now: datetime) -> float | None:
        """How long it wants to be left alone, of 429 and 503; None where it does not say. `now` is for dates."""
        if self.status not in (429, 503):
            return None
        text = self.headers.get("retry-after", "")
        if text.isascii() and text.isdigit():
            return float(text)
        when = _date(text)
        return None if when is None else max((when - now).total_seconds(), 0.0)


def refusal(answer: Answer, doing: str, said: str = "", wait_seconds: float | None = None) -> ProviderError:
    """The error of an answer that is no success; `doing` begins its message, `said` is the source's own word."""
    status = answer.status
    code = f"Http{status}"
    if 300 <= status < 400:
        where = answer.hidden(answer.headers.get("location", "somewhere else")).partition("?")[0]
        text = f"{doing}: {answer.where} sends us to {where}, which is not followed: give the final address in `url`"
        if status in _MOVED:
            return Invalid(text, code=code)
        return Denied(f"{text}, or sign in if that is a page to sign in at", code=code)
    kind = _BY_STATUS.get(status) or (Invalid if 400 <= status < 500 else Transient)
    remedy = f" ({_REMEDIES[status]})" if status in _REMEDIES else ""
    words = answer.hidden(said) or excerpt(answer)
    told = f" says {status}{f': {words}' if words else ''}{remedy}"
    return kind(f"{doing}: {answer.where}{told}", code=code, retry_after=wait_seconds)


def json_of(answer: Answer, doing: str) -> Any:
    """The JSON of an answer; raises Transient (code `Unreadable`) when it is none."""
    try:
        return parsed(answer.body)
    except ValueError:
        shown = excerpt(answer)
        what = f"it begins with {shown[:60]!r}" if shown else "it is empty"
        message = f"{doing}: the answer of {answer.where} is no JSON: {what}; check that `url` is the right one"
        raise Transient(message, code="Unreadable") from None


def parsed(text: str | bytes) -> Any:
    """The JSON of a text; raises ValueError where it is none, and where it is nested deeper than any answer is."""
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    level = [document]
    for _ in range(_DEEPEST):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return document
        level = [each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)]
    # Writing it out, in a message, would need as many calls within each other as reading it did.
    raise ValueError("nested too deep")


def excerpt(answer: Answer) -> str:
    """The beginning of an answer as one line of text, without the secrets that were sent."""
    text = answer.hidden(answer.body.decode(errors="replace"))
    return " ".join(text[: 4 * _SHOWN].split())[:_SHOWN]


def _date(text: str) -> datetime | None:
    """A date of HTTP in UTC; None for what is none."""
    try:
        when = parsedate_to_datetime(text)
        return when.astimezone(UTC) if when.tzinfo is not None else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _forms(secret: str) -> Iterator[str]:
    """How a secret looks in an answer and in what messages make of it."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    # Beside a double quote Python writes the single ones of a text in another way.
    yield repr(f'{secret}"')[1:-2]
    yield quote(secret)
    yield quote(secret, safe="")


def trouble(error: Exception, doing: str, where: str, seconds: float) -> ProviderError:
    """Turn an exception of urllib3 into ours, in words that name neither objects nor what was sent.

    `seconds` is how long the request could take. What is no exception of urllib3 is a fault of ours and is raised again
    as it is.
    """
    import urllib3.exceptions as http

    if isinstance(error, ProviderError):
        return type(error)(f"{doing}: {error.message}", code=error.code, retry_after=error.retry_after)
    if isinstance(error, http.LocationValueError | http.ProxySchemeUnknown):
        return Invalid(f"{doing}: {where} cannot be asked: {error}", code=type(error).__name__)
    if not isinstance(error, http.HTTPError | OSError):
        raise error
    return Transient(f"{doing}: {_on_the_way(error, where, seconds)}", code=type(error).__name__)


def _on_the_way(error: Exception, where: str, seconds: float) -> str:
    import urllib3.exceptions as http

    if isinstance(error, http.ProxyError):
        return f"the proxy to {where} does not let us through: {_reason(error.original_error)}"
    if isinstance(error, http.NameResolutionError):
        return f"the name of {where} was not resolved: {_reason(error)}"
    if isinstance(error, http.NewConnectionError):
        return f"{where} cannot be reached: {_reason(error)}"
    if isinstance(error, http.TimeoutError | TimeoutError):
        return f"{where} did not answer within {seconds:.3g} s"
    if isinstance(error, http.SSLError):
        return f"TLS with {where} failed: {_reason(error)}"
    if isinstance(error, http.ProtocolError):
        return f"{where} broke off its answer"
    return f"{where} cannot be reached: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """What the system said, without the names of the objects that it passed through."""
    while error.__cause__ is not None:
        error = error.__cause__
    inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    verified = getattr(inner, "verify_message", None)
    return str(verified or getattr(inner, "strerror", None) or inner)
