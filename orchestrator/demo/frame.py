"""Parts of a frame that every picture of the play has: head, labels, recent counts, verdict, journal; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from orchestrator.cli.lines import line
from orchestrator.cli.style import Style
from orchestrator.demo.chart import Look
from providers.emulator.load_counts import Counts
from strategies.figures import amount
from strategies.journal import Event
from strategies.model import Reason

if TYPE_CHECKING:
    from orchestrator.demo.stage import Scene

MARGIN, LABEL = 2, 9
WIDEST = 140
RECENT_SECONDS = 2
UNTOLD = frozenset({"address", "digest", "revision", "previous", "number", "e", "proof", "code", "limit"})
"""What the journal's lines leave out here, where there is room for one short line each; and all single weights."""

Seconds = Mapping[int, Mapping[str, Counts]]


def complete(counted: Seconds, now: datetime) -> Seconds:
    """Seconds whose answers have come; the present one would be drawn too small."""
    return {second: versions for second, versions in counted.items() if second + 1.2 <= now.timestamp()}


def fitted(text: Text, width: int, look: Look) -> Text:
    """A line with its margin, cut where the terminal ends."""
    indented = Text(" " * MARGIN).append_text(text)
    if indented.cell_len > width:
        indented.truncate(width - 1)
        indented.append(look.more)
    return indented


def head(scene: Scene, seconds: float, width: int) -> Text:
    """The title of the act and the time that has passed."""
    left = Text.assemble(("rollout demo", "bold"), "   ", scene.title)
    clock = f"{int(seconds) // 60}:{int(seconds) % 60:02}"
    gap = width - MARGIN - left.cell_len - len(clock)
    return left.append(" " * max(gap, 2)).append(clock, "dim")


def labelled(label: str, text: Text) -> Text:
    """A line with its label before it."""
    return Text.assemble((f"{label:{LABEL}}", "dim")).append_text(text)


def recently(counted: Seconds) -> dict[str, Counts]:
    """What the last seconds had, by version."""
    found: dict[str, Counts] = {}
    for second in list(counted)[-RECENT_SECONDS:]:
        for version, counts in counted[second].items():
            found[version] = found.get(version, Counts()).plus(counts)
    return found


def verdict(reason: Reason) -> str:
    """The verdict in one short line: the numbers alone where it rests on counts."""
    said = dict(reason.evidence)
    if not {"candidateFailures", "candidateRequests", "e", "limit"} <= said.keys():
        return reason.message
    failed = f"{said['candidateFailures']} of {said['candidateRequests']} requests failed"
    return f"turned back: {failed}, evidence {amount(float(said['e'] or 0))} of {said['limit']:,g}"


def journal(events: Sequence[Event], look: Look, *, named: bool = False) -> list[Text]:
    """Events as short lines; `named` says at which target each was."""
    style = Style(colours=look.colours, symbols=look.symbols)
    return [Text.from_ansi(line(short(event, named=named), style)) for event in events]


def short(event: Event, *, named: bool = False) -> Event:
    """An event without what there is no room for."""
    kept = tuple((key, value) for key, value in event.data if key not in UNTOLD and not key.startswith("weight."))
    return replace(event, target=event.target if named else None, data=kept)
