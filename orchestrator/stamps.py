"""Times as every document of ours writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(at: datetime | None) -> str | None:
    """A time as RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
