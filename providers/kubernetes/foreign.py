"""Labels and annotations of a template that a copy must not bear: marks of ours, the server's, and other owners'; pure.

An export of a live object brings along who manages it. A tool that finds its mark on our copy would take that for its
own and, where it prunes, delete it; a name server would publish it before its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.kubernetes import marks

_DROPPED = (
    "pod-template-hash",
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubectl.kubernetes.io/restartedAt",
    "deployment.kubernetes.io/revision",
    "objectset.rio.cattle.io/applied",
)
_PREFIXES = (
    "rollout/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "config.k8s.io/",
    "external-dns.alpha.kubernetes.io/",
    "service.beta.kubernetes.io/",
)
_INSTANCE = "app.kubernetes.io/instance"
_NOT_PRUNED = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false",
}
"""What tells Argo CD that a copy is not its own, where it tracks by the label `app.kubernetes.io/instance`."""


def foreign_labels(labels: Any) -> dict[str, Any]:
    """Return the labels of a template's object that its copy keeps."""
    return {key: value for key, value in _kept(labels).items() if (key, value) != (marks.MANAGED_BY, marks.OURS)}


def foreign_annotations(annotations: Any) -> dict[str, Any]:
    """Return the annotations of a template's object that its copy keeps."""
    return _kept(annotations)


def not_pruned(labels: Mapping[str, Any]) -> dict[str, str]:
    """Annotations for a copy with these labels, so that no tool which tracks by labels prunes it."""
    return dict(_NOT_PRUNED) if _INSTANCE in labels else {}


def _kept(values: Any) -> dict[str, Any]:
    items = values.items() if isinstance(values, Mapping) else ()
    return {
        key: "" if value is None else value
        for key, value in items
        if key not in _DROPPED and not key.startswith(_PREFIXES)
    }
