"""The live picture of the play: who serves whom, second by second, and what the rollout is doing about it.

Pure drawing: `draw` makes a text of what a scene and its crowd's counts say at one moment; `Picture` shows it anew
eight times a second from a thread of its own, so that it moves while the engine waits for an answer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.text import Text

from orchestrator.cli.lines import line
from orchestrator.cli.output import Output
from orchestrator.cli.style import percent
from orchestrator.counted import evidence_of
from orchestrator.demo import panels
from orchestrator.demo.chart import BLANK, Look, bar, chart
from orchestrator.demo.frame import (
    LABEL,
    MARGIN,
    RECENT_SECONDS,
    WIDEST,
    Seconds,
    complete,
    fitted,
    head,
    journal,
    labelled,
    recently,
    short,
    verdict,
)
from orchestrator.demo.stage import Scene
from orchestrator.result import mean_share, phase_of
from providers.emulator.load_counts import Counts
from strategies.figures import amount
from strategies.model import Rollout
from strategies.phases import TERMINAL

if TYPE_CHECKING:
    from rich.live import Live

FRAMES_PER_SECOND = 8
_LEAST_CHART, _MOST_CHART, _LEAST_JOURNAL, _MOST_JOURNAL = 5, 12, 2, 10


def draw(scene: Scene, now: datetime, seconds: float, size: tuple[int, int], look: Look) -> Text:
    """Draw one frame: `seconds` since the curtain rose, `size` in columns and rows."""
    if len(scene.fronts) > 1:
        return panels.draw(scene, now, seconds, size, look)
    width, height = min(size[0], WIDEST), size[1] - 1
    counted = complete(scene.load.per_second(), now) if scene.load else {}
    totals = scene.load.counts() if scene.load else {}
    top = [head(scene, seconds, width), BLANK, *_shares(scene, counted, width, look), BLANK]
    middle = [BLANK, *_table(counted, totals, look), BLANK, *_doing(scene, look), BLANK]
    room = height - len(top) - len(middle) - 1
    told = max(_LEAST_JOURNAL, min(_MOST_JOURNAL, room - _MOST_CHART))
    rows = max(_LEAST_CHART, min(_MOST_CHART, room - told))
    drawn = chart(counted, scene.marks, width - MARGIN, rows, look)
    lines = [*top, *drawn, *middle, *journal(scene.journal[-told:], look)]
    return Text("\n").join(fitted(each, width, look) for each in lines[:height])


def _shares(scene: Scene, counted: Seconds, width: int, look: Look) -> list[Text]:
    """The split as it was asked for above the split as clients have it."""
    cells = max(10, min(48, width - 42))
    share = mean_share(scene.rollout) if scene.rollout else {}
    asked, confirmed = share.get("intended"), share.get("confirmed")
    wanted = {} if asked is None else {scene.stable or "": 100 - asked, scene.version: asked}
    if scene.stable is None:
        wanted.pop("", None)
    late = asked is not None and asked != confirmed
    seen = recently(counted)
    total = sum(each.requests for each in seen.values())
    clients = {version: 100 * each.requests / total for version, each in seen.items()} if total else {}
    said = f"   {percent(confirmed)} read back" if late else ""
    return [
        labelled("asked", bar(wanted, cells, look).append(said, "dim")),
        labelled("clients", bar(clients, cells, look) if clients else Text("nobody is asking yet", "dim")),
    ]


def _table(counted: Seconds, totals: Mapping[str, Counts], look: Look) -> list[Text]:
    """Requests and failures by version; always three rows, so that nothing jumps."""
    recent = recently(counted)
    seconds = max(1, min(RECENT_SECONDS, len(counted)))
    head = Text(f"{'':{LABEL}}{'requests/s':>12}{'failed/s':>12}{'requests':>12}{'failed':>12}", "dim")
    rows = [head]
    for version in (*look.versions, *(each for each in totals if each not in look.versions)):
        now, all_of_it = recent.get(version, Counts()), totals.get(version, Counts())
        row = Text.assemble((f"{version:{LABEL}}", look.colour(version) if all_of_it.requests else "dim"))
        for value, count in (
            (now.requests / seconds, f"{now.requests / seconds:.0f}"),
            (now.failed / seconds, f"{now.failed / seconds:.1f}"),
            (all_of_it.requests, f"{all_of_it.requests:,}"),
            (all_of_it.failed, f"{all_of_it.failed:,}"),
        ):
            row.append(f"{count if value else look.none:>12}", "" if value else "dim")
        if all_of_it.failed:
            row.stylize(look.failed, len(row) - 12)
        rows.append(row)
    return rows


def _doing(scene: Scene, look: Look) -> list[Text]:
    """Phase, step and what it waits for; below it what the two sources of evidence say of the candidate."""
    rollout = scene.rollout
    if rollout is None:
        return [labelled("now", Text("the emulator opens its doors")), labelled("evidence", Text(look.none, "dim"))]
    state, phase = rollout.targets[0], phase_of(rollout)
    last = rollout.service.target(state.name).plan.last
    word = "rolled back" if phase.value == "rolledBack" else phase.value
    style = "green" if word == "promoted" else ("yellow" if rollout.failure else "cyan")
    now = Text.assemble((word, style))
    if phase not in TERMINAL:
        now.append(f", step {state.step} of {last}", "dim").append(f"   {state.note}")
    return [labelled("now", now), labelled("evidence", _evidence(rollout, look))]


def _evidence(rollout: Rollout, look: Look) -> Text:
    state = rollout.targets[0]
    if rollout.failure is not None:
        return Text.assemble((verdict(rollout.failure), "yellow"))
    seen, limit = evidence_of(rollout, state), rollout.service.target(state.name).probe.failures
    failing = max((slot.failed for slot in state.candidate), default=0)
    if not state.exposed or not rollout.previous:
        return Text(look.none, "dim")
    text = Text.assemble(
        (f"clients' counts {amount(seen['e'])} of {seen['limit']:,}", "red" if seen["e"] >= 10 else "")
    )
    if seen["proof"] is not None:
        proven = seen["proof"] >= seen["proofLimit"]
        text.append(f", proof {amount(seen['proof'])} of {seen['proofLimit']}", "green" if proven else "")
    return text.append(f"   failed probes {failing} of {limit}", "red" if failing else "")


class Picture:
    """Shows the scene in a terminal until it is left; the last frame stays."""

    def __init__(self, out: Output, scene: Scene) -> None:
        """Draw nothing yet."""
        self._out, self._scene = out, scene
        self._look = Look(colours=out.style.colours, symbols=out.style.symbols)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = Console(file=self._out.stream, no_color=not self._look.colours, highlight=False)

        def frame() -> Text:
            passed = time.monotonic() - self._scene.began
            return draw(self._scene, datetime.now(UTC), passed, (console.width, console.height), self._look)

        self._live = Live(
            console=console, get_renderable=frame, refresh_per_second=FRAMES_PER_SECOND, vertical_overflow="crop"
        )
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


class Telling:
    """Tells the play line by line on standard error, where there is no terminal to draw in."""

    def __init__(self, out: Output) -> None:
        """Tell nothing yet."""
        self._out, self._title, self._told = out, "", 0

    def __call__(self, scene: Scene) -> None:
        """Tell what has happened since the last call."""
        style = self._out.err_style
        if scene.title != self._title:
            self._title = scene.title
            self._out.note(style.strong(scene.title))
        events = scene.journal[self._told :]
        self._told += len(events)
        for event in events:
            self._out.note(f"  {line(short(event, named=len(scene.fronts) > 1), style)}")
