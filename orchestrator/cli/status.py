"""`rollout status`: one block for a service, a table for all of them, once or again and again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import AnyService
from orchestrator.cli.render import View, block, table
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, exit_code_of, outcome_of, result
from strategies.model import Outcome, Reason, Rollout

_WATCH_SECONDS = 0.5


def status(
    session: Session,
    service: AnyService = None,
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw until the rollout has ended.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Leave with the outcome's exit code instead of 0; 5 while it runs.")
    ] = False,
) -> int:
    """Show where a service's rollout stands, or what serves when nothing is under way."""
    if exit_code and service is None:
        raise Failure("--exit-code needs a SERVICE: several have no one outcome", ExitCode.USAGE)
    names = [service] if service else session.store.services()
    if watch and not session.options.json:
        _watch(session, names)
    elif watch:
        raise Failure("--watch draws for people; with --output json ask again, or follow `events`", ExitCode.USAGE)
    else:
        session.out.text("\n".join(_draw(session, names)))
    latest = {name: session.store.latest(name) for name in names}
    session.out.document(
        document(session, names[0], latest[names[0]])
        if service
        else {"schema": 1, "services": [document(session, name, latest[name]) for name in names]}
    )
    found = latest.get(service or "")
    return exit_code_of(outcome_of(found)) if exit_code and found else 0


def document(
    session: Session,
    service: str,
    rollout: Rollout | None,
    *,
    outcome: str | None = None,
    reason: Reason | None = None,
    engine: str | None = None,
) -> dict[str, Any]:
    """The JSON result about one service; see `orchestrator.result.result` for what may be said in its place."""
    if not session.options.json:
        return {}
    if rollout is None:
        return blank(service, outcome or "none", reason or Reason("none", _nothing(service)))
    from orchestrator.cli.places import locate

    found = locate(session.store.snapshot(rollout.id))
    engine = engine or session.engine(service)
    return result(rollout, engine=engine, outcome=outcome, reason=reason, locate=found)


def view_of(session: Session, rollout: Rollout) -> View:
    """What a block about this rollout is drawn from."""
    now = session.clock.now()
    name = rollout.service.name
    held = session.store.suspended(name, now)
    said = ""
    if held is not None:
        said = (
            f"by {held.actor}" + (f" until {held.until:%Y-%m-%d %H:%M} UTC" if held.until else "") + f": {held.reason}"
        )
    return View(rollout, now, _engine(session, rollout), said)


def _engine(session: Session, rollout: Rollout) -> str:
    if rollout.outcome is not Outcome.RUNNING:
        return ""
    holder = session.holder(rollout.service.name)
    if holder is not None and holder.owner is not None:
        owner, me = holder.owner, session.process
        if owner == me:
            return f"this process ({owner.pid})"
        return f"process {owner.pid} on " + ("this host" if owner.host == me.host else f"host {owner.host[:12]}")
    return "none: nothing moves until `rollout start` is run again"


def _nothing(service: str) -> str:
    return f"nothing is known of {service} here; `rollout start FILE` begins, --store names another memory"


def _draw(session: Session, names: list[str]) -> list[str]:
    style = session.out.style
    if not names:
        return ["No rollout has been made yet; `rollout start FILE` begins one."]
    found = [(name, session.store.latest(name)) for name in names]
    views = [view_of(session, rollout) for _, rollout in found if rollout is not None]
    lines = block(views[0], style) if len(names) == 1 and views else table(views, style) if views else []
    return lines + [_nothing(name) for name, rollout in found if rollout is None]


def _watch(session: Session, names: list[str]) -> None:
    """Draw until nothing is under way any more, the reader has gone, or Ctrl-C; without a terminal tell the changes."""

    def over() -> bool:
        latest = [session.store.latest(name) for name in names]
        return all(rollout is None or rollout.outcome is not Outcome.RUNNING for rollout in latest)

    if not session.out.terminal:
        from orchestrator.cli.journal import tell_changes, told

        seen = told(session, names)
        session.out.text("\n".join(_draw(session, names)))
        tell_changes(session, seen, over)
        return
    from orchestrator.cli.screen import Screen

    with Screen(session.out) as screen:
        done = False
        while not done and not session.out.closed:
            done = over()
            screen.show(_draw(session, names))
            if not done:
                session.clock.sleep(_WATCH_SECONDS)
