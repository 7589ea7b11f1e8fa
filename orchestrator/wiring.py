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
from providers.errors import ProviderError
from providers.ports import Metrics

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded, TargetSettings
    from providers.azure.clients import Clients
    from providers.secrets import LocalSecrets
    from watchers.reference import Reference

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
                secrets=self.secrets(),
                now=self.clock.now,
            ),
            traffic=TrafficManagerProfile(
                routing, service=service, target=settings.name, clients=clients, now=self.clock.now
            ),
            probes=HttpProbes(settings.probe, now=self.clock.now),
            metrics=self.metrics_of(rollout_id, settings.name) if self.metrics_of else None,
            routing_key=f"trafficManager/{routing.subscription}/{routing.resource_group}/{routing.profile}".lower(),
        )

    def secrets(self) -> LocalSecrets:
        """What resolves the references to secrets that templates hold."""
        from orchestrator.manifest.template import resolve_written
        from providers.azure.keyvault import KeyVault
        from providers.secrets import LocalSecrets

        vault = KeyVault(self.clients().credentials)
        return LocalSecrets(others={"template": resolve_written, "keyVault": vault.resolve})

    def clients(self) -> Clients:
        """The Azure clients of this process, at the endpoint that ROLLOUT_AZURE_ENDPOINT names."""
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


APPEAR_SECONDS = 10.0
"""How long an image that was just pushed may take to show (geo-replicas lag)."""
_AZURE_REGISTRIES = (".azurecr.io", ".azurecr.us", ".azurecr.cn")


def new_id() -> str:
    """A new rollout's id: twelve hexadecimal digits, short enough for tags that several services share."""
    return uuid.uuid4().hex[:12]


def digest_of(image: Reference) -> str:
    """Ask the registry which digest an image's tag stands for; raises `watchers.errors`."""
    from watchers.registry import Registry

    with Registry(image.host, tokens=_EntraTokens()) as registry:
        return registry.digest(image.repository, image.asked, appear_seconds=APPEAR_SECONDS).digest


class _EntraTokens:
    """Azure's identity for Azure's registries: the ears do not know the hands, so they are joined here."""

    def token(self, host: str, _tenant: str | None) -> str | None:
        """Return an Entra token for an Azure registry; None for any other host, and where there is no identity."""
        from providers.azure.credentials import Credentials, Endpoint

        endpoint = Endpoint.parse(os.environ.get("ROLLOUT_AZURE_ENDPOINT"))
        if endpoint.emulated or not host.endswith(_AZURE_REGISTRIES):
            return None
        from watchers.errors import Denied

        try:
            return Credentials(endpoint).token("https://containerregistry.azure.net/.default")
        except ProviderError as error:
            raise Denied(f"{host}: {error}", "sign in (az login), or give this process an identity") from error
