"""One word of a person to one rollout: refused where it cannot apply, else recorded, then followed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.cli.failures import Failure
from orchestrator.cli.naming import version
from orchestrator.cli.render import block
from orchestrator.cli.session import Session
from orchestrator.cli.status import document, view_of
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank
from orchestrator.sayings import pointless, verb_of, without_rollout
from strategies.model import CommandKind, Reason, Rollout

_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Saying:
    """Who says what to which service's rollout, and how long they stay; `argument` is the side to settle on."""

    service: str
    kind: CommandKind
    actor: str
    reason: str
    argument: str
    follow: bool
    wait: bool
    timeout_seconds: float | None

    @property
    def verb(self) -> str:
        """What was typed."""
        return verb_of(self.kind)


def say(session: Session, saying: Saying) -> int:
    """Record the command and follow it; raises Failure with exit code 7 where it cannot apply."""
    rollout = session.store.active(saying.service)
    if rollout is None:
        return _nothing_under_way(session, saying)
    _refuse_pointless(session, saying, rollout)
    elsewhere = session.engine(saying.service) == "daemon"
    if not elsewhere and not saying.wait:
        raise _refused(
            session, rollout, "noEngine", f"--no-wait needs an engine and none runs {saying.service}: leave it out"
        )
    command = session.store.command(
        rollout.id,
        saying.kind,
        saying.actor,
        at=session.clock.now(),
        reason=saying.reason,
        argument=saying.argument,
    )
    session.out.note(f"{saying.verb} recorded for rollout {rollout.id}, by {saying.actor}")
    if not saying.wait:
        return _tell(session, session.store.load(rollout.id))
    if elsewhere and not saying.follow:
        taken = _await(session, saying, rollout.id, command.seq)
        if taken is not None:
            return taken
    if not elsewhere:
        session.out.note("no engine runs this rollout, so this process does; Ctrl-C leaves it in a safe state")
    return _drive(session, saying, rollout.id, command.seq)


def _await(session: Session, saying: Saying, rollout_id: str, seq: int) -> int | None:
    """Wait until the other process's engine has taken the command; None when that process is gone, or takes nothing."""
    began = session.clock.monotonic()
    give_up = None if saying.timeout_seconds is None else began + saying.timeout_seconds
    while True:
        rollout = session.patiently(lambda: session.store.load(rollout_id))
        if rollout.handled >= seq:
            return _tell(session, rollout)
        if not session.goes_on(saying.service, session.clock.monotonic() - began):
            return None
        if give_up is not None and session.clock.monotonic() >= give_up:
            session.out.note(f"recorded, but not taken within {saying.timeout_seconds:g} s; it stays recorded")
            _tell(session, rollout, "timedOut")
            return ExitCode.TIMED_OUT
        session.clock.sleep(_POLL_SECONDS)


def _drive(session: Session, saying: Saying, rollout_id: str, seq: int) -> int:
    from orchestrator.cli.follow import conclude, follow
    from orchestrator.runner import Ending, Patience

    patience = Patience(timeout_seconds=saying.timeout_seconds, actor=saying.actor)
    only_taken = saying.kind is CommandKind.PAUSE and not saying.follow
    drive = follow(
        session,
        rollout_id,
        patience,
        until=(lambda rollout: rollout.handled >= seq) if only_taken else None,
        from_now=True,
    )
    if drive.ending is Ending.UNTIL:
        return _tell(session, drive.rollout)
    return conclude(session, drive)


def _tell(session: Session, rollout: Rollout, outcome: str | None = None) -> int:
    session.out.document(document(session, rollout.service.name, rollout, outcome=outcome))
    session.out.text("\n".join(block(view_of(session, rollout), session.out.style)))
    return ExitCode.PROMOTED


def _refused(session: Session, rollout: Rollout, code: str, message: str) -> Failure:
    shown = document(session, rollout.service.name, rollout, outcome="refused", reason=Reason(code, message))
    return Failure(message, ExitCode.REFUSED, shown)


def _refuse_pointless(session: Session, saying: Saying, rollout: Rollout) -> None:
    """What `advance` would pass over in silence is said before it is recorded."""
    reason = pointless(rollout, saying.kind, saying.argument)
    if reason is not None:
        raise _refused(session, rollout, reason.code, reason.message)


def _nothing_under_way(session: Session, saying: Saying) -> int:
    if saying.kind is CommandKind.RETRY:
        return _pardon(session, saying)
    reason = without_rollout(saying.service, saying.kind)
    if saying.kind is not CommandKind.ABORT:
        raise Failure(reason.message, ExitCode.REFUSED, blank(saying.service, "refused", reason))
    session.out.text(reason.message)
    latest = session.store.latest(saying.service)
    session.out.document(
        blank(saying.service, "none", reason)
        if latest is None
        else document(session, saying.service, latest, reason=reason)
    )
    return ExitCode.PROMOTED


def _pardon(session: Session, saying: Saying) -> int:
    """Lift the poison of what was rolled back last; starting it again stays a wish of its own."""
    from orchestrator.wish import Refused

    service = saying.service
    try:
        latest = session.desk.pardon(service, saying.actor)
    except Refused as error:
        refused = blank(service, "refused", Reason(error.code, error.message))
        raise Failure(error.message, ExitCode.REFUSED, refused) from error
    what = f"{version(latest.revision)} (revision {latest.revision.short})"
    message = f"{what} is pardoned: run `rollout start FILE` to roll it out again"
    session.out.text(message)
    session.out.document(document(session, service, latest, reason=Reason("pardoned", message)))
    return ExitCode.PROMOTED
