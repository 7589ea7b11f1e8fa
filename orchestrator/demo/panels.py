"""The live picture with several front doors: a panel for each, side by side, and one journal below; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.text import Text

from orchestrator.cli.style import percent
from orchestrator.counted import evidence_of
from orchestrator.demo.chart import BLANK, Look, bar, chart
from orchestrator.demo.frame import MARGIN, RECENT_SECONDS, WIDEST, Seconds, complete, fitted, head, journal, recently
from orchestrator.demo.fronts import Front, total_of
from orchestrator.result import share_of
from providers.emulator.load_counts import Counts
from strategies.figures import amount
from strategies.model import Rollout, TargetState
from strategies.phases import TERMINAL

if TYPE_CHECKING:
    from orchestrator.demo.stage import Scene

_GAP, _LABEL = 3, 8
_NUMBERS = 18
"""What the numbers behind a bar take: two versions, each with its percent."""
_LEAST_CHART, _MOST_CHART, _LEAST_JOURNAL, _MOST_JOURNAL = 4, 12, 2, 10


def draw(scene: Scene, now: datetime, seconds: float, size: tuple[int, int], look: Look) -> Text:
    """Draw one frame: `seconds` since the curtain rose, `size` in columns and rows."""
    width, height = min(size[0], WIDEST), size[1] - 1
    each = (width - MARGIN - _GAP * (len(scene.fronts) - 1)) // len(scene.fronts)
    fixed = 2 + len(_panel(scene, scene.fronts[0], now, (each, 0), look)) + 1
    room = height - fixed
    told = max(_LEAST_JOURNAL, min(_MOST_JOURNAL, room - _MOST_CHART))
    rows = max(_LEAST_CHART, min(_MOST_CHART, room - told))
    columns = [_panel(scene, front, now, (each, rows), look) for front in scene.fronts]
    lines = [head(scene, seconds, width), BLANK, *_beside(columns, each, look), BLANK]
    lines += journal(scene.journal[-told:], look, named=True)
    return Text("\n").join(fitted(line, width, look) for line in lines[:height])


def _beside(columns: Sequence[list[Text]], width: int, look: Look) -> list[Text]:
    """Panels of one height next to each other, each line cut to its panel."""
    lines = []
    for parts in zip(*columns, strict=True):
        line = Text()
        for number, part in enumerate(parts):
            cell = part.copy()
            if cell.cell_len > width:
                cell.truncate(width - 1)
                cell.append(look.more)
            if number < len(parts) - 1:
                cell.pad_right(width - cell.cell_len + _GAP)
            line.append_text(cell)
        lines.append(line)
    return lines


def _panel(scene: Scene, front: Front, now: datetime, size: tuple[int, int], look: Look) -> list[Text]:
    width, rows = size
    crowd = scene.crowds.get(front.target)
    counted = complete(crowd.per_second(), now) if crowd else {}
    totals = crowd.counts() if crowd else {}
    state = None if scene.rollout is None else next(s for s in scene.rollout.targets if s.name == front.target)
    wave = "" if scene.rollout is None else f"wave {scene.rollout.service.target(front.target).wave}"
    told = f"{wave}  {front.label}".strip()
    fits = len(front.target) + 2 + len(told) <= width
    title = Text.assemble((front.target, "bold"), "  ", (told if fits else wave, "dim"))
    drawn = chart(counted, scene.marks, width, rows, look) if rows else [BLANK]
    return [
        title,
        *_shares(scene, state, counted, width, look),
        BLANK,
        *drawn,
        *_table(counted, totals, look),
        BLANK,
        *_doing(scene.rollout, state, look),
    ]


def _labelled(label: str, text: Text) -> Text:
    return Text.assemble((f"{label:{_LABEL}}", "dim")).append_text(text)


def _shares(scene: Scene, state: TargetState | None, counted: Seconds, width: int, look: Look) -> list[Text]:
    """The split as it was asked for above the split as clients have it."""
    cells = max(6, width - _LABEL - _NUMBERS)
    share = share_of(scene.rollout, state) if scene.rollout is not None and state is not None else {}
    asked, confirmed = share.get("intended"), share.get("confirmed")
    wanted = {} if asked is None else {scene.stable or "": 100 - asked, scene.version: asked}
    wanted.pop("", None)
    late = "" if asked is None or asked == confirmed else f" {percent(confirmed)} read back"
    seen = recently(counted)
    total = total_of(seen).requests
    clients = {version: 100 * each.requests / total for version, each in seen.items()} if total else {}
    return [
        _labelled("asked", bar(wanted, cells, look).append(late, "dim")),
        _labelled("clients", bar(clients, cells, look) if clients else Text("nobody is asking yet", "dim")),
    ]


def _table(counted: Seconds, totals: Mapping[str, Counts], look: Look) -> list[Text]:
    """Requests and failures by version; always three rows, so that nothing jumps."""
    recent = recently(counted)
    seconds = max(1, min(RECENT_SECONDS, len(counted)))
    rows = [Text(f"{'':{_LABEL}}{'req/s':>6}{'fail/s':>7}{'requests':>9}{'failed':>7}", "dim")]
    for version in look.versions:
        now, all_of_it = recent.get(version, Counts()), totals.get(version, Counts())
        row = Text.assemble((f"{version:{_LABEL}}", look.colour(version) if all_of_it.requests else "dim"))
        for value, cells, said in (
            (now.requests, 6, f"{now.requests / seconds:.0f}"),
            (now.failed, 7, f"{now.failed / seconds:.1f}"),
            (all_of_it.requests, 9, f"{all_of_it.requests:,}"),
            (all_of_it.failed, 7, f"{all_of_it.failed:,}"),
        ):
            row.append(f"{said if value else look.none:>{cells}}", "" if value else "dim")
        if all_of_it.failed:
            row.stylize(look.failed, len(row) - 7)
        rows.append(row)
    return rows


def _doing(rollout: Rollout | None, state: TargetState | None, look: Look) -> list[Text]:
    """Phase and step, what it waits for, and what speaks against the candidate here."""
    if rollout is None or state is None:
        return [_labelled("now", Text("not begun", "dim")), BLANK, _labelled("against", Text(look.none, "dim"))]
    target = rollout.service.target(state.name)
    word = "rolled back" if state.phase.value == "rolledBack" else state.phase.value
    style = "green" if word == "promoted" else ("yellow" if rollout.failure else "cyan")
    now, note = Text.assemble((word, style)), Text()
    if state.phase not in TERMINAL:
        now.append(f", step {state.step} of {target.plan.last}", "dim")
        note = Text(state.note, "dim")
    return [_labelled("now", now), _labelled("", note), _labelled("against", _against(rollout, state, look))]


def _against(rollout: Rollout, state: TargetState, look: Look) -> Text:
    if not state.exposed or not rollout.previous:
        return Text(look.none, "dim")
    seen, limit = evidence_of(rollout, state), rollout.service.target(state.name).probe.failures
    failing = max((slot.failed for slot in state.candidate), default=0)
    text = Text.assemble((f"counts {amount(seen['e'])}", "red" if seen["e"] >= 10 else ""))
    return text.append(f"  probes {failing} of {limit}", "red" if failing else "")
