"""What a `Traffic` port over routes makes of answers: of gateways, of refusals, and of a Service that shall follow."""

from __future__ import annotations

from typing import Any

import pytest

from providers.emulator.kube import kinds
from providers.errors import Conflict, Denied, Invalid, Throttled, Transient
from providers.kubernetes.marks import SELECTOR_BEFORE, WORKLOAD, backend_name
from providers.ports import Traffic
from strategies.model import Member, TrafficIntent
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import member
from tests.conformance.kubernetes_live import (
    LEFT,
    NEW,
    OLD,
    SPLIT,
    SWITCHED,
    Live,
)


def test_a_split_is_taken_when_the_gateway_says_so_of_this_very_generation(routed: Live) -> None:
    routed.shift(SPLIT)
    routed.cluster.until(lambda: routed.port().look().taken, "the split is taken")
    assert routed.shown(SPLIT)
    generation = routed.route()["metadata"]["generation"]
    told = [each for parent in routed.route()["status"]["parents"] for each in parent["conditions"]]
    assert min(each["observedGeneration"] for each in told) >= generation


def test_a_split_with_a_backend_that_is_not_there_is_never_taken_and_says_why(routed: Live) -> None:
    routed.cluster.delete(kinds.SERVICE, backend_name(NEW))
    routed.shift(SPLIT)
    routed.cluster.until(lambda: "ResolvedRefs" in routed.port().look().why, "the missing backend is told")
    assert not routed.port().look().taken


def test_a_route_that_no_gateway_takes_is_not_taken(bare: Live) -> None:
    bare.make({"backendRefs": [objects.backend(backend_name(OLD), 1000)]}, parent="nowhere")
    bare.shift(SPLIT)
    for _ in range(3):
        bare.cluster.step()
    seen = bare.port().look()
    assert not seen.taken
    assert "nowhere" in seen.why


def towards(old: int) -> TrafficIntent:
    """The adopted Service with a part of a thousand, and the candidate with the rest."""
    members = (Member("storefront", "storefront", old), member(NEW, 1000 - old))
    return TrafficIntent(members, active="r-2", own=("r-2",))


def test_the_stable_service_follows_whoever_has_everything_and_comes_back_exactly(bare: Live) -> None:
    bare.cluster.make(kinds.SERVICE, "storefront", spec=objects.service({"app": "storefront"}))
    before = bare.cluster.make(kinds.SERVICE, "inside", spec=objects.service({"app": "storefront", "x": "y"}))
    bare.make({"backendRefs": [objects.backend("storefront", 1000)]})
    port = bare.port(adopt=("storefront",), stable_service="inside")

    def service() -> Any:
        return bare.cluster.get(kinds.SERVICE, "inside")

    for old in (1000, 500):
        bare.shift(towards(old), port)
        assert service()["spec"] == before["spec"]
        assert bare.shown(towards(old), port)
    bare.shift(towards(0), port)
    assert service()["spec"]["selector"] == {WORKLOAD: backend_name(NEW)}
    assert SELECTOR_BEFORE in service()["metadata"]["annotations"]
    assert bare.shown(towards(0), port)
    assert bare.shift(towards(0), port) == []
    bare.shift(towards(1000), port)
    assert service()["spec"] == before["spec"]


def test_an_adopted_service_that_is_the_stable_one_too_follows_only_when_it_leaves_the_route(bare: Live) -> None:
    before = bare.cluster.make(kinds.SERVICE, "storefront", spec=objects.service({"app": "storefront"}))
    bare.make({"backendRefs": [objects.backend("storefront", 1000)]})
    port = bare.port(adopt=("storefront",), stable_service="storefront")
    for old in (500, 0, 1000, 0):
        bare.shift(towards(old), port)
        assert bare.cluster.get(kinds.SERVICE, "storefront")["spec"] == before["spec"]
        assert bare.shown(towards(old), port)
    over = TrafficIntent((member(NEW, 1000),), absent=("storefront",), own=("r-2",))
    bare.shift(over, port)
    selector = bare.cluster.get(kinds.SERVICE, "storefront")["spec"]["selector"]
    assert selector == {WORKLOAD: backend_name(NEW)}
    assert bare.shown(over, port)


def test_a_stable_service_that_does_not_follow_is_not_whole(routed: Live) -> None:
    selected = objects.service({WORKLOAD: backend_name(OLD)})
    routed.cluster.make(kinds.SERVICE, "storefront", spec=selected)
    port = routed.port(stable_service="storefront")
    routed.shift(SWITCHED, port)
    assert routed.shown(SWITCHED, port)
    routed.cluster.patch(kinds.SERVICE, "storefront", {"op": "replace", "path": "/spec/selector", "value": {"a": "b"}})
    seen = port.look()
    assert not seen.whole
    assert "storefront" in seen.why


def test_a_stable_service_that_does_not_exist_is_made_with_the_templates_ports(routed: Live) -> None:
    ports = objects.service({})["ports"]
    port = routed.port(stable_service="inside", service_ports=tuple(ports))
    routed.shift(LEFT, port)
    made = routed.cluster.get(kinds.SERVICE, "inside")
    assert made["spec"]["selector"] == {WORKLOAD: backend_name(NEW)}
    assert [each["port"] for each in made["spec"]["ports"]] == [each["port"] for each in ports]
    assert routed.shown(LEFT, port)


def test_what_a_route_can_never_take_is_invalid_and_nothing_is_written(bare: Live) -> None:
    before = bare.make({"backendRefs": [objects.backend(backend_name(OLD), 1000)]})
    with pytest.raises(Invalid):
        bare.shift(TrafficIntent((member(OLD, 0),)))
    with pytest.raises(Invalid):
        bare.shift(TrafficIntent((member(OLD, 1_000_001),)))
    assert bare.spec() == before["spec"]


def test_a_write_whose_answer_is_lost_is_transient_and_the_next_look_shows_it(routed: Live) -> None:
    routed.cluster.fault(method="PATCH", status=500, afterCommit=True)
    with pytest.raises(Transient) as caught:
        routed.shift(SPLIT)
    assert not isinstance(caught.value, Throttled | Conflict)
    assert routed.shown(SPLIT)


@pytest.mark.parametrize(("status", "kind"), [(403, Denied), (409, Conflict), (429, Throttled)])
def test_a_refused_write_says_what_kind_it_is_and_leaves_everything(
    routed: Live, status: int, kind: type[Exception]
) -> None:
    before = routed.spec()
    routed.cluster.fault(method="PATCH", path="storefront", status=status, retryAfter=60, times=None)
    with pytest.raises(kind):
        routed.shift(SPLIT)
    assert routed.spec() == before


def test_a_shift_broken_off_between_two_routes_is_seen_and_ended_by_the_next(routed: Live) -> None:
    routed.make({"backendRefs": [objects.backend(backend_name(OLD), 1000)]}, name="mobile")
    port = routed.port("storefront", "mobile")
    routed.cluster.fault(method="PATCH", path="mobile$", status=503)
    with pytest.raises(Transient):
        routed.shift(SPLIT, port)
    assert not routed.shown(SPLIT, port)
    routed.shift(SPLIT, port)
    assert routed.shown(SPLIT, port)


def test_a_look_that_is_refused_or_fails_is_no_fact(routed: Live) -> None:
    routed.cluster.fault(method="GET", path="storefront$", status=403)
    with pytest.raises(Denied):
        routed.port().look()
    routed.cluster.fault(method="GET", path="storefront$", status=503)
    with pytest.raises(Transient):
        routed.port().look()


def test_preflight_reads_only_and_finds_nothing_where_all_is_well(routed: Live) -> None:
    routed.cluster.until(lambda: routed.port().look().taken, "the route is taken")
    assert [each for each in routed.port().preflight() if each.fatal and not each.ok] == []
    assert routed.cluster.writes() == []


def test_preflight_finds_a_route_that_is_missing_and_one_that_leads_only_elsewhere(bare: Live) -> None:
    def fatal(port: Traffic) -> list[str]:
        return [each.message for each in port.preflight() if each.fatal and not each.ok]

    assert fatal(bare.port())
    bare.make({"backendRefs": [objects.backend("admin")]})
    assert fatal(bare.port())
    bare.set("/spec/rules/0/backendRefs/0/name", backend_name(OLD))
    bare.cluster.until(lambda: fatal(bare.port()) == [], "it is taken and all is well")
    bare.set("/spec/rules/0/backendRefs/0/name", "storefront")
    assert fatal(bare.port(adopt=("nothing-there",)))
    assert bare.cluster.writes() == []


def test_preflight_wants_our_weight_beside_foreign_backends_that_have_some(routed: Live) -> None:
    routed.set("/spec/rules/0/backendRefs/1/weight", 600)
    routed.set("/spec/rules/2/backendRefs/0/weight", 600)
    found = [each for each in routed.port(weight=None).preflight() if each.fatal and not each.ok]
    assert any("weight" in each.message and "600" in each.remedy for each in found)
