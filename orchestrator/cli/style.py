"""One look for all text: few colours, each with one meaning; columns aligned; times as people say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

_ASCII = str.maketrans(
    {"●": "*", "○": "o", "✓": "+", "↩": "<", "■": "#", "→": "->", "█": "#", "░": ".", "·": "-", "…": "...", "–": "-"}
)

_NARROWEST = 20
"""Columns that folded text needs; where there are fewer it is left as it is."""
_GAP = re.compile(r"(?<=\S) (?=\S)(?!(?<=\d )(?:s|m|h|d|%|UTC)(?!\w))")


@dataclass(frozen=True, slots=True)
class Style:
    """Paints words where colours are wanted, and spells symbols in ASCII where the stream knows nothing else.

    `columns` is how wide the terminal is; None where it is none, and lines may be as long as they are.
    """

    colours: bool = False
    symbols: bool = True
    columns: int | None = None

    def strong(self, text: str) -> str:
        """The name of what is talked about."""
        return self._paint("1", text)

    def faint(self, text: str) -> str:
        """Labels and what matters less."""
        return self._paint("2", text)

    def good(self, text: str) -> str:
        """Serving, promoted, ready."""
        return self._paint("32", text)

    def busy(self, text: str) -> str:
        """Under way."""
        return self._paint("36", text)

    def warn(self, text: str) -> str:
        """Waits for a person, or went back."""
        return self._paint("33", text)

    def bad(self, text: str) -> str:
        """Failed or stuck."""
        return self._paint("31", text)

    def ascii(self, text: str) -> str:
        """The same words without symbols."""
        return text.translate(_ASCII)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colours and text else text


def width(text: str) -> int:
    """How many columns a text takes, colours left out."""
    while "\x1b[" in text:
        before, _, after = text.partition("\x1b[")
        text = before + after.partition("m")[2]
    return len(text)


def folded(text: str, within: int | None, indent: int = 0) -> list[str]:
    """Break a line at its spaces where it is wider than `within`; what goes on below begins at column `indent`.

    A number stays with its unit, and a command between backticks in one piece.
    """
    if within is None or within < indent + _NARROWEST or width(text) <= within:
        return [text]
    lines, line = [], ""
    for word in _pieces(text):
        if line.strip() and width(line) + 1 + width(word) > within:
            lines.append(line)
            line = " " * indent + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for word in _GAP.split(text):
        if pieces and pieces[-1].count("`") % 2:
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    return pieces


def columns(rows: Sequence[Sequence[str]], *, indent: int = 0, gap: int = 2, within: int | None = None) -> list[str]:
    """Align rows of words in columns, two spaces apart; the last one is left as it is, or folded `within` a width."""
    widths = [
        max((width(row[i]) for row in rows if i < len(row)), default=0) for i in range(max(map(len, rows), default=0))
    ]
    lines = []
    for row in rows:
        cells = [cell + " " * (widths[i] - width(cell) + gap) for i, cell in enumerate(row)]
        begins = indent + sum(widths[: len(row) - 1]) + gap * (len(row) - 1)
        lines += folded((" " * indent + "".join(cells)).rstrip(), within, begins)
    return lines


def flat(text: str) -> str:
    """A text that somebody else wrote, on one line."""
    return " ".join(filter(None, (line.strip() for line in text.splitlines()))) if "\n" in text else text


def span(seconds: float) -> str:
    """A length of time in at most two units: `0.4 s`, `42 s`, `4 m 12 s`, `3 h 5 m`, `2 d 4 h`."""
    seconds = max(seconds, 0.0)
    if 0.05 <= seconds < 1:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for unit, name, smaller, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit} {name} {rest} {small_name}" if rest else f"{whole // unit} {name}"
    return f"{whole} s"


def since(then: datetime, now: datetime) -> str:
    """How long ago something was."""
    return span((now - then).total_seconds())


def ago(then: datetime, now: datetime) -> str:
    """The same as part of a sentence."""
    return "just now" if (now - then).total_seconds() < 1 else f"{since(then, now)} ago"


def clock(at: datetime, now: datetime) -> str:
    """A moment in UTC: the time alone within a day, with its date otherwise."""
    near = abs(now - at) < timedelta(hours=20)
    return f"{at:%H:%M:%S} UTC" if near else f"{at:%Y-%m-%d %H:%M} UTC"


def percent(share: float | None) -> str:
    """A share as people read it: `10 %`, `33.3 %`, a dash where it is not known."""
    return "–" if share is None else f"{share:.1f}".removesuffix(".0") + " %"


def bar(share: float, style: Style, cells: int = 24) -> str:
    """A share as a line of blocks; anything above zero shows at least one."""
    filled = min(cells, max(round(share / 100 * cells), 1 if share > 0 else 0))
    return style.busy("█" * filled) + style.faint("░" * (cells - filled))
