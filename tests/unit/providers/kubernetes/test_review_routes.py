"""Detours and names that a review asked about, on a route as the adapter reads and writes it."""

from __future__ import annotations

import json

import pytest

from providers.errors import Denied, Invalid, Transient
from providers.kubernetes.errors import refused
from strategies.detours import Mirror, for_probes
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import Mark
from tests.unit.providers.kubernetes.route_cases import shown, written
from tests.unit.providers.kubernetes.route_preflight import found, supporting
from tests.unit.providers.kubernetes.route_world import NEW, NEW_END, OLD, ROUTE_PATH, RouteWorld, ref, route, rule

AGAIN = endpoint_name(Mark("storefront", "onprem", "a" * 8, 5, 0))
"""The endpoint of a later rollout that brings the retained backend `OLD` back."""


def test_a_retained_workload_is_probed_through_the_gateway_before_it_is_a_member() -> None:
    detours = (for_probes(NEW_END, NEW), for_probes(AGAIN, OLD))
    intent = TrafficIntent((Member(NEW_END, NEW, 1000),), active="r-1", detours=detours)
    after = written(route(rule(ref(NEW, 1000))), intent)
    assert shown(after, intent)
    left = TrafficIntent((Member(NEW_END, NEW, 1000),), (AGAIN,))
    after = written(after, left)
    assert shown(after, left)
    assert after["spec"]["rules"] == [rule(ref(NEW, 1000))]
    assert not after["metadata"].get("annotations")


def test_a_retained_workload_gets_copies_under_its_new_number() -> None:
    members = (Member(NEW_END, NEW, 1000), Member(AGAIN, OLD, 0))
    intent = TrafficIntent(members, active="r-1", mirrors=(Mirror(AGAIN, OLD, 50.0),))
    assert shown(written(route(rule(ref(NEW, 1000))), intent), intent)


def refusing(error: Exception) -> RouteWorld:
    """A cluster that can do all that is asked but for one kind of error on every write of the route."""
    world = supporting({"name": "HTTPRoute"})
    world.refuses = {ROUTE_PATH: error}
    return world


@pytest.mark.parametrize("asked", ["matches", "probes"])
def test_definitions_that_know_no_names_of_rules_are_found_before_anything_is_touched(asked: str) -> None:
    """Definitions before v1.4 drop the name of a rule, or refuse it: without it a rule of ours is not known again."""
    world = refusing(Invalid('strict decoding error: unknown field "spec.rules[1].name"', code="BadRequest"))
    (finding,) = found(world, **{asked: True})
    assert finding.fatal
    assert "spec.rules[1].name" in finding.message
    assert "v1.4" in finding.remedy
    assert found(world) == [], "weights alone need no rule of ours"


def test_a_rule_that_cannot_be_tried_now_is_a_warning() -> None:
    (finding,) = found(refusing(Transient("timeout")), matches=True)
    assert not finding.fatal
    assert found(refusing(Denied("forbidden", code="Forbidden")), matches=True)[0].fatal is False
    assert found(supporting({"name": "HTTPRoute"}), matches=True, probes=True) == []


def test_a_refusal_that_repeats_the_whole_object_still_says_why() -> None:
    """As a real API server refuses a JSON patch strictly: the object first, however large, and the reason last."""
    whole = json.dumps(json.dumps(route(*[rule(ref(NEW, 1), ref(OLD, 1))] * 16)))
    why = f'Invalid value: {whole}: strict decoding error: unknown field "spec.rules[1].name"'
    causes = [{"reason": "FieldValueInvalid", "message": why, "field": "patch"}]
    said = {
        "kind": "Status",
        "reason": "Invalid",
        "message": f'"" is invalid: patch: {why}',
        "details": {"causes": causes},
    }
    error = refused(422, said, {}, "changing HTTPRoute shop/storefront")
    assert error.message == (
        'changing HTTPRoute shop/storefront: "" is invalid: patch: Invalid value: (the whole object):'
        ' strict decoding error: unknown field "spec.rules[1].name"'
    )
