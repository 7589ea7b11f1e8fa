"""Bars and the chart of who answered whom: one column per second, one colour per version, failures at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from orchestrator.demo import scenery
from providers.emulator.load_counts import Counts

BLANK = Text("")
FAILED = "failed"
_AXIS = 7


@dataclass(frozen=True, slots=True)
class Look:
    """How things are told apart: by colour where there is any, else by the filling of the blocks."""

    colours: bool = True
    symbols: bool = True
    versions: tuple[str, ...] = (scenery.FIRST, scenery.GOOD, scenery.BAD)

    @property
    def failed(self) -> str:
        """The colour of what failed."""
        return "red"

    @property
    def none(self) -> str:
        """What stands where there is nothing to say."""
        return "–" if self.symbols else "-"

    @property
    def more(self) -> str:
        """What stands where a line was cut."""
        return "…" if self.symbols else "~"

    def colour(self, what: str) -> str:
        """The colour of a version, or of failures."""
        if what == FAILED:
            return self.failed
        colours = dict(zip(self.versions, ("blue", "cyan", "magenta"), strict=True))
        return colours.get(what, "white")

    def fill(self, what: str) -> str:
        """The block that a version is drawn with; where there are colours all blocks are full."""
        if self.colours and self.symbols:
            return "█"
        fills = dict(zip((*self.versions, FAILED), "░▒█×" if self.symbols else ".o#x", strict=True))
        return fills.get(what, "?")


def apportion(parts: Mapping[str, float], cells: int) -> dict[str, int]:
    """Divide cells among parts; what is above zero gets at least one, which the largest parts pay for.

    There must be no more parts above zero than cells.
    """
    total = sum(parts.values())
    sizes = {what: max(1, round(part / total * cells)) for what, part in parts.items() if part > 0}
    while sizes and (rest := cells - sum(sizes.values())):
        largest = max(sizes, key=lambda what: (sizes[what], parts[what]))
        sizes[largest] += 1 if rest > 0 else -1
    return sizes


def bar(shares: Mapping[str, float], cells: int, look: Look) -> Text:
    """Draw shares in percent as one line of blocks with its numbers; anything above zero shows at least one block."""
    present = {what: share for what, share in sorted(shares.items()) if share > 0}
    widths = apportion(present, cells)
    drawn = Text()
    for what, width in widths.items():
        drawn.append(look.fill(what) * width, look.colour(what))
    for what, share in present.items():
        drawn.append("  ").append(what, look.colour(what)).append(f" {share:.0f} %")
    return drawn


def chart(
    counted: Mapping[int, Mapping[str, Counts]],
    marks: Sequence[tuple[datetime, str]],
    width: int,
    rows: int,
    look: Look,
) -> list[Text]:
    """Draw complete seconds as columns of shares from the left, and the marks below; it scrolls when it is full."""
    fine = 2 if look.colours and look.symbols else 1
    wide = 2 if width - _AXIS >= 110 else 1
    shown = sorted(counted)[-((width - _AXIS) // wide) :]
    columns = [_column(counted[second], rows * fine) for second in shown]
    lines = []
    for row in range(rows):
        label = {0: "100 %", rows // 2: "50 %", rows - 1: "0 %"}.get(row, "")
        drawn = Text.assemble((f"{label:>{_AXIS - 1}} ", "dim"))
        for column in columns:
            _cell(drawn, column[row * fine : (row + 1) * fine], wide, look)
        lines.append(drawn)
    return [*lines, _axis(shown, marks, width - _AXIS, wide, look)]


def _column(versions: Mapping[str, Counts], height: int) -> list[str]:
    """What stands at each height, from the top: the oldest version first, failures last."""
    parts: dict[str, float] = {
        version: versions[version].requests - versions[version].failed for version in sorted(versions)
    }
    parts[FAILED] = sum(each.failed for each in versions.values())
    return [what for what, size in apportion(parts, height).items() for _ in range(size)]


def _cell(drawn: Text, parts: Sequence[str], wide: int, look: Look) -> None:
    upper, lower = parts[0], parts[-1]
    if upper == lower:
        drawn.append(look.fill(upper) * wide, look.colour(upper))
    else:
        drawn.append("▀" * wide, f"{look.colour(upper)} on {look.colour(lower)}")


def _axis(shown: Sequence[int], marks: Sequence[tuple[datetime, str]], width: int, wide: int, look: Look) -> Text:
    """Words below the second in which something happened; one that would cover another is left out."""
    words = " " * width
    for at, word in marks:
        place = (int(at.timestamp()) - shown[0]) * wide if shown else -1
        said = f"{'↑' if look.symbols else '^'} {word}"
        end = place + len(said)
        if place >= 0 and end <= width and not words[max(place - 1, 0) : end + 1].strip():
            words = words[:place] + said + words[end:]
    return Text(" " * _AXIS + words.rstrip(), "dim")
