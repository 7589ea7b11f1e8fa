"""One target's hands, bound to the snapshot of one rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from providers.ports import Check, Metrics, Probes, Traffic, Workloads


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


class PortsOf(Protocol):
    """Finds the hands of a rollout."""

    def __call__(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """Return the ports by target name, bound to the rollout's own snapshot; the same ones at every call."""
        ...
