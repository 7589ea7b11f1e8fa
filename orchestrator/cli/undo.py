"""`rollout undo`: take back what was released last, by the rollout under way where it still can, else by a new one."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.actor import because
from orchestrator.cli.parameters import Actor, Junit, Service, Summary, Timeout, Why
from orchestrator.cli.reports import report
from orchestrator.cli.session import Session
from orchestrator.cli.start import run
from orchestrator.cli.times import seconds_or_none
from orchestrator.runner import Patience
from orchestrator.wish import Submission


def undo(
    session: Session,
    service: Service,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="REVISION",
            help="A revision, tag or digest that was promoted before; default: the one before the last release.",
        ),
    ] = None,
    steps: Annotated[
        bool,
        typer.Option(
            "--steps", help="A new rollout goes by the manifest's steps instead of one shift after the probes."
        ),
    ] = False,
    reason: Why = "",
    actor: Actor = None,
    timeout: Timeout = None,
    junit: Junit = None,
    summary: Summary = None,
) -> int:
    """Take back what was released last; it is held back from the watcher until `retry`.

    While a rollout still has the old version beside the new one, that rollout is taken back, at once, at whatever step
    it stands, waits or is paused; that it ends rolled back is exit 0 here. Else a new rollout leads back, from retained
    workloads if there are any.
    """
    report(session, "undo", junit, summary)
    who, back, why = named(actor), to, because(reason, f"undo of {service}")

    def ask(before: Submission | None) -> Submission:
        nonlocal back
        # What was meant when it was asked for stays meant, whoever serves when the rollout before it has ended.
        if before is not None and before.revision is not None:
            back = before.revision.id
        return session.desk.undo(service, back, steps=steps, actor=who, reason=why)

    patience = Patience(timeout_seconds=seconds_or_none(timeout, "--timeout"), actor=who)
    return run(session, session.desk, service, ask, patience)
