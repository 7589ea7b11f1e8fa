"""What clients get through a cluster, who is counted, and what the rest of the world sees of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.emulator.kube.kinds import DEPLOYMENT, SERVICE
from tests.unit.providers.emulator_kube_world.bench import HOST, SPACE, Bench


def test_a_change_of_weights_step_by_step_fails_no_request(shop: Bench) -> None:
    shop.cluster.settings.propagation_seconds = 2
    for weight in (10, 100, 500, 1000):
        shop.route({"v1": 1000 - weight, "v2": weight})
        for _ in range(50):
            shop.step(0.1)
            assert set(shop.versions(10)) <= {"v1", "v2"}
        share = shop.versions(500).count("v2") / 500
        assert abs(share - weight / 1000) <= 0.05
    shop.delete("v1")
    for _ in range(40):
        shop.step(0.1)
        assert set(shop.versions(10)) == {"v2"}
    assert shop.world.calls.requests_to_retired == {}


def test_requests_to_a_deployment_whose_deletion_has_begun_are_counted(shop: Bench) -> None:
    shop.delete("v1")
    shop.versions(3)
    assert shop.world.calls.requests_to_retired == {"v1": 3}
    shop.step(3)
    assert shop.versions() == [503]


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([{"backendRefs": [{"name": "v1", "port": 80, "weight": 0}]}], 500),
        ([{"backendRefs": []}], 500),
        ([{"backendRefs": [{"name": "nothing", "port": 80}]}], 500),
        ([{"backendRefs": [{"name": "asleep", "port": 80}]}], 503),
        ([{"backendRefs": [{"name": "v1"}], "matches": [{"path": {"type": "Exact", "value": "/else"}}]}], 404),
    ],
)
def test_the_data_plane_answers_itself_where_nobody_can(shop: Bench, rules: list[Any], status: int) -> None:
    shop.deploy("asleep", replicas=0)
    shop.service("asleep")
    shop.rules(rules)
    shop.settle()
    assert shop.versions() == [status]


def test_requests_are_counted_by_pod_and_by_deployment(shop: Bench) -> None:
    shop.route({"v1": 1, "v2": 1})
    shop.settle()
    shop.versions(100)
    calls = shop.world.calls
    assert sum(calls.requests.values()) == 100
    assert set(calls.requests) == {"v1", "v2"}
    by_pod = {pod.name: pod.deployment for pod in shop.pods()}
    assert set(calls.pod_requests) == set(by_pod)
    for name in ("v1", "v2"):
        assert calls.requests[name] == sum(n for pod, n in calls.pod_requests.items() if by_pod[pod] == name)


def test_a_route_says_where_it_leads_and_counts_nothing(shop: Bench) -> None:
    routed = shop.cluster.route(HOST, "/", {}, shop.rng)
    assert routed.pod is not None
    assert (routed.pod.pod.deployment, routed.backend, routed.status) == ("v1", "shop/v1", 200)
    assert shop.world.calls.requests == {}


def test_a_mirror_gets_copies_and_its_answers_are_thrown_away(shop: Bench) -> None:
    shop.deploy("bad", shop.image("bad", error_rate=1.0))
    shop.service("bad")
    filters = [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "bad", "port": 80}, "percent": 50}}]
    shop.route({"v1": 1}, filters=filters)
    shop.settle()
    assert shop.versions(400) == ["v1"] * 400
    assert 150 < shop.world.calls.requests["bad"] < 250


def test_a_redirect_is_answered_by_the_data_plane(shop: Bench) -> None:
    sent = {"scheme": "https", "statusCode": 301, "hostname": "new.test"}
    shop.rules([{"filters": [{"type": "RequestRedirect", "requestRedirect": sent}]}])
    shop.settle()
    answer = shop.cluster.request(HOST, "/a", {}, shop.rng)
    assert (answer.status, answer.headers["Location"]) == (301, "https://new.test/a")


def test_an_answer_later_than_the_timeout_of_its_rule_is_a_504(shop: Bench) -> None:
    shop.deploy("slow", shop.image("slow", latency_seconds=3))
    shop.service("slow")
    shop.route({"slow": 1}, timeouts={"request": "2s"})
    shop.settle()
    assert shop.versions() == [504]


def test_pods_that_are_not_ready_or_are_ending_get_nothing(shop: Bench) -> None:
    shop.deploy("v3", shop.image("v3", unhealthy_after_seconds=5), checked=True)
    shop.service("v3")
    shop.route({"v3": 1})
    shop.settle()
    assert shop.versions() == ["v3"]
    shop.step(10)
    assert shop.versions() == [503]


def test_a_service_leads_to_whatever_its_selector_says_now(shop: Bench) -> None:
    name = f"v1.{SPACE}.svc.cluster.local"
    address = shop.world.resolve(name).address
    assert address is not None
    assert shop.world.answer_at(address, "/").headers["X-Version"] == "v1"
    shop.change(SERVICE, "v1", selector={"app": "v2"})
    assert shop.world.resolve(f"v1.{SPACE}.svc").address == address
    assert shop.world.answer_at(address, "/").headers["X-Version"] == "v2"
    assert shop.world.calls.requests == {"v1": 1, "v2": 1}


def test_a_service_with_a_named_target_port_finds_it(shop: Bench) -> None:
    ports = [{"name": "http", "containerPort": 8080}]
    shop.deploy("named", container={"ports": ports})
    spec = {"selector": {"app": "named"}, "ports": [{"port": 80, "targetPort": "http"}]}
    shop.objects.put(SERVICE, SERVICE.new(SPACE, "named", spec=spec))
    shop.route({"named": 1})
    shop.settle()
    assert shop.versions() == ["named"]


def test_a_port_that_nobody_listens_on_refuses(shop: Bench) -> None:
    spec = {"selector": {"app": "v1"}, "ports": [{"port": 80, "targetPort": 9999}]}
    shop.objects.put(SERVICE, SERVICE.new(SPACE, "wrong", spec=spec))
    shop.route({"wrong": 1})
    shop.settle()
    assert shop.versions() == [503]


def test_names_of_hosts_lead_to_the_gateway(shop: Bench) -> None:
    found = shop.world.resolve("Shop.test.")
    assert found.address == shop.cluster.gateways.address_of(shop.cluster.gateways.all()[0])
    assert shop.world.resolve("nothing.test").code == "REFUSED"
    assert shop.world.resolve("nothing.shop.svc").code == "NXDOMAIN"
    assert shop.world.answer_at(found.address or "", "/").status == 404


def test_the_state_of_the_world_shows_clusters_without_bare_times(shop: Bench) -> None:
    shop.versions(3)
    state = json.loads(json.dumps(shop.world.state()))
    west = state["clusters"]["west"]
    assert [one["name"] for one in west["deployments"]] == ["v1", "v2"]
    assert west["deployments"][0]["available"] == 2
    assert west["routes"][0]["rules"][0]["backendRefs"][0]["weight"] == 1000
    assert len(west["pods"]) == 4

    def times(value: Any, key: str = "") -> list[str]:
        if isinstance(value, dict):
            return [found for name, inner in value.items() for found in times(inner, name)]
        if isinstance(value, list):
            return [found for inner in value for found in times(inner, key)]
        return [key] if isinstance(value, str) and value.startswith("2026-") else []

    assert all(key.endswith("At") for key in times(state))


def test_a_reset_forgets_clusters_and_raises_the_revision(shop: Bench) -> None:
    before = shop.world.revision
    address = shop.pods()[0].address
    shop.world.reset()
    assert shop.world.clusters == {}
    assert shop.world.revision > before
    assert shop.world.answer_at(address, "/") is None
    shop.step(10)
    assert shop.world.cluster("west").objects.all(DEPLOYMENT) == []


def test_two_clusters_of_one_world_know_nothing_of_each_other(shop: Bench) -> None:
    east = shop.world.cluster("east")
    assert list(east.objects.each(DEPLOYMENT)) == []
    assert shop.world.cluster("west") is shop.cluster
    assert len({one.address for one in shop.world.workloads()}) == len(shop.world.workloads())


def test_a_cluster_cannot_have_a_name_with_a_slash(bench: Bench) -> None:
    with pytest.raises(ValueError, match="without a slash"):
        bench.world.cluster("a/b")
