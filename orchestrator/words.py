"""What may be written into a request by hand: names, reasons, times; one place for the command line and both APIs.

Pure checks of values. What they refuse could be kept by no database, shown by no terminal, or explained by no journal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from strategies.model import CommandKind

LONGEST_TEXT, LONGEST_ACTOR = 2000, 200
_LONGEST_RECORDED = 3000
"""A reason of the command line goes on with the page of the CI's run."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# The second row of control characters begins sequences of its own in terminals of eight bits.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SPOKEN = tuple(kind.value for kind in CommandKind if kind is not CommandKind.SUPERSEDE)

Problem = tuple[str, str]
"""The path of a value in a request, and what was expected there."""


class BadInput(Exception):  # noqa: N818 - reads as what it is
    """A request that cannot be meant; `problems` pairs each path in it with what was expected there."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{path}: {message}" if path else message for path, message in problems))
        self.problems = tuple(problems)


def check_text(text: str, longest: int | None = LONGEST_TEXT) -> str:
    """Return a text that can be kept and shown; raises ValueError saying what was expected. None sets no limit."""
    if longest is not None and len(text) > longest:
        raise ValueError(f"must have at most {longest} characters; got {len(text)}")
    bad = _UNFIT.search(text)
    if bad is not None:
        raise ValueError(f"must be text without control characters; got the character 0x{ord(bad[0]):02x}")
    return text


def check_actor(text: str) -> str:
    """Return who speaks, as it may be recorded; raises ValueError."""
    return check_text(text, LONGEST_ACTOR)


def check_service(name: str) -> str:
    """Return a name that a service can have; raises ValueError."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            "must be a service's name: lower-case letters, digits and hyphens, a letter first, at most 40 in all; "
            f"got {name[:60]!r}"
        )
    return name


def check_moment(at: datetime) -> datetime:
    """Return a point in time in UTC; raises ValueError where it has no zone or lies outside the calendar there."""
    if at.tzinfo is None:
        raise ValueError("must be a time with its zone, such as 2030-01-31T18:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time such as 2030-01-31T18:00:00Z; got one beyond the calendar") from None


def cleaned(text: str, longest: int = LONGEST_ACTOR) -> str:
    """What is left of a text that no person typed here, such as a CI's variable: one line, shown without harm."""
    return " ".join(_UNFIT.sub(" ", text).split())[:longest]


def demand_fit(given: Mapping[str, Any]) -> None:
    """Check every text, name and time in a request's values, however deep; raises BadInput with all problems at once.

    What a value must be goes by the name it stands under; any text must at least be one that can be kept.
    """
    problems = list(_unfit(given, ""))
    if problems:
        raise BadInput(problems)


def demand_reason(*, emergency: bool, reason: str) -> None:
    """An emergency skips the safety of steps and holds, which somebody has to explain; raises BadInput."""
    if emergency and not reason.strip():
        raise BadInput([("reason", "must be given with `emergency`: it skips the safety of steps and holds")])


def demand_sensible(kind: CommandKind, argument: str, reason: str) -> None:
    """Check what a person says to a rollout, before anybody looks at the rollout; raises BadInput."""
    problems: list[Problem] = []
    if kind.value not in _SPOKEN:
        problems.append(("kind", f"must be one of {', '.join(_SPOKEN)}; got {kind.value!r}"))
    if kind is CommandKind.SETTLE:
        if argument not in ("stable", "candidate"):
            problems.append(("argument", "must be stable or candidate: the side that shall serve"))
        if not reason.strip():
            problems.append(("reason", "must be given: settling is a decision that the journal has to explain"))
    elif argument:
        problems.append(("argument", f"must not be given: {kind.value} takes none"))
    if problems:
        raise BadInput(problems)


def demand_hold(reason: str, until: datetime | None, now: datetime) -> None:
    """A suspension says why to whom it holds back, and ends in times to come or when it is lifted; raises BadInput."""
    problems: list[Problem] = []
    if not reason.strip():
        problems.append(("reason", "must be given: whoever is held back reads it"))
    if until is not None and until <= now:
        problems.append(("until", f"must lie ahead; it is {now:%Y-%m-%dT%H:%M:%SZ} now"))
    if problems:
        raise BadInput(problems)


def _unfit(value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, str | datetime):
        try:
            _check(value, path.rpartition(".")[2])
        except ValueError as error:
            yield path, str(error)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _unfit(getattr(value, each.name), f"{path}.{each.name}" if path else each.name)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unfit(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unfit(item, f"{path}[{number}]")


def _check(value: str | datetime, name: str) -> None:
    if isinstance(value, datetime):
        check_moment(value)
    elif name == "service":
        check_service(value)
    elif name == "actor":
        check_actor(value)
    else:
        check_text(value, _LONGEST_RECORDED if name == "reason" else None)
