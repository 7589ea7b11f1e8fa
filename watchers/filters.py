"""Which tags count, and what of them is compared: a regular expression, and a template over its groups.

Expressions are RE2's, so that none can hang the watcher, and match anywhere unless anchored. Templates are those of
Go's `Regexp.Expand`: `$1`, `$name` (the longest run of letters, digits and `_`), `${name}`, `$$` for a dollar sign; a
`$` that begins none of these stands for itself, a group that took no part for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, cast

LONGEST_PATTERN = 500
LONGEST_TEMPLATE = 500
# Of the automaton that one expression may grow; as many as RE2's own cache holds then stay within a quarter GiB.
_MOST_MEMORY = 2 << 20
_MOST_DIGITS = 8

Piece = str | int
"""Text as it is, or the number of a group."""


class FilterProblem(ValueError):  # noqa: N818 - said of the text, as the sentence does
    """A pattern that is none; the message says why."""


class _Found(Protocol):
    def __getitem__(self, group: int) -> str | None: ...


class _Compiled(Protocol):
    @property
    def groups(self) -> int: ...

    @property
    def groupindex(self) -> Mapping[str, int]: ...

    def search(self, text: str) -> _Found | None: ...


@dataclass(frozen=True, slots=True)
class Groups:
    """What a pattern captures: how many groups, and the numbers of those that have names."""

    count: int
    names: Mapping[str, int]

    def number(self, name: str) -> int | None:
        """The group that a template means by `name`; None when there is no such group."""
        if name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0"):
            return int(name) if len(name) <= _MOST_DIGITS and int(name) <= self.count else None
        return self.names.get(name)

    @property
    def words(self) -> str:
        """All of them as a template writes them."""
        return ", ".join(f"${name}" for name in sorted((*map(str, range(self.count + 1)), *self.names)))


@dataclass(frozen=True, slots=True)
class Filter:
    """Picks what is compared out of a tag; the whole of it where there is no template."""

    pattern: str
    pieces: tuple[Piece, ...] | None = None

    def __call__(self, tag: str) -> str | None:
        """Return what of a tag is compared; None when it does not match. Linear in the tag's length."""
        found = _compiled(self.pattern).search(tag)
        if found is None or self.pieces is None:
            return tag if found is not None else None
        return "".join(piece if isinstance(piece, str) else found[piece] or "" for piece in self.pieces)


def groups_of(pattern: str) -> Groups:
    """Compile a pattern and answer its groups; raises FilterProblem in RE2's words when it is none."""
    try:
        compiled = _compiled(pattern)
    except UnicodeEncodeError:
        raise FilterProblem("it holds half a character") from None
    except _error() as error:
        said = error.args[0] if error.args else b"unknown error"
        raise FilterProblem(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None
    names = dict(compiled.groupindex)
    for name in names:
        # Go's template takes the one of them that took part, RE2 tells of the first alone: rather refused than misread.
        if pattern.count(f"(?P<{name}>") + pattern.count(f"(?<{name}>") > 1:
            raise FilterProblem(f"two groups are called {name}")
    return Groups(compiled.groups, names)


def template(text: str, groups: Groups) -> tuple[tuple[Piece, ...], tuple[str, ...]]:
    """Read a template; answers its pieces and the names in it that are no groups."""
    pieces: list[Piece] = []
    unknown: list[str] = []
    for literal, name in _parts(text):
        if name is None:
            pieces.append(literal)
            continue
        number = groups.number(name)
        if number is None:
            unknown.append(name)
        else:
            pieces.append(number)
    return tuple(pieces), tuple(unknown)


def _parts(text: str) -> Iterator[tuple[str, str | None]]:
    """Cut a template into literal texts and names of groups."""
    while text:
        literal, dollar, rest = text.partition("$")
        if literal:
            yield literal, None
        if not dollar:
            return
        name, after = _name(rest)
        if name:
            yield "", name
        else:
            yield "$", None
            after = rest[1:] if rest.startswith("$") else rest
        text = after


def _name(text: str) -> tuple[str, str]:
    """The name at the beginning of what follows a dollar sign, empty where there is none, and what comes after it."""
    braced = text.startswith("{")
    length = start = int(braced)
    while length < len(text) and (text[length] == "_" or text[length].isalpha() or text[length].isdecimal()):
        length += 1
    if braced and text[length : length + 1] != "}":
        return "", text
    return text[start:length], text[length + braced :]


def _compiled(pattern: str) -> _Compiled:
    """Compile by RE2's own cache, which is bounded: what no policy uses any longer makes room for others."""
    import re2

    return cast(_Compiled, re2.compile(pattern, _options()))


@cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    return options


def _error() -> type[Exception]:
    import re2

    return cast(type[Exception], re2.error)
