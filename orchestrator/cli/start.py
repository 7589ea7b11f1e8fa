"""`rollout start`: submits a rollout and follows it to its end; run again, it attaches to the same one."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.failures import Failure
from orchestrator.cli.follow import app_of, conclude, follow
from orchestrator.cli.inputs import digest_for, load_one
from orchestrator.cli.parameters import Actor, Among, File, Image, Pairs, Tag, Timeout, VarsFiles, Why
from orchestrator.cli.session import Session
from orchestrator.cli.status import document
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from orchestrator.runner import Drive, Ending, OnInterrupt, OnTimeout, Patience
from orchestrator.submit import submit
from orchestrator.wiring import App
from orchestrator.wish import Refused, Submission, Way, Wish
from strategies.model import Reason


def start(
    session: Session,
    file: File,
    *,
    image: Image = None,
    tag: Tag = None,
    service: Among = None,
    vars_files: VarsFiles = None,
    var: Pairs = None,
    redeploy: Annotated[bool, typer.Option("--redeploy", help="New groups even for the revision that serves.")] = False,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take a revision that was promoted before.")
    ] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Take a revision that was rolled back before.")] = False,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Skip steps, holds, approvals and poison; needs --reason.")
    ] = False,
    reason: Why = "",
    actor: Actor = None,
    timeout: Timeout = None,
    on_timeout: Annotated[OnTimeout, typer.Option("--on-timeout", help="What then becomes of it.")] = OnTimeout.LEAVE,
    on_interrupt: Annotated[
        OnInterrupt, typer.Option("--on-interrupt", help="What becomes of it after Ctrl-C or SIGTERM.")
    ] = OnInterrupt.LEAVE,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", " /--detach", show_default=False, help="--no-wait (--detach) needs a running engine."
        ),
    ] = True,
) -> int:
    """Submit a rollout and follow it to its end.

    Without an image: the digest that serves, with today's template. Run again it attaches to the same rollout, so a CI
    retry never starts twice; of the revision that serves already it is exit 0 and no write.
    """
    loaded = load_one(file, vars_files or (), var or (), service)
    digest, found_by = digest_for(loaded, image, tag)
    if emergency and not reason:
        raise Failure("--emergency skips the safety of steps and holds: say why with --reason", ExitCode.USAGE)
    who = named(actor)
    wish = Wish(
        loaded,
        digest,
        found_by,
        redeploy=redeploy,
        allow_older=allow_older,
        emergency=emergency,
        retry=retry,
        actor=who,
        reason=reason,
    )
    patience = Patience(seconds_or_none(timeout, "--timeout"), on_timeout, on_interrupt, who)
    app = app_of(session)
    _warn_of_ci(session)
    return run(session, app, wish, patience, wait=wait)


def run(session: Session, app: App, wish: Wish, patience: Patience, *, wait: bool = True) -> int:
    """Submit, wait for what must end first, follow, and conclude; Refused becomes exit 7 with its document.

    The timeout is one for all of it.
    """
    service = wish.loaded.manifest.service
    if not wait:
        _demand_engine(session, service)
    since = session.clock.monotonic()
    while True:
        try:
            answer = submit(app, wish)
        except Refused as error:
            shown = blank(service, "refused", Reason(error.code, error.message))
            raise Failure(error.message, ExitCode.REFUSED, shown) from error
        _tell(session, answer)
        if answer.way is Way.NOTHING:
            shown = blank(service, "none", Reason("alreadyServing", answer.message))
            shown["leftovers"] = [spare.document() for spare in answer.spare]
            session.out.document(shown)
            session.out.text(answer.message)
            return ExitCode.PROMOTED
        if answer.way is not Way.AFTER:
            break
        # What was wanted beside the running rollout stays wanted, whoever serves when that one has ended.
        if answer.revision is not None and wish.digest is None:
            wish = replace(wish, digest=answer.revision.digest, tag=answer.revision.tag)
        before = _first(session, app, answer, _rest(session, patience, since))
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
    drive = follow(session, answer.rollout.id, _rest(session, patience, since), app=app)
    return conclude(session, drive, answer.spare)


def _tell(session: Session, answer: Submission) -> None:
    """What was found on the way and needs a person."""
    for said in (*answer.notes, *(spare.sentence for spare in answer.spare)):
        session.out.note(said)


def _rest(session: Session, patience: Patience, since: float) -> Patience:
    """The same patience with what is left of its time."""
    if patience.timeout_seconds is None:
        return patience
    spent = session.clock.monotonic() - since
    return replace(patience, timeout_seconds=max(patience.timeout_seconds - spent, 0.0))


def _first(session: Session, app: App, answer: Submission, patience: Patience) -> Drive:
    """Follow the rollout that must end before ours can begin; it is not ours, so our impatience never touches it."""
    if answer.rollout is None:
        raise AssertionError("nothing to wait for")
    session.out.note(f"rollout {answer.rollout.id}: {answer.message}")
    patience = replace(patience, on_timeout=OnTimeout.LEAVE, on_interrupt=OnInterrupt.LEAVE)
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
