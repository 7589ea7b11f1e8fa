"""A target in a cluster behind Gateway API routes, in the shell's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.forecast_world import Place
from orchestrator.sites import Account, GroupPlanned
from orchestrator.sites.azure import ASSUMED_TTL
from providers.azure.settings import TrafficManager
from providers.kubernetes.parts import by_kind
from providers.kubernetes.places import DEPLOYMENT, SCALER, SERVICE
from providers.kubernetes.quantities import asked
from providers.kubernetes.settings import IN_CLUSTER, Deployments, Routes
from strategies.seen import Mark, TrafficSeen

_GIGABYTE = 1024.0**3
"""Memory is planned in what Kubernetes calls Gi."""


@dataclass(frozen=True, slots=True)
class ClusterSite:
    """See `orchestrator.sites.Site`."""

    workloads: Deployments
    traffic: Routes
    entrance: TrafficManager | None = None
    via: str = "apiProxy"

    template = ("kubernetes", "template")
    weight = "gatewayApi.weight"
    workload = "Deployments"
    unit = "pod"
    parents = 0
    registry_secrets: None = None
    location = ""

    @property
    def routing(self) -> str:
        """The routes' kind and number."""
        return "route" if len(self.traffic.routes) == 1 else "routes"

    @property
    def owner(self) -> str:
        """The cluster by its context."""
        return "the cluster" if self.workloads.context == IN_CLUSTER else f"cluster {self.workloads.context}"

    @property
    def retry(self) -> str:
        """How to see for oneself."""
        return f"see whether `kubectl{self._context} get deployments --namespace {self.workloads.namespace}` answers"

    @property
    def resolves(self) -> bool:
        """Whether probes leave from this machine for an address of their own."""
        return self.via != "apiProxy" or self.entrance is not None

    @property
    def _context(self) -> str:
        return "" if self.workloads.context == IN_CLUSTER else f" --context {self.workloads.context}"

    def secrets(self) -> Iterator[Any]:
        """None: they are the cluster's own."""
        return iter(())

    def removal(self, name: str) -> str:
        """The kubectl command; what belongs to the Deployment goes with it."""
        return f"kubectl{self._context} delete deployment {name} --namespace {self.workloads.namespace}"

    def account(self) -> Account:
        """The entrance's subscription and resource group, where there is one."""
        if self.entrance is None:
            return Account()
        from providers.azure import account_checks

        front = self.entrance
        needed = (front.subscription, front.resource_group, tuple(account_checks.PROFILES))
        return Account((front.subscription,), (needed,))

    def place(self, routing: TrafficSeen, retained: tuple[str, ...] = ()) -> Place:
        """One write for each object of a slot, and for each route when the split moves."""
        created = 0
        if self.entrance is not None:
            created = self.entrance.create.ttl_seconds if self.entrance.create else ASSUMED_TTL
        return Place(
            routing,
            created,
            retained,
            routed=True,
            creates=len(self._made()),
            shifts=len(self.traffic.routes),
            follows=self.traffic.stable_service is not None,
        )

    def absent(self, routing: TrafficSeen) -> str | None:
        """Routes that are not there: we never make any."""
        if routing.exists:
            return None
        return f"not all of {', '.join(map(str, self.traffic.routes))} exist; `rollout doctor` says more"

    def group(self, image: str, mark: Mark, name: str, *, kept: bool) -> GroupPlanned:
        """A Deployment with what belongs to it, and what each of its pods requests."""
        wanted = _number(_at(self._the(DEPLOYMENT), "spec").get("replicas"), 1)
        scaler = _at(self._the(SCALER), "spec")
        least = _number(scaler.get("minReplicas"), 1) if scaler else wanted
        most = _number(scaler.get("maxReplicas"), least) if scaler else wanted
        return GroupPlanned(
            mark.target,
            name,
            f"{image}@{mark.digest}",
            float(asked(self._the(DEPLOYMENT), "requests", "cpu")),
            float(asked(self._the(DEPLOYMENT), "requests", "memory")) / _GIGABYTE,
            made=() if kept else self._made(),
            pods=least,
            most_pods=most,
        )

    def _made(self) -> tuple[str, ...]:
        """The kinds of all objects of one slot, which has a Service of its own whatever the template holds."""
        found = by_kind(self.workloads.objects)
        rest = [kind for kind, items in found.items() for _ in items if kind not in (DEPLOYMENT, SERVICE)]
        return (DEPLOYMENT, *sorted(rest), SERVICE)

    def _the(self, kind: str) -> Mapping[str, Any]:
        return next((each.value for each in by_kind(self.workloads.objects)[kind]), {})


def _at(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
