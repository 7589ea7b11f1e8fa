"""What people see of rollouts: a block for one service, a table for several. Pure: states in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from orchestrator.cli.places import elsewhere
from orchestrator.cli.style import Style, ago, bar, clock, columns, percent, since, span
from orchestrator.cli.watch_lines import watch_lines, watch_note, watched_version
from orchestrator.outlook import next_decision
from orchestrator.result import group_state, mean_share, outcome_of, phase_of, reason_of, share_of
from orchestrator.store.records import Sighting
from strategies.model import Outcome, Revision, Rollout, Slot, TargetState
from strategies.phases import RETURNING_HOME, TERMINAL, Phase

_LABEL = 10
_GROUP_PAINT = {
    "ready": "good",
    "failing": "bad",
    "faulty": "bad",
    "leftover": "warn",
    "gone": "faint",
    "starting": "busy",
}


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
    lines = _at_rest(view, style) if over else _under_way(view, style)
    if view.held_back:
        lines.insert(1, _labelled("suspended", style.warn(view.held_back), style))
    if told := watching(view.watch, view.now, style):
        lines += ["", *told]
    return lines


def watching(sighting: Sighting | None, now: datetime, style: Style) -> list[str]:
    """What the watcher says of a service, below whatever else is said of it."""
    return [_labelled(label, text, style) for label, text in watch_lines(sighting, now, style)]


def not_begun(sighting: Sighting, now: datetime, style: Style) -> list[str]:
    """One service that is watched, or should be, and never had a rollout."""
    head = f"{style.faint('○')} {style.strong(sighting.service)}  no rollout yet"
    return [head, *watching(sighting, now, style)]


def table(views: Sequence[View], style: Style, waiting: Sequence[Sighting] = ()) -> list[str]:
    """Several services, one line each; `waiting` are those that never had a rollout."""
    head = [style.faint(word) for word in ("", "SERVICE", "VERSION", "STATE", "SHARE", "SINCE", "NOTE")]
    rows = [(view.rollout.service.name, _row(view, style)) for view in views]
    rows += [(each.service, _waiting_row(each, style)) for each in waiting]
    return columns([head, *(row for _, row in sorted(rows, key=itemgetter(0)))], gap=2)


def version(revision: Revision | None) -> str:
    """What people call a revision: its tag, else the first digits of its digest."""
    if revision is None:
        return "nothing"
    return revision.tag or revision.digest.removeprefix("sha256:")[:12] or revision.short


def marker(rollout: Rollout, style: Style) -> str:
    """One coloured sign for where a rollout stands."""
    signs = {
        "promoted": style.good("✓"),
        "rolledBack": style.warn("↩"),
        "superseded": style.faint("○"),
        "stuck": style.bad("■"),
        "waiting": style.warn("●"),
    }
    return signs.get(outcome_of(rollout), style.busy("●"))


def serving(rollout: Rollout) -> Revision | None:
    """The revision that serves once the rollout has ended."""
    return rollout.revision if rollout.outcome is Outcome.PROMOTED else rollout.previous


def stands(rollout: Rollout) -> str:
    """Where a rollout stands, in a few words."""
    word = outcome_of(rollout)
    if word in ("promoted", "superseded"):
        return word
    if word == "rolledBack":
        return "rolled back"
    phase = phase_of(rollout)
    said = _phase_words(phase)
    state = next((s for s in rollout.targets if s.phase is phase), rollout.targets[0])
    last = rollout.service.target(state.name).plan.last
    if phase in (Phase.HOLDING, Phase.SHIFTING):
        said += f", step {state.step} of {last}"
    if rollout.paused is not None:
        said += ", paused"
    elif word == "waiting" and phase is not Phase.STUCK:
        said += ", waits for a person"
    return said


def _phase_words(phase: Phase) -> str:
    return "rolled back" if phase is Phase.ROLLED_BACK else phase.value


def _labelled(label: str, text: str, style: Style) -> str:
    return f"  {style.faint(f'{label:{_LABEL}}')} {text}"


def _under_way(view: View, style: Style) -> list[str]:
    rollout, now = view.rollout, view.now
    paint = {"stuck": style.bad, "waiting": style.warn}.get(outcome_of(rollout), style.busy)
    change = (
        f"{version(rollout.previous)} → {version(rollout.revision)}" if rollout.previous else version(rollout.revision)
    )
    lines = [f"{marker(rollout, style)} {style.strong(rollout.service.name)}  {change}   {paint(stands(rollout))}"]
    share, drawn = mean_share(rollout), bar(mean_share(rollout)["confirmed"] or 0.0, style)
    numbers = ", ".join(f"{percent(share[key])} {key}" for key in ("confirmed", "intended", "observed"))
    lines.append(_labelled("share", f"{drawn}  {numbers}", style))
    lines += _because(rollout, style)
    soon = next_decision(rollout)
    if soon is not None:
        when = f"decides in {span((soon - now).total_seconds())} at the earliest" if soon > now else "decides now"
        lines.append(_labelled("next", when, style))
    lines.append(_labelled("running", f"for {since(rollout.created_at, now)}; rollout {rollout.id}", style))
    if view.engine:
        lines.append(_labelled("engine", view.engine, style))
    for state in rollout.targets:
        lines += ["", *_target(rollout, state, now, style)]
    return lines


def _because(rollout: Rollout, style: Style) -> list[str]:
    reason = reason_of(rollout)
    word = outcome_of(rollout)
    if word == "stuck":
        return [_labelled("stuck", style.bad(reason.message), style), _more(rollout, style)]
    if rollout.failure is not None or rollout.aborted is not None or rollout.superseded_by:
        return [_labelled("turns back", style.warn(reason.message), style)]
    if word == "waiting":
        return [_labelled("now", style.warn(reason.message), style), _more(rollout, style)]
    return [_labelled("now", reason.message, style)]


def _more(rollout: Rollout, style: Style) -> str:
    return _labelled("", style.faint(f"`rollout why {rollout.service.name}` says what can be done"), style)


def _target(rollout: Rollout, state: TargetState, now: datetime, style: Style) -> list[str]:
    target = rollout.service.target(state.name)
    share = share_of(state)
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
    if len(rollout.targets) > 1 and state.note:
        lines.append(f"    {style.faint(state.note)}")
    doubts = (("the last look failed", state.problem), ("the routing is not as asked", state.lags))
    lines += [f"    {style.warn(f'{what}: {why}')}" for what, why in doubts if why]
    if state.drift_since:
        lines.append(f"    {style.warn(f'somebody else changed our split, since {clock(state.drift_since, now)}')}")
    return lines + columns(_groups(state, style), indent=4)


def _painted_phase(state: TargetState, style: Style) -> str:
    if state.phase is Phase.STUCK:
        return style.bad("stuck")
    if state.phase is Phase.PROMOTED:
        return style.good("promoted")
    return (style.warn if state.phase in RETURNING_HOME else style.busy)(_phase_words(state.phase))


def _groups(state: TargetState, style: Style) -> list[list[str]]:
    """Each group with its side, state, weight and address; what is gone or was never made is left out."""
    rows = []
    for side, slots in (("candidate", state.candidate), ("stable", state.stable)):
        for slot in slots:
            word = group_state(slot, stable=side == "stable")
            if word == "gone":
                continue
            said = (_painted(word, slot, style), _weighs(state, slot), elsewhere(slot))
            rows.append([side, slot.name or slot.endpoint, *said])
    return _without_empty(rows)


def _weighs(state: TargetState, slot: Slot) -> str:
    """What was asked for this slot's endpoint, in words; empty where nothing was."""
    members = state.asked.intent.members if state.asked else ()
    weight = next((m.weight for m in members if m.endpoint.lower() == slot.endpoint.lower()), None)
    if weight is None:
        return ""
    return f"weight {weight}" if weight else "switched off"


def _without_empty(rows: list[list[str]]) -> list[list[str]]:
    """Leave out columns in which no row says anything."""
    said = [any(row[i] for row in rows) for i in range(max(map(len, rows), default=0))]
    return [[cell for cell, wanted in zip(row, said, strict=True) if wanted] for row in rows]


def _painted(word: str, slot: Slot, style: Style) -> str:
    paint = getattr(style, _GROUP_PAINT.get(word, "faint"))
    text: str = paint(word)
    return f"{text} ({slot.failed} probes in a row)" if word == "failing" else text


def _at_rest(view: View, style: Style) -> list[str]:
    rollout, now = view.rollout, view.now
    serves = serving(rollout)
    what = f"{version(serves)} serves" if serves else "nothing of ours serves"
    lines = [f"{marker(rollout, style)} {style.strong(rollout.service.name)}  {style.good(what) if serves else what}"]
    lines.append(_labelled("last", _ending(rollout, now), style))
    if rollout.outcome is not Outcome.PROMOTED:
        lines.append(_labelled("because", reason_of(rollout).message, style))
    if serves is not None:
        lines.append(
            _labelled("image", f"{serves.image or 'image'}@{serves.digest}" if serves.image else serves.digest, style)
        )
        lines.append(_labelled("revision", serves.short, style))
    names = sorted({state.routed_as for state in rollout.targets if state.routed_as})
    if names:
        lines.append(_labelled("address", ", ".join(names), style))
    promoted = rollout.outcome is Outcome.PROMOTED
    for state in rollout.targets:
        slots = state.candidate if promoted else state.stable
        kept = [s for s in (*state.candidate, *state.stable) if (s.kept_until or s.leftover) and s not in slots]
        rows = [_standing(state, slot, style, stable=not promoted, now=now) for slot in (*slots, *kept)]
        if rows:
            lines += ["", f"  {style.strong(state.name)}", *columns(_without_empty(rows), indent=4)]
    return lines


def _standing(state: TargetState, slot: Slot, style: Style, *, stable: bool, now: datetime) -> list[str]:
    word = group_state(slot, stable=stable)
    text = _painted(word, slot, style)
    if slot.kept_until:
        text += f" until {clock(slot.kept_until, now)}"
    if slot.leftover:
        text += f": {slot.leftover}"
    return [slot.name or slot.endpoint, text, _weighs(state, slot), elsewhere(slot)]


def _ending(rollout: Rollout, now: datetime) -> str:
    word = {"promoted": "promoted", "superseded": "superseded"}.get(rollout.outcome.value, "rolled back")
    if rollout.outcome is not Outcome.PROMOTED:
        word = f"{version(rollout.revision)} was {word}"
    if rollout.ended_at is None:
        return f"{word}; rollout {rollout.id}"
    took = span((rollout.ended_at - rollout.created_at).total_seconds())
    return f"{word} {ago(rollout.ended_at, now)}, took {took}; rollout {rollout.id}"


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
