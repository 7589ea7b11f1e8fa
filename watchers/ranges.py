"""Ranges of versions in the dialect that users of Flux and Helm know, that of Masterminds/semver v3.

Pure. Comparisons beside each other (by space or comma) must all hold, `||` stands between alternatives:

    =1.4.2  1.4.2  !=1.4.2  >1.4  >=1.4 (=>)  <2  <=2.1 (=<)  ~1.4.2 (~>)  ^1.4.2  1.4.x  1.*  *  1.4 - 2.1

What that dialect does in its corners is done here too, since a range that means one thing there and another here
would roll out the wrong image; the tests hold the two against each other:

- `~`: same major and minor number, only the same major one where no minor is given; `~0.0.0` is `>=0.0.0`.
- `^`: same major number; below 1 the same minor one, below 0.1 the same patch; so `^*` is `0.0.0`.
- `>1.4` begins at 1.5.0 and `<=1.4` holds for 1.4.9: where numbers are missing, all that could stand there is meant.
- Prereleases hold only for alternatives in which some comparison names one, and then for all its comparisons.
- A hyphen range is put as two comparisons first, and what stands at its ends may hold a `||`: `1||2 - 3` reads
  `>=1 || 2 <=3`. The canonical text of a range shows what was understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from watchers.versions import LONGEST, Rank, Version, rank_of

LONGEST_RANGE = 512
MOST_ALTERNATIVES = 32
EXAMPLE = ">=1.4 <2"
_SPACE = r"[ \t\n\f\r]"
# A bar counts as a digit in this grammar; where a number is needed it is refused, behind a wildcard nothing is read.
_DIGITS = r"([0-9xX*|]+)"
_WORDS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_PARTIAL = rf"v?{_DIGITS}(?:\.{_DIGITS})?(?:\.{_DIGITS})?(?:-({_WORDS}))?(?:\+{_WORDS})?"
_COMPARISON = re.compile(rf"(=>|=<|>=|<=|!=|~>|[=<>~^])?{_SPACE}*({_PARTIAL})")
_HYPHEN = re.compile(rf"{_SPACE}*({_PARTIAL}){_SPACE}+-{_SPACE}+({_PARTIAL}){_SPACE}*")
_AND = re.compile(rf"{_SPACE}*,{_SPACE}*|{_SPACE}+")
_BLANK = re.compile(rf"{_SPACE}*")
_SAME = {"=>": ">=", "=<": "<=", "~>": "~"}

Test = Callable[[Rank], bool]


class RangeProblem(ValueError):  # noqa: N818 - said of the text, as the sentence does
    """A text that is no range; the message says where."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """The version of a comparison: `given` of its three numbers were, the others are zero."""

    given: int
    rank: Rank

    def after(self, position: int) -> Rank:
        """The least version in which the number at `position` is one higher; prereleases of it are above."""
        major, minor, patch = (
            number + (at == position) if at <= position else 0 for at, number in enumerate(self.rank[:3])
        )
        return (major, minor, patch, ())


@dataclass(frozen=True, slots=True)
class _Alternative:
    tests: tuple[Test, ...]
    prereleases: bool


@dataclass(frozen=True, slots=True)
class Range:
    """A range as it was understood: `text` in its canonical words."""

    text: str
    _alternatives: tuple[_Alternative, ...]

    @property
    def prereleases(self) -> bool:
        """Whether any prerelease can be in it."""
        return any(each.prereleases for each in self._alternatives)

    def holds(self, version: Version) -> bool:
        """Say whether a version is in the range."""
        return any(
            (each.prereleases or not version.prerelease) and all(test(version.rank) for test in each.tests)
            for each in self._alternatives
        )


def parse(text: str) -> Range:
    """Read a range; raises RangeProblem, whose message names the part that is none."""
    if len(text) > LONGEST_RANGE:
        raise RangeProblem(f"it has {len(text)} characters, at most {LONGEST_RANGE} are read")
    written = _without_hyphens(text).split("||")
    if len(written) > MOST_ALTERNATIVES:
        raise RangeProblem(f"it has {len(written)} alternatives, at most {MOST_ALTERNATIVES} are read")
    read = [_alternative(part) for part in written]
    return Range(" || ".join(words for words, _ in read), tuple(alternative for _, alternative in read))


def _without_hyphens(text: str) -> str:
    # Each is put in place of the first text that reads like it: known to matter only where ranges repeat each other.
    for found in list(_HYPHEN.finditer(text)):
        text = text.replace(found[0], f">={found[1]}, <={found[6]} ", 1)
    return text


def _alternative(text: str) -> tuple[str, _Alternative]:
    """Read comparisons of which all must hold; answers their canonical words as well."""
    end = len(text.rstrip(" \t\n\f\r"))
    at = _end(_BLANK.match(text))
    words: list[str] = []
    tests: list[Test] = []
    prereleases = False
    while True:
        found = _COMPARISON.match(text, at, end)
        if found is None:
            raise RangeProblem(_nothing_at(text, at, end))
        operator, version, *numbers, prerelease = found.groups(default="")
        operator = _SAME.get(operator, operator)
        tests.append(_TESTS[operator](_bound(version, numbers, prerelease)))
        words.append(operator + version)
        prereleases = prereleases or bool(prerelease)
        if found.end() == end:
            return " ".join(words), _Alternative(tuple(tests), prereleases)
        between = _AND.match(text, found.end(), end)
        if between is None:
            raise RangeProblem(f"{_cut(text[found.end() : end])!r} cannot follow {_cut(found[0].strip())!r}")
        at = between.end()


def _bound(version: str, numbers: list[str], prerelease: str) -> _Bound:
    given = next((at for at, number in enumerate(numbers) if number in ("", "x", "X", "*")), 3)
    known = [*numbers[:given], "0", "0", "0"][:3]
    # Behind a wildcard numbers and build metadata are dropped, and count towards no length.
    whole = version if given == 3 else ".".join(known) + (f"-{prerelease}" if prerelease else "")
    rank = None
    if len(whole) <= LONGEST and all(number.isdecimal() for number in known):
        major, minor, patch = map(int, known)
        rank = rank_of(major, minor, patch, prerelease)
    if rank is None:
        raise RangeProblem(f"{_cut(version)!r} is no version")
    return _Bound(given, rank)


_Interval = tuple[Rank | None, Rank | None]
"""From the first on, up to and without the second; None: without end."""


def _least(rank: Rank) -> Rank:
    """What comes directly above a version, below everything else that does."""
    return (*rank[:3], (*rank[3], (-1, 0, "")))


def _tilde(bound: _Bound) -> _Interval:
    if bound.given in (0, 3) and bound.rank[:3] == (0, 0, 0):
        return bound.rank, None
    return bound.rank, bound.after(0 if bound.given == 1 else 1)


def _equal(bound: _Bound) -> _Interval:
    return (bound.rank, _least(bound.rank)) if bound.given == 3 else _tilde(bound)


def _caret(bound: _Bound) -> _Interval:
    major, minor, *_ = bound.rank
    if major > 0 or bound.given == 1:
        return bound.rank, bound.after(0)
    return bound.rank, bound.after(1 if minor > 0 or bound.given == 2 else 2)


def _above(bound: _Bound) -> _Interval:
    return (bound.after(bound.given - 1) if bound.given in (1, 2) else _least(bound.rank)), None


def _at_most(bound: _Bound) -> _Interval:
    if bound.given == 3:
        return None, _least(bound.rank)
    return None, bound.after(0 if bound.given == 1 else 1)


def _in(interval: Callable[[_Bound], _Interval]) -> Callable[[_Bound], Test]:
    def make(bound: _Bound) -> Test:
        low, high = interval(bound)
        return lambda rank: (low is None or low <= rank) and (high is None or rank < high)

    return make


def _unequal(bound: _Bound) -> Test:
    major, minor, _, prerelease = wanted = bound.rank
    if bound.given == 1:
        return lambda rank: rank[0] != major
    if bound.given == 2:
        return lambda rank: rank[:2] != (major, minor) or rank[3] != prerelease
    return lambda rank: rank != wanted


_TESTS: dict[str, Callable[[_Bound], Test]] = {
    "": _in(_equal),
    "=": _in(_equal),
    "!=": _unequal,
    ">": _in(_above),
    ">=": _in(lambda bound: (bound.rank, None)),
    "<": _in(lambda bound: (None, bound.rank)),
    "<=": _in(_at_most),
    "~": _in(_tilde),
    "^": _in(_caret),
}


def _nothing_at(text: str, at: int, end: int) -> str:
    if at >= end:
        return "a comparison is missing" + (f" after {_cut(text[:end].strip())!r}" if text[:end].strip() else "")
    return f"{_cut(text[at:end])!r} is no comparison"


def _end(found: re.Match[str] | None) -> int:
    return found.end() if found is not None else 0


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."
