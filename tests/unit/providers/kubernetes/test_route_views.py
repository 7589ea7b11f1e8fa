"""What a route says about our split, and whether its gateways say that it is in force."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.kubernetes.route_ours import Ours
from providers.kubernetes.route_read import read_route
from providers.kubernetes.route_status import not_taken
from providers.kubernetes.route_views import foreign_part, traffic_seen
from providers.kubernetes.settings import Route
from strategies.model import TrafficIntent
from strategies.seen import TrafficSeen
from tests.unit.providers.kubernetes.route_world import (
    GROUP,
    HOLDER,
    NEW,
    NEW_END,
    NEW_MARK,
    OLD,
    OLD_END,
    ROUTE,
    RPC,
    accepted,
    ref,
    route,
    rule,
    settings,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
OURS = Ours(settings(routes=(ROUTE, RPC), adopt=("storefront",)), "storefront", "onprem")
TRANSCRIPTS = Path(__file__).parents[5] / "shared" / "kubernetes" / "transcripts"


def seen(*bodies: dict[str, Any], ours: Ours = OURS, **more: Any) -> TrafficSeen:
    """Routes as a look at them shows them; the second one is the GRPCRoute."""
    return traffic_seen(
        [read_route(of, body, ours) for of, body in zip((ROUTE, RPC), bodies, strict=False)], AT, **more
    )


def test_ours_are_named_by_endpoint_and_foreign_ones_by_their_place() -> None:
    found = seen(accepted(route(rule(ref("lonely")), rule(ref("storefront", 900), ref("other", 5), ref(NEW, 100)))))
    assert [(e.name, e.address, e.weight, e.enabled, e.mark) for e in found.endpoints] == [
        ("storefront", "storefront", 900, True, None),
        (NEW_END, NEW, 100, True, NEW_MARK),
        ("HTTPRoute shop/storefront rules[1] other", "other", 5, True, None),
    ]
    assert (found.exists, found.weighted, found.whole, found.taken, found.why) == (True, True, True, True, "")
    assert found.address == "shop.example.test"


def test_a_backend_with_weight_zero_is_present_and_switched_off() -> None:
    found = seen(route(rule(ref("storefront", 1000), ref(NEW, 0))))
    endpoint = found.endpoint(NEW_END)
    assert endpoint is not None
    assert not endpoint.enabled


@pytest.mark.parametrize(
    "foreign",
    [
        ref("storefront", namespace="elsewhere"),
        {**ref("storefront"), "kind": "Bucket"},
        {**ref("storefront"), "group": "net.example"},
        ref("storefront-2"),
        ref("storefront-aaaaaaaa-3"),
        ref("shop-storefront-aaaaaaaa-3-0"),
    ],
)
def test_a_backend_that_only_looks_like_ours_is_foreign(foreign: dict[str, Any]) -> None:
    found = seen(route(rule(ref(OLD), foreign)))
    assert [e.mark is not None for e in found.endpoints] == [True, False]
    assert found.endpoints[1].name.startswith("HTTPRoute shop/storefront rules[0] ")


def test_rules_that_disagree_about_our_weights_are_not_whole() -> None:
    found = seen(accepted(route(rule(ref("storefront", 900), ref(NEW, 100)), rule(ref("storefront", 1000)))))
    assert not found.whole
    second, first = "HTTPRoute shop/storefront rules[1]", "HTTPRoute shop/storefront rules[0]"
    assert found.why == f"{second} has storefront 1000, but {first} has storefront 900, {NEW} 100"
    assert {e.name: e.weight for e in found.endpoints} == {"storefront": 1000, NEW_END: 100}


def test_what_any_rule_still_sends_to_a_backend_counts() -> None:
    none, some = rule(ref("storefront", 0), ref(NEW, 1000)), rule(ref("storefront", 1), ref(NEW, 1000))
    found = seen(route(none, some, none))
    endpoint = found.endpoint("storefront")
    assert endpoint is not None
    assert endpoint.enabled


def test_routes_that_disagree_or_lack_us_are_not_whole() -> None:
    one = accepted(route(rule(ref("storefront", 5))))
    assert not seen(one, accepted(route(rule(ref("storefront", 6)), of=RPC))).whole
    bare = seen(one, accepted(route(rule(ref("other")), of=RPC)))
    assert (bare.whole, bare.why) == (False, "GRPCRoute shop/cart has no rule with a backend of ours")
    assert seen(one, accepted(route(rule(ref("storefront", 5)), of=RPC))).whole


def test_a_first_release_half_written_over_two_routes_is_not_whole() -> None:
    ours = Ours(settings(routes=(ROUTE, RPC)), "storefront", "onprem")
    before = seen(accepted(route(rule())), accepted(route(rule(), of=RPC)), ours=ours)
    assert (before.whole, before.endpoints) == (True, ())
    assert not seen(accepted(route(rule(ref(NEW, 1000)))), accepted(route(rule(), of=RPC)), ours=ours).whole


def test_marks_are_put_together_and_a_dispute_about_ours_is_not_whole() -> None:
    noted = {"rollout/active": f"{HOLDER}=r-1,other.t=r-2", "rollout/rolled-back": f"{HOLDER}=cccccccc"}
    one = accepted(route(rule(ref("storefront")), annotations=noted))
    found = seen(one, accepted(route(rule(ref("storefront")), of=RPC, annotations=noted)))
    assert (dict(found.active), dict(found.rolled_back)) == (
        {HOLDER: "r-1", "other.t": "r-2"},
        {HOLDER: "cccccccc"},
    )
    assert found.whole
    lacking = seen(one, accepted(route(rule(ref("storefront")), of=RPC)))
    assert not lacking.whole
    assert dict(lacking.active)[HOLDER] == "r-1"


def test_a_foreign_weight_that_changed_is_part_of_what_must_not_change() -> None:
    before = seen(route(rule(ref("storefront", 5), ref("other", 1))))
    after = seen(route(rule(ref("storefront", 6), ref("other", 2))))
    assert foreign_part(before.endpoints, TrafficIntent()) != foreign_part(after.endpoints, TrafficIntent())
    absent = TrafficIntent(absent=("storefront", OLD_END))
    same = seen(route(rule(ref("storefront", 9), ref("other", 1), ref(OLD, 4))))
    assert foreign_part(before.endpoints, absent) == foreign_part(same.endpoints, absent)


def test_without_host_names_the_gateways_address_is_what_clients_use() -> None:
    body = route(rule(ref("storefront")))
    del body["spec"]["hostnames"]
    assert seen(body, gateway="192.0.2.1").address == "192.0.2.1"
    assert seen(body).address is None


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({}, ""),
        ({"Programmed": "True"}, ""),
        ({"Programmed": "False"}, "Gateway edge: Programmed is False (Programmed)"),
        ({"Accepted": "False"}, "Gateway edge: Accepted is False (Accepted)"),
        ({"ResolvedRefs": "Unknown"}, "Gateway edge: ResolvedRefs is Unknown (ResolvedRefs)"),
        ({"ResolvedRefs": ""}, "Gateway edge: ResolvedRefs is not published"),
        ({"PartiallyInvalid": "True"}, "Gateway edge: PartiallyInvalid is True (PartiallyInvalid)"),
    ],
)
def test_a_route_is_in_force_when_every_condition_says_so(conditions: dict[str, Any], why: str) -> None:
    assert not_taken(ROUTE, accepted(route(rule(ref("storefront"))), **conditions)) == why


def test_conditions_of_an_older_generation_say_nothing_about_what_was_just_written() -> None:
    body = accepted(route(rule(ref("storefront")), generation=5), generation=4)
    assert not_taken(ROUTE, body) == "Gateway edge: Accepted is of generation 4, the route is at 5"
    for entry in body["status"]["parents"]:
        for condition in entry["conditions"]:
            del condition["observedGeneration"]
    assert "generation none" in not_taken(ROUTE, body)


def test_every_parent_must_have_answered() -> None:
    body = route(rule(ref("storefront")))
    assert not_taken(ROUTE, body) == "Gateway edge: no controller has answered"
    accepted(body)
    body["spec"]["parentRefs"].append({"name": "second", "namespace": "infra", "sectionName": "https"})
    assert not_taken(ROUTE, body) == "Gateway infra/second (https): no controller has answered"
    body["spec"]["parentRefs"] = []
    assert "no parentRefs" in not_taken(ROUTE, body)


def test_a_controllers_answer_is_known_by_its_parent_though_it_writes_the_defaults_out() -> None:
    body = route(rule(ref("storefront")))
    body["spec"]["parentRefs"] = [{"name": "edge"}]
    accepted(body)
    body["status"]["parents"][0]["parentRef"] = {"group": GROUP, "kind": "Gateway", "namespace": "shop", "name": "edge"}
    assert not_taken(ROUTE, body) == ""


def test_what_a_former_controller_left_behind_does_not_count() -> None:
    body = accepted(route(rule(ref("storefront")), generation=5))
    old = accepted(route(rule(ref("storefront"))), generation=3)["status"]["parents"]
    body["status"]["parents"] = [*old, *body["status"]["parents"]]
    assert not_taken(ROUTE, body) == ""


def transcript(name: str) -> list[dict[str, Any]]:
    """The recorded exchanges of one scenario with a real server."""
    path = TRANSCRIPTS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recorded exchanges are not here: {path.name}")
    exchanges: list[dict[str, Any]] = json.loads(path.read_text())["exchanges"]
    return exchanges


def test_recorded_routes_say_in_force_exactly_when_their_controller_had_answered() -> None:
    web = Route("HTTPRoute", "gw", "web")
    said = {e["n"]: not_taken(web, e["response"]["body"]) for e in transcript("httproute-status-subresource")[:7]}
    assert said == {
        1: "Gateway edge: no controller has answered",
        2: "",
        3: "",
        4: "",
        5: "Gateway edge: Accepted is of generation 4, the route is at 5",
        6: 'Gateway edge: ResolvedRefs is False (BackendNotFound: Service "web-green" not found)',
        7: 'Gateway edge: ResolvedRefs is False (BackendNotFound: Service "web-green" not found)',
    }


def test_a_recorded_route_reads_as_its_weights() -> None:
    web = Route("HTTPRoute", "gw", "web")
    ours = Ours(settings(namespace="gw", routes=(web,), adopt=("web-blue",)), "web", "onprem")
    for exchange in transcript("httproute-jsonpatch-weights"):
        body = exchange["response"]["body"]
        if body.get("kind") != "HTTPRoute":
            continue
        found = traffic_seen([read_route(web, body, ours)], AT)
        refs = body["spec"]["rules"][0]["backendRefs"]
        assert [e.weight for e in found.endpoints] == [item["weight"] for item in refs]
        assert [e.name for e in found.endpoints] == ["web-blue", "HTTPRoute gw/web rules[0] web-green"]


def test_a_recorded_grpc_route_reads_like_any_other() -> None:
    rpc = Route("GRPCRoute", "gw", "rpc")
    ours = Ours(settings(namespace="gw", routes=(rpc,), adopt=("web-blue",)), "web", "onprem")
    bodies = [
        e["response"]["body"] for e in transcript("grpcroute") if e["response"]["body"].get("kind") == "GRPCRoute"
    ]
    assert bodies
    for body in bodies:
        found = traffic_seen([read_route(rpc, body, ours)], AT)
        assert found.endpoint("web-blue") is not None
