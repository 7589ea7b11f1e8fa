"""`rollout undo`: a new rollout to the previous revision, with its own template."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.failures import Failure
from orchestrator.cli.follow import app_of
from orchestrator.cli.parameters import Actor, Service, Timeout, Why
from orchestrator.cli.session import Session
from orchestrator.cli.start import run
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from orchestrator.runner import Patience
from orchestrator.undo import way_back
from orchestrator.wish import Refused
from strategies.model import Reason


def undo(
    session: Session,
    service: Service,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="REVISION", help="A revision, tag or digest that was promoted before; default: the last."
        ),
    ] = None,
    steps: Annotated[
        bool, typer.Option("--steps", help="Go by the manifest's steps instead of one shift after the probes.")
    ] = False,
    reason: Why = "",
    actor: Actor = None,
    timeout: Timeout = None,
) -> int:
    """Go back to the previous revision; what is left is held back from the watcher until `retry`."""
    app = app_of(session)
    who = named(actor)
    patience = Patience(timeout_seconds=seconds_or_none(timeout, "--timeout"), actor=who)
    try:
        way = way_back(app, service, to, steps=steps, actor=who, reason=reason)
    except Refused as error:
        shown = blank(service, "refused", Reason(error.code, error.message))
        raise Failure(error.message, ExitCode.REFUSED, shown) from error
    return run(session, app, way.wish, patience)
