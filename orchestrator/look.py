"""One look at the world: every port of every target asked once, failures kept as what they are, absence of facts.

All sources of counts are asked first, and heard when their target is: one that is slow has that time to answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from orchestrator.clock import Clock
from orchestrator.ports import TargetPorts
from providers.errors import ProviderError
from providers.ports import Arm, Errand, Question
from strategies.counting import to_ask, to_check
from strategies.model import Rollout, Side, TargetState
from strategies.phases import TERMINAL, Phase
from strategies.seen import Ack, CheckSeen, GroupSeen, ProbeSeen, Reading, Refusal, Seen, TargetSeen, TrafficSeen
from strategies.wake import to_look, to_probe

T = TypeVar("T")


def look(
    rollout: Rollout,
    ports: Mapping[str, TargetPorts],
    heard: Mapping[str, tuple[Ack | Refusal, ...]],
    clock: Clock,
    between: Callable[[], None],
) -> Seen:
    """Ask every target that has not ended; `heard` is what this process's own acts returned since the last look.

    `between` is called after every question, each of which may take as long as a call may; what it raises ends the
    look.
    """
    going = [state for state in rollout.targets if state.phase not in TERMINAL]
    asked = {state.name: _ask(rollout, state, ports[state.name], clock.now()) for state in going}
    return Seen(
        tuple(
            _target(
                rollout,
                state,
                ports[state.name],
                heard.get(state.name, ()),
                clock,
                asked=asked[state.name],
                between=between,
            )
            for state in going
        )
    )


def _target(
    rollout: Rollout,
    state: TargetState,
    ports: TargetPorts,
    heard: tuple[Ack | Refusal, ...],
    clock: Clock,
    *,
    asked: list[Callable[[], Reading]],
    between: Callable[[], None],
) -> TargetSeen:
    problems: list[str] = []

    def tried(what: str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            found = ask()
        except ProviderError as error:
            problems.append(f"{what}: {error}")
            found = otherwise
        between()
        return found

    names = to_look(state)
    groups: tuple[GroupSeen, ...] = ()
    if names:
        groups = tried("workloads", lambda: ports.workloads.look(names), groups)
    traffic: TrafficSeen | None = None
    if state.phase is not Phase.PENDING:
        traffic = tried("routing", ports.traffic.look, traffic)
    probes = _probes(rollout, state, ports, clock.now())
    between()
    return TargetSeen(
        state.name,
        groups=groups,
        traffic=traffic,
        probes=probes,
        readings=_answers(asked, between),
        checks=_checks(rollout, state, ports, clock.now(), between),
        acks=tuple(h for h in heard if isinstance(h, Ack)),
        refusals=tuple(h for h in heard if isinstance(h, Refusal)),
        problem="; ".join(problems) or None,
    )


def _probes(rollout: Rollout, state: TargetState, ports: TargetPorts, now: datetime) -> tuple[ProbeSeen, ...]:
    due = to_probe(state, rollout.service.target(state.name), now)
    return ports.probes.sample(dict(due)) if due else ()


def _ask(rollout: Rollout, state: TargetState, ports: TargetPorts, now: datetime) -> list[Callable[[], Reading]]:
    """Put the questions that are due to a target's sources; the answers are waited for later."""
    return [
        ports.ask(
            asking.metric,
            Question(
                service=rollout.service.name,
                target=state.name,
                since=asking.since,
                now=now,
                step_seconds=asking.step_seconds,
                stable=arm(rollout, state, Side.STABLE),
                candidate=arm(rollout, state, Side.CANDIDATE),
                leaving=asking.leaving,
            ),
        )
        for asking in to_ask(state, rollout.service.target(state.name), now)
    ]


def _answers(asked: list[Callable[[], Reading]], between: Callable[[], None]) -> tuple[Reading, ...]:
    found = []
    for answer in asked:
        found.append(answer())
        between()
    return tuple(found)


def _checks(
    rollout: Rollout, state: TargetState, ports: TargetPorts, now: datetime, between: Callable[[], None]
) -> tuple[CheckSeen, ...]:
    found, target = [], rollout.service.target(state.name)
    for trial in to_check(state, target, now):
        errand = Errand(
            key=f"{rollout.id}-{state.name}-{trial.rule.name}-{trial.step}-{trial.attempt}",
            service=rollout.service.name,
            target=state.name,
            step=trial.step,
            when=target.plan.steps[trial.step].stretch,
            candidate=arm(rollout, state, Side.CANDIDATE),
            stable=arm(rollout, state, Side.STABLE),
            addresses=tuple(slot.address for slot in state.candidate if slot.address),
        )
        seen = ports.checks[trial.rule.name].look(errand)
        found.append(replace(seen, metric=trial.rule.name, step=trial.step, attempt=trial.attempt))
        between()
    return tuple(found)


def arm(rollout: Rollout, state: TargetState, side: Side) -> Arm:
    """One side of a target as questions name it; what was adopted has no revision that we know."""
    slots = state.stable if side is Side.STABLE else state.candidate
    revision = rollout.previous if side is Side.STABLE else rollout.revision
    names = tuple(slot.name for slot in slots if slot.name)
    endpoints = tuple(slot.endpoint for slot in slots)
    if revision is None or not names:
        return Arm(side, "", "", names, endpoints)
    return Arm(side, revision.id, revision.digest, names, endpoints)
