"""What people say to a rollout under way: recorded with who, when and why, then followed until it took effect.

Where no engine runs the rollout this process becomes its engine, as `start` does, so that the word is not left lying.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from orchestrator.cli.actor import actor as named
from orchestrator.cli.actor import because
from orchestrator.cli.failures import Failure
from orchestrator.cli.parameters import Actor, Service, Why
from orchestrator.cli.saying import Saying, say
from orchestrator.cli.session import Session
from orchestrator.cli.times import seconds_or_none
from orchestrator.exit_codes import ExitCode
from strategies.model import CommandKind, Side

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow to the end, and leave with its exit code.")]
Wait = Annotated[
    bool,
    typer.Option(
        "--wait/--no-wait",
        " /--detach",
        show_default=False,
        help="Wait until it took effect; --no-wait needs a running engine.",
    ),
]
Timeout = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", help="How long to wait, such as 30s; default: without end.")
]


def _plain(kind: CommandKind, text: str) -> Callable[..., int]:
    """Make a verb that needs nothing but what all sayings share."""

    def saying(
        session: Session,
        service: Service,
        *,
        reason: Why = "",
        actor: Actor = None,
        follow: Follow = False,
        wait: Wait = True,
        timeout: Timeout = None,
    ) -> int:
        patience = seconds_or_none(timeout, "--timeout")
        return say(session, Saying(service, kind, named(actor), because(reason), "", follow, wait, patience))

    saying.__doc__ = text
    return saying


approve = _plain(CommandKind.APPROVE, "Let the present step go on when its hold is over.")
pause = _plain(CommandKind.PAUSE, "Stay at the present share until `resume`; probes and verdicts go on.")
resume = _plain(CommandKind.RESUME, "Go on after a pause.")
abort = _plain(
    CommandKind.ABORT,
    "Take the candidate back: the stable side gets everything, then the candidate is drained and deleted. "
    "With nothing under way there is nothing to do, which is no error.",
)
retry = _plain(
    CommandKind.RETRY,
    "Judge anew after a verdict paused the rollout. With nothing under way: pardon the revision that was rolled back "
    "last, so that `start` takes it again.",
)


def promote(
    session: Session,
    service: Service,
    *,
    full: Annotated[bool, typer.Option("--full", help="Skip all further holds, approvals and steps as well.")] = False,
    reason: Why = "",
    actor: Actor = None,
    follow: Follow = False,
    wait: Wait = True,
    timeout: Timeout = None,
) -> int:
    """Skip the present step's hold and approval; readiness, probes and the drain stay."""
    kind = CommandKind.PROMOTE_FULL if full else CommandKind.PROMOTE
    patience = seconds_or_none(timeout, "--timeout")
    return say(session, Saying(service, kind, named(actor), because(reason), "", follow, wait, patience))


def settle(
    session: Session,
    service: Service,
    *,
    serving: Annotated[Side, typer.Option("--serving", help="Which shall serve everything.")],
    reason: Why = "",
    actor: Actor = None,
    follow: Follow = False,
    wait: Wait = True,
    timeout: Timeout = None,
) -> int:
    """Say which side shall serve when a rollout is stuck; the other one leaves the routing and is deleted."""
    if not reason.strip():
        raise Failure("settle needs --reason: it is a decision that the journal has to explain", ExitCode.USAGE)
    patience = seconds_or_none(timeout, "--timeout")
    return say(
        session,
        Saying(service, CommandKind.SETTLE, named(actor), because(reason), serving.value, follow, wait, patience),
    )
