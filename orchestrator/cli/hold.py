"""`rollout suspend` and `unsuspend`: hold back new rollouts of one service, or of all; live ones go on."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.actor import because
from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import Actor, AnyService, Because, Why
from orchestrator.cli.session import Session
from orchestrator.cli.times import moment
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA
from orchestrator.stamps import stamp
from orchestrator.store.records import Suspension
from orchestrator.words import demand_hold

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
    reason: Because,
    actor: Actor = None,
) -> int:
    """Hold back the watcher and new starts; rollouts under way go on. Who and why stands in the journal."""
    _one_of(service, all_services)
    now = session.clock.now()
    end = None if until is None else moment(until, "--until", now)
    demand_hold(reason, end, now)
    known = session.desk.suspend(Suspension(service, named(actor), because(reason), now, end))
    if not known:
        _warn(session, service, "it is held back should it ever come")
    session.out.text(f"{service or 'every service'} is suspended" + (f" until {end:%Y-%m-%d %H:%M} UTC" if end else ""))
    session.out.document(
        {"schema": SCHEMA, "service": service, "suspended": True, "until": stamp(end), "reason": reason, "known": known}
    )
    return ExitCode.PROMOTED


def unsuspend(
    session: Session,
    service: AnyService = None,
    *,
    all_services: AllServices = False,
    reason: Why = "",
    actor: Actor = None,
) -> int:
    """Let new rollouts begin again; a suspension of all and one of a service are lifted each by itself."""
    _one_of(service, all_services)
    known = session.desk.unsuspend(service, actor=named(actor), reason=because(reason))
    if not known:
        _warn(session, service, "check the name")
    still = session.store.suspended(service, session.clock.now()) if service else None
    if still is None:
        session.out.text(f"{service or 'every service'} may be rolled out again")
    else:
        session.out.text(
            f"{service} stays held back by the suspension of all ({still.reason}): `rollout unsuspend --all`"
        )
    session.out.document({"schema": SCHEMA, "service": service, "suspended": still is not None, "known": known})
    return ExitCode.PROMOTED


def _warn(session: Session, service: str | None, so: str) -> None:
    """A name mistyped holds nothing back, and nobody would notice."""
    session.out.note(
        f"nothing is known of a service {service!r} here: no rollout, no manifest, nothing that is watched; {so} "
        "(`rollout status` lists the services that are known)"
    )


def _one_of(service: str | None, all_services: bool) -> None:
    if (service is None) is not all_services:
        raise Failure("name one SERVICE, or say --all", ExitCode.USAGE)
