"""One line per event: when, where, what, and the numbers that explain it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.cli.style import Style, columns, flat
from orchestrator.stamps import stamp
from orchestrator.store.records import StoredEvent
from orchestrator.units import about, measured, unit
from strategies.events import Event, Value, telling

_BAD = frozenset({"verdict_unhealthy", "target_unhealthy", "group_faulty", "group_left_over", "check_failed"})
_ODD = frozenset(
    {
        "probe_failing",
        "look_failed",
        "routing_lags",
        "drift_seen",
        "metric_failing",
        "probes_counted",
        "telemetry_lost",
        "check_unknown",
        "step_undecided",
        "rollout_paused",
        "rollout_aborted",
        "rollout_superseded",
    }
)
_GOOD = frozenset(
    {
        "rollout_submitted",
        "weight_confirmed",
        "group_ready",
        "probe_clean",
        "look_recovered",
        "routing_caught_up",
        "metric_recovered",
        "telemetry_back",
        "check_passed",
        "step_decided",
    }
)
_DIGESTS = frozenset({"revision", "digest", "previous", "by"})
KIND_COLUMNS = 18


def line(event: Event, style: Style) -> str:
    """One event as a line of its own, its columns at fixed places so that lines may be printed as they come."""
    at, kind = style.faint(f"{event.at:%H:%M:%S}"), _painted(event, f"{event.kind:{KIND_COLUMNS}}", style)
    where = style.strong(f"{event.target}  " if event.target else "")
    return f"{at}  {kind}  {where}{numbers(event, style)}".rstrip()


def lines(events: Iterable[StoredEvent], style: Style) -> list[str]:
    """Many events, aligned with each other, with their dates."""
    rows = [
        [
            style.faint(f"{each.event.at:%Y-%m-%d %H:%M:%S}"),
            style.faint(each.rollout[:12]),
            each.event.target or "",
            _painted(each.event, each.event.kind, style),
            numbers(each.event, style),
        ]
        for each in events
    ]
    if not any(row[2] for row in rows):
        rows = [[*row[:2], *row[3:]] for row in rows]
    return columns(rows)


def numbers(event: Event, style: Style) -> str:
    """The event's values by key; a change is drawn as one, what says nothing is left out, identities are shortened."""
    data = dict(event.data)
    before, after, of = data.get("before"), data.get("after"), about(event.kind, data)
    said = [f"{before} → {after}"] if before and after else []
    for key, value in telling(event):
        if said and key in ("before", "after"):
            continue
        said.append(f"{style.faint(f'{key}=')}{_short(key, value, of)}")
    return " ".join(said)


def document(stored: StoredEvent) -> dict[str, Any]:
    """One event as plain values for JSON."""
    event = stored.event
    return {
        "seq": stored.seq,
        "at": stamp(event.at),
        "rollout": stored.rollout,
        "kind": event.kind,
        "target": event.target,
        "data": dict(event.data),
    }


def _short(key: str, value: Value, of: str) -> str:
    if isinstance(value, str):
        text = flat(value)
        if key in _DIGESTS:
            return text.removeprefix("sha256:")[:12]
        return f'"{text}"' if " " in text else text
    text = measured(key, value, of)
    # A unit of one sign stands at its number, so that no quotes are needed.
    return text.replace(" ", "") if unit(key, of) in ("s", "%") else f'"{text}"' if " " in text else text


def _painted(event: Event, text: str, style: Style) -> str:
    if event.kind == "rollout_ended":
        return (style.good if ("outcome", "promoted") in event.data else style.warn)(text)
    # What only reports is worth a look, and takes nothing back.
    bad = style.warn if ("dryRun", True) in event.data else style.bad
    for kinds, paint in ((_BAD, bad), (_ODD, style.warn), (_GOOD, style.good)):
        if event.kind in kinds:
            return paint(text)
    return text
