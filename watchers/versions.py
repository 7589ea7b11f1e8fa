"""Versions as semver.org 2.0.0 defines them: reading them strictly, and the order in which they precede each other.

Pure. `parse` reads what a tag may be; `rank_of` and `prerelease_rank` serve whoever reads versions less strictly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Identifier = tuple[int, int, str]
"""One part of a prerelease: numbers first, by value, then words, by code points; what has no prerelease is last."""
Rank = tuple[int, int, int, tuple[Identifier, ...]]
"""What versions are ordered by: compares as they precede each other; build metadata has no part in it."""

HIGHEST_NUMBER = 2**64 - 1
"""Of a version's three numbers; what is longer is a date, a hash or a mistake."""
LONGEST = 256
RELEASED: tuple[Identifier, ...] = ((2, 0, ""),)
"""Stands where a release has no prerelease: above all of them."""
_NUMBER = "(0|[1-9][0-9]*)"
_WORDS = r"([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)"
_STRICT = re.compile(rf"v?{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_WORDS})?(?:\+{_WORDS})?")


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its `rank`, and its `prerelease` and `build` as written, empty where it has none."""

    rank: Rank
    prerelease: str = ""
    build: str = ""


def parse(text: str) -> Version | None:
    """Read a version of exactly three numbers without leading zeros, a `v` before it allowed; None for anything else.

    Numbers go up to 2^64-1 and the whole to 256 characters.
    """
    found = _STRICT.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        return None
    major, minor, patch, prerelease, build = found.groups()
    rank = rank_of(int(major), int(minor), int(patch), prerelease or "")
    return Version(rank, prerelease or "", build or "") if rank is not None else None


def rank_of(major: int, minor: int, patch: int, prerelease: str = "") -> Rank | None:
    """Return where a version stands; None when one of its numbers is too high or its prerelease is none."""
    words = prerelease_rank(prerelease)
    return (major, minor, patch, words) if words is not None and max(major, minor, patch) <= HIGHEST_NUMBER else None


def prerelease_rank(text: str) -> tuple[Identifier, ...] | None:
    """Return where a prerelease stands among those of its version, the empty one above all others; None if it is none.

    Its characters are the caller's to check; what only shows part by part is checked here: no empty part, and no
    number with a leading zero.
    """
    if not text:
        return RELEASED
    parts = text.split(".")
    if any(not part or (len(part) > 1 and part[0] == "0" and part.isdecimal()) for part in parts):
        return None
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
