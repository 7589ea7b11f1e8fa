"""What people see of a service with nothing under way: what serves, and how the last rollout ended. Pure."""

from __future__ import annotations

from datetime import datetime

from orchestrator.cli.evidence_lines import reported
from orchestrator.cli.naming import labelled, marker, serving, version
from orchestrator.cli.render_groups import drawn, standing, without_empty
from orchestrator.cli.style import Style, ago, span
from orchestrator.result import reason_of
from strategies.model import Outcome, Rollout


def at_rest(rollout: Rollout, now: datetime, style: Style) -> list[str]:
    """The block of a rollout that has ended."""
    serves = serving(rollout)
    what = f"{version(serves)} serves" if serves else "nothing of ours serves"
    lines = [f"{marker(rollout, style)} {style.strong(rollout.service.name)}  {style.good(what) if serves else what}"]
    lines.append(labelled("last", _ending(rollout, now), style))
    if rollout.outcome is not Outcome.PROMOTED:
        lines.append(labelled("because", reason_of(rollout).message, style))
    if told := reported(rollout, style):
        lines.append(labelled("checks", told, style))
    if serves is not None:
        lines.append(
            labelled("image", f"{serves.image or 'image'}@{serves.digest}" if serves.image else serves.digest, style)
        )
        lines.append(labelled("revision", serves.short, style))
    names = sorted({state.routed_as for state in rollout.targets if state.routed_as})
    if names:
        lines.append(labelled("address", ", ".join(names), style))
    promoted = rollout.outcome is Outcome.PROMOTED
    for state in rollout.targets:
        slots = state.candidate if promoted else state.stable
        kept = [s for s in (*state.candidate, *state.stable) if (s.kept_until or s.leftover) and s not in slots]
        rows = [standing(state, slot, style, stable=not promoted, now=now) for slot in (*slots, *kept)]
        if rows:
            lines += ["", f"  {style.strong(state.name)}", *drawn(without_empty(rows), style)]
    return lines


def _ending(rollout: Rollout, now: datetime) -> str:
    word = {"promoted": "promoted", "superseded": "superseded"}.get(rollout.outcome.value, "rolled back")
    if rollout.outcome is not Outcome.PROMOTED:
        word = f"{version(rollout.revision)} was {word}"
    if rollout.ended_at is None:
        return f"{word}; rollout {rollout.id}"
    took = span((rollout.ended_at - rollout.created_at).total_seconds())
    return f"{word} {ago(rollout.ended_at, now)}, took {took}; rollout {rollout.id}"
