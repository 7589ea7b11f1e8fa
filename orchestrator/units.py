"""The units of numbers in events and reasons, where their names do not say them already."""

from __future__ import annotations

from collections.abc import Mapping

from strategies.events import Value

_UNITS = {
    "share": "%",
    "intended": "%",
    "mirror": "%",
    "pinned": "%",
    "ttl": "s",
    "hold": "s",
    "seconds": "s",
    "spent": "s",
    "failed": "probes",
}
_LIMITS = {
    "telemetry_lost": "s",
    "metricGone": "s",
    "telemetryLost": "s",
    "waveDeadline": "s",
    "totalDeadline": "s",
    "notReady": "s",
    "notOnline": "s",
    "probesFailed": "probes",
    "tooFew": "requests",
}
"""What a limit counts, by the kind of its event or the code of its reason; the test's own numbers have no unit."""


def unit(key: str, about: str) -> str:
    """The unit of a number by its key; `about` is its event's kind or its reason's code. Empty where it has none."""
    return _LIMITS.get(about, "") if key == "limit" else _UNITS.get(key, "")


def measured(key: str, value: Value, about: str) -> str:
    """A value as people are shown it: a number with its unit, as `30 s`, `13.5 %` or `10 requests`."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, int | float):
        return str(value)
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{number} {unit(key, about)}".rstrip()


def about(kind: str, data: Mapping[str, Value]) -> str:
    """What an event's limit is a limit of: its reason's code where it has one, else its kind."""
    code = data.get("code")
    return code if isinstance(code, str) else kind
