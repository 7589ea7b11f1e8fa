"""Numbers of evidence in words that people can read."""

from __future__ import annotations

from math import floor

_UNTOLD = 1_000_000


def amount(value: float) -> str:
    """A number of evidence as people read it: `0.42`, `3.2`, `126`, `3,200`.

    It is never rounded up, so that no limit looks reached before it is; what is far beyond all limits is said so.
    """
    if value >= _UNTOLD:
        return f"over {_UNTOLD:,}"
    if value < 0.01:
        return "under 0.01"
    parts = 1 if value >= 100 else 10 if value >= 1 else 100
    return f"{floor(value * parts) / parts:,.{len(str(parts)) - 1}f}".removesuffix(".0")
