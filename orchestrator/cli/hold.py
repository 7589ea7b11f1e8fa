"""`rollout suspend` and `unsuspend`: hold back new rollouts of one service, or of all; live ones go on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import Actor, AnyService
from orchestrator.cli.session import Session
from orchestrator.cli.times import moment
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA, stamp
from orchestrator.store.records import Suspension

AllServices = Annotated[bool, typer.Option("--all", help="Every service that uses this store.")]


def suspend(
    session: Session,
    service: AnyService = None,
    *,
    all_services: AllServices = False,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="2h, or 2030-01-31T18:00Z; default: until unsuspended."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; whoever is held back reads it.")],
    actor: Actor = None,
) -> int:
    """Hold back the watcher and new starts; rollouts under way go on."""
    _one_of(service, all_services)
    now = session.clock.now()
    end = None if until is None else moment(until, "--until", now)
    session.store.suspend(Suspension(service, named(actor), reason, now, end))
    session.out.text(f"{service or 'every service'} is suspended" + (f" until {end:%Y-%m-%d %H:%M} UTC" if end else ""))
    session.out.document(
        {"schema": SCHEMA, "service": service, "suspended": True, "until": stamp(end), "reason": reason}
    )
    return ExitCode.PROMOTED


def unsuspend(session: Session, service: AnyService = None, *, all_services: AllServices = False) -> int:
    """Let new rollouts begin again; a suspension of all and one of a service are lifted each by itself."""
    _one_of(service, all_services)
    session.store.unsuspend(service)
    still = session.store.suspended(service, session.clock.now()) if service else None
    if still is None:
        session.out.text(f"{service or 'every service'} may be rolled out again")
    else:
        session.out.text(
            f"{service} stays held back by the suspension of all ({still.reason}): `rollout unsuspend --all`"
        )
    session.out.document({"schema": SCHEMA, "service": service, "suspended": still is not None})
    return ExitCode.PROMOTED


def _one_of(service: str | None, all_services: bool) -> None:
    if (service is None) is not all_services:
        raise Failure("name one SERVICE, or say --all", ExitCode.USAGE)
