"""Argo CD and Flux in front of a route: who would take our weights back, and how to tell them not to."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.unit.providers.kubernetes.route_preflight import found, only, sound, supporting
from tests.unit.providers.kubernetes.route_world import (
    GROUP,
    ROUTE_PATH,
    RouteWorld,
    ref,
    route,
    rule,
)

GRANTS = f"/apis/{GROUP}/v1beta1/namespaces/shop/referencegrants"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/applications"


TRACKED: dict[str, Any] = {"annotations": {"argocd.argoproj.io/tracking-id": f"shop:{GROUP}/HTTPRoute:shop/storefront"}}
LABELLED = {"labels": {"app.kubernetes.io/instance": "shop"}}
IGNORES = {"group": GROUP, "kind": "HTTPRoute", "jqPathExpressions": [".spec.rules[].backendRefs[].weight"]}
RESPECTS = {"syncOptions": ["RespectIgnoreDifferences=true"]}


def argo(world: RouteWorld, *, heals: bool = True, ignore: tuple[Any, ...] = (), respects: bool = True) -> RouteWorld:
    """The same cluster with Argo CD and its Application `shop`."""
    world.put("/apis/argoproj.io/v1alpha1", {"metadata": {}, "resources": [{"name": "applications"}]})
    policy = {"automated": {"selfHeal": heals}, **(RESPECTS if respects else {})}
    spec = {"syncPolicy": policy, "ignoreDifferences": list(ignore)}
    world.put(f"{APPLICATIONS}/shop", {"metadata": {"name": "shop", "namespace": "argocd"}, "spec": spec})
    return world


@pytest.mark.parametrize("metadata", [TRACKED, LABELLED])
def test_pain_16_a_route_that_argo_cd_heals_is_refused_with_the_ignore_rule(metadata: dict[str, Any]) -> None:
    finding = only(argo(sound(**metadata)))
    assert (finding.fatal, "heals itself" in finding.message) == (True, True)
    assert ".spec.rules" in finding.remedy
    assert not only(argo(sound(**metadata), heals=False)).fatal


@pytest.mark.parametrize(
    "ignore",
    [
        IGNORES,
        {"group": "*", "kind": "*", "jsonPointers": ["/spec/rules"]},
        {"group": GROUP, "kind": "HTTPRoute", "name": "storefront", "managedFieldsManagers": ["rollout"]},
    ],
)
def test_pain_16_an_ignore_rule_settles_it_and_must_be_respected_by_syncs(ignore: dict[str, Any]) -> None:
    assert found(argo(sound(**TRACKED), ignore=(ignore,))) == []
    assert "RespectIgnoreDifferences" in only(argo(sound(**TRACKED), ignore=(ignore,), respects=False)).remedy


@pytest.mark.parametrize(
    "ignore", [{**IGNORES, "kind": "GRPCRoute"}, {**IGNORES, "name": "other"}, {**IGNORES, "namespace": "other"}]
)
def test_an_ignore_rule_for_something_else_settles_nothing(ignore: dict[str, Any]) -> None:
    assert only(argo(sound(**TRACKED), ignore=(ignore,))).fatal


def test_an_ignore_rule_for_weights_alone_is_not_enough_where_rules_are_added() -> None:
    world = argo(supporting({"name": "HTTPRoute"}), ignore=(IGNORES,))
    world.put(ROUTE_PATH, route(rule(ref("storefront", 1000)), **copy.deepcopy(TRACKED)))
    world.accept()
    assert found(world) == []
    assert only(world, matches=True).fatal


def test_an_application_that_cannot_be_read_is_a_warning_with_the_ignore_rule() -> None:
    assert not only(sound(**TRACKED)).fatal, "Argo CD is elsewhere"
    assert found(sound(**LABELLED)) == [], "the label alone is anybody's"
    world = argo(sound(**LABELLED))
    world.denied = {APPLICATIONS}
    warned = only(world)
    assert (warned.fatal, "ignoreDifferences" in warned.remedy) == (False, True)


def test_a_route_that_flux_applies_is_refused_unless_flux_leaves_it_alone() -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "apps"}
    assert only(sound(labels=labels)).fatal
    for text in ("IfNotPresent", "Ignore"):
        assert found(sound(labels=labels, annotations={"kustomize.toolkit.fluxcd.io/ssa": text})) == []
    assert only(sound(labels=labels, annotations={"kustomize.toolkit.fluxcd.io/ssa": "Merge"})).fatal
    assert not only(sound(labels={"helm.toolkit.fluxcd.io/name": "apps"})).fatal
