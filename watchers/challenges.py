"""What a 401 asks for: the challenges of `WWW-Authenticate` headers (RFC 9110, section 11). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - the grammar's word for a name
_PART = re.compile(
    rf'(?P<key>{_TOKEN})[ \t]*=[ \t]*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,"]+))|(?P<scheme>{_TOKEN})'
)
_LONGEST_HEADER = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to show who asks: `scheme` in small letters, its parameters by name in small letters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """Read all challenges of all `WWW-Authenticate` headers in their order; what is no challenge is passed over."""
    found: list[tuple[str, dict[str, str]]] = []
    for header in headers:
        opened = len(found)
        for part in _PART.finditer(header[:_LONGEST_HEADER]):
            if part["scheme"]:
                found.append((part["scheme"].lower(), {}))
            elif len(found) > opened:
                quoted = part["quoted"]
                value = part["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
                found[-1][1].setdefault(part["key"].lower(), value)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)
