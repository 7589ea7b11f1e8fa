"""`rollout start`: submits a rollout and follows it to its end; run again, it attaches to the same one."""

from __future__ import annotations

import os

import click

from orchestrator.cli.actor import actor as named
from orchestrator.cli.command import verb
from orchestrator.cli.failures import Failure
from orchestrator.cli.follow import app_of, conclude, follow
from orchestrator.cli.inputs import digest_for, load_one
from orchestrator.cli.session import Session
from orchestrator.cli.status import document
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from orchestrator.runner import Drive, Ending, OnInterrupt, OnTimeout, Patience
from orchestrator.submit import Refused, Submission, Way, Wish, submit
from orchestrator.wiring import App
from strategies.model import Reason


@verb
@click.argument("file", metavar="FILE")
@click.option("--image", metavar="REF", help="The image to roll out, by tag or digest.")
@click.option("--tag", metavar="TAG", help="The tag of the manifest's image; its digest is asked of the registry.")
@click.option("--service", metavar="NAME", help="Which service, when FILE holds several.")
@click.option("--vars", "vars_files", multiple=True, metavar="FILE", help="Variables as a YAML mapping; repeatable.")
@click.option("--var", "var", multiple=True, metavar="NAME=VALUE", help="One variable; repeatable.")
@click.option("--redeploy", is_flag=True, help="New groups even for the revision that serves.")
@click.option("--allow-older", is_flag=True, help="Take a revision that was promoted before.")
@click.option("--retry", is_flag=True, help="Take a revision that was rolled back before.")
@click.option("--emergency", is_flag=True, help="Skip steps, holds, approvals and poison; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal.")
@click.option("--actor", metavar="NAME", envvar="ROLLOUT_ACTOR", help="Who; default: the CI's user, else user@host.")
@click.option("--timeout", metavar="TIME", help="How long to wait, such as 30m; default: without end.")
@click.option("--on-timeout", type=click.Choice([each.value for each in OnTimeout]), default="leave", show_default=True)
@click.option(
    "--on-interrupt", type=click.Choice([each.value for each in OnInterrupt]), default="leave", show_default=True
)
@click.option("--wait/--no-wait", " /--detach", default=True, help="--no-wait (--detach) needs a running engine.")
def start(session: Session, file: str, **said: object) -> int:
    """Submit a rollout and follow it to its end.

    Without an image: the digest that serves, with today's template. Run again it attaches to the same rollout, so a CI
    retry never starts twice; of the revision that serves already it is exit 0 and no write.
    """
    wish, patience = _wish(file, said), _patience(said)
    if wish.emergency and not wish.reason:
        raise Failure("--emergency skips the safety of steps and holds: say why with --reason", ExitCode.USAGE)
    app = app_of(session)
    _warn_of_ci(session)
    return run(session, app, wish, patience, wait=bool(said["wait"]))


def _wish(file: str, said: dict[str, object]) -> Wish:
    loaded = load_one(file, _texts(said["vars_files"]), _texts(said["var"]), _text(said["service"]))
    digest, tag = digest_for(loaded, _text(said["image"]), _text(said["tag"]))
    return Wish(
        loaded,
        digest,
        tag,
        redeploy=bool(said["redeploy"]),
        allow_older=bool(said["allow_older"]),
        emergency=bool(said["emergency"]),
        retry=bool(said["retry"]),
        actor=named(_text(said["actor"])),
        reason=_text(said["reason"]) or "",
    )


def _patience(said: dict[str, object]) -> Patience:
    return Patience(
        timeout_seconds=seconds_or_none(_text(said["timeout"]), "--timeout"),
        on_timeout=OnTimeout(str(said["on_timeout"])),
        on_interrupt=OnInterrupt(str(said["on_interrupt"])),
        actor=named(_text(said["actor"])),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def run(session: Session, app: App, wish: Wish, patience: Patience, *, wait: bool = True) -> int:
    """Submit, wait for what must end first, follow, and conclude; Refused becomes exit 7 with its document."""
    service = wish.loaded.manifest.service
    if not wait:
        _demand_engine(session, service)
    while True:
        try:
            answer = submit(app, wish)
        except Refused as error:
            shown = blank(service, "refused", Reason(error.code, error.message))
            raise Failure(error.message, ExitCode.REFUSED, shown) from error
        if answer.way is Way.NOTHING:
            session.out.document(blank(service, "none", Reason("alreadyServing", answer.message)))
            session.out.text(answer.message)
            return ExitCode.PROMOTED
        if answer.way is not Way.AFTER:
            break
        before = _first(session, app, answer, patience)
        if before.ending is not Ending.ENDED:
            return conclude(session, before)
    if answer.rollout is None:
        raise AssertionError(f"{answer.way} without a rollout")
    if not wait:
        session.out.note(f"rollout {answer.rollout.id} is under way: `rollout status {service} --watch` follows it")
        session.out.document(document(session, service, answer.rollout))
        return ExitCode.PROMOTED
    if answer.way is Way.ATTACHED:
        session.out.note(f"attached to rollout {answer.rollout.id}, which is under way")
    return conclude(session, follow(session, answer.rollout.id, patience, app=app))


def _first(session: Session, app: App, answer: Submission, patience: Patience) -> Drive:
    """Follow the rollout that must end before ours can begin."""
    if answer.rollout is None:
        raise AssertionError("nothing to wait for")
    session.out.note(f"rollout {answer.rollout.id}: {answer.message}")
    return follow(session, answer.rollout.id, patience, app=app)


def _demand_engine(session: Session, service: str) -> None:
    """Nothing is submitted that nobody would carry out."""
    if session.holder(service) is None:
        message = f"--no-wait needs a running engine and none runs {service}: leave it out"
        shown = blank(service, "refused", Reason("noEngine", message))
        raise Failure(message, ExitCode.REFUSED, shown)


def _warn_of_ci(session: Session) -> None:
    if os.environ.get("CI", "").lower() == "true" and (session.options.store or "sqlite").startswith("sqlite"):
        session.out.note(
            "CI=true with a local store: it is empty again next time; a rollout under way is found by its marks, but "
            "history and undo need --store postgresql://… that all runs share"
        )
