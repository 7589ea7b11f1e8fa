"""Where a target runs, as far as the shell's words depend on it: names, commands, writes, what a plan says of it.

The adapters are the hands of a place; a `Site` answers what only people ask. One module for each kind of host, and only
the one that a manifest names is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.forecast_world import Place
    from orchestrator.manifest.loader import TargetSettings
    from strategies.seen import Mark, TrafficSeen


@dataclass(frozen=True, slots=True)
class GroupPlanned:
    """One workload of the candidate as a plan shows it.

    `dns_label` and how it may be reused are those of a container group that is made anew. `made` names the kinds of
    objects that it consists of in a cluster; `pods` is how many run at first, each with these cores and gigabytes.
    """

    target: str
    name: str
    image: str
    cores: float
    memory_gb: float
    dns_label: str = ""
    reuse_scope: str = ""
    made: tuple[str, ...] = ()
    pods: int = 1
    most_pods: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """What a target needs of Azure: subscriptions, and what must be permitted in which resource group of them."""

    subscriptions: tuple[str, ...] = ()
    needs: tuple[tuple[str, str, tuple[str, ...]], ...] = field(default=())


class Site(Protocol):
    """What the shell says about one target's place."""

    @property
    def template(self) -> tuple[str, ...]:
        """The manifest's key of the template, below the target."""
        ...

    @property
    def weight(self) -> str:
        """The manifest's key of the weight, below the target."""
        ...

    @property
    def workload(self) -> str:
        """What one replica is called, in the plural."""
        ...

    @property
    def unit(self) -> str:
        """What costs are counted in."""
        ...

    @property
    def routing(self) -> str:
        """What carries the split: the profile, or the routes."""
        ...

    @property
    def owner(self) -> str:
        """Whose API takes the writes."""
        ...

    @property
    def retry(self) -> str:
        """What a person can do when that API does not answer."""
        ...

    @property
    def resolves(self) -> bool:
        """Whether names are resolved on this machine to reach its workloads."""
        ...

    @property
    def parents(self) -> int:
        """How many profiles above it have their TTL lowered with its own."""
        ...

    @property
    def registry_secrets(self) -> tuple[str, ...] | None:
        """The registries that the template has credentials for; None where the place itself may have them."""
        ...

    @property
    def location(self) -> str:
        """The region in which DNS labels must be unique; empty where there are none."""
        ...

    def secrets(self) -> Iterable[Any]:
        """Every reference to a secret in the template (`providers.secrets.SecretRef`)."""
        ...

    def removal(self, name: str) -> str:
        """The command that deletes a workload by hand."""
        ...

    def account(self) -> Account:
        """What it needs of Azure; empty where nothing of it is there."""
        ...

    def place(self, routing: TrafficSeen, retained: tuple[str, ...] = ()) -> Place:
        """Where a forecast begins, with its routing as it was read."""
        ...

    def absent(self, routing: TrafficSeen) -> str | None:
        """Say that the routing does not exist and is not made either; None where all is well."""
        ...

    def group(self, image: str, mark: Mark, name: str, *, kept: bool) -> GroupPlanned:
        """One workload as it will be made; `kept` where a retained one is taken back into service."""
        ...


def site_of(settings: TargetSettings) -> Site:
    """The site of a target."""
    if settings.azure is not None:
        from orchestrator.sites.azure import AzureSite

        return AzureSite(*settings.azure)
    if settings.cluster is None:
        raise TypeError(f"target {settings.name}: its host and its traffic do not go together")
    from orchestrator.sites.cluster import ClusterSite

    return ClusterSite(*settings.cluster, settings.entrance, settings.via)
