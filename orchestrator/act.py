"""Carry out one act, and say what is known of it afterwards: taken, refused, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from orchestrator.clock import Clock
from orchestrator.ports import TargetPorts
from providers.errors import Conflict, NotSent, ProviderError, Throttled, Transient
from strategies.missing import Action, Ensure, Remove, Shift
from strategies.seen import Ack, Act, Refusal

Heard = Ack | Refusal
MayAct = Callable[[], bool]
"""Asked before every call: whether the lease still has room for one."""


def act(action: Action, ports: TargetPorts, clock: Clock, may_act: MayAct) -> tuple[Heard, ...]:
    """Do what `action` says, slot by slot; each part is idempotent by itself, so a crash leaves only a later tick."""
    calls: list[tuple[Act, str, Callable[[], None]]]
    match action:
        case Shift():
            calls = [(Act.SHIFT, "", partial(ports.traffic.shift, action.intent, action.seen))]
        case Ensure():
            calls = [(Act.ENSURE, name, partial(ports.workloads.ensure, name, mark)) for name, mark in action.marks]
        case Remove():
            calls = [
                (Act.RETIRE, name, partial(ports.workloads.retire, name, action.keep_until)) for name in action.names
            ]
    heard: list[Heard] = []
    for kind, name, call in calls:
        if not may_act():
            break
        heard += _one(kind, name, call, clock)
    return tuple(heard)


def _one(kind: Act, name: str, call: Callable[[], None], clock: Clock) -> tuple[Heard, ...]:
    try:
        call()
    except NotSent as error:
        ours = error.retry_after is None
        return (Refusal(kind, name, clock.now(), error.code, error.message, final=False, waits=ours),)
    except (Conflict, Throttled) as error:
        return (Refusal(kind, name, clock.now(), error.code, error.message, final=False),)
    except Transient as error:
        said = Refusal(kind, name, clock.now(), error.code, error.message, final=False)
        return (Ack(kind, name, clock.now()), said) if kind is Act.ENSURE else (said,)
    except ProviderError as error:
        return (Refusal(kind, name, clock.now(), error.code, error.message, final=True),)
    return (Ack(kind, name, clock.now()),)
