"""Where everything is joined: the only module that names concrete classes of providers and watchers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.clock import Clock, SystemClock
from orchestrator.engine import Engine, Listener
from orchestrator.ports import TargetPorts
from orchestrator.store.ports import Store
from providers.ports import Metrics

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded, TargetSettings
    from providers.azure.clients import Clients

MetricsOf = Callable[[str, str], Metrics | None]
"""Finds the source that counts requests for a rollout's target; None where there is none."""


@dataclass(slots=True)
class App:
    """A store, a clock and the hands: all that a verb needs to look at the world and change it."""

    store: Store
    clock: Clock = field(default_factory=SystemClock)
    metrics_of: MetricsOf | None = None
    listeners: tuple[Listener, ...] = ()
    _clients: Clients | None = None
    _hands: dict[str, Mapping[str, TargetPorts]] = field(default_factory=dict)

    def engine(self) -> Engine:
        """An engine over this app's store, clock and hands."""
        return Engine(self.store, self.clock, self.hands_of, self.listeners)

    def hands_of(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """The ports of a stored rollout, bound to its own snapshot and not to what is on disk today."""
        if rollout_id not in self._hands:
            from orchestrator.manifest.loader import from_snapshot

            self._hands[rollout_id] = self.hands(from_snapshot(self.store.snapshot(rollout_id)), rollout_id)
        return self._hands[rollout_id]

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        """The ports of a manifest's targets, before or without a rollout."""
        return {settings.name: self._target(loaded, settings, rollout_id) for settings in loaded.targets}

    def _target(self, loaded: Loaded, settings: TargetSettings, rollout_id: str) -> TargetPorts:
        from providers.azure.container_groups import ContainerGroups
        from providers.azure.traffic_manager import TrafficManagerProfile
        from providers.probes.http import HttpProbes

        clients = self.clients()
        service, routing = loaded.manifest.service, settings.traffic
        return TargetPorts(
            workloads=ContainerGroups(
                settings.workloads,
                service=service,
                target=settings.name,
                image=loaded.manifest.image,
                clients=clients,
                now=self.clock.now,
            ),
            traffic=TrafficManagerProfile(
                routing, service=service, target=settings.name, clients=clients, now=self.clock.now
            ),
            probes=HttpProbes(settings.probe, now=self.clock.now),
            metrics=self.metrics_of(rollout_id, settings.name) if self.metrics_of else None,
            routing_key=f"trafficManager/{routing.subscription}/{routing.resource_group}/{routing.profile}".lower(),
        )

    def clients(self) -> Clients:
        """The Azure clients of this process, at the endpoint that ROLLOUT_AZURE_ENDPOINT names (else the public cloud)."""
        from providers.azure.clients import Clients
        from providers.azure.credentials import Credentials, Endpoint

        if self._clients is None:
            endpoint = Endpoint.parse(os.environ.get("ROLLOUT_AZURE_ENDPOINT"))
            self._clients = Clients(Credentials(endpoint))
        return self._clients

    def close(self) -> None:
        """Let go of connections; nothing is lost by not calling it."""
        if self._clients is not None:
            self._clients.close()
        self.store.close()


def new_id() -> str:
    """A new rollout's id: twelve hexadecimal digits, short enough for tags that several services share."""
    return uuid.uuid4().hex[:12]


def digest_of(image: str, reference: str) -> str:
    """Ask the registry which digest a tag of `image` stands for; raises `watchers.errors`."""
    from watchers.reference import parse
    from watchers.registry import Registry

    from providers.azure.credentials import RegistryTokens

    parsed = parse(image)
    with Registry(parsed.host, tokens=RegistryTokens()) as registry:
        return registry.digest(parsed.repository, reference).digest
