"""One target's hands, bound to the snapshot of one rollout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from providers.ports import Check, Metrics, Probes, Question, Traffic, Workloads
from strategies.seen import Reading


@dataclass(frozen=True, slots=True)
class TargetPorts:
    """The ports of one target; `metrics` and `checks` are those of `gates.metrics`, by the names given there."""

    workloads: Workloads
    traffic: Traffic
    probes: Probes
    metrics: Mapping[str, Metrics] = field(default_factory=dict)
    checks: Mapping[str, Check] = field(default_factory=dict)
    routing_keys: tuple[str, ...] = ()
    """What the leases on the profile or the routes are called; two services may share one."""

    def ask(self, metric: str, question: Question) -> Callable[[], Reading]:
        """Put a question to a source without waiting for it; what is returned gives the answer."""
        return partial(self.metrics[metric].read, question)


class PortsOf(Protocol):
    """Finds the hands of a rollout."""

    def __call__(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """Return the ports by target name, bound to the rollout's own snapshot; the same ones at every call."""
        ...
