"""What the Gateway controller says of classes, Gateways and routes, and when."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube.kinds import (
    GATEWAY,
    GATEWAY_CLASS,
    GATEWAY_GROUP,
    HTTP_ROUTE,
    REFERENCE_GRANT,
    SERVICE,
)
from tests.unit.providers.emulator_kube_world.bench import HOST, SPACE, Bench


def gateway_of(bench: Bench) -> Any:
    return bench.objects.get(GATEWAY, "infra", "edge")


def conditions(body: Any) -> dict[str, str]:
    return {one["type"]: one["status"] for one in body["conditions"]}


def test_a_gateway_gets_an_address_and_says_that_it_is_programmed(shop: Bench) -> None:
    status = gateway_of(shop)["status"]
    assert conditions(status) == {"Accepted": "True", "Programmed": "True"}
    assert status["addresses"][0]["type"] == "IPAddress"
    (listener,) = status["listeners"]
    assert (listener["name"], listener["attachedRoutes"]) == ("http", 1)


def test_a_gateway_that_had_to_move_never_tells_the_address_that_it_has_left(shop: Bench) -> None:
    left = shop.cluster.gateways.address_of(gateway_of(shop))
    moved = shop.world.next_address(shop.cluster.id_of("gateways", "infra", "edge"))
    assert moved != left
    assert [one["value"] for one in gateway_of(shop)["status"]["addresses"]] == [moved]


def test_a_gateway_may_have_a_host_name_instead_of_an_address() -> None:
    bench = Bench(gateway_hostnames={"infra/edge": "edge.fz35.alb.azure.com"})
    bench.cluster.gateway("infra", "edge")
    bench.step()
    assert gateway_of(bench)["status"]["addresses"] == [{"type": "Hostname", "value": "edge.fz35.alb.azure.com"}]
    assert bench.world.resolve("Edge.fz35.alb.azure.com.").address == bench.cluster.gateways.address_of(
        gateway_of(bench)
    )


def test_a_class_publishes_what_it_supports_unless_told_not_to() -> None:
    bench = Bench(supported_features=("HTTPRoute", "Gateway"))
    bench.step()
    status = bench.objects.get(GATEWAY_CLASS, None, "emulator")["status"]
    assert conditions(status) == {"Accepted": "True"}
    assert status["supportedFeatures"] == [{"name": "Gateway"}, {"name": "HTTPRoute"}]
    silent = Bench(supported_features=None)
    silent.step()
    assert "supportedFeatures" not in silent.objects.get(GATEWAY_CLASS, None, "emulator")["status"]


def test_a_gateway_waits_for_its_class(bench: Bench) -> None:
    known = bench.objects.remove(GATEWAY_CLASS, None, "emulator")
    bench.cluster.gateway("infra", "edge")
    bench.step()
    assert "addresses" not in (gateway_of(bench).get("status") or {})
    bench.objects.put(GATEWAY_CLASS, {**known, "metadata": {"name": "emulator"}})
    bench.step()
    assert gateway_of(bench)["status"]["addresses"]


def test_a_new_generation_is_told_and_carries_requests_after_the_propagation(shop: Bench) -> None:
    shop.cluster.settings.propagation_seconds = 5
    shop.route({"v1": 0, "v2": 1000})
    assert shop.objects.get(HTTP_ROUTE, SPACE, "shop")["metadata"]["generation"] == 2
    shop.step(4)
    assert shop.state_of("Accepted") == ("True", "Accepted", 1)
    assert shop.versions() == ["v1"]
    shop.step(2)
    assert shop.state_of("Accepted") == ("True", "Accepted", 2)
    assert shop.state_of("ResolvedRefs") == ("True", "ResolvedRefs", 2)
    assert shop.versions() == ["v2"]


def test_a_status_may_promise_what_is_not_so_yet(shop: Bench) -> None:
    shop.cluster.settings.propagation_seconds, shop.cluster.settings.status_seconds = 10, 1
    shop.cluster.settings.route_programmed = True
    shop.route({"v1": 0, "v2": 1000})
    shop.step(2)
    assert shop.state_of("Accepted") == ("True", "Accepted", 2)
    assert shop.state_of("Programmed") == ("Unknown", "Pending", 2)
    assert shop.versions() == ["v1"]
    shop.step(10)
    assert shop.state_of("Programmed") == ("True", "Programmed", 2)
    assert shop.versions() == ["v2"]


def test_generations_that_follow_each_other_are_programmed_each_in_its_time(shop: Bench) -> None:
    shop.cluster.settings.propagation_seconds = 10
    shop.route({"v1": 0, "v2": 1000})
    shop.step(5)
    shop.route({"v1": 1000, "v2": 0})
    shop.step(6)
    assert shop.versions() == ["v2"]
    assert shop.state_of("Accepted")[2] == 2
    shop.step(5)
    assert shop.versions() == ["v1"]
    assert shop.state_of("Accepted")[2] == 3


def test_labels_and_annotations_move_neither_generation_nor_status(shop: Bench) -> None:
    before = shop.objects.get(HTTP_ROUTE, SPACE, "shop")
    body = shop.objects.get(HTTP_ROUTE, SPACE, "shop")
    body["metadata"]["annotations"] = {"rollout/active": "r"}
    shop.objects.put(HTTP_ROUTE, body)
    shop.step(5)
    after = shop.objects.get(HTTP_ROUTE, SPACE, "shop")
    assert (after["metadata"]["generation"], after["status"]) == (1, before["status"])


def test_a_missing_backend_is_told_and_heals_when_it_comes(shop: Bench) -> None:
    shop.route({"v1": 500, "v3": 500})
    shop.settle()
    assert shop.state_of("ResolvedRefs") == ("False", "BackendNotFound", 2)
    assert shop.state_of("Accepted") == ("True", "Accepted", 2)
    shop.service("v3", app="v2")
    shop.settle()
    assert shop.state_of("ResolvedRefs") == ("True", "ResolvedRefs", 2)
    assert set(shop.versions(50)) == {"v1", "v2"}


def test_a_backend_port_that_the_service_lacks_is_no_backend(shop: Bench) -> None:
    shop.rules([{"backendRefs": [{"name": "v1", "port": 81}]}])
    shop.settle()
    assert shop.state_of("ResolvedRefs")[:2] == ("False", "BackendNotFound")


def test_a_backend_of_another_kind_is_refused(shop: Bench) -> None:
    shop.rules([{"backendRefs": [{"name": "v1", "kind": "Import", "group": "multicluster.x-k8s.io", "port": 80}]}])
    shop.settle()
    assert shop.state_of("ResolvedRefs")[:2] == ("False", "InvalidKind")


@pytest.mark.parametrize("name", [None, "far"])
def test_a_backend_in_another_namespace_needs_a_grant(shop: Bench, name: str | None) -> None:
    shop.cluster.namespace("far")
    shop.service("far", app="v1", space="far")
    shop.rules([{"backendRefs": [{"name": "far", "namespace": "far", "port": 80}]}])
    shop.settle()
    assert shop.state_of("ResolvedRefs")[:2] == ("False", "RefNotPermitted")
    assert shop.versions() == [500]
    source = {"group": GATEWAY_GROUP, "kind": "HTTPRoute", "namespace": SPACE}
    to = {"group": "", "kind": "Service", **({"name": name} if name else {})}
    spec = {"from": [source], "to": [to]}
    shop.objects.put(REFERENCE_GRANT, REFERENCE_GRANT.new("far", "grant", spec=spec))
    shop.settle()
    assert shop.state_of("ResolvedRefs")[:2] == ("True", "ResolvedRefs")
    assert shop.versions() == [503]


@pytest.mark.parametrize(
    ("parent", "hostname", "reason"),
    [
        ({"sectionName": "other"}, HOST, "NoMatchingParent"),
        ({"port": 9090}, HOST, "NoMatchingParent"),
        ({}, "other.example", "NoMatchingListenerHostname"),
        ({"namespace": "closed"}, HOST, "NotAllowedByListeners"),
    ],
)
def test_a_route_that_no_listener_takes_is_told_why(
    bench: Bench, parent: dict[str, Any], hostname: str, reason: str
) -> None:
    bench.cluster.gateway("infra", "edge", 8080, "*.test")
    bench.cluster.gateway("closed", "edge", 8080, "*.test", open_to="Same")
    spec = {"parentRefs": [{"name": "edge", "namespace": "infra", **parent}], "hostnames": [hostname], "rules": []}
    bench.objects.put(HTTP_ROUTE, HTTP_ROUTE.new(SPACE, "shop", spec=spec))
    bench.step()
    assert bench.state_of("Accepted")[:2] == ("False", reason)


def test_entries_of_other_controllers_stay_as_they_are(shop: Bench) -> None:
    body = shop.objects.get(HTTP_ROUTE, SPACE, "shop")
    foreign = {"parentRef": {"name": "mesh"}, "controllerName": "mesh.test/controller", "conditions": []}
    body["status"]["parents"].insert(0, foreign)
    shop.objects.put(HTTP_ROUTE, body)
    shop.route({"v1": 1, "v2": 1})
    shop.settle()
    assert shop.parents()[0] == foreign
    assert len(shop.parents()) == 2


def test_a_regular_expression_that_cannot_be_read_takes_no_request(shop: Bench) -> None:
    header = {"name": "x", "value": "(", "type": "RegularExpression"}
    shop.rules([{"matches": [{"headers": [header]}], "backendRefs": [{"name": "v1", "port": 80}]}])
    shop.settle()
    assert shop.state_of("Accepted")[:2] == ("False", "UnsupportedValue")
    assert shop.versions(headers={"x": "("}) == [404]


def test_a_parent_that_does_not_exist_is_not_spoken_of(bench: Bench) -> None:
    bench.route({"v1": 1})
    bench.step()
    assert bench.parents() == []


def test_a_deleted_route_stops_carrying_requests(shop: Bench) -> None:
    shop.objects.remove(HTTP_ROUTE, SPACE, "shop")
    shop.settle()
    assert shop.versions() == [404]
    assert gateway_of(shop)["status"]["listeners"][0]["attachedRoutes"] == 0


def test_a_service_gets_an_address_and_keeps_it(shop: Bench) -> None:
    before = shop.cluster.services.address_of(SPACE, "v1")
    assert before is not None
    shop.change(SERVICE, "v1", selector={"app": "v2"})
    assert shop.cluster.services.address_of(SPACE, "v1") == before
    shop.objects.remove(SERVICE, SPACE, "v1")
    assert shop.cluster.services.address_of(SPACE, "v1") is None
