"""The orders that tags are chosen by: semver, numerical and alphabetical, and the one that follows a single tag.

Pure. A rule reads one text at a time: where it stands, and why it does not match. The attached tags, of signatures and
attestations, are known here too, since they match no rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from watchers import ranges, versions
from watchers.reference import ReferenceProblem, check_tag

RULES = ("semver", "numerical", "alphabetical", "digest")
_ORDERS = ("asc", "desc")
_SHOWN = 80
# How registries without a referrers API, and cosign, name what belongs to an image: its digest with a dash.
_ATTACHED = re.compile(r"sha(?:256|512)-[0-9a-f]{64,128}(?:[._-].*)?", re.DOTALL)
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")

Read = tuple[Any, str]
"""Where a text stands, None for nowhere, and why it does not match; empty when it does."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One order: its canonical `words`, how a text is `read`, and what the `winner` is called.

    What `read` answers compares with whatever else it answers. With `lowest_wins` the smallest is the best.
    """

    words: str
    read: Callable[[str], Read]
    winner: str
    lowest_wins: bool = False


def rule_of(kind: str, value: str) -> Rule:
    """Make the rule of that kind; `mistake` must have nothing to say against its value."""
    return _MAKERS[kind](value)


def mistake(kind: str, value: object) -> str:
    """Say what was expected of a rule's value; empty when it is right."""
    return _CHECKS[kind](value)


def is_attached(tag: str) -> bool:
    """Say whether a tag is that of a signature, an attestation or anything else that hangs on an image."""
    return tag.startswith("sha") and _ATTACHED.fullmatch(tag) is not None


def shown(value: object) -> str:
    """A found value in a message, shortened."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _semver(text: str) -> Rule:
    wanted = ranges.parse(text)

    def read(text: str) -> Read:
        version = versions.parse(text)
        if version is None:
            return None, "no version, such as 1.4.2"
        if wanted.holds(version):
            return version.rank, ""
        if version.prerelease and not wanted.prereleases:
            return version.rank, f"a prerelease, and {wanted.text} names none"
        return version.rank, f"outside {wanted.text}"

    return Rule(f"semver {wanted.text}", read, f"the highest version in {wanted.text}")


def _numerical(order: str) -> Rule:
    def read(text: str) -> Read:
        number = _number(text)
        return number, "" if number is not None else "no decimal number"

    lowest = order == "desc"
    return Rule(f"numerical {order}", read, f"the {'lowest' if lowest else 'highest'} number", lowest)


def _number(text: str) -> Decimal | None:
    """A number to its last digit, since build numbers are longer than a float is exact; None beyond a float's range."""
    if not _DECIMAL.fullmatch(text) or math.isinf(float(text)):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # its exponent has more digits than there are numbers for
        return None


def _alphabetical(order: str) -> Rule:
    lowest = order == "desc"
    return Rule(f"alphabetical {order}", lambda text: (text, ""), f"the {'first' if lowest else 'last'} word", lowest)


def _digest(tag: str) -> Rule:
    def read(text: str) -> Read:
        return (0, "") if text == tag else (None, f"only {tag} is followed")

    return Rule(f"digest {tag}", read, "the tag whose digest is followed")


_MAKERS: dict[str, Callable[[str], Rule]] = {
    "semver": _semver,
    "numerical": _numerical,
    "alphabetical": _alphabetical,
    "digest": _digest,
}


def _no_range(value: object) -> str:
    expected = f'must be a range of versions, such as "{ranges.EXAMPLE}"'
    if not isinstance(value, str):
        return expected
    try:
        ranges.parse(value)
    except ranges.RangeProblem as error:
        # Where all of it is wrong there is no part to point at.
        return expected if shown(value) in str(error) else f"{expected} ({error})"
    return ""


def _no_order(value: object) -> str:
    return "" if value in _ORDERS else "must be asc (the greatest wins) or desc (the smallest wins)"


def _no_tag(value: object) -> str:
    try:
        check_tag(value if isinstance(value, str) else "")
    except ReferenceProblem:
        return "must be a tag whose digest is followed, such as latest"
    return "must be the tag of an image, not that of a signature" if is_attached(str(value)) else ""


_CHECKS: dict[str, Callable[[object], str]] = {
    "semver": _no_range,
    "numerical": _no_order,
    "alphabetical": _no_order,
    "digest": _no_tag,
}
