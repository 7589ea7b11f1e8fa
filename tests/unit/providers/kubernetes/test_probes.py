"""Probes of workloads in a cluster: whichever way they go, each is an answer within its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.kubernetes.probes import ApiProxyProbes, DirectProbes, GatewayProbes
from providers.kubernetes.settings import Route
from providers.probes.settings import ProbeSettings
from strategies.seen import ProbeSeen
from tests.unit.providers.kubernetes.servers import STAMP, Got, Say, Server, api, quick, serving, status

SERVICES = "/api/v1/namespaces/shop/services"
PORTS: list[dict[str, Any]] = [{"port": 80, "targetPort": 8080}]
HERE = ProbeSettings(port=8080, path="/healthz", timeout_seconds=2.0)


class Cluster:
    """An API server that has some objects, and passes on what its proxy is asked for."""

    def __init__(self, objects: dict[str, Any], behind: dict[str, Say] | None = None) -> None:
        self.objects, self.behind = objects, behind or {}
        self.asked: list[Got] = []

    def __call__(self, got: Got) -> Say:
        self.asked.append(got)
        path = got.path.partition("?")[0]
        if "/proxy/" in path:
            return self.behind.get(path.removeprefix(f"{SERVICES}/").partition("/proxy/")[0], Say())
        if path in self.objects:
            return Say(body=self.objects[path])
        return status(404, "NotFound", "not found", name=path.rpartition("/")[2], kind="services")


def service(name: str, *ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {f"{SERVICES}/{name}": {"spec": {"ports": list(ports or PORTS), **spec}}}


@contextmanager
def proxied(folder: Path, cluster: Cluster, settings: ProbeSettings = HERE, **more: Any) -> Iterator[ApiProxyProbes]:
    with serving(cluster) as server:
        yield ApiProxyProbes(settings, namespace="shop", api=api(folder, server, **more))


def one(probes: Any, address: str = "web") -> ProbeSeen:
    (seen,) = probes.sample({"e": address})
    assert isinstance(seen, ProbeSeen)
    return seen


def test_a_probe_goes_through_the_servers_proxy_to_the_port_that_leads_to_ours(tmp_path: Path) -> None:
    settings = ProbeSettings(port=8080, path="/ready?full=1", headers=(("X-Key", "k"), ("Host", "shop.example")))
    cluster = Cluster(service("web", {"port": 8080, "targetPort": 9090}, {"port": 80, "targetPort": 8080}))
    with proxied(tmp_path, cluster, settings, user={"token": "ours"}) as probes:
        seen = one(probes)
    assert (seen.slot, seen.ok, seen.why, seen.at) == ("e", True, "", STAMP)
    got = cluster.asked[-1]
    assert got.path == f"{SERVICES}/http:web:80/proxy/ready?full=1"
    assert (got.headers["X-Key"], got.headers["User-Agent"]) == ("k", "rollout-probe")
    assert got.headers["Host"].startswith("127.0.0.1")
    assert got.headers["Authorization"] == "Bearer ours"


@pytest.mark.parametrize(
    ("ports", "through"),
    [
        ([{"port": 8080}], 8080),
        ([{"port": 80, "targetPort": 8080}], 80),
        ([{"port": 53, "targetPort": 8080, "protocol": "UDP"}, {"port": 81, "targetPort": 8080}], 81),
        ([{"port": 82, "targetPort": "admin"}, {"port": 83, "targetPort": "http"}], 83),
    ],
)
def test_the_services_port_is_found_by_number_or_by_the_name_that_a_pod_gives_it(
    tmp_path: Path, ports: list[dict[str, Any]], through: int
) -> None:
    named = [{"name": "admin", "containerPort": 9000}, {"name": "http", "containerPort": 8080}]
    pods = {"/api/v1/namespaces/shop/pods": {"items": [{"spec": {"containers": [{"ports": named}, {}]}}]}}
    cluster = Cluster({**service("web", *ports, selector={"app": "web"}), **pods})
    with proxied(tmp_path, cluster) as probes:
        assert one(probes).ok
    assert cluster.asked[-1].path == f"{SERVICES}/http:web:{through}/proxy/healthz"


def test_a_service_is_read_once_in_a_while_and_again_when_nobody_answered(tmp_path: Path) -> None:
    now = [STAMP]
    cluster = Cluster(service("web"))
    with proxied(tmp_path, cluster, now=lambda: now[0]) as probes:
        for _ in range(3):
            assert one(probes).ok
        now[0] += timedelta(seconds=61)
        assert one(probes).ok
        cluster.behind["http:web:80"] = status(503, "ServiceUnavailable", 'no endpoints available for service "web"')
        one(probes)
        one(probes)
    reads = [got for got in cluster.asked if "/proxy/" not in got.path]
    assert len(reads) == 3


def test_a_service_of_https_is_asked_over_https(tmp_path: Path) -> None:
    cluster = Cluster(service("web"))
    with proxied(tmp_path, cluster, ProbeSettings(scheme="https", port=8080, path="/")) as probes:
        assert one(probes).ok
    assert cluster.asked[-1].path == f"{SERVICES}/https:web:80/proxy/"


@pytest.mark.parametrize(
    ("say", "why"),
    [
        (
            status(503, "ServiceUnavailable", 'no endpoints available for service "http:web:80"'),
            "no pod behind the Service is ready",
        ),
        (
            status(503, "ServiceUnavailable", "error trying to reach service: connection refused"),
            "through the API server: error trying to reach service: connection refused",
        ),
        (
            status(
                403,
                "Forbidden",
                'services "web" is forbidden: User "u" cannot get resource "services/proxy" in API group "" in the'
                ' namespace "shop"',
            ),
            'the rule {"apiGroups": [""], "resources": ["services/proxy"], "verbs": ["get"]}',
        ),
        (status(401, "Unauthorized"), "sign in anew"),
        (status(404, "NotFound", 'services "web" not found', name="web"), 'services "web" not found'),
        (Say(500, "oops"), "status 500, expected 200-299"),
        (Say(401, "who are you?"), "status 401, expected 200-299"),
        (Say(503, {"kind": "Status"}), "status 503, expected 200-299"),
        (Say(302, "", {"Location": "/login"}), "status 302, expected 200-299"),
        (Say(raw=b""), "Connection aborted"),
    ],
)
def test_whatever_happened_is_in_the_answer(tmp_path: Path, say: Say, why: str) -> None:
    cluster = Cluster(service("web"), {"http:web:80": say})
    with proxied(tmp_path, cluster) as probes:
        seen = one(probes)
    assert not seen.ok
    assert why in seen.why


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ({}, "Service web does not exist"),
        (
            {**service("web", {"port": 80, "targetPort": "http"}), "/api/v1/namespaces/shop/pods": {"items": []}},
            "only a pod can say where port http of Service web leads, and there is none",
        ),
        (service("web", {"port": 80, "targetPort": 9090}), "has no port that leads to 8080 (it has 80 to 9090)"),
    ],
)
def test_a_service_that_cannot_lead_to_the_workload_says_so(tmp_path: Path, objects: dict[str, Any], why: str) -> None:
    with proxied(tmp_path, Cluster(objects)) as probes:
        seen = one(probes)
    assert not seen.ok
    assert why in seen.why


def test_all_are_asked_at_the_same_time_and_none_overstays(tmp_path: Path) -> None:
    settings = ProbeSettings(port=8080, path="/healthz", timeout_seconds=0.4)
    with serving() as server:

        def slow(got: Got) -> Say:
            if "slow" in got.path and "/proxy/" in got.path:
                server.closing.wait(10)
            return Say(body={"spec": {"ports": PORTS}})

        server.decide = slow
        probes = ApiProxyProbes(settings, namespace="shop", api=api(tmp_path, server))
        found = probes.sample({"a": "slow-1", "b": "web", "c": "slow-2"})
    assert [(seen.slot, seen.ok) for seen in found] == [("a", False), ("b", True), ("c", False)]
    assert "time" in found[0].why


@pytest.mark.parametrize("together", [True, False])
def test_an_api_server_that_is_away_says_nothing_about_a_workload(tmp_path: Path, together: bool) -> None:
    nobody = api(tmp_path, Server("http://127.0.0.1:1", lambda _got: Say()), retry=quick(attempts=1))
    assert ApiProxyProbes(HERE, namespace="shop", api=nobody, together=together).sample({"e": "web"}) == ()
    assert GatewayProbes(HERE, route=ROUTE, api=nobody).sample({"e": "web"}) == ()
    assert DirectProbes(HERE, namespace="shop", api=nobody).sample({"e": "web"}) == ()


def test_an_api_server_that_goes_away_between_two_probes_says_nothing_either(tmp_path: Path) -> None:
    """What is known of the Service is remembered, so only the probe itself finds nobody."""
    with serving(Cluster(service("web"))) as server:
        made = api(tmp_path, server, retry=quick(attempts=1))
        probes = ApiProxyProbes(HERE, namespace="shop", api=made)
        assert one(probes).ok
    made.close()
    assert probes.sample({"e": "web"}) == ()


def test_probes_that_go_in_turn_find_the_same(tmp_path: Path) -> None:
    cluster = Cluster({**service("web"), **service("sick")}, {"http:sick:80": Say(500, "")})
    with serving(cluster) as server:
        probes = ApiProxyProbes(HERE, namespace="shop", api=api(tmp_path, server), together=False)
        found = probes.sample({"a": "web", "b": "sick"})
    assert [(seen.slot, seen.ok) for seen in found] == [("a", True), ("b", False)]


GATEWAY = "/apis/gateway.networking.k8s.io/v1/namespaces"
ROUTE = Route("HTTPRoute", "shop", "storefront")


def routed(
    port: int, hostnames: list[str] | None = None, parent: dict[str, Any] | None = None, **listener: Any
) -> dict[str, Any]:
    """A route and its Gateway, whose listener has this port of this machine."""
    found = [{"name": "secure", "protocol": "HTTPS", "port": 1}, {"name": "plain", "protocol": "HTTP", "port": port}]
    spec = {"listeners": [{**item, **(listener if item["name"] == "plain" else {})} for item in found]}
    refs = [{"kind": "Service", "name": "mesh"}, {"name": "edge", "namespace": "infra", **(parent or {})}]
    return {
        f"{GATEWAY}/shop/httproutes/storefront": {"spec": {"parentRefs": refs, "hostnames": hostnames or []}},
        f"{GATEWAY}/infra/gateways/edge": {"spec": spec, "status": {"addresses": [{"value": "127.0.0.1"}]}},
    }


@pytest.mark.parametrize(
    ("hostnames", "host", "listener", "shown"),
    [
        (["www.contoso.com", "contoso.com"], None, {}, "www.contoso.com"),
        (["*.contoso.com"], None, {}, "rollout-probe.contoso.com"),
        (["www.contoso.com"], "other.contoso.com", {}, "other.contoso.com"),
        ([], None, {"hostname": "listener.contoso.com"}, "listener.contoso.com"),
        ([], None, {}, "127.0.0.1"),
    ],
)
def test_a_probe_through_the_gateway_is_led_to_the_side_it_means(
    tmp_path: Path, hostnames: list[str], host: str | None, listener: dict[str, Any], shown: str
) -> None:
    with serving() as gateway:
        port = int(gateway.url.rpartition(":")[2])
        with serving(Cluster(routed(port, hostnames, **listener))) as server:
            settings = ProbeSettings(port=8080, path="/healthz", host=host, headers=(("X-Key", "k"),))
            probes = GatewayProbes(settings, route=ROUTE, api=api(tmp_path, server))
            found = probes.sample({"a": "storefront-aaaaaaaa-1-0", "b": "storefront"})
    assert [(seen.slot, seen.ok, seen.why) for seen in found] == [("a", True, ""), ("b", True, "")]
    led = {got.headers["rollout-probe"] for got in gateway.got}
    assert led == {"storefront-aaaaaaaa-1-0", "storefront"}
    assert {got.headers["Host"].partition(":")[0] for got in gateway.got} == {shown}
    assert {(got.path, got.headers["X-Key"]) for got in gateway.got} == {("/healthz", "k")}


def test_the_gateway_is_looked_for_once_in_a_while(tmp_path: Path) -> None:
    now = [STAMP]
    with serving() as gateway:
        cluster = Cluster(routed(int(gateway.url.rpartition(":")[2])))
        with serving(cluster) as server:
            probes = GatewayProbes(HERE, route=ROUTE, api=api(tmp_path, server, now=lambda: now[0]))
            assert one(probes).ok
            assert one(probes).ok
            assert len(cluster.asked) == 2
            now[0] += timedelta(seconds=31)
            assert one(probes).ok
    assert len(cluster.asked) == 4


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ({}, "not found"),
        (routed(80, parent={"sectionName": "secure"}), "Gateway infra/edge has no listener for http"),
        (routed(80, parent={"port": 81}), "Gateway infra/edge has no listener for http"),
        (
            {**routed(80), f"{GATEWAY}/infra/gateways/edge": {"spec": {}, "status": {}}},
            "Gateway infra/edge has no address yet",
        ),
        ({f"{GATEWAY}/shop/httproutes/storefront": {"spec": {}}}, "it has no parent that is a Gateway"),
    ],
)
def test_a_route_without_a_way_in_says_so(tmp_path: Path, objects: dict[str, Any], why: str) -> None:
    with serving(Cluster(objects)) as server:
        seen = one(GatewayProbes(HERE, route=ROUTE, api=api(tmp_path, server)))
    assert not seen.ok
    assert why in seen.why


def test_a_direct_probe_asks_the_service_by_its_name_in_the_clusters_dns(tmp_path: Path) -> None:
    names: list[str] = []

    def resolve(host: str, _port: int, _seconds: float) -> list[str]:
        names.append(host)
        return ["127.0.0.1"]

    with serving() as workload:
        port = int(workload.url.rpartition(":")[2])
        with serving(Cluster(service("web", {"port": port, "targetPort": 8080}))) as server:
            probes = DirectProbes(HERE, namespace="shop", api=api(tmp_path, server), resolve=resolve)
            assert one(probes).ok
            assert not one(probes, "absent").ok
    assert names == ["web.shop.svc"]
    assert [got.path for got in workload.got] == ["/healthz"]
