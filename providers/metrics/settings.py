"""What a manifest says of its sources, typed; nothing here knows how they are asked.

Texts of queries hold the words `$service $target $side $revision $revision8 $digest $groups $interval`, which are
filled in when the question is put; secrets are references until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.secrets import SecretRef

Header = str | SecretRef | tuple[str | SecretRef, ...]
"""A header's value: text, a secret, or both one after the other (`Bearer ${env:TOKEN}`)."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a source is reached: URL, headers, and whether Azure's identity signs in.

    `scope` is the scope of the Entra token that is sent, None for none. `ca` names a file with the authorities that are
    trusted beside the system's own.
    """

    url: str
    headers: Mapping[str, Header] = field(default_factory=dict, repr=False)
    scope: str | None = None
    verify: bool = True
    ca: str | None = None
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server that speaks Prometheus' HTTP API; each query gives one number per side, a counter that only grows.

    `failed` counts what failed or was too slow, None where only requests are counted. `clients` gives one series for
    each client of the leaving side. `stable` is `$revision` of a stable side that we did not make.
    """

    access: Access
    requests: str
    failed: str | None = None
    clients: str | None = None
    stable: str | None = None


@dataclass(frozen=True, slots=True)
class PlatformMetric:
    """A metric of an Azure resource, counted over each minute: its name and an OData filter on its dimensions.

    In a filter, `Name eq '$groups'` stands for one comparison per workload of the side, joined by `or`, and
    `Name eq '$endpoints'` for one per endpoint of the routing.
    """

    name: str
    filter: str | None = None
    aggregation: str = "Total"
    """Total sums what was written, Count counts how often; Average is for a rate per second alone."""
    absent_is_zero: bool = False
    """Whether a minute without a value means none, for metrics that are only written when something happens.

    It does so only in minutes that have a value beside it: of the requests for what failed, of the other side for
    requests.
    """


@dataclass(frozen=True, slots=True)
class AzureMonitor:
    """Platform metrics of one Azure resource, by its id."""

    resource: str
    requests: PlatformMetric
    failed: PlatformMetric | None = None
    namespace: str | None = None
    stable: str | None = None
    timeout_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class LogAnalytics:
    """A query in KQL over a workspace (its id) or over a resource such as Application Insights (its resource id).

    Its rows have a time and the columns `requests` and `failures` (or `slow`), one row for each `bin` of `$interval`.
    """

    query: str
    workspace: str | None = None
    resource: str | None = None
    clients: str | None = None
    stable: str | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told the question and answers with both sides' counts as JSON."""

    access: Access
    stable: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is run on this machine: exit status 0 passes, 75 cannot tell, any other fails."""

    argv: tuple[str, ...]
    environment: Mapping[str, Header] = field(default_factory=dict, repr=False)
    directory: str | None = None
    timeout_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Job:
    """A Kubernetes Job that is made from a template: complete passes, failed fails."""

    context: str
    namespace: str
    template: Mapping[str, Any] = field(repr=False)
    timeout_seconds: float = 300.0


Source = Prometheus | AzureMonitor | LogAnalytics | Webhook
Errands = Command | Job


@dataclass(frozen=True, slots=True)
class Named:
    """A source or a check by the name that the manifest gives it; None where our own probes are counted."""

    name: str
    source: Source | Errands | None
