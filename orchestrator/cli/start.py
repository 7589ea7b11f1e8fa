"""`rollout start`: submits a rollout and follows it to its end; run again, it attaches to the same one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.actor import because
from orchestrator.cli.failures import Failure
from orchestrator.cli.follow import conclude, follow
from orchestrator.cli.inputs import digest_for, load_one
from orchestrator.cli.parameters import Actor, Among, File, Image, Junit, Pairs, Summary, Tag, Timeout, VarsFiles, Why
from orchestrator.cli.reports import report
from orchestrator.cli.session import Session
from orchestrator.cli.status import document
from orchestrator.cli.times import seconds_or_none
from orchestrator.desk import Desk
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, exit_code_of
from orchestrator.rivals import OVERTAKEN
from orchestrator.runner import Drive, Ending, OnInterrupt, OnTimeout, Patience
from orchestrator.wish import Refused, Submission, Way, Wish
from strategies.model import Outcome, Reason


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
    junit: Junit = None,
    summary: Summary = None,
) -> int:
    """Submit a rollout and follow it to its end.

    Without an image: the digest that serves, with today's template. Run again it attaches to the same rollout, so a CI
    retry never starts twice; of the revision that serves already it is exit 0 and no write.
    """
    report(session, "start", junit, summary)
    loaded = load_one(file, vars_files or (), var or (), service)
    desk = session.desk
    digest, found_by = digest_for(desk, loaded, image, tag)
    if emergency and not reason.strip():
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
        reason=because(reason),
    )
    patience = Patience(seconds_or_none(timeout, "--timeout"), on_timeout, on_interrupt, who)
    _warn_of_ci(session)
    return run(session, desk, loaded.manifest.service, wishing(desk, wish), patience, wait=wait)


Ask = Callable[[Submission | None], Submission]
"""Submits what is wanted; it is given the answer that told it to wait, where there was one."""


def wishing(desk: Desk, wish: Wish) -> Ask:
    """Submit this wish, and what was found to be wanted stays wanted, whoever serves when it is asked again."""

    def ask(before: Submission | None) -> Submission:
        if before is None or before.revision is None or before.rollout is None:
            return desk.submit(wish)
        found = before.revision
        return desk.submit(replace(wish, digest=found.digest, tag=found.tag, behind=before.rollout.id))

    return ask


def run(session: Session, desk: Desk, service: str, ask: Ask, patience: Patience, *, wait: bool = True) -> int:
    """Submit, wait for what must end first, follow, and conclude; Refused becomes exit 7 with its document.

    The timeout is one for all of it.
    """
    if not wait:
        _demand_engine(session, service)
    since = session.clock.monotonic()
    answer = None
    while True:
        try:
            answer = session.patiently(partial(ask, answer))
        except Refused as error:
            outcome = "superseded" if error.code == OVERTAKEN else "refused"
            shown = blank(service, outcome, Reason(error.code, error.message))
            raise Failure(error.message, exit_code_of(outcome), shown) from error
        _tell(session, answer)
        if answer.way is Way.NOTHING:
            shown = blank(service, "none", Reason("alreadyServing", answer.message, _which(answer)))
            shown["leftovers"] = [spare.document() for spare in answer.spare]
            session.out.document(shown)
            session.out.text(answer.message)
            return ExitCode.PROMOTED
        if answer.way is not Way.AFTER:
            drive = _followed(session, desk, answer, _rest(session, patience, since)) if wait else None
            if drive is not None and _went_on(answer, drive):
                continue
            break
        if not wait:
            return _handed_over(session, service, answer)
        before = _first(session, desk, answer, _rest(session, patience, since))
        if before.ending is not Ending.ENDED:
            return conclude(session, before, waits=_waits(session, service, answer))
    if drive is not None:
        return conclude(session, drive, answer.spare, undone=answer.way is Way.RETURNING)
    if answer.rollout is not None:
        session.out.note(f"rollout {answer.rollout.id} is under way: `rollout status {service} --watch` follows it")
        session.out.document(document(session, service, answer.rollout))
    return ExitCode.PROMOTED


def _followed(session: Session, desk: Desk, answer: Submission, patience: Patience) -> Drive:
    """Follow the rollout that was begun, attached to or taken back."""
    if answer.rollout is None:
        raise AssertionError(f"{answer.way} without a rollout")
    if answer.way is Way.ATTACHED:
        session.out.note(f"attached to rollout {answer.rollout.id}, which is under way")
    if answer.way is Way.RETURNING:
        session.out.note(f"rollout {answer.rollout.id}: {answer.message}")
    return follow(session, answer.rollout.id, patience, desk=desk)


def _went_on(answer: Submission, drive: Drive) -> bool:
    """Whether what was to be taken back had gone too far when its engine read that: then a new rollout leads back."""
    return answer.way is Way.RETURNING and drive.rollout.outcome is Outcome.PROMOTED


def _handed_over(session: Session, service: str, answer: Submission) -> int:
    """Say what a daemon does next, of its own accord."""
    waits = _waits(session, service, answer)
    session.out.note(waits.message)
    if answer.rollout is not None:
        session.out.document(document(session, service, answer.rollout, reason=waits))
    return ExitCode.PROMOTED


def _waits(session: Session, service: str, answer: Submission) -> Reason:
    """What became of the wish so far, whose rollout has not begun."""
    wanted, running = answer.revision, answer.rollout
    name = "" if wanted is None else wanted.tag or wanted.short
    rollout = "another rollout" if running is None else f"rollout {running.id}"
    then = "the daemon begins it" if session.engine(service) == "daemon" else "run the same command again to begin it"
    return Reason("after", f"{name} has not begun: {rollout} must end first; then {then}", _which(answer))


def _which(answer: Submission) -> tuple[tuple[str, str], ...]:
    """What serves already, for readers of the result who do nothing but pass it on."""
    found = answer.revision
    return () if found is None else (("revision", found.id), ("digest", found.digest))


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


def _first(session: Session, desk: Desk, answer: Submission, patience: Patience) -> Drive:
    """Follow the rollout that must end before ours can begin; it is not ours, so our impatience never touches it."""
    if answer.rollout is None:
        raise AssertionError("nothing to wait for")
    session.out.note(f"rollout {answer.rollout.id}: {answer.message}")
    patience = replace(patience, on_timeout=OnTimeout.LEAVE, on_interrupt=OnInterrupt.LEAVE)
    return follow(session, answer.rollout.id, patience, desk=desk)


def _demand_engine(session: Session, service: str) -> None:
    """Nothing is submitted that nobody would carry out."""
    if session.engine(service) == "none":
        message = f"--no-wait needs a running engine and none runs {service}: leave it out, or name a daemon: --server"
        shown = blank(service, "refused", Reason("noEngine", message))
        raise Failure(message, ExitCode.REFUSED, shown)


def _warn_of_ci(session: Session) -> None:
    if session.forgetful:
        session.out.note(
            "CI=true with a local store: it is empty again next time; a rollout under way is found by its marks, but "
            "history and undo need --store postgresql://… that all runs share, or --server https://… of a daemon"
        )
