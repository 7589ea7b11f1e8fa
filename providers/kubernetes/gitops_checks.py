"""Who else writes a route: Argo CD and Flux take back what they did not write, unless they are told not to; reads only.

`rules` is one atomic list, so a neighbour that owns it puts back the weights, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from providers.errors import Missing, ProviderError, Unsupported
from providers.kubernetes.api import FIELD_MANAGER, Api
from providers.kubernetes.route_ours import GROUP, Body, items
from providers.kubernetes.route_read import RouteRead
from providers.ports import Finding

_ARGO = "/apis/argoproj.io/v1alpha1"
_TRACKING, _INSTANCE = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
_FLUX, _FLUX_SSA = "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/ssa"
_FLUX_OFF = "kustomize.toolkit.fluxcd.io/reconcile"
_HELM, _HELM_DRIFT = "helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/driftDetection"
_LEFT_ALONE = ("ifnotpresent", "ignore")


def findings(api: Api, read: RouteRead) -> Iterator[Finding]:
    """Say who would take our weights back from the route, and how to tell them not to."""
    yield from _flux(read)
    yield from _argo(api, read)


def _flux(read: RouteRead) -> Iterator[Finding]:
    labels, notes = _of(read.body, "labels"), _of(read.body, "annotations")
    left_alone = notes.get(_FLUX_SSA, "").lower() in _LEFT_ALONE or notes.get(_FLUX_OFF) == "disabled"
    if _FLUX in labels and not left_alone:
        message = f"is applied by Flux (Kustomization {labels[_FLUX]}), which would take our weights back"
        remedy = f"annotate the route in its source: {_FLUX_SSA}: IfNotPresent"
        yield Finding(False, str(read.route), message, remedy)
    if _HELM in labels and notes.get(_HELM_DRIFT) != "disabled":
        message = f"is made by Flux (HelmRelease {labels[_HELM]}): an upgrade or its drift detection takes weights back"
        remedy = f"annotate the route in its chart: {_HELM_DRIFT}: disabled, and upgrade between rollouts only"
        yield Finding(False, str(read.route), message, remedy, fatal=False)


def _argo(api: Api, read: RouteRead) -> Iterator[Finding]:
    tracked = _of(read.body, "annotations").get(_TRACKING, "").partition(":")[0]
    name = tracked or _of(read.body, "labels").get(_INSTANCE, "")
    if not name:
        return
    try:
        api.read("asking whether Argo CD is here", _ARGO)
        applications = items(api.read("listing the Applications of Argo CD", f"{_ARGO}/applications"), "items")
    except ProviderError as error:
        # Other tools set the instance label as well: where no Argo CD is, it says nothing.
        if tracked or not isinstance(error, Missing | Unsupported):
            message = f"is of Argo CD's Application {name}, which could not be read: {error}"
            yield Finding(False, str(read.route), message, f"if it heals itself: {_ignore(read)}", fatal=False)
        return
    found = [app for app in applications if name in _names(app)]
    if tracked and not found:
        message = f"is of Argo CD's Application {name}, which is not in this cluster"
        yield Finding(False, str(read.route), message, f"if it heals itself: {_ignore(read)}", fatal=False)
    for app in found:
        yield from _application(read, app)


def _application(read: RouteRead, app: Body) -> Iterator[Finding]:
    spec = app.get("spec") or {}
    policy = spec.get("syncPolicy") or {}
    automated = policy.get("automated") or {}
    name = str((app.get("metadata") or {}).get("name"))
    heals = bool(automated.get("selfHeal")) and automated.get("enabled") is not False
    ignored = any(_ignores(read, rule) for rule in items(spec, "ignoreDifferences"))
    if not ignored:
        message = f"Argo CD's Application {name} " + (
            "heals itself: it would take our weights back"
            if heals
            else "shows it OutOfSync, and a sync takes weights back"
        )
        yield Finding(False, str(read.route), message, _ignore(read), fatal=heals)
    elif "RespectIgnoreDifferences=true" not in [str(option) for option in policy.get("syncOptions") or ()]:
        message = f"Argo CD's Application {name} ignores our weights, but its next sync would still overwrite them"
        yield Finding(False, str(read.route), message, "add RespectIgnoreDifferences=true to syncOptions", fatal=False)


def _ignores(read: RouteRead, rule: Body) -> bool:
    if rule.get("group") not in (GROUP, "*") or rule.get("kind") not in (read.route.kind, "*"):
        return False
    if rule.get("name") not in (None, "", read.route.name):
        return False
    if rule.get("namespace") not in (None, "", read.route.namespace):
        return False
    if FIELD_MANAGER in (rule.get("managedFieldsManagers") or ()):
        return True
    paths = [str(path) for path in (*(rule.get("jsonPointers") or ()), *(rule.get("jqPathExpressions") or ()))]
    settings = read.ours.settings
    whole = ("/spec", "/spec/rules", ".spec", ".spec.rules", ".spec.rules[]", ".spec.rules[]?")
    if any(path in whole for path in paths):
        return True
    weights_only = not (settings.matches or settings.mirrors or settings.probes)
    return weights_only and any(".backendRefs" in path and path.startswith(".spec.rules[]") for path in paths)


def _ignore(read: RouteRead) -> str:
    rule = f"{{group: {GROUP}, kind: {read.route.kind}, name: {read.route.name}, jqPathExpressions: [.spec.rules, "
    rule += "'.metadata.annotations[\"rollout/active\"]', '.metadata.annotations[\"rollout/rolled-back\"]']}"
    return f"add to ignoreDifferences: {rule}, and RespectIgnoreDifferences=true to syncOptions"


def _names(app: Body) -> tuple[str, str]:
    """How a tracking mark may call an Application: by its name, perhaps with its namespace before it."""
    metadata: Any = app.get("metadata") or {}
    return str(metadata.get("name")), f"{metadata.get('namespace')}_{metadata.get('name')}"


def _of(body: Body, key: str) -> dict[str, str]:
    return {str(name): str(value) for name, value in ((body.get("metadata") or {}).get(key) or {}).items()}
