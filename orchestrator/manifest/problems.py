"""What is wrong with a manifest, said for the person who has to mend it: file, line, path, expectation, finding."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""The way to a value inside a document: mapping keys and list positions."""

_SHOWN = 80
_SEARCHED = 200
_KINDS = {dict: "a mapping", list: "a list", bool: "true or false", type(None): "nothing"}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake; sorts by file, then line, and prints as `file:line: path: message`."""

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A finding of a check: where, what, and the other paths it was judged by."""

    path: Path
    message: str
    needs: tuple[Path, ...] = field(default=())
    as_written: bool = False
    """Judged on what was written, not on what was mended."""


NOT_YET = "must not be given yet: this version does not run {}; {}"


class ManifestError(Exception):
    """Raised with every problem of all files at once, each once, sorted by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def within(path: Path, known: Collection[Path]) -> bool:
    """Whether a path is one of the known ones or leads below one of them."""
    return any(path[:length] in known for length in range(len(path) + 1))


def dotted(path: Path) -> str:
    """Write a path as people do: `targets[0].containerInstances.replicas`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """Show a found value in a message: scalars as themselves and shortened, the rest by kind."""
    if isinstance(value, dict | list) or value is None:
        return _KINDS[type(value)]
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def near(word: str, words: Sequence[str]) -> str:
    """Name the nearest known word as a question, or all of them when none is near."""
    by_lower = {known.lower(): known for known in words[:_SEARCHED]}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    if close:
        return f"did you mean {by_lower[close[0]]!r}?"
    return f"known here: {', '.join(sorted(words)[:_SEARCHED])}" if words else "nothing is known here"
