"""What a webhook answered, read strictly into both sides' intervals; pure.

    {"intervals": [{"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:00:05Z",
                    "stable": {"requests": 950, "failures": 1}, "candidate": {"requests": 50, "failures": 0}}],
     "clients": {"10.0.0.4": 1.5}}

One interval may stand alone instead of the list. A side that is null or absent has no answer for that interval. What
stands beside `requests` is `failures` or `slow`, as the manifest says, or nothing. A side may say `"reset": true` where
its counter began anew, and in `instances` how many workloads were counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from providers.metrics.grid import LARGEST, shown, stamp
from strategies.seen import Tally

_ANSWER = {"intervals", "clients"}
_INTERVAL = {"since", "until", "stable", "candidate"}
_SIDE = {"requests", "reset", "instances"}
_CLIENTS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = "a time with its zone, as 2026-01-01T00:00:00Z, or seconds since 1970"


@dataclass(frozen=True, slots=True)
class Counted:
    """Both sides' intervals in time order, the clients with the most requests first, and what could not be used."""

    stable: tuple[Tally, ...] = ()
    candidate: tuple[Tally, ...] = ()
    clients: tuple[tuple[str, float], ...] = ()
    problem: str | None = None


class _Bad(Exception):  # noqa: N818 - it never leaves this module
    """Where the answer is wrong, what was expected there, and what was found."""

    def __init__(self, path: str, expected: str, got: object) -> None:
        super().__init__()
        self._path, self._expected, self._got = path, expected, got

    def said(self, hidden: Callable[[str], str]) -> str:
        """It as a message, which quotes the answer without its secrets."""
        return f"{hidden(self._path) or 'the answer'}: expected {self._expected}; got {shown(self._got, hidden)}"


def counted(
    document: Any,
    since: datetime,
    now: datetime,
    beside: str | None = "failures",
    hidden: Callable[[str], str] = str,
) -> Counted:
    """Read an answer's JSON; what is wrong is left out and told by its path, the first of it.

    `beside` is what is counted beside `requests`, None for nothing. Intervals that begin before `since` are known
    already and are passed over. One that ends after `now` cannot be complete, unless clocks differ. `hidden` masks what
    of the answer's texts nobody may see.
    """
    problems: list[str] = []
    stable: list[Tally] = []
    candidate: list[Tally] = []
    clients: tuple[tuple[str, float], ...] = ()
    try:
        listed, alone = _listed(document)
        until = None
        for number, item in enumerate(listed):
            path = "" if alone else f"intervals[{number}]"
            begin, end = _bounds(item, path)
            if until is not None and begin < until:
                raise _Bad(_at(path, "since"), f"{stamp(until)} or later, where the one before ends", item["since"])
            until = end
            if end > now:
                raise _Bad(
                    _at(path, "until"), f"no time to come (here it is {stamp(now)}): set the clocks", item["until"]
                )
            if begin < since:
                continue
            for side, tallies in (("stable", stable), ("candidate", candidate)):
                try:
                    tallies.extend(_tally(item.get(side), _at(path, side), begin, end, beside))
                except _Bad as bad:
                    problems.append(bad.said(hidden))
        clients = _clients({} if alone else document.get("clients"), hidden)
    except _Bad as bad:
        problems.append(bad.said(hidden))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Counted(tuple(stable), tuple(candidate), clients, f"{problems[0]}{more}" if problems else None)


def _listed(document: Any) -> tuple[Iterable[Any], bool]:
    """The intervals, and whether it is one that stands alone."""
    if isinstance(document, Mapping) and "intervals" not in document and "since" in document:
        return (document,), True
    answer = _mapping(document, "", _ANSWER, 'an object with "intervals"')
    listed = answer.get("intervals")
    if not isinstance(listed, list):
        raise _Bad("intervals", "a list", listed)
    return listed, False


def _bounds(item: Any, path: str) -> tuple[datetime, datetime]:
    interval = _mapping(item, path, _INTERVAL, "an interval")
    since, until = (_time(interval.get(key), _at(path, key)) for key in ("since", "until"))
    if until <= since:
        raise _Bad(_at(path, "until"), f"a time after {stamp(since)}", interval.get("until"))
    return since, until


def _tally(side: Any, path: str, since: datetime, until: datetime, beside: str | None) -> Iterable[Tally]:
    if side is None:
        return ()
    known = _SIDE | ({beside} if beside else set())
    counts = _mapping(side, path, known, _shape(beside))
    reset, instances = counts.get("reset", False), counts.get("instances")
    if not isinstance(reset, bool):
        raise _Bad(_at(path, "reset"), "true or false", reset)
    if instances is not None:
        instances = _count(instances, _at(path, "instances"))
    if reset:
        return (Tally(since, until, 0, reset=True, instances=instances),)
    requests = _count(counts.get("requests"), _at(path, "requests"))
    failures = _count(counts.get(beside), _at(path, beside)) if beside else 0
    return (Tally(since, until, requests, failures, instances=instances),)


def _shape(beside: str | None) -> str:
    counts = f'"requests" and "{beside}"' if beside else '"requests"'
    return f"an object with {counts}, or null"


def _clients(found: Any, hidden: Callable[[str], str]) -> tuple[tuple[str, float], ...]:
    if found is None:
        return ()
    if not isinstance(found, Mapping):
        raise _Bad("clients", "an object of requests per second by client", found)
    for name, rate in found.items():
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= LARGEST:
            raise _Bad(f"clients[{name}]", "requests per second, 0 or more", rate)
    talking = [(hidden(str(name)), float(rate)) for name, rate in found.items() if rate > 0]
    return tuple(sorted(talking, key=lambda client: (-client[1], client[0]))[:_CLIENTS])


def _mapping(value: Any, path: str, known: set[str], expected: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Bad(path, expected, value)
    unknown = [key for key in value if key not in known]
    if unknown:
        # A side that is written wrong would pass for one without an answer.
        raise _Bad(_at(path, unknown[0]), f"no such key, only {', '.join(sorted(known))}", value[unknown[0]])
    return value


def _time(value: Any, path: str) -> datetime:
    try:
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
            if when.tzinfo is not None:
                return when.astimezone(UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH + timedelta(seconds=value)
    except (ValueError, OverflowError):
        pass
    raise _Bad(path, _TIME, value)


def _count(value: Any, path: str) -> int:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= LARGEST
        or value != int(value)
    ):
        raise _Bad(path, "a whole number, 0 or more", value)
    return int(value)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)
