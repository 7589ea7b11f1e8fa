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


def bar(shares: Mapping[str, float], cells: int, look: Look) -> Text:
    """Draw shares in percent as one line of blocks with its numbers; anything above zero shows at least one block."""
    present = {what: share for what, share in sorted(shares.items()) if share > 0}
    widths = {what: max(1, round(share / 100 * cells)) for what, share in present.items()}
    if widths:
        largest = max(widths, key=lambda what: widths[what])
        widths[largest] += cells - sum(widths.values())
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
    """Draw complete seconds as columns of shares from the left, and the marks below them; it scrolls when it is full."""
    fine = 2 if look.colours and look.symbols else 1
    wide = 2 if width - _AXIS >= 110 else 1
    shown = sorted(counted)[-((width - _AXIS) // wide) :]
    columns = [_column(counted[second], rows * fine) for second in shown]
    lines = []
    for row in range(rows):
        label = {0: "100 %", rows // 2: "50 %", rows - 1: "0 %"}.get(row, "")
        drawn = Text(f"{label:>{_AXIS - 1}} ", "dim")
        for column in columns:
            _cell(drawn, column[row * fine : (row + 1) * fine], wide, look)
        lines.append(drawn)
    return [*lines, _axis(shown, marks, width - _AXIS, wide, look)]


def _column(versions: Mapping[str, Counts], height: int) -> list[str]:
    """What stands at each height, from the top: the oldest version first, failures last."""
    total = sum(each.requests for each in versions.values())
    failed = sum(each.failed for each in versions.values())
    parts = [(version, versions[version].requests - versions[version].failed) for version in sorted(versions)]
    column: list[str] = []
    reached = 0
    for what, count in (*parts, (FAILED, failed)):
        reached += count
        upto = round(reached / total * height)
        if count and upto == len(column):
            # The smallest share must be seen too: it takes the place of its larger neighbour's last part.
            upto, column = (upto + 1, column) if upto < height else (upto, column[:-1])
        column += [what] * (upto - len(column))
    return column[:height]


def _cell(drawn: Text, parts: Sequence[str], wide: int, look: Look) -> None:
    upper, lower = parts[0], parts[-1]
    if upper == lower:
        drawn.append(look.fill(upper) * wide, look.colour(upper))
    else:
        drawn.append("▀" * wide, f"{look.colour(upper)} on {look.colour(lower)}")


def _axis(
    shown: Sequence[int], marks: Sequence[tuple[datetime, str]], width: int, wide: int, look: Look
) -> Text:
    """Words below the second in which something happened; one that would cover another is left out."""
    words = " " * width
    for at, word in marks:
        place = (int(at.timestamp()) - shown[0]) * wide if shown else -1
        said = f"{'↑' if look.symbols else '^'} {word}"
        if 0 <= place and place + len(said) <= width and not words[max(place - 1, 0) : place + len(said) + 1].strip():
            words = words[:place] + said + words[place + len(said) :]
    return Text(" " * _AXIS + words.rstrip(), "dim")
