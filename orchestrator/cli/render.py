"""What people see of rollouts: a block for one service, a table for several. Pure: states in, lines out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from orchestrator.cli.evidence_lines import asked_in, check_words, evidence_words, quiet_words, target_words, troubles
from orchestrator.cli.naming import indented, labelled, marker, phase_words, serving, stands, version
from orchestrator.cli.render_groups import drawn, groups
from orchestrator.cli.render_rest import at_rest
from orchestrator.cli.style import Style, bar, clock, columns, flat, folded, percent, since, span, width
from orchestrator.cli.watch_lines import watch_lines, watch_note, watched_version
from orchestrator.outlook import next_decision
from orchestrator.result import mean_share, outcome_of, reason_of, share_of
from orchestrator.store.records import Sighting
from strategies.model import Outcome, Rollout, TargetState
from strategies.phases import RETURNING_HOME, TERMINAL, Phase

_NOTE = 6
"""The place of the note among a table's columns; before it stands since when, without which one can do as well."""
_WIDE, _BAR, _SHORT_BAR = 96, 24, 12
"""Where the terminal is narrower than the first, the share is drawn in fewer cells."""


@dataclass(frozen=True, slots=True)
class View:
    """All that a block is drawn from; `engine` is the sentence about who runs the rollout, `held_back` a suspension.

    `watch` is what the watcher remembers of the service.
    """

    rollout: Rollout
    now: datetime
    engine: str = ""
    held_back: str = ""
    watch: Sighting | None = None


def block(view: View, style: Style) -> list[str]:
    """One service: what is under way, or what serves and how the last rollout ended."""
    over = view.rollout.outcome not in (Outcome.RUNNING, Outcome.STUCK)
    lines = at_rest(view.rollout, view.now, style) if over else _under_way(view, style)
    if view.held_back:
        lines.insert(1, labelled("suspended", style.warn(view.held_back), style))
    if told := watching(view.watch, view.now, style):
        lines += ["", *told]
    return [part for line in lines for part in line.split("\n")]


def watching(sighting: Sighting | None, now: datetime, style: Style) -> list[str]:
    """What the watcher says of a service, below whatever else is said of it."""
    return [labelled(label, text, style) for label, text in watch_lines(sighting, now, style)]


def not_begun(sighting: Sighting, now: datetime, style: Style) -> list[str]:
    """One service that is watched, or should be, and never had a rollout."""
    head = f"{style.faint('○')} {style.strong(sighting.service)}  no rollout yet"
    return [head, *watching(sighting, now, style)]


def table(views: Sequence[View], style: Style, waiting: Sequence[Sighting] = ()) -> list[str]:
    """Several services, one line each; `waiting` are those that never had a rollout.

    Where the terminal is too narrow for that, what each waits for stands below it.
    """
    head = [style.faint(word) for word in ("", "SERVICE", "VERSION", "STATE", "SHARE", "SINCE", "NOTE")]
    found = [(view.rollout.service.name, _row(view, style)) for view in views]
    found += [(each.service, _waiting_row(each, style)) for each in waiting]
    rows = [head, *(row for _, row in sorted(found, key=itemgetter(0)))]
    lines = columns(rows)
    if style.columns is None or _fits(lines, style.columns):
        return lines
    lines = columns([row[:_NOTE] for row in rows])
    if not _fits(lines, style.columns):
        lines = columns([row[: _NOTE - 1] for row in rows])
    notes = [[], *(folded(f"   {flat(row[_NOTE])}", style.columns, 3) if row[_NOTE] else [] for row in rows[1:])]
    return [part for line, note in zip(lines, notes, strict=True) for part in (line, *note)]


def _fits(lines: Sequence[str], within: int) -> bool:
    return max(map(width, lines)) <= within


def _under_way(view: View, style: Style) -> list[str]:
    rollout, now = view.rollout, view.now
    paint = {"stuck": style.bad, "waiting": style.warn}.get(outcome_of(rollout), style.busy)
    change = (
        f"{version(rollout.previous)} → {version(rollout.revision)}" if rollout.previous else version(rollout.revision)
    )
    lines = [f"{marker(rollout, style)} {style.strong(rollout.service.name)}  {change}   {paint(stands(rollout))}"]
    lines.append(_share(rollout, style))
    lines += _because(rollout, style)
    lines += [labelled(label, text, style) for label, text in _evidence(rollout, style) if text]
    lines += [labelled("next", text, style) for text in _next(rollout, now)]
    lines.append(labelled("running", f"for {since(rollout.created_at, now)}; rollout {rollout.id}", style))
    if view.engine:
        lines.append(labelled("engine", view.engine, style))
    for state in rollout.targets:
        lines += ["", *_target(rollout, state, now, style)]
    return lines


def _share(rollout: Rollout, style: Style) -> str:
    share = mean_share(rollout)
    cells = bar(share["confirmed"] or 0.0, style, _BAR if (style.columns or _WIDE) >= _WIDE else _SHORT_BAR)
    numbers = ", ".join(f"{percent(share[key])} {key}" for key in ("confirmed", "intended", "observed"))
    return labelled("share", f"{cells}  {numbers}", style)


def _evidence(rollout: Rollout, style: Style) -> Iterator[tuple[str, str]]:
    """What the sources say of the rollout; of its only target also its checks, and who still reaches the old side."""
    yield "evidence", evidence_words(rollout, style)
    if len(rollout.targets) == 1:
        yield "checks", check_words(rollout, rollout.targets[0], style)
        yield "quiet", quiet_words(rollout, rollout.targets[0])


def _next(rollout: Rollout, now: datetime) -> Iterator[str]:
    """When time alone may decide something, or a person is asked because nothing was proven."""
    soon, asked = next_decision(rollout), asked_in(rollout, now)
    if soon is not None:
        yield f"decides in {span((soon - now).total_seconds())} at the earliest" if soon > now else "decides now"
    elif asked is not None:
        yield f"a person is asked in {span(asked)}, unless it is proven before"


def _because(rollout: Rollout, style: Style) -> list[str]:
    reason = reason_of(rollout)
    word = outcome_of(rollout)
    if word == "stuck":
        return [labelled("stuck", style.bad(reason.message), style), _more(rollout, style)]
    if rollout.failure is not None or rollout.aborted is not None or rollout.superseded_by:
        return [labelled("turns back", style.warn(reason.message), style)]
    if word == "waiting":
        return [labelled("now", style.warn(reason.message), style), _more(rollout, style)]
    return [labelled("now", reason.message, style)]


def _more(rollout: Rollout, style: Style) -> str:
    return labelled("", style.faint(f"`rollout why {rollout.service.name}` says what can be done"), style)


def _target(rollout: Rollout, state: TargetState, now: datetime, style: Style) -> list[str]:
    target = rollout.service.target(state.name)
    share = share_of(rollout, state)
    parts = [f"wave {target.wave}"] if len({each.wave for each in rollout.service.targets}) > 1 else []
    parts.append(_painted_phase(state, style))
    if state.phase in (Phase.HOLDING, Phase.SHIFTING):
        parts.append(f"step {state.step} of {target.plan.last}")
    if state.phase not in TERMINAL:
        parts.append(f"for {since(state.since, now)}")
    numbers = f"{percent(share['confirmed'])} confirmed, {percent(share['observed'])} observed"
    if share["intended"] != share["confirmed"]:
        numbers = f"{percent(share['intended'])} intended, {numbers}"
    if len(rollout.targets) > 1:
        parts.append(numbers)
    lines = [f"  {style.strong(state.name)}  {style.faint(' · ').join(parts)}"]
    several = len(rollout.targets) > 1
    said = [state.note, *_words(rollout, state, style)] if several else []
    lines += [indented(style.faint(text), style) for text in said if text]
    doubts = (("the last look failed", state.problem), ("the routing is not as asked", state.lags))
    doubted = [f"{what}: {why}" for what, why in doubts if why]
    lines += [indented(style.warn(text), style) for text in (*doubted, *troubles(rollout, state))]
    if state.drift_since:
        since_when = clock(state.drift_since, now)
        lines.append(indented(style.warn(f"somebody else changed our split, since {since_when}"), style))
    return lines + drawn(groups(state, style), style)


def _words(rollout: Rollout, state: TargetState, style: Style) -> Iterator[str]:
    """The same of one target among several, each on a line of its own."""
    if told := target_words(rollout, state, style):
        yield f"evidence {told}"
    if told := check_words(rollout, state, style):
        yield f"checks {told}"
    yield quiet_words(rollout, state)


def _painted_phase(state: TargetState, style: Style) -> str:
    if state.phase is Phase.STUCK:
        return style.bad("stuck")
    if state.phase is Phase.PROMOTED:
        return style.good("promoted")
    return (style.warn if state.phase in RETURNING_HOME else style.busy)(phase_words(state.phase))


def _row(view: View, style: Style) -> list[str]:
    rollout, now, serves = view.rollout, view.now, serving(view.rollout)
    under_way = rollout.outcome in (Outcome.RUNNING, Outcome.STUCK)
    since_when = rollout.created_at if under_way else rollout.ended_at
    change = f"{version(rollout.previous)} → {version(rollout.revision)}" if under_way else version(serves)
    share = mean_share(rollout)["confirmed"] if under_way else (100.0 if serves else None)
    note = "" if rollout.outcome is Outcome.PROMOTED else reason_of(rollout).message
    return [
        marker(rollout, style),
        style.strong(rollout.service.name),
        change,
        stands(rollout),
        percent(share),
        since(since_when, now) if since_when else "–",
        view.held_back
        or (note if under_way or not note else f"{version(rollout.revision)}: {note}")
        or style.warn(watch_note(view.watch)),
    ]


def _waiting_row(sighting: Sighting, style: Style) -> list[str]:
    seen = watched_version(sighting) if sighting.digest else "–"
    note = style.warn(watch_note(sighting))
    return [style.faint("○"), style.strong(sighting.service), seen, "no rollout yet", "–", "–", note]
