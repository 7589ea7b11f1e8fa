"""Where the objects of one slot stand on an API server: the path of each kind; pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One kind: its API `group` (empty for the core), `version`, and the `plural` that stands in paths and in RBAC."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """What objects of this kind say as their apiVersion."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str | None = None) -> str:
        """The path of one object, or of all in the namespace when `name` is None."""
        root = "apis" if self.group else "api"
        whole = f"/{root}/{self.api_version}/namespaces/{namespace}/{self.plural}"
        return whole if name is None else f"{whole}/{name}"


DEPLOYMENT, SERVICE, CONFIG_MAP = "Deployment", "Service", "ConfigMap"
SCALER, BUDGET = "HorizontalPodAutoscaler", "PodDisruptionBudget"
POD, EVENT, QUOTA, JOB = "Pod", "Event", "ResourceQuota", "Job"
PLACES = {
    DEPLOYMENT: Place("apps", "v1", "deployments"),
    SERVICE: Place("", "v1", "services"),
    CONFIG_MAP: Place("", "v1", "configmaps"),
    SCALER: Place("autoscaling", "v2", "horizontalpodautoscalers"),
    BUDGET: Place("policy", "v1", "poddisruptionbudgets"),
    POD: Place("", "v1", "pods"),
    EVENT: Place("", "v1", "events"),
    QUOTA: Place("", "v1", "resourcequotas"),
    JOB: Place("batch", "v1", "jobs"),
}
OF_TEMPLATES = (DEPLOYMENT, SERVICE, SCALER, BUDGET, CONFIG_MAP)
"""The kinds that a template may hold."""


def path(kind: str, namespace: str, name: str | None = None) -> str:
    """The path of one object of a kind, or of all in the namespace when `name` is None."""
    return PLACES[kind].path(namespace, name)
