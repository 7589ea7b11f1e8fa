"""The groups of a target as rows: side, state, weight and address. Pure."""

from __future__ import annotations

from datetime import datetime

from orchestrator.cli.places import elsewhere
from orchestrator.cli.style import Style, clock, columns, width
from orchestrator.result import group_state
from strategies.model import Slot, TargetState

_GROUP_PAINT = {
    "ready": "good",
    "failing": "bad",
    "faulty": "bad",
    "leftover": "warn",
    "gone": "faint",
    "starting": "busy",
}

_NAMED = 4
"""Columns of a row that begins with its group's name, and not with its side."""


def groups(state: TargetState, style: Style) -> list[list[str]]:
    """Each group with its side, state, weight and address; what is gone or was never made is left out."""
    rows = []
    for side, slots in (("candidate", state.candidate), ("stable", state.stable)):
        for slot in slots:
            word = group_state(slot, stable=side == "stable")
            if word == "gone":
                continue
            said = (_painted(word, slot, style), _weighs(state, slot), elsewhere(slot))
            rows.append([side, slot.name or slot.endpoint, *said])
    return without_empty(rows)


def _weighs(state: TargetState, slot: Slot) -> str:
    """What was asked for this slot's endpoint, in words; empty where nothing was."""
    members = state.asked.intent.members if state.asked else ()
    weight = next((m.weight for m in members if m.endpoint.lower() == slot.endpoint.lower()), None)
    if weight is None:
        return ""
    return f"weight {weight}" if weight else "switched off"


def without_empty(rows: list[list[str]]) -> list[list[str]]:
    """Leave out columns in which no row says anything."""
    said = [any(row[i] for row in rows) for i in range(max(map(len, rows), default=0))]
    return [[cell for cell, wanted in zip(row, said, strict=True) if wanted] for row in rows]


def _painted(word: str, slot: Slot, style: Style) -> str:
    paint = getattr(style, _GROUP_PAINT.get(word, "faint"))
    text: str = paint(word)
    return f"{text} ({slot.failed} probes in a row)" if word == "failing" else text


def standing(state: TargetState, slot: Slot, style: Style, *, stable: bool, now: datetime) -> list[str]:
    """One group of what serves once a rollout has ended, or of what was kept."""
    word = group_state(slot, stable=stable)
    text = _painted(word, slot, style)
    if slot.kept_until:
        text += f" until {clock(slot.kept_until, now)}"
    if slot.leftover:
        text += f": {slot.leftover}"
    return [slot.name or slot.endpoint, text, _weighs(state, slot), elsewhere(slot)]


def drawn(rows: list[list[str]], style: Style) -> list[str]:
    """Rows in columns; where the terminal is too narrow for them the last one, an address, has a line of its own."""
    lines = columns(rows, indent=4)
    if style.columns is None or max(map(width, lines), default=0) <= style.columns:
        return lines
    begins = 4 + max(width(row[0]) for row in rows) + 2 if len(rows[0]) > _NAMED else 6
    short = columns([row[:-1] for row in rows], indent=4)
    below = [" " * begins + row[-1] if row[-1] else "" for row in rows]
    return [line for pair in zip(short, below, strict=True) for line in pair if line]
