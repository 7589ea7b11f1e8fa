"""What people see of the watcher: what it saw last, what became of that, and what keeps it from seeing or acting."""

from __future__ import annotations

from datetime import datetime

from orchestrator.cli.style import Style, ago, clock
from orchestrator.store.records import Sighting

REFUSALS = frozenset({"rolledBackBefore", "olderRevision", "downgrade"})
"""The outcomes that say that what was seen is not rolled out."""


def watch_lines(sighting: Sighting | None, now: datetime, style: Style) -> list[tuple[str, str]]:
    """Labels and texts, none where nothing is watched."""
    if sighting is None:
        return []
    lines: list[tuple[str, str]] = []
    if sighting.rule:
        lines.append(("watching", f"{sighting.image} by {sighting.rule}: {_seen(sighting, now)}"))
    if sighting.outcome in REFUSALS:
        lines.append(("refused", style.warn(sighting.message)))
    elif sighting.outcome == "after":
        lines.append(("waits", sighting.message))
    if sighting.problem:
        lines.append(("problem", _since(sighting.problem, sighting.problem_at, now, style)))
    if sighting.manifest_problem:
        lines.append(("manifest", _since(sighting.manifest_problem, sighting.manifest_problem_at, now, style)))
    return lines


def watch_note(sighting: Sighting | None) -> str:
    """The one thing that a table has room for; empty when all is well."""
    if sighting is None:
        return ""
    refused = sighting.message if sighting.outcome in REFUSALS else ""
    return sighting.problem or sighting.manifest_problem or refused


def watched_version(sighting: Sighting) -> str:
    """What was seen, in a word."""
    return sighting.tag or (sighting.digest or "").removeprefix("sha256:")[:12]


def _seen(sighting: Sighting, now: datetime) -> str:
    if sighting.digest is None or sighting.seen_at is None:
        return "nothing seen yet that it takes; `rollout tags FILE` shows what there is"
    return f"{watched_version(sighting)}, seen {ago(sighting.seen_at, now)}"


def _since(text: str, at: datetime | None, now: datetime, style: Style) -> str:
    """A trouble on one line, with when it began."""
    said = style.warn("; ".join(text.split("\n")))
    return f"{said}, since {clock(at, now)}" if at is not None else said
