"""`rollout why`: the rule, the numbers, the limits, since when, and what a person can do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from orchestrator.cli.finding import Finding
from orchestrator.cli.findings import findings
from orchestrator.cli.naming import marker, stands, version
from orchestrator.cli.parameters import Service
from orchestrator.cli.remedies import Remedy, remedies
from orchestrator.cli.render import watching
from orchestrator.cli.session import Session
from orchestrator.cli.style import Style, clock, columns, flat, folded, since
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA, outcome_of, phase_of, reason_document, reason_of, watch_document
from orchestrator.stamps import stamp
from orchestrator.units import measured
from strategies.model import Reason, Rollout


def why(session: Session, service: Service) -> int:
    """Say why a rollout waits, paused or turned back: rule, numbers, limits, since when, and what can be done."""
    rollout, sighting = session.store.latest(service), session.store.sighting(service)
    watched = watch_document(sighting)
    said = watching(sighting, session.clock.now(), session.out.style)
    if rollout is None:
        message = f"nothing is known of {service} here; `rollout start FILE` begins, --store names another memory"
        if sighting is not None and sighting.tells:
            message = f"{service} has had no rollout yet"
        session.out.text("\n".join([message, *said]))
        session.out.document({**_document(service, None, Reason("none", message), [], []), "watch": watched})
        return ExitCode.PROMOTED
    runs = session.engine(service) == "daemon"
    poisoned = session.store.is_poisoned(service, rollout.revision.id)
    found, ways = findings(rollout, session.clock.now()), remedies(rollout, engine_runs=runs, poisoned=poisoned)
    reason = reason_of(rollout)
    session.out.document({**_document(service, rollout, reason, found, ways), "watch": watched})
    session.out.text("\n".join([*_lines(rollout, reason, found, ways, session), *([""] if said else []), *said]))
    return ExitCode.PROMOTED


def _document(
    service: str, rollout: Rollout | None, reason: Reason, found: list[Finding], ways: list[Remedy]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "service": service,
        "rollout": rollout.id if rollout else None,
        "outcome": outcome_of(rollout) if rollout else "none",
        "phase": phase_of(rollout).value if rollout else None,
        "reason": reason_document(reason),
        "rules": [
            {
                "target": each.target,
                "rule": each.rule,
                "says": each.says,
                "since": stamp(each.since),
                "value": each.value,
                "limit": each.limit,
            }
            for each in found
        ],
        "commands": [{"command": way.command, "does": way.does} for way in ways],
    }


def _lines(rollout: Rollout, reason: Reason, found: list[Finding], ways: list[Remedy], session: Session) -> list[str]:
    style, now = session.out.style, session.clock.now()
    name = style.strong(rollout.service.name)
    head = f"{marker(rollout, style)} {name}  {version(rollout.revision)}   {stands(rollout)}"
    wide = style.columns
    lines = [head, *folded(f"  {flat(reason.message)}", wide, 2)]
    numbers = [(key, value) for key, value in reason.evidence if value is not None]
    if numbers:
        rows = [[style.faint(key), measured(key, value, reason.code)] for key, value in numbers]
        lines += ["", *columns(rows, indent=4, within=wide)]
    told = [each for each in found if not _repeats(each, reason)]
    for target in dict.fromkeys(each.target for each in told):
        lines += ["", f"  {style.strong(target or 'rollout')}"]
        lines += columns([_row(each, style, now) for each in told if each.target == target], indent=4, within=wide)
    if ways:
        lines += ["", f"  {style.faint('what you can do')}"]
        lines += columns([[style.busy(way.command), style.faint(way.does)] for way in ways], indent=4, within=wide)
    return lines


def _repeats(each: Finding, reason: Reason) -> bool:
    """Whether a rule has nothing to say but the reason, which stands above already."""
    return each.says == flat(reason.message) and each.since is None and each.value is None


def _row(each: Finding, style: Style, now: datetime) -> list[str]:
    waits = style.warn("●") if each.waits else style.good("✓")
    sign = style.bad("■") if each.breached else waits
    told = each.says
    if each.since is not None:
        told += style.faint(f"  since {clock(each.since, now)}, {since(each.since, now)}")
    return [f"{sign} {style.faint(each.rule)}", told]
