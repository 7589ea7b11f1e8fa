"""What is said of routes, gateways, backends, permissions and other writers before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest

from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.kubernetes.settings import Route
from tests.unit.providers.kubernetes.route_preflight import found, only, sound, supporting
from tests.unit.providers.kubernetes.route_world import (
    ALL,
    GATEWAY_PATH,
    GROUP,
    NEW,
    OLD,
    ROUTE,
    ROUTE_PATH,
    RPC,
    RPC_PATH,
    SERVICE_PATH,
    RouteWorld,
    gateway,
    ref,
    route,
    rule,
    service,
    settings,
)

GRANTS = f"/apis/{GROUP}/v1beta1/namespaces/shop/referencegrants"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/applications"


def test_a_sound_route_has_no_finding_but_that_it_is_sound() -> None:
    world = sound()
    assert found(world) == []
    port = GatewayRoutes(settings(adopt=("storefront",)), service="storefront", target="onprem", api=world)
    assert [finding.message for finding in port.preflight()] == ["accepted, 1 of 1 rules carry the split"]


def test_a_cluster_without_the_gateway_api_is_told_to_install_it() -> None:
    world = RouteWorld()
    finding = only(world)
    assert "does not serve gateway.networking.k8s.io/v1" in finding.message
    assert "CustomResourceDefinitions" in finding.remedy


def test_a_cluster_without_this_kind_of_route_is_named() -> None:
    world = sound()
    world.put(f"/apis/{GROUP}/v1", {"metadata": {}, "resources": [{"name": "httproutes"}]})
    assert "without grpcroutes" in only(world, routes=(RPC,)).message


def test_a_route_that_does_not_exist_is_bad_input_and_those_that_do_are_listed() -> None:
    finding = only(sound(), routes=(Route("HTTPRoute", "shop", "storefrnt"),))
    assert (finding.message, finding.key, finding.fatal) == ("does not exist", "gatewayApi.httpRoute", True)
    assert finding.remedy == "namespace shop has storefront"


def test_a_route_of_the_other_kind_is_pointed_at() -> None:
    world = sound()
    world.put(RPC_PATH, route(rule(ref("storefront")), of=RPC))
    finding = only(world, routes=(Route("HTTPRoute", "shop", "cart"),))
    assert (finding.message, finding.key) == (
        "does not exist, but a GRPCRoute of that name does",
        "gatewayApi.httpRoute",
    )
    assert finding.remedy == "name it with grpcRoute in the manifest"


def test_a_route_that_may_not_be_read_names_the_rule_to_add() -> None:
    world = sound()
    world.denied = {ROUTE_PATH}
    rule_to_add = (
        '{apiGroups: ["gateway.networking.k8s.io"], resources: ["httproutes"], resourceNames: ["storefront"], '
        'verbs: ["get", "patch"]}'
    )
    assert only(world).remedy == f"add to a Role in namespace shop: {rule_to_add}"


def test_a_verb_that_is_not_granted_names_the_rule_to_add() -> None:
    world = sound()
    world.forbidden = {("patch", "httproutes", "storefront")}
    finding = only(world)
    assert finding.subject == "permission: patch httproutes storefront in namespace shop"
    assert finding.remedy.endswith('resources: ["httproutes"], resourceNames: ["storefront"], verbs: ["patch"]}')
    world.forbidden = {("create", "services", None)}
    assert "create services in namespace shop" in only(world, stable_service="inner").subject
    assert found(world, stable_service="storefront") == []


def test_an_adopted_backend_that_is_in_no_rule_is_bad_input_and_what_is_there_is_listed() -> None:
    finding = only(sound(rule(ref("blue"), ref("green"))))
    assert (finding.message, finding.key) == ("has no backend to adopt called storefront", "gatewayApi.adopt")
    assert finding.remedy == "its backends are: blue, green"


def test_once_adopted_and_gone_the_adopted_name_is_no_finding() -> None:
    world = sound(rule(ref(OLD, 1000)))
    del world.objects[SERVICE_PATH + "storefront"]
    assert found(world) == []


def test_an_adopted_service_that_does_not_exist_or_lacks_the_port_is_found() -> None:
    world = sound()
    world.put(SERVICE_PATH + "storefront", service("storefront", {"app": "storefront"}, port=8080))
    assert only(world).message == "does not open port 80, which the route names; it opens 8080"
    del world.objects[SERVICE_PATH + "storefront"]
    assert (only(world).message, only(world).key) == ("is to be adopted and does not exist", "gatewayApi.adopt")


def test_adopted_weights_that_differ_between_rules_cannot_be_restored_and_are_refused() -> None:
    finding = only(sound(rule(ref("storefront", 1000)), rule(ref("storefront", 7))))
    assert "give our backends the same weights everywhere" in finding.remedy


def test_a_backend_that_stands_twice_in_a_rule_is_refused() -> None:
    finding = only(sound(rule(ref("storefront", 500), ref("storefront", 500))))
    assert finding.message == "rules[0] names storefront 2 times, which no single weight can say"


def test_no_rule_for_us_is_refused_with_both_ways_out() -> None:
    finding = only(sound(rule(ref("other"))), adopt=())
    assert "has no rule for us" in finding.message
    assert "gatewayApi.adopt" in finding.remedy
    redirect = rule(filters=[{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}])
    assert "has no rule for us" in only(sound(redirect), adopt=()).message
    assert found(sound(rule()), adopt=()) == []


@pytest.mark.parametrize(
    ("present", "remedy"), [(300, "gatewayApi.weight: 300 keeps"), (1, "gatewayApi.weight: 1 keeps")]
)
def test_beside_foreign_backends_the_weight_must_be_said_and_the_one_that_keeps_their_part_is_named(
    present: int, remedy: str
) -> None:
    world = sound(rule(ref("storefront", present), ref("other", 100)))
    finding = only(world)
    assert f"gatewayApi.weight: {present} keeps" in finding.remedy
    assert ("multiply all weights by 1000" in finding.remedy) == (present == 1)
    assert found(world, weight=present) == []
    warned = only(world, weight=5000)
    assert (warned.fatal, f"weight: {present} would keep it" in warned.remedy) == (False, True)


def test_foreign_backends_without_weight_or_beside_our_default_ask_for_nothing() -> None:
    assert found(sound(rule(ref("storefront", 3), ref("other", 0)))) == []
    assert found(sound(rule(ref("storefront", 1000), ref("other", 9)))) == []
    assert found(sound(rule(ref(OLD, 400), ref(NEW, 600), ref("other", 9)))) == []


def test_a_gateway_that_is_missing_or_not_programmed_is_found() -> None:
    world = sound()
    world.put(GATEWAY_PATH, gateway(programmed="False"))
    assert only(world).message == "is not programmed: Said"
    del world.objects[GATEWAY_PATH]
    assert (only(world).subject, only(world).message) == ("Gateway edge of HTTPRoute shop/storefront", "does not exist")
    world.denied = {GATEWAY_PATH}
    assert not only(world).fatal


def test_a_route_that_its_gateway_does_not_accept_now_is_found_with_the_gateways_words() -> None:
    world = sound()
    world.accept(ResolvedRefs="False")
    assert only(world).message == "is not in force as it stands: Gateway edge: ResolvedRefs is False (ResolvedRefs)"


def test_a_mirror_that_the_class_cannot_make_is_refused_with_a_sentence() -> None:
    finding = only(supporting({"name": "HTTPRoute"}), mirrors=True)
    assert (finding.fatal, "does not support RequestMirror" in finding.message) == (True, True)
    partly = only(supporting({"name": "HTTPRoute"}, {"name": "HTTPRouteRequestMirror"}), mirrors=True)
    assert (partly.fatal, "less than 100 %" in partly.message) == (False, True)
    able = ("HTTPRoute", "HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror")
    assert found(supporting(*({"name": name} for name in able)), mirrors=True) == []
    assert found(supporting(*able), mirrors=True) == [], "earlier releases publish bare names"


@pytest.mark.parametrize("asked", ["matches", "probes", "mirrors"])
def test_a_class_that_does_not_know_the_route_kind_is_refused(asked: str) -> None:
    finding = only(supporting({"name": "TLSRoute"}), **{asked: True})
    assert (finding.fatal, "does not support HTTPRoute" in finding.message) == (True, True)
    assert found(supporting({"name": "TLSRoute"})) == [], "nobody asks for it"


def test_a_class_that_publishes_nothing_is_a_warning_and_only_where_more_than_weights_is_asked() -> None:
    assert not only(supporting(), matches=True).fatal
    assert found(supporting(), matches=False) == []


def test_a_grpc_route_without_a_word_about_mirrors_is_a_warning() -> None:
    world = supporting({"name": "GRPCRoute"})
    world.put(RPC_PATH, route(rule(ref("storefront", 1000)), of=RPC))
    world.accept(RPC_PATH)
    assert not only(world, routes=(RPC,), mirrors=True).fatal
    assert found(world, routes=(RPC,), matches=True, probes=True) == []


def test_what_the_strategy_adds_must_fit_into_the_route() -> None:
    paths = [[{"path": {"type": "Exact", "value": f"/{n}"}}] for n in range(6)]
    world = supporting({"name": "HTTPRoute"})
    world.put(ROUTE_PATH, route(*(rule(ref("storefront", 1000), matches=match) for match in paths)))
    world.accept()
    assert found(world) == []
    assert found(world, matches=True) == []
    assert "18 rules, and a route holds 16" in only(world, probes=True).message
    full = [{**ALL, "headers": [{"type": "Exact", "name": f"h{n}", "value": "1"} for n in range(16)]}]
    world.put(ROUTE_PATH, route(rule(ref("storefront", 1000), matches=full)))
    world.accept()
    assert "17 headers in a match" in only(world, matches=True).message


def test_a_route_in_another_namespace_needs_a_grant_for_services_of_any_name() -> None:
    away = Route("HTTPRoute", "edge", "storefront")
    path = f"/apis/{GROUP}/v1/namespaces/edge/httproutes/storefront"
    world = sound()
    world.put(f"/apis/{GROUP}/v1/namespaces/edge/gateways/edge", gateway())
    world.put(path, route(rule(ref("storefront", 1000, namespace="shop")), of=away))
    world.accept(path)
    refused = only(world, routes=(away,))
    assert (refused.fatal, "ReferenceGrant in namespace shop" in refused.remedy) == (True, True)
    source = {"group": GROUP, "kind": "HTTPRoute", "namespace": "edge"}
    spec: dict[str, Any] = {"from": [source], "to": [{"group": "", "kind": "Service", "name": "storefront"}]}
    world.put(f"{GRANTS}/edge", {"metadata": {"name": "edge"}, "spec": spec})
    assert only(world, routes=(away,)).fatal, "one that names the adopted Service alone is not enough"
    del spec["to"][0]["name"]
    world.put(f"{GRANTS}/edge", {"metadata": {"name": "edge"}, "spec": spec})
    assert found(world, routes=(away,)) == []


def test_a_stable_service_without_a_selector_is_bad_input() -> None:
    world = sound()
    world.put(SERVICE_PATH + "inner", service("inner", None))
    assert only(world, stable_service="inner").key == "kubernetes.stableService"


def test_two_routes_are_both_looked_at_before_anything_is_said_to_be_well() -> None:
    world = sound()
    missing = Route("GRPCRoute", "shop", "gone")
    assert [(f.subject, f.key) for f in found(world, routes=(ROUTE, missing))] == [
        ("GRPCRoute shop/gone", "gatewayApi.grpcRoute")
    ]
