"""An API server's refusals and the client's exceptions in our own tree; `refused` is pure.

A refusal is a Status object whose `reason` becomes the error's code. Only an API group that the server does not know is
answered in plain text, because then no part of it is there to write a Status.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from providers.errors import (
    Conflict,
    Denied,
    Exhausted,
    Invalid,
    Missing,
    ProviderError,
    Throttled,
    Transient,
    Unsupported,
)

_BY_STATUS: dict[int, type[ProviderError]] = {
    401: Denied,
    403: Denied,
    404: Missing,
    408: Transient,
    409: Conflict,
    410: Transient,
    412: Conflict,
    429: Throttled,
}
_CANNOT = re.compile(r'cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?')
_WHERE = re.compile(r'in the namespace "(?P<namespace>[^"]+)"')
_SIGN_IN = "the cluster does not accept these credentials: sign in anew, or renew what the kubeconfig's user names"
_NOT_SERVED = (
    "the cluster does not serve this kind of object; routes need the Gateway API's resource definitions, which `kubectl"
    " get crd httproutes.gateway.networking.k8s.io` shows where they are installed"
)
_LONG_VALUE = re.compile(r'Invalid value: "(?:\\.|[^"\\]){200,}"')
"""A whole object in a refusal, after which only the reason follows."""
_MOST = 2000


def refused(status: int, body: Any, headers: Mapping[str, str], doing: str) -> ProviderError:
    """Turn an answer that is no success into our error; `doing` begins the message, the Status's reason is the code.

    `body` is the answer's JSON, or its text where it is none. An object that does not exist is Missing; a kind that the
    server does not serve at all is Unsupported.
    """
    said = body if isinstance(body, Mapping) else {}
    named = said.get("details")
    details: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
    code, message = str(said.get("reason") or f"Http{status}"), _message(status, body, said, details)
    wait = retry_after(headers)
    if status == 404 and not (details.get("name") or details.get("kind")):
        return Unsupported(f"{doing}: {message} ({_NOT_SERVED})", code="NotServed")
    if 300 <= status < 400:
        where = {name.lower(): value for name, value in headers.items()}.get("location", "somewhere else")
        text = f"{doing}: the server sends us to {where}, which is not followed: no API server does so, a sign-in does"
        return Denied(text, code=code)
    if status == 403 and "exceeded quota" in message:
        return Exhausted(f"{doing}: {message}", code=code)
    kind = _BY_STATUS.get(status) or (Invalid if 400 <= status < 500 else Transient)
    remedy = _remedy(status, message, details)
    return kind(f"{doing}: {message}" + (f" ({remedy})" if remedy else ""), code=code, retry_after=wait)


def lacks_role(error: ProviderError) -> bool:
    """Whether the server's own rules about who may do what refused it, and no quota or admission did."""
    return isinstance(error, Denied) and _CANNOT.search(error.message) is not None


def translate(error: Exception, doing: str) -> ProviderError:
    """Turn any exception of urllib3 or of the `kubernetes` package into ours; `doing` begins the message.

    What went wrong on the way is Transient: whoever sent a write knows whether it had left. An address that can never
    be asked is Invalid. What comes from neither is a fault of ours and is raised again as it is.
    """
    import urllib3.exceptions as http
    from kubernetes.client import exceptions as client
    from kubernetes.config.config_exception import ConfigException

    if isinstance(error, ProviderError):
        return error
    if isinstance(error, client.ApiException) and error.status:
        return refused(int(error.status), parsed(error.body or ""), dict(error.headers or {}), doing)
    if isinstance(error, client.ApiException):
        return Transient(f"{doing}: {_first_line(error.reason or error)}", code=type(error).__name__)
    if isinstance(error, client.OpenApiException):
        return Invalid(f"{doing}: the request could not be written: {_first_line(error)}", code="Unwritable")
    if isinstance(error, ConfigException):
        return Invalid(f"{doing}: {_first_line(error)}", code="Kubeconfig")
    if isinstance(error, http.LocationValueError | http.ProxySchemeUnknown | http.UnrewindableBodyError):
        return Invalid(f"{doing}: {_first_line(error)}", code=type(error).__name__)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | http.DecodeError):
        return Transient(f"{doing}: the answer could not be read, so it has to be looked at again", code="Unreadable")
    if isinstance(error, http.HTTPError | http.HTTPWarning | OSError):
        return Transient(f"{doing}: {_first_line(error)}", code=type(error).__name__)
    raise error


def parsed(text: str | bytes) -> Any:
    """Return an answer's JSON, or its text when it is none."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    try:
        return json.loads(plain)
    except ValueError:
        return plain


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds a server asks to wait, given as a number or a date; None when it does not say.

    `now` (UTC) is what a date is counted from; the machine's clock unless given.
    """
    text = {name.lower(): value for name, value in headers.items()}.get("retry-after")
    if text is None:
        return None
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max((aware - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _message(status: int, body: Any, said: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    message = _short(str(said.get("message") or (body if isinstance(body, str) else "") or f"status {status}"))
    causes = details.get("causes")
    for cause in causes if isinstance(causes, list) else ():
        what = _short(str(cause.get("message") or "")) if isinstance(cause, Mapping) else ""
        field = str(cause.get("field") or "") if isinstance(cause, Mapping) else ""
        if what not in message or field not in message:
            message += f"; {field}: {what}" if field else f"; {what}"
    return message


def _short(text: str) -> str:
    return _LONG_VALUE.sub("Invalid value: (the whole object)", text).strip()[:_MOST]


def _remedy(status: int, message: str, details: Mapping[str, Any]) -> str:
    if status == 401:
        return _SIGN_IN
    if status == 404 and details.get("kind") == "namespaces":
        return f"make it first: kubectl create namespace {details.get('name')}"
    found = _CANNOT.search(message) if status == 403 else None
    if found is None:
        return ""
    where = _WHERE.search(message)
    role = f"Role in the namespace {where['namespace']}" if where else "ClusterRole"
    group = found["group"] or str(details.get("group") or "")
    rule = {"apiGroups": [group], "resources": [found["resource"]], "verbs": [found["verb"]]}
    return f"add to this identity's {role} the rule {json.dumps(rule)}"


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
