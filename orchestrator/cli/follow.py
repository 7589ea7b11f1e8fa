"""Following a rollout to its end, or until something holds: what is drawn meanwhile, and what is said in the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.cli.lines import line
from orchestrator.cli.render import View, block
from orchestrator.cli.screen import Screen
from orchestrator.cli.session import Session
from orchestrator.cli.status import document, view_of
from orchestrator.desk import Desk
from orchestrator.engine import Listener
from orchestrator.exit_codes import ExitCode
from orchestrator.holder import YIELDS_SECONDS
from orchestrator.result import exit_code_of, outcome_of, result
from orchestrator.runner import Drive, Driver, Ending, Patience
from orchestrator.store.errors import StoreUnavailable
from orchestrator.wish import Spare
from strategies.model import Reason, Rollout

if TYPE_CHECKING:
    from orchestrator.telemetry.log import Log


class Progress:
    """Shows each new state: a picture in a terminal, else the journal's new lines on standard error.

    `logs` are told of them instead where no engine of this process tells them.
    """

    def __init__(self, session: Session, logs: Sequence[Listener] = ()) -> None:
        """Show nothing yet."""
        self._session, self._logs = session, logs
        self._screen = Screen(session.out, passing=True)
        self._version, self._seq = -1, 0
        self._pictured = session.out.terminal and not session.options.quiet and session.options.log_format is None

    def __call__(self, rollout: Rollout, _driving: bool) -> None:
        """Show this state, unless it is the one that is shown."""
        out = self._session.out
        if self._pictured:
            self._screen.show(block(view_of(self._session, rollout), out.style))
        mute = out.options.quiet or out.options.log_format is not None
        if self._pictured or (mute and not self._logs) or rollout.version == self._version:
            return
        self._version = rollout.version
        fresh = self._session.store.events(rollout=rollout.id, after=self._seq)
        self._seq = max((stored.seq for stored in fresh), default=self._seq)
        for log in self._logs:
            log(rollout, tuple(stored.event for stored in fresh))
        for stored in () if mute else fresh:
            out.note(line(stored.event, out.err_style))

    def skip_past(self, rollout_id: str) -> None:
        """Show only what happens from now on."""
        self._seq = max((each.seq for each in self._session.store.events(rollout=rollout_id)), default=0)

    def __enter__(self) -> Self:
        if self._pictured:
            self._screen.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.__exit__(kind, error, trace)


def listeners(session: Session) -> tuple[Listener, ...]:
    """The engine's listeners that the options ask for: the event log with `--log-format`."""
    if session.options.log_format is None:
        return ()
    from orchestrator.telemetry.log import event_log

    return (event_log(session.out.err_stream, session.options.log_format),)


def log_of(session: Session) -> Log | None:
    """The log of what belongs to no rollout's journal, where the options ask for one."""
    if session.options.log_format is None:
        return None
    from orchestrator.telemetry.log import Lines

    return Lines(session.out.err_stream, session.options.log_format, session.clock.now)


def follow(
    session: Session,
    rollout_id: str,
    patience: Patience,
    *,
    until: Callable[[Rollout], bool] | None = None,
    desk: Desk | None = None,
    from_now: bool = False,
) -> Drive:
    """Drive or follow a rollout while showing it; see `Driver.run`. `from_now` leaves out what happened before."""
    desk = desk or session.desk
    engine = desk.engine()
    with Progress(session, listeners(session) if engine is None else ()) as progress:
        if from_now:
            session.patiently(lambda: progress.skip_past(rollout_id))
        yields = YIELDS_SECONDS if engine is not None and session.daemon() else 0.0
        driver = session.patiently(
            lambda: Driver(session.store, session.clock, engine, rollout_id, patience, yields_seconds=yields)
        )
        drive = driver.run(progress, until)
    # However the following ended, a daemon goes on; a store that is silent cannot say whether there is one.
    goes_on = drive.engine == "none" and (engine is None or (not drive.problem and session.daemon()))
    return replace(drive, engine="daemon") if goes_on else drive


def conclude(
    session: Session,
    drive: Drive,
    spare: Sequence[Spare] = (),
    waits: Reason | None = None,
    *,
    undone: bool = False,
) -> int:
    """Print the result of a drive and answer its exit code; says what to run where nothing goes on by itself.

    `spare` are workloads beside the rollout's own that are left over; `waits` is said where the rollout only stands
    in the way of the one that was asked for. `undone`: that it is rolled back is what was asked for.
    """
    rollout = drive.rollout
    outcome = outcome_of(rollout)
    if drive.problem or (drive.ending is Ending.TIMED_OUT and outcome == "running"):
        outcome = "timedOut"
    shown, drawn = _shown(session, drive, outcome, waits)
    if shown:
        shown["leftovers"] = [*shown["leftovers"], *(each.document() for each in spare)]
    session.out.document(shown)
    session.out.text(drawn)
    if drive.ending in (Ending.INTERRUPTED, Ending.TIMED_OUT):
        session.out.note(_left(drive))
        if waits is not None:
            session.out.note(waits.message)
    if drive.ending is Ending.INTERRUPTED:
        return ExitCode.TERMINATED if drive.signal == signal.SIGTERM else ExitCode.INTERRUPTED
    return ExitCode.PROMOTED if undone and outcome == "rolledBack" else exit_code_of(outcome)


def _shown(session: Session, drive: Drive, outcome: str, waits: Reason | None) -> tuple[dict[str, Any], str]:
    """The result for machines and for people; where the store no longer answers, what was last read of the rollout."""
    rollout = drive.rollout
    reason = Reason("storeUnavailable", drive.problem) if drive.problem else waits
    try:
        shown = document(session, rollout.service.name, rollout, outcome=outcome, reason=reason, engine=drive.engine)
        return shown, "\n".join(block(view_of(session, rollout), session.out.style))
    except StoreUnavailable as error:
        reason = reason or Reason("storeUnavailable", str(error))
        shown = result(rollout, engine=drive.engine, outcome=outcome, reason=reason)
        return shown, "\n".join(block(View(rollout, session.clock.now()), session.out.style))


def _left(drive: Drive) -> str:
    why = "interrupted" if drive.ending is Ending.INTERRUPTED else drive.problem or "--timeout ran out"
    service = drive.rollout.service.name
    if drive.engine == "daemon":
        return f"{why}; another process goes on: `rollout status {service} --watch` follows it"
    ways = f"run `rollout start` again to attach, or `rollout abort {service}`"
    return f"{why}; the state is safe and nothing moves now: {ways}"
