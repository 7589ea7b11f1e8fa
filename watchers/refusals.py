"""From a registry's refusal to our error: what it said, how long to wait, and what a person can do."""

from __future__ import annotations

import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

from watchers.errors import Denied, Malformed, NotFound, RegistryError, Throttled, Unreachable
from watchers.transport import Answer

_LONGEST_WORDS = 300
_LONGEST_WAIT_SECONDS = 86400.0
LOGIN = "log in (`az acr login` or `docker login`), or set ROLLOUT_REGISTRY_USER and ROLLOUT_REGISTRY_PASSWORD"


def refusal(answer: Answer, what: str, redact: Callable[[str], str], now: float) -> RegistryError:
    """Make the error that an answer other than 2xx stands for; `now` is seconds since 1970, for a date in Retry-After.

    `what` names what was asked for and begins the message; `redact` takes credentials out of the registry's own words.
    """
    code, words = said(answer)
    told = redact(": ".join(part for part in (f"{answer.status} {code}".strip(), words) if part))
    status = answer.status
    if status in (401, 403):
        remedy = f"give this identity the right to pull (AcrPull in Azure), open the registry's firewall, or {LOGIN}"
        return Denied(f"{what}: access denied ({told})", remedy, code=code)
    if status == 404:
        remedy = "check the repository and the tag; right after a push it can take a while to appear"
        if code == "NAME_UNKNOWN":
            remedy = "check the repository's name; some registries also answer so without the right to see it"
        return NotFound(f"{what}: not in the registry ({told})", remedy, code=code)
    if status == 429:
        wait = retry_after(answer.headers.get("Retry-After"), now)
        said_so = f"it asks to wait {wait:g} s" if wait is not None else "it does not say how long to wait"
        return Throttled(
            f"{what}: too many requests ({told})", f"{said_so}; ask less often", code=code, retry_after=wait
        )
    if status >= 500 or status == 408:
        wait = retry_after(answer.headers.get("Retry-After"), now)
        return Unreachable(f"{what}: the registry has failed ({told})", "try again later", code=code, retry_after=wait)
    return Malformed(
        f"{what}: an answer that no registry gives here ({told})", "check that the host is a registry", code=code
    )


def said(answer: Answer) -> tuple[str, str]:
    """Return the code and words of a refusal's body, each empty where there are none; shortened, on one line."""
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(document, dict):
        return "", ""
    listed: Any = document.get("errors")
    first = listed[0] if isinstance(listed, list) and listed else None
    if isinstance(first, dict):
        return _line(first.get("code")), _line(first.get("message"))
    # Token services speak OAuth2 instead, Docker Hub's one neither.
    return _line(document.get("error")), _line(document.get("error_description") or document.get("details"))


def retry_after(text: str | None, now: float) -> float | None:
    """Read a Retry-After header: seconds, parts of a second included, or a date; None where it says nothing usable."""
    if text is None:
        return None
    try:
        seconds = float(text.strip())
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS) if seconds == seconds else None  # noqa: PLR0124 - not a number


def _line(value: object) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in value).split()) if isinstance(value, str) else ""
    return text if len(text) <= _LONGEST_WORDS else f"{text[: _LONGEST_WORDS - 3]}..."
