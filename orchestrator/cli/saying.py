"""One word of a person to one rollout: refused where it cannot apply, else recorded, then followed."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.cli.failures import Failure
from orchestrator.cli.render import block, version
from orchestrator.cli.session import Session
from orchestrator.cli.status import document, view_of
from orchestrator.exit_codes import ExitCode
from orchestrator.result import blank, outcome_of, phase_of
from strategies.commands import FAILED, can_serve
from strategies.model import CommandKind, Outcome, Reason, Rollout, Side
from strategies.phases import Phase

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
        return "promote --full" if self.kind is CommandKind.PROMOTE_FULL else self.kind.value


def say(session: Session, saying: Saying) -> int:
    """Record the command and follow it; raises Failure with exit code 7 where it cannot apply."""
    rollout = session.store.active(saying.service)
    if rollout is None:
        return _nothing_under_way(session, saying)
    _refuse_pointless(session, saying, rollout)
    elsewhere = session.holder(saying.service) is not None
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
    """Wait until the other process's engine has taken the command; None when that process is gone."""
    give_up = None if saying.timeout_seconds is None else session.clock.monotonic() + saying.timeout_seconds
    while True:
        rollout = session.store.load(rollout_id)
        if rollout.handled >= seq:
            return _tell(session, rollout)
        if session.holder(saying.service) is None:
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
    name = saying.service
    if saying.kind is CommandKind.SETTLE and rollout.outcome is not Outcome.STUCK:
        stands = f"{outcome_of(rollout)}, {phase_of(rollout).value}"
        message = f"{name} is not stuck ({stands}): `rollout abort {name}` takes the candidate back"
        raise _refused(session, rollout, "notStuck", message)
    if saying.kind is CommandKind.SETTLE and not _standing(rollout, Side(saying.argument)):
        message = f"the {saying.argument} side of {name} is gone or being deleted and cannot serve: settle on the other"
        raise _refused(session, rollout, "sideGone", message)
    if saying.kind is CommandKind.ABORT and not rollout.may_turn and rollout.aborted is None and not rollout.failure:
        message = (
            f"too late to abort {name}: the old side is being taken out or deleted, so the candidate stays; "
            f"`rollout undo {name}` goes back once this rollout has ended"
        )
        raise _refused(session, rollout, "tooLate", message)
    judged = rollout.paused is not None and rollout.paused.code == FAILED
    if saying.kind is CommandKind.RETRY and not judged:
        message = (
            f"no verdict paused {name}, so there is nothing to judge anew; `rollout why {name}` says where it stands"
        )
        raise _refused(session, rollout, "nothingToRetry", message)
    if saying.kind is CommandKind.RESUME and rollout.paused is None:
        message = f"{name} is not paused; `rollout why {name}` says what it waits for"
        raise _refused(session, rollout, "notPaused", message)


def _standing(rollout: Rollout, side: Side) -> bool:
    return all(can_serve(state, side) for state in rollout.targets if state.phase is Phase.STUCK)


def _nothing_under_way(session: Session, saying: Saying) -> int:
    latest = session.store.latest(saying.service)
    if saying.kind is CommandKind.ABORT:
        message = f"nothing is under way for {saying.service}; nothing to abort"
        session.out.text(message)
        session.out.document(_shown(session, saying.service, latest, "nothingUnderWay", message))
        return ExitCode.PROMOTED
    if saying.kind is CommandKind.RETRY:
        return _pardon(session, saying, latest)
    message = (
        f"nothing is under way for {saying.service}, so there is nothing to {saying.verb}; `rollout start FILE` begins"
    )
    shown = blank(saying.service, "refused", Reason("nothingUnderWay", message))
    raise Failure(message, ExitCode.REFUSED, shown)


def _shown(session: Session, service: str, latest: Rollout | None, code: str, message: str) -> dict[str, object]:
    reason = Reason(code, message)
    return blank(service, "none", reason) if latest is None else document(session, service, latest, reason=reason)


def _pardon(session: Session, saying: Saying, latest: Rollout | None) -> int:
    """Lift the poison of what was rolled back last; starting it again stays a wish of its own."""
    service, store = saying.service, session.store
    if latest is None or not store.is_poisoned(service, latest.revision.id):
        message = (
            f"no revision of {service} that was rolled back last is held back in this store; "
            "`rollout start FILE --retry` lifts what another store or the profile remembers"
        )
        raise Failure(message, ExitCode.REFUSED, blank(service, "refused", Reason("nothingToRetry", message)))
    store.pardon(service, latest.revision.id)
    from strategies.journal import event

    said = event(session.clock.now(), "revision_pardoned", revision=latest.revision.id, actor=saying.actor)
    store.record(latest.id, (said,))
    what = f"{version(latest.revision)} (revision {latest.revision.short})"
    message = f"{what} is pardoned: run `rollout start FILE` to roll it out again"
    session.out.text(message)
    session.out.document(_shown(session, service, latest, "pardoned", message))
    return ExitCode.PROMOTED
