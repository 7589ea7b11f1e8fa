"""One look at the world: every port of every target asked once, failures kept as what they are, absence of facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from orchestrator.clock import Clock
from orchestrator.ports import TargetPorts
from providers.errors import ProviderError
from strategies.model import Rollout, TargetState
from strategies.phases import TERMINAL, Phase
from strategies.seen import Ack, Counts, GroupSeen, ProbeSeen, Refusal, Seen, TargetSeen, TrafficSeen
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
    return Seen(
        tuple(
            _target(rollout, state, ports[state.name], heard.get(state.name, ()), clock, between=between)
            for state in rollout.targets
            if state.phase not in TERMINAL
        )
    )


def _target(
    rollout: Rollout,
    state: TargetState,
    ports: TargetPorts,
    heard: tuple[Ack | Refusal, ...],
    clock: Clock,
    *,
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
        counts=tried("metrics", lambda: _counts(state, ports), ()),
        acks=tuple(h for h in heard if isinstance(h, Ack)),
        refusals=tuple(h for h in heard if isinstance(h, Refusal)),
        problem="; ".join(problems) or None,
    )


def _probes(rollout: Rollout, state: TargetState, ports: TargetPorts, now: datetime) -> tuple[ProbeSeen, ...]:
    due = to_probe(state, rollout.service.target(state.name), now)
    return ports.probes.sample(dict(due)) if due else ()


def _counts(state: TargetState, ports: TargetPorts) -> tuple[Counts, ...]:
    if ports.metrics is None or not state.exposed:
        return ()
    return ports.metrics.counts(state.evidence.until or state.since)
