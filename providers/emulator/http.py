"""The two values that every door of the emulator exchanges with what stands behind it.

A door (loopback socket, `responses` callback) turns its own request into a `Request` and the `Response` back into its
own answer; handlers are plain functions between the two, so none of them knows which door it stands behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a door received it.

    `method` is upper case; `path` is percent-decoded and has no query string; `query` holds the last value of each
    parameter; `headers` may be in any letter case (use `header`); `body` is the raw payload.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return a header's value whatever the letter case of its name, or None when it was not sent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response as a door shall send it; `Content-Length` is the door's to add.

    `headers` maps names to single values; `body` may be empty; `delay_seconds` is how long a door with a real clock
    holds the answer back (an injected slowness), which doors with an injected clock report as a timeout or ignore.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0.0
