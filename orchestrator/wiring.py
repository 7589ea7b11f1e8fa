"""Where everything is joined: the only module that names concrete classes of providers and watchers."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator.clock import Clock, SystemClock
from orchestrator.engine import Engine, Listener
from orchestrator.ports import TargetPorts
from orchestrator.store.ports import Store
from providers.errors import ProviderError
from providers.ports import Probes, Traffic

if TYPE_CHECKING:
    from orchestrator.manifest.loader import Loaded, TargetSettings
    from orchestrator.telemetry.log import Log
    from providers.azure.clients import Clients
    from providers.azure.credentials import Credentials
    from providers.azure.settings import TrafficManager
    from providers.kubernetes.api import Api
    from providers.kubernetes.client import Clusters
    from providers.kubernetes.settings import Routes
    from providers.probes.settings import ProbeSettings
    from providers.secrets import LocalSecrets
    from watchers.reference import Reference
    from watchers.registries import Registries


@dataclass(slots=True)
class App:
    """A store, a clock and the hands: all that a verb needs to look at the world and change it.

    Safe between threads: each rollout's hands are made once and used by one thread at a time, clients are shared.
    """

    store: Store
    clock: Clock = field(default_factory=SystemClock)
    listeners: tuple[Listener, ...] = ()
    log: Log | None = None
    """Told what goes wrong and belongs to no rollout's journal."""
    _clients: Clients | None = None
    _clusters: Clusters | None = None
    _hands: dict[str, Mapping[str, TargetPorts]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def engine(self) -> Engine:
        """An engine over this app's store, clock and hands."""
        return Engine(self.store, self.clock, self.hands_of, self.listeners)

    def hands_of(self, rollout_id: str) -> Mapping[str, TargetPorts]:
        """The ports of a stored rollout, bound to its own snapshot and not to what is on disk today."""
        found = self._hands.get(rollout_id)
        if found is None:
            from orchestrator.manifest.loader import from_snapshot
            from orchestrator.patient import patient

            made = self.hands(from_snapshot(self.store.snapshot(rollout_id)))
            found = self._hands.setdefault(rollout_id, {name: patient(ports) for name, ports in made.items()})
        return found

    def forget(self, rollout_id: str) -> None:
        """Drop the hands of a rollout that has ended, so that nothing is kept or runs on of it; idempotent."""
        _stop(self._hands.pop(rollout_id, {}))

    def hands(self, loaded: Loaded) -> Mapping[str, TargetPorts]:
        """The ports of a manifest's targets, before or without a rollout."""
        return {settings.name: self._target(loaded, settings) for settings in loaded.targets}

    def _target(self, loaded: Loaded, settings: TargetSettings) -> TargetPorts:
        made = self._azure(loaded, settings) or self._cluster(loaded, settings)
        if made is None:
            raise TypeError(f"target {settings.name}: its host and its traffic do not go together")
        from orchestrator.sources import checks, metrics

        rules = loaded.service().target(settings.name).metrics
        return replace(made, metrics=metrics(self, rules, settings), checks=checks(self, rules, settings))

    def _azure(self, loaded: Loaded, settings: TargetSettings) -> TargetPorts | None:
        """Container groups behind a profile."""
        if settings.azure is None:
            return None
        from providers.azure.container_groups import ContainerGroups
        from providers.azure.traffic_manager import TrafficManagerProfile
        from providers.probes.http import HttpProbes

        clients = self.clients()
        service, (groups, routing) = loaded.manifest.service, settings.azure
        return TargetPorts(
            workloads=ContainerGroups(
                groups,
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
            routing_keys=(_profile_key(routing),),
        )

    def _cluster(self, loaded: Loaded, settings: TargetSettings) -> TargetPorts | None:
        """Deployments behind routes, and perhaps a profile in front of their gateway."""
        if settings.cluster is None:
            return None
        from providers.kubernetes.deployments import DeploymentWorkloads
        from providers.kubernetes.gateway_routes import GatewayRoutes

        service, (made, routing) = loaded.manifest.service, settings.cluster
        api = self.clusters().api(made.context)
        routes = GatewayRoutes(routing, service=service, target=settings.name, api=api)
        return TargetPorts(
            workloads=DeploymentWorkloads(
                made, service=service, target=settings.name, image=loaded.manifest.image, api=api
            ),
            traffic=self._entered(service, settings, routes),
            probes=_cluster_probes(settings.via, settings.probe, routing, api),
            routing_keys=(
                *(f"{route.kind}/{routing.context}/{route.namespace}/{route.name}" for route in routing.routes),
                *([_profile_key(settings.entrance)] if settings.entrance is not None else []),
            ),
        )

    def _entered(self, service: str, settings: TargetSettings, routes: Traffic) -> Traffic:
        """The routes, behind the name in front of them where there is one."""
        if settings.entrance is None:
            return routes
        from providers.azure.entrance import ProfileEntrance
        from providers.entrance import Behind

        entrance = ProfileEntrance(
            settings.entrance, service=service, target=settings.name, clients=self.clients(), now=self.clock.now
        )
        return Behind(routes, entrance)

    def clusters(self) -> Clusters:
        """The API servers of this process's kubeconfig, each connected to when it is first asked something."""
        from providers.kubernetes.client import Clusters

        with self._lock:
            if self._clusters is None:
                self._clusters = Clusters(now=self.clock.now)
            return self._clusters

    def secrets(self) -> LocalSecrets:
        """What resolves the references to secrets that templates hold."""
        from orchestrator.manifest.template import resolve_written
        from providers.azure.keyvault import KeyVault
        from providers.secrets import LocalSecrets

        vault = KeyVault(self.clients().credentials)
        return LocalSecrets(others={"template": resolve_written, "keyVault": vault.resolve})

    def token(self, scope: str) -> str:
        """An Entra token of this process's identity for a scope; raises `providers.errors`."""
        return self.clients().credentials.token(scope)

    def clients(self) -> Clients:
        """The Azure clients of this process, at the endpoint that ROLLOUT_AZURE_ENDPOINT names."""
        from providers.azure.clients import Clients
        from providers.azure.credentials import Credentials, Endpoint

        with self._lock:
            if self._clients is None:
                endpoint = Endpoint.parse(os.environ.get("ROLLOUT_AZURE_ENDPOINT"))
                self._clients = Clients(Credentials(endpoint))
            return self._clients

    def disconnect(self) -> None:
        """Let go of connections to providers; they are made anew when needed again. Nothing is lost by not doing so."""
        with self._lock:
            used = (self._clients, self._clusters)
        for each in used:
            if each is not None:
                each.close()

    def close(self) -> None:
        """Let go of every connection, the store's as well, and of checks that run in this process."""
        for rollout_id in tuple(self._hands):
            self.forget(rollout_id)
        self.disconnect()
        self.store.close()


def _cluster_probes(via: str, settings: ProbeSettings, routing: Routes, api: Api) -> Probes:
    """The way to a cluster's Services that the manifest asks for."""
    from providers.kubernetes.probes import ApiProxyProbes, DirectProbes, GatewayProbes

    if via == "gateway":
        return GatewayProbes(settings, route=routing.routes[0], api=api)
    if via == "direct":
        return DirectProbes(settings, namespace=routing.namespace, api=api)
    return ApiProxyProbes(settings, namespace=routing.namespace, api=api)


def _stop(hands: Mapping[str, TargetPorts]) -> None:
    for ports in hands.values():
        for check in ports.checks.values():
            check.stop()


def _profile_key(profile: TrafficManager) -> str:
    return f"trafficManager/{profile.subscription}/{profile.resource_group}/{profile.profile}".lower()


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


def tags_of(image: Reference) -> tuple[str, ...]:
    """Ask the registry for every tag of an image's repository, in its own order; raises `watchers.errors`."""
    from watchers.registry import Registry

    with Registry(image.host, tokens=_EntraTokens()) as registry:
        return registry.tags(image.repository)


def registries() -> Registries:
    """The registries that a daemon watches, one client per host, with this process's identity and credentials."""
    from watchers.registries import Registries

    return Registries(_EntraTokens())


class _EntraTokens:
    """Azure's identity for Azure's registries: the ears do not know the hands, so they are joined here."""

    def __init__(self) -> None:
        """Look for no identity yet; one that was found is kept, with what it remembers."""
        self._credentials: Credentials | None = None
        self._lock = threading.Lock()

    def token(self, host: str, _tenant: str | None) -> str | None:
        """Return an Entra token for an Azure registry; None for any other host, and where there is no identity."""
        from providers.azure.credentials import Credentials, Endpoint

        endpoint = Endpoint.parse(os.environ.get("ROLLOUT_AZURE_ENDPOINT"))
        if endpoint.emulated or not host.endswith(_AZURE_REGISTRIES):
            return None
        from watchers.errors import Denied

        with self._lock:
            if self._credentials is None or self._credentials.endpoint != endpoint:
                self._credentials = Credentials(endpoint)
            found = self._credentials
        try:
            return found.token("https://containerregistry.azure.net/.default")
        except ProviderError as error:
            raise Denied(f"{host}: {error}", "sign in (az login), or give this process an identity") from error
