"""`rollout status`: one block for a service, a table for all of them, once or again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import AnyService
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, exit_code_of, outcome_of, result, watch_document
from orchestrator.store.records import Sighting
from strategies.model import Outcome, Reason, Rollout

if TYPE_CHECKING:
    from orchestrator.cli.render import View

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
    watched = _watched(session, service)
    names = [service] if service else sorted({*session.store.services(), *watched})
    if watch and not session.options.json:
        _watch(session, names, service)
    elif watch:
        raise Failure("--watch draws for people; with --output json ask again, or follow `events`", ExitCode.USAGE)
    elif not session.options.json:
        session.out.text("\n".join(_draw(session, names, watched)))
    latest = {name: session.store.latest(name) for name in names}
    shown = [{**document(session, name, latest[name]), "watch": watch_document(watched.get(name))} for name in names]
    session.out.document(shown[0] if service else {"schema": 1, "services": shown})
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
    if not session.out.wants_document:
        return {}
    if rollout is None:
        return blank(service, outcome or "none", reason or Reason("none", _nothing(service)))
    from orchestrator.cli.places import locate

    found = locate(session.store.snapshot(rollout.id))
    engine = engine or session.engine(service)
    return result(rollout, engine=engine, outcome=outcome, reason=reason, locate=found)


def _watched(session: Session, service: str | None) -> dict[str, Sighting]:
    """What the watcher has to say, of one service or of all."""
    store = session.store
    found = store.sightings() if service is None else [store.sighting(service)]
    return {each.service: each for each in found if each is not None and each.tells}


def view_of(session: Session, rollout: Rollout, sighting: Sighting | None = None) -> View:
    """What a block about this rollout is drawn from."""
    from orchestrator.cli.render import View

    now = session.clock.now()
    name = rollout.service.name
    held = session.store.suspended(name, now)
    said = ""
    if held is not None:
        said = (
            f"by {held.actor}" + (f" until {held.until:%Y-%m-%d %H:%M} UTC" if held.until else "") + f": {held.reason}"
        )
    return View(rollout, now, _engine(session, rollout), said, sighting)


def _engine(session: Session, rollout: Rollout) -> str:
    if rollout.outcome is not Outcome.RUNNING:
        return ""
    holder = session.holder(rollout.service.name)
    if holder is not None and holder.owner is not None:
        owner, me = holder.owner, session.process
        if owner == me:
            return f"this process ({owner.pid})"
        return f"process {owner.pid} on " + ("this host" if owner.host == me.host else f"host {owner.host[:12]}")
    if session.daemon():
        return "a daemon: it takes this up now"
    return "none: nothing moves until `rollout start` is run again"


def _nothing(service: str) -> str:
    return f"nothing is known of {service} here; `rollout start FILE` begins, --store names another memory"


def _draw(session: Session, names: list[str], watched: dict[str, Sighting]) -> list[str]:
    from orchestrator.cli.render import block, not_begun, table

    style, now = session.out.style, session.clock.now()
    if not names:
        return ["No rollout has been made yet; `rollout start FILE` begins one."]
    found = [(name, session.store.latest(name)) for name in names]
    views = [view_of(session, rollout, watched.get(name)) for name, rollout in found if rollout is not None]
    waiting = [watched[name] for name, rollout in found if rollout is None and name in watched]
    rest = [_nothing(name) for name, rollout in found if rollout is None and name not in watched]
    if any(each.rule for each in watched.values()) and not session.daemon():
        rest.append(style.warn("nothing is watched now: no daemon runs on this store; `rollout daemon DIR` does it"))
    if len(names) > 1:
        return table(views, style, waiting) + rest
    alone = [block(view, style) for view in views] + [not_begun(each, now, style) for each in waiting]
    return [line for lines in alone for line in lines] + rest


def _watch(session: Session, names: list[str], service: str | None) -> None:
    """Draw until nothing is under way any more, the reader has gone, or Ctrl-C; without a terminal tell the changes."""

    def over() -> bool:
        latest = [session.store.latest(name) for name in names]
        return all(rollout is None or rollout.outcome is not Outcome.RUNNING for rollout in latest)

    if not session.out.terminal:
        from orchestrator.cli.journal import tell_changes, told

        seen = told(session, names)
        session.out.text("\n".join(_draw(session, names, _watched(session, service))))
        tell_changes(session, seen, over)
        return
    from orchestrator.cli.screen import Screen

    with Screen(session.out) as screen:
        done = False
        while not done and not session.out.closed:
            done = session.patiently(over)
            screen.show(session.patiently(lambda: _draw(session, names, _watched(session, service))))
            if not done:
                session.clock.sleep(_WATCH_SECONDS)
