"""What people say to a rollout under way: recorded with who, when and why, then followed until it took effect.

Where no engine runs the rollout this process becomes its engine, as `start` does, so that the word is not left lying.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import click

from orchestrator.cli.actor import actor as named
from orchestrator.cli.command import VerbCommand, verb
from orchestrator.cli.failures import Failure
from orchestrator.cli.saying import Saying, say
from orchestrator.cli.session import Session
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from strategies.model import CommandKind, Side

Function = TypeVar("Function", bound=Callable[..., int])
by_actor = click.option(
    "--actor", metavar="NAME", envvar="ROLLOUT_ACTOR", help="Who says so; default: the CI's user, else user@host."
)
_SHARED = (
    click.option("--reason", metavar="TEXT", default="", help="Why; it stands in the journal."),
    by_actor,
    click.option("--follow", "-f", is_flag=True, help="Follow to the end, and leave with its exit code."),
    click.option(
        "--wait/--no-wait",
        " /--detach",
        default=True,
        help="Wait until it took effect; --no-wait needs a running engine.",
    ),
    click.option("--timeout", metavar="TIME", help="How long to wait, such as 30s; default: without end."),
)


def _said(function: Function) -> Function:
    """Give a verb the service and the options that all sayings share."""
    for option in reversed(_SHARED):
        function = option(function)
    return click.argument("service")(function)


def _plain(kind: CommandKind, name: str, text: str) -> VerbCommand:
    """Make a verb that needs nothing but what all sayings share."""

    @_said
    def saying(session: Session, service: str, **shared: object) -> int:
        return _say(session, service, kind, shared)

    saying.__name__, saying.__doc__ = name, text
    return verb(saying)


def _say(session: Session, service: str, kind: CommandKind, shared: Mapping[str, object], *, argument: str = "") -> int:
    reason, actor, timeout = shared["reason"], shared["actor"], shared["timeout"]
    return say(
        session,
        Saying(
            service,
            kind,
            actor=named(None if actor is None else str(actor)),
            reason=str(reason),
            argument=argument,
            follow=bool(shared["follow"]),
            wait=bool(shared["wait"]),
            timeout_seconds=seconds_or_none(None if timeout is None else str(timeout), "--timeout"),
        ),
    )


approve = _plain(CommandKind.APPROVE, "approve", "Let the present step go on when its hold is over.")
pause = _plain(CommandKind.PAUSE, "pause", "Stay at the present share until `resume`; probes and verdicts go on.")
resume = _plain(CommandKind.RESUME, "resume", "Go on after a pause.")
abort = _plain(
    CommandKind.ABORT,
    "abort",
    "Take the candidate back: the stable side gets everything, then the candidate is drained and deleted. "
    "With nothing under way there is nothing to do, which is no error.",
)
retry = _plain(
    CommandKind.RETRY,
    "retry",
    "Judge anew after a verdict paused the rollout. With nothing under way: pardon the revision that was rolled back "
    "last, so that `start` takes it again.",
)


@verb
@click.option("--full", is_flag=True, help="Skip all further holds, approvals and steps as well.")
@_said
def promote(session: Session, service: str, *, full: bool, **shared: object) -> int:
    """Skip the present step's hold and approval; readiness, probes and the drain stay."""
    return _say(session, service, CommandKind.PROMOTE_FULL if full else CommandKind.PROMOTE, shared)


@verb
@click.option(
    "--serving", type=click.Choice([side.value for side in Side]), required=True, help="Which shall serve everything."
)
@_said
def settle(session: Session, service: str, *, serving: str, **shared: object) -> int:
    """Say which side shall serve when a rollout is stuck; the other one leaves the routing and is deleted."""
    if not shared["reason"]:
        raise Failure("settle needs --reason: it is a decision that the journal has to explain", ExitCode.USAGE)
    return _say(session, service, CommandKind.SETTLE, shared, argument=serving)
