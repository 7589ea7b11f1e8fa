"""Durations and moments as they are written on the command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from orchestrator.cli.failures import Failure
from orchestrator.exit_codes import ExitCode
from orchestrator.words import check_moment

_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS = 366 * 86400.0


def seconds(text: str, option: str) -> float:
    """Read `30s`, `1h30m` or a bare number of seconds; raises Failure with exit code 2 naming the option."""
    found = _duration(text)
    if found is None:
        raise Failure(
            f"{option}: must be a duration such as 30s, 10m or 1h30m, at most 366d; got {text!r}", ExitCode.USAGE
        )
    return found


def seconds_or_none(text: str | None, option: str) -> float | None:
    """The same for an option that may be left out."""
    return None if text is None else seconds(text, option)


def moment(text: str, option: str, now: datetime) -> datetime:
    """Read a point in time to come, as `2h` from now or in RFC 3339; raises Failure with exit code 2.

    A time without an offset is taken as UTC, as every time that we print is.
    """
    ahead = _duration(text)
    if ahead is not None:
        return now + timedelta(seconds=ahead)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"{option}: must be a duration such as 2h or a time such as 2030-01-31T18:00Z; got {text!r}"
        raise Failure(message, ExitCode.USAGE) from None
    try:
        at = check_moment(at.replace(tzinfo=UTC) if at.tzinfo is None else at)
    except ValueError as error:
        raise Failure(f"{option}: {error}", ExitCode.USAGE) from None
    if at <= now:
        raise Failure(f"{option}: must lie ahead; {text} was before {now:%Y-%m-%d %H:%M} UTC", ExitCode.USAGE)
    return at


def _duration(text: str) -> float | None:
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        total = float(text)
    else:
        return None
    return total if total <= _LONGEST_SECONDS else None
