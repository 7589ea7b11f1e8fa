"""`rollout undo`: a new rollout to the previous revision, with its own template."""

from __future__ import annotations

import click

from orchestrator.cli.actor import actor as named
from orchestrator.cli.command import verb
from orchestrator.cli.failures import Failure
from orchestrator.cli.follow import app_of
from orchestrator.cli.session import Session
from orchestrator.cli.start import run
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from orchestrator.runner import Patience
from orchestrator.submit import Refused
from orchestrator.undo import way_back
from strategies.model import Reason


@verb
@click.argument("service")
@click.option("--to", metavar="REVISION", help="A revision, tag or digest that was promoted before; default: the last.")
@click.option("--steps", is_flag=True, help="Go by the manifest's steps instead of one shift after the probes.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--actor", metavar="NAME", envvar="ROLLOUT_ACTOR", help="Who; default: the CI's user, else user@host.")
@click.option("--timeout", metavar="TIME", help="How long to wait, such as 30m; default: without end.")
def undo(
    session: Session,
    service: str,
    *,
    to: str | None,
    steps: bool,
    reason: str,
    actor: str | None,
    timeout: str | None,
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
    session.store.poison(service, way.leaves.id, f"undone by {who}" + (f": {reason}" if reason else ""))
    return run(session, app, way.wish, patience)
