"""`rollout events` and `rollout history`: readers of the one journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import typer

from orchestrator.cli.lines import document, line, lines
from orchestrator.cli.naming import marker, stands, version
from orchestrator.cli.parameters import AnyService, Service
from orchestrator.cli.session import Session
from orchestrator.cli.style import columns, span
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA, outcome_of, phase_of, reason_document, reason_of
from orchestrator.stamps import stamp
from orchestrator.store.records import StoredEvent
from strategies.model import Outcome, Rollout

_POLL_SECONDS = 0.3


def events(
    session: Session,
    service: Service,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new ones as they happen; until Ctrl-C or --rollout's end.")
    ] = False,
    rollout: Annotated[str | None, typer.Option("--rollout", metavar="ID", help="Only this rollout's events.")] = None,
) -> int:
    """Show what happened to a service, oldest first: every change with the numbers that explain it."""
    if rollout is not None:
        session.store.load(rollout)
    found = session.store.events(service, rollout=rollout)
    if follow:
        _stream(session, _tail(session, service, rollout))
        return ExitCode.PROMOTED
    session.out.document({"schema": SCHEMA, "service": service, "events": [document(each) for each in found]})
    if found:
        session.out.text("\n".join(lines(found, session.out.style)))
    else:
        session.out.note(f"nothing has happened to {service} in this store")
    return ExitCode.PROMOTED


def history(
    session: Session,
    service: AnyService = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=10_000, help="At most how many.")] = 20,
) -> int:
    """Show past rollouts and how they ended, newest first."""
    found = session.store.history(service, limit)
    session.out.document({"schema": SCHEMA, "rollouts": [_entry(rollout) for rollout in found]})
    style = session.out.style
    if not found:
        session.out.note(f"no rollout of {service} in this store" if service else "no rollout has been made yet")
        return ExitCode.PROMOTED
    head = [
        style.faint(word)
        for word in ("", "STARTED (UTC)", "ROLLOUT", "SERVICE", "VERSION", "OUTCOME", "TOOK", "REASON")
    ]
    session.out.text("\n".join(columns([head, *(_row(session, rollout) for rollout in found)])))
    return ExitCode.PROMOTED


def told(session: Session, names: list[str]) -> dict[str, int]:
    """The number of each service's last event so far."""
    return {name: max((each.seq for each in session.store.events(name)), default=0) for name in names}


def tell_changes(session: Session, seen: dict[str, int], over: Callable[[], bool]) -> None:
    """Print each event of the services in `seen` above its number, until `over` says that nothing more is to come."""
    while not session.out.closed:
        done = session.patiently(over)
        for name, after in list(seen.items()):
            for each in session.patiently(partial(session.store.events, name, after=after)):
                seen[name] = each.seq
                session.out.text(line(each.event, session.out.style))
        if done:
            return
        session.clock.sleep(_POLL_SECONDS)


def _tail(session: Session, service: str, rollout: str | None) -> Iterator[StoredEvent]:
    """All events so far and then those to come; ends with the rollout where one is named."""
    seen = 0
    while True:
        # Asked before the events are read: what was written up to the end is then among them.
        over = rollout is not None and session.patiently(partial(_ended, session, rollout))
        for each in session.patiently(partial(session.store.events, service, rollout=rollout, after=seen)):
            seen = each.seq
            yield each
        if over or session.out.closed:
            return
        session.clock.sleep(_POLL_SECONDS)


def _ended(session: Session, rollout: str) -> bool:
    return session.store.load(rollout).outcome not in (Outcome.RUNNING, Outcome.STUCK)


def _stream(session: Session, found: Iterator[StoredEvent]) -> None:
    """Write events as they come; in JSON as one document whose end is written when the stream ends."""
    if not session.options.json:
        for each in found:
            session.out.text(line(each.event, session.out.style))
        return
    separator = "\n  "
    try:
        session.out.raw(f'{{"schema": {SCHEMA}, "events": [')
        for each in found:
            session.out.raw(separator + json.dumps(document(each), ensure_ascii=False))
            separator = ",\n  "
    finally:
        session.out.raw("\n]}\n")


def _entry(rollout: Rollout) -> dict[str, Any]:
    return {
        "rollout": rollout.id,
        "service": rollout.service.name,
        "number": rollout.number,
        "outcome": outcome_of(rollout),
        "phase": phase_of(rollout).value,
        "revision": rollout.revision.id,
        "digest": rollout.revision.digest,
        "image": rollout.revision.image,
        "tag": rollout.revision.tag,
        "previous": rollout.previous.id if rollout.previous else None,
        "startedAt": stamp(rollout.created_at),
        "endedAt": stamp(rollout.ended_at),
        "reason": reason_document(reason_of(rollout)),
    }


def _row(session: Session, rollout: Rollout) -> list[str]:
    style = session.out.style
    end = rollout.ended_at or session.clock.now()
    why = "" if rollout.outcome is Outcome.PROMOTED else reason_of(rollout).message
    return [
        marker(rollout, style),
        f"{rollout.created_at:%Y-%m-%d %H:%M:%S}",
        rollout.id,
        style.strong(rollout.service.name),
        version(rollout.revision),
        stands(rollout),
        span((end - rollout.created_at).total_seconds()),
        why,
    ]
