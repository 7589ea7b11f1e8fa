"""What a `Traffic` port over Gateway API routes must do, whatever stands between it and the cluster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.emulator.kube import kinds
from providers.errors import Conflict, Missing
from providers.kubernetes.marks import backend_name
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import member, services
from tests.conformance.kubernetes_live import (
    BACK,
    HOLDER,
    LED,
    LEFT,
    MIRRORED,
    NEW,
    OLD,
    SPLIT,
    SWITCHED,
    Live,
    foreign,
)


def test_a_route_that_does_not_exist_is_a_fact_and_cannot_be_shifted(bare: Live) -> None:
    port = bare.port()
    seen = port.look()
    assert (seen.exists, seen.endpoints) == (False, ())
    with pytest.raises(Missing):
        port.shift(SPLIT, seen)


def test_a_shift_is_one_write_after_which_a_look_shows_exactly_the_intent(routed: Live) -> None:
    before = routed.route()["metadata"]["generation"]
    one = f"PATCH {routed.kind.plural}/storefront"
    intents = (SPLIT, SWITCHED, replace(SPLIT, members=(member(OLD, 1), member(NEW, 999))), LEFT)
    for number, intent in enumerate(intents, start=1):
        assert routed.shift(intent) == [one]
        assert routed.shown(intent)
        assert routed.route()["metadata"]["generation"] == before + number


def test_every_rule_with_one_of_ours_gets_the_whole_split_and_no_other_rule_does(routed: Live) -> None:
    routed.shift(SPLIT)
    ours = {backend_name(OLD): 990, backend_name(NEW): 10}
    assert routed.weights(0) == {"legacy": 7, **ours}
    assert routed.weights(1) == {"admin": 1}
    assert routed.weights(2) == ours
    assert {each["port"] for each in routed.spec()["rules"][2]["backendRefs"]} == {objects.PORT}


def test_asking_for_what_stands_already_writes_nothing(routed: Live) -> None:
    led = replace(SPLIT, detours=LED, mirrors=MIRRORED)
    for intent in (SPLIT, led, LEFT):
        routed.shift(intent)
        before = routed.route()["metadata"]
        assert routed.shift(intent) == []
        assert routed.route()["metadata"]["generation"] == before["generation"]


def test_what_is_foreign_survives_every_shift_byte_for_byte(routed: Live) -> None:
    before = foreign(routed.route())
    for intent in (SPLIT, replace(SWITCHED, detours=LED, mirrors=MIRRORED), LEFT):
        routed.shift(intent)
        assert foreign(routed.route()) == before
    assert routed.weights(0) == {"legacy": 7, backend_name(NEW): 1000}


def test_detours_and_mirrors_are_one_write_are_read_back_as_asked_and_go_without_a_trace(routed: Live) -> None:
    routed.shift(SPLIT)
    before = routed.spec()
    led = replace(SPLIT, detours=LED, mirrors=MIRRORED)
    assert len(routed.shift(led)) == 1
    seen = routed.port().look()
    assert (set(seen.detours), set(seen.mirrors)) == (set(LED), set(MIRRORED))
    assert routed.shown(led)
    assert routed.shown(replace(led, detours=LED[1:])) is False
    assert len(routed.shift(SPLIT)) == 1
    assert routed.spec() == before


def test_a_detour_leads_only_what_the_rule_took_before_and_to_the_candidate_alone(routed: Live) -> None:
    routed.shift(replace(SPLIT, detours=LED[:1]))
    rules = routed.spec()["rules"]
    added = [rule for rule in rules if rule.get("name", "").startswith("rollout-")]
    assert len(added) == 2
    for rule in added:
        assert [each["name"] for each in rule["backendRefs"]] == [backend_name(NEW)]
        assert all(any(key in match for key in ("path", "method")) for match in rule["matches"])
        assert all("x-tester" in str(match["headers"]) for match in rule["matches"])
    assert sorted(len(rule["matches"]) for rule in added) == [1, 2]


def test_an_adopted_backend_comes_back_with_its_exact_weight_and_the_rule_as_it_was(bare: Live) -> None:
    services(bare.cluster, "storefront")
    before = bare.make({"backendRefs": [objects.backend("legacy", 5), objects.backend("storefront", 321)]})["spec"]
    port = bare.port(adopt=("storefront",), weight=None)
    (found,) = (each for each in port.look().endpoints if each.name == "storefront")
    assert (found.weight, found.enabled, found.address) == (321, True, "storefront")
    away = TrafficIntent((Member("storefront", "storefront", 0), member(NEW, 321)), active="r-2", own=("r-2",))
    bare.shift(away, port)
    assert bare.weights() == {"legacy": 5, "storefront": 0, backend_name(NEW): 321}
    home = TrafficIntent((Member("storefront", "storefront", 321),), absent=(endpoint_name(NEW),))
    bare.shift(home, port)
    assert bare.spec() == before
    bare.shift(away, port)
    bare.shift(TrafficIntent((member(NEW, 321),), absent=("storefront",)), port)
    assert bare.weights() == {"legacy": 5, backend_name(NEW): 321}
    assert bare.cluster.get(kinds.SERVICE, "storefront") is not None


def test_a_first_release_goes_into_the_rules_that_lead_nowhere(bare: Live) -> None:
    bare.make({"matches": [bare.matching("shop")]}, {"backendRefs": [objects.backend("admin")]})
    assert bare.shift(TrafficIntent((member(NEW, 1000),), active="r-2", own=("r-2",))) != []
    assert bare.weights(0) == {backend_name(NEW): 1000}
    assert bare.weights(1) == {"admin": 1}


def test_a_foreign_change_since_the_look_is_a_conflict_and_nothing_is_written(routed: Live) -> None:
    port = routed.port()
    seen = port.look()
    routed.set("/spec/rules/0/backendRefs/0/weight", 8)
    before = routed.route()
    with pytest.raises(Conflict):
        port.shift(SPLIT, seen)
    assert routed.spec() == before["spec"]


def test_a_foreign_backend_that_vanished_since_the_look_is_a_conflict(routed: Live) -> None:
    port = routed.port()
    seen = port.look()
    routed.cluster.patch(routed.kind, "storefront", {"op": "remove", "path": "/spec/rules/0/backendRefs/0"})
    with pytest.raises(Conflict):
        port.shift(SPLIT, seen)


def test_a_foreign_change_of_another_part_since_the_look_stands_beside_ours(routed: Live) -> None:
    port = routed.port()
    seen = port.look()
    routed.set("/spec/hostnames", ["other.example.test"])
    try:
        port.shift(SPLIT, seen)
    except Conflict:
        routed.shift(SPLIT, port)
    assert routed.spec()["hostnames"] == ["other.example.test"]
    assert routed.shown(SPLIT)


def test_rules_that_disagree_are_not_whole_and_one_write_makes_them_agree(routed: Live) -> None:
    routed.shift(SPLIT)
    routed.set("/spec/rules/2/backendRefs/0/weight", 500)
    seen = routed.port().look()
    assert not seen.whole
    assert seen.why
    assert not routed.shown(SPLIT)
    assert len(routed.shift(SPLIT)) == 1
    assert routed.port().look().whole


def test_two_routes_take_one_write_each_and_both_must_say_the_same(routed: Live) -> None:
    routed.make({"backendRefs": [objects.backend(backend_name(OLD), 1000)]}, name="mobile")
    port = routed.port("storefront", "mobile")
    assert sorted(routed.shift(SPLIT, port)) == [
        f"PATCH {routed.kind.plural}/{name}" for name in ("mobile", "storefront")
    ]
    assert routed.shown(SPLIT, port)
    assert routed.weights(0, "mobile") == {backend_name(OLD): 990, backend_name(NEW): 10}
    routed.set("/spec/rules/0/backendRefs/0/weight", 1, "mobile")
    assert not port.look().whole
    assert routed.shift(SPLIT, port) == [f"PATCH {routed.kind.plural}/mobile"]
    routed.cluster.delete(routed.kind, "mobile")
    assert not port.look().exists


def test_who_moves_the_weights_and_what_was_taken_back_stands_on_the_route(routed: Live) -> None:
    routed.shift(SPLIT)
    assert dict(routed.port().look().active) == {HOLDER: "r-2"}
    back = replace(BACK, rolled_back="c" * 8)
    assert len(routed.shift(back)) == 1
    seen = routed.port().look()
    assert (dict(seen.active), dict(seen.rolled_back)) == ({}, {HOLDER: "c" * 8})
    assert routed.shown(back)
