"""The patch of a route, case by case: what peers got wrong, and what a route cannot hold."""

from __future__ import annotations

import copy
import json

import pytest

from providers.errors import Conflict, Invalid
from providers.kubernetes.route_ours import Ours
from providers.kubernetes.route_requests import refuse_rival, route_patch
from providers.kubernetes.route_views import traffic_seen
from providers.kubernetes.settings import Route
from strategies.detours import Detour, Match, Mirror, for_probes
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import Mark
from tests.unit.providers.kubernetes.route_cases import read, shown, written
from tests.unit.providers.kubernetes.route_world import (
    ALL,
    HOLDER,
    NEW,
    NEW_END,
    OLD,
    OLD_END,
    RouteWorld,
    ref,
    route,
    rule,
    settings,
)


def member(name: str, weight: int) -> Member:
    """One of the three backends with a weight."""
    return Member({OLD: OLD_END, NEW: NEW_END}.get(name, name), name, weight)


BETA = Detour(Match((("x-beta", "1"),)), NEW_END, NEW)
HOME = TrafficIntent((member("storefront", 100),), (NEW_END,), active="r-1")
STEP = TrafficIntent((member("storefront", 900), member(NEW, 100)), active="r-1")


def test_pain_11_an_abort_leaves_no_weight_and_the_route_is_as_it_was() -> None:
    before = route(rule(ref("storefront", 100), ref("other", 5), timeouts={"request": "3s"}))
    led = TrafficIntent(
        STEP.members,
        active="r-1",
        detours=(BETA,),
        mirrors=(Mirror(NEW_END, NEW, 5.0),),
    )
    body = written(written(copy.deepcopy(before), led), HOME)
    over = written(body, TrafficIntent(HOME.members, HOME.absent))
    assert over["spec"] == before["spec"]
    assert "annotations" not in over["metadata"]


def test_pain_14_foreign_backends_in_a_shared_rule_survive_with_their_part() -> None:
    body = written(route(rule(ref("other", 250), ref("storefront", 1000), ref("third", None))), STEP)
    assert body["spec"]["rules"][0]["backendRefs"] == [
        ref("other", 250),
        ref("storefront", 900),
        ref("third", None),
        ref(NEW, 100),
    ]


def test_pain_15_a_header_route_that_somebody_took_away_is_put_back() -> None:
    led = TrafficIntent(STEP.members, active="r-1", detours=(BETA,))
    body = written(route(rule(ref("storefront"))), led)
    assert len(body["spec"]["rules"]) == 2
    del body["spec"]["rules"][1]
    assert not shown(body, led)
    assert shown(written(body, led), led)


def test_pain_15_a_detour_follows_when_its_rule_is_changed_by_its_owner() -> None:
    led = TrafficIntent(STEP.members, active="r-1", detours=(BETA,))
    body = written(route(rule(ref("storefront"))), led)
    body["spec"]["rules"][0]["timeouts"] = {"request": "1s"}
    assert not shown(body, led), "the copy still has the old timeout"
    again = written(body, led)
    assert [item["timeouts"] for item in again["spec"]["rules"]] == [{"request": "1s"}] * 2


def test_pain_15_a_route_that_is_as_wanted_is_not_written() -> None:
    body = written(route(rule(ref("storefront", 100))), STEP)
    assert route_patch(read(body), STEP) is None


def test_pain_17_an_omitted_weight_is_one_and_is_written_out() -> None:
    body = route(rule(ref("storefront", None)))
    assert traffic_seen([read(body)], RouteWorld().now()).endpoints[0].weight == 1
    patch = route_patch(read(body), TrafficIntent((member("storefront", 7),)))
    assert patch is not None
    assert {"op": "add", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7} in patch
    assert route_patch(read(body), TrafficIntent((member("storefront", 1),))) is None


def test_all_rules_that_hold_one_of_ours_get_the_same_split() -> None:
    rules = (rule(ref("storefront", 5)), rule(ref("other")), rule(ref(OLD, 9), ref("storefront", 1)))
    body = written(route(*rules), STEP)
    weights = [{item["name"]: item["weight"] for item in r["backendRefs"]} for r in body["spec"]["rules"]]
    assert weights == [{"storefront": 900, NEW: 100}, {"other": 1}, {OLD: 9, "storefront": 900, NEW: 100}]


def test_a_first_release_goes_into_rules_that_wait_for_backends_and_leaves_them_empty() -> None:
    ours = Ours(settings(port=8080), "storefront", "onprem")
    redirect = rule(filters=[{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}])
    before = route(rule(), redirect, rule(ref("other")))
    intent = TrafficIntent((member(NEW, 1000),), active="r-1")
    body = written(copy.deepcopy(before), intent, ours)
    assert body["spec"]["rules"][0]["backendRefs"] == [{**ref(NEW, 1000), "port": 8080}]
    assert body["spec"]["rules"][1:] == before["spec"]["rules"][1:]
    assert shown(body, intent, ours)
    gone = written(body, TrafficIntent(absent=(NEW_END,)), ours)
    assert gone["spec"] == before["spec"]


def test_several_backends_that_leave_at_once_take_nobody_along() -> None:
    body = route(rule(ref(OLD, 1), ref("other", 2), ref("storefront", 3), ref("third", 4), ref(NEW, 5)))
    gone = written(body, TrafficIntent((member(NEW, 1000),), (OLD_END, "storefront")))
    assert gone["spec"]["rules"][0]["backendRefs"] == [ref("other", 2), ref("third", 4), ref(NEW, 1000)]


def test_a_backend_that_stands_twice_in_a_rule_has_its_weight_once() -> None:
    body = written(route(rule(ref("storefront", 5), ref("storefront", 5, port=81))), STEP)
    assert [item["weight"] for item in body["spec"]["rules"][0]["backendRefs"]] == [900, 0, 100]
    assert shown(body, STEP)


def test_a_new_backend_is_like_its_sibling_but_for_name_and_weight() -> None:
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}]
    body = written(route(rule(ref("storefront", 3, port=8443, filters=filters))), STEP)
    assert body["spec"]["rules"][0]["backendRefs"][1] == ref(NEW, 100, port=8443, filters=filters)


def test_a_route_in_another_namespace_names_ours_with_theirs() -> None:
    away = Route("HTTPRoute", "edge", "storefront")
    ours = Ours(settings(routes=(away,)), "storefront", "onprem")
    body = written(route(rule(), rule(ref(NEW, 5)), of=away), TrafficIntent((member(NEW, 1000),)), ours, away)
    assert body["spec"]["rules"][0]["backendRefs"] == [ref(NEW, 1000, namespace="shop")]
    assert body["spec"]["rules"][1]["backendRefs"] == [ref(NEW, 5)], "a Service beside the route is not ours"


def test_no_write_ever_leaves_a_rule_without_weight() -> None:
    with pytest.raises(Invalid, match="without any weight"):
        route_patch(read(route(rule(ref("storefront", 5), ref("other", 0)))), TrafficIntent((member("storefront", 0),)))


def test_a_weight_beyond_a_million_is_refused() -> None:
    with pytest.raises(Invalid, match="weight from 0 to 1000000"):
        route_patch(read(route(rule(ref("storefront")))), TrafficIntent((member("storefront", 1_000_001),)))


def test_a_route_without_a_rule_for_us_is_refused() -> None:
    with pytest.raises(Invalid, match="no rule for our backends"):
        route_patch(read(route(rule(ref("other")))), STEP)


def test_a_seventeenth_rule_is_refused_with_a_sentence() -> None:
    many = [rule(ref("storefront")) for _ in range(9)]
    for number, item in enumerate(many):
        item["matches"] = [{"path": {"type": "Exact", "value": f"/{number}"}}]
    led = TrafficIntent(STEP.members, detours=(BETA,))
    with pytest.raises(Invalid, match="18 rules, and a route holds 16"):
        route_patch(read(route(*many)), led)


def test_more_than_128_matches_are_refused_with_a_sentence() -> None:
    paths = [{"path": {"type": "Exact", "value": f"/{number}"}} for number in range(50)]
    led = TrafficIntent(
        STEP.members, detours=tuple(for_probes(e, n) for e, n in ((NEW_END, NEW), ("storefront", "storefront")))
    )
    with pytest.raises(Invalid, match="150 matches in all, and a route holds 128"):
        route_patch(read(route(rule(ref("storefront"), matches=paths))), led)


def test_a_seventeenth_backend_is_refused_with_a_sentence() -> None:
    refs = [ref(f"other-{number}") for number in range(15)]
    with pytest.raises(Invalid, match="17 backends, and 16 is the most"):
        route_patch(read(route(rule(ref("storefront"), *refs))), STEP)


def test_a_header_that_a_rule_matches_already_cannot_lead_a_detour() -> None:
    taken = [{**ALL, "headers": [{"type": "Exact", "name": "X-Beta", "value": "2"}]}]
    led = TrafficIntent(STEP.members, detours=(BETA,))
    with pytest.raises(Invalid, match="matches the header x-beta already"):
        route_patch(read(route(rule(ref("storefront"), matches=taken))), led)


def test_a_rollout_of_another_store_is_refused_and_our_own_earlier_one_is_not() -> None:
    body = route(rule(ref("storefront")), annotations={"rollout/active": f"{HOLDER}=r-7,other.t=r-8"})
    with pytest.raises(Conflict, match="r-7, of another store"):
        refuse_rival(read(body), TrafficIntent(own=("r-1",)))
    refuse_rival(read(body), TrafficIntent(own=("r-1", "r-7")))
    refuse_rival(read(body), TrafficIntent())


def test_marks_of_other_services_on_the_same_route_are_kept() -> None:
    body = route(rule(ref("storefront", 100)), annotations={"rollout/active": "other.t=r-8", "x": "y"})
    during = written(body, STEP)
    assert during["metadata"]["annotations"] == {"rollout/active": f"other.t=r-8,{HOLDER}=r-1", "x": "y"}
    after = written(during, TrafficIntent(STEP.members, rolled_back="b" * 8))
    assert after["metadata"]["annotations"] == {
        "rollout/active": "other.t=r-8",
        "rollout/rolled-back": f"{HOLDER}={'b' * 8}",
        "x": "y",
    }


def test_a_revision_that_wins_after_all_loses_the_mark_of_having_been_taken_back() -> None:
    body = route(rule(ref(OLD)), annotations={"rollout/rolled-back": f"{HOLDER}={'b' * 8}"})
    assert "annotations" in written(copy.deepcopy(body), TrafficIntent((member(OLD, 1),), active="r-1"))["metadata"]
    won = written(body, TrafficIntent((member(NEW, 1000),), (OLD_END,)))
    assert "annotations" not in won["metadata"]


def test_a_retained_workload_that_serves_again_is_known_by_its_new_number() -> None:
    again = endpoint_name(Mark("storefront", "onprem", "a" * 8, 9, 0))
    intent = TrafficIntent((member(NEW, 900), Member(again, OLD, 100)), active="r-9", detours=(for_probes(again, OLD),))
    body = written(route(rule(ref(NEW, 1000))), intent)
    assert body["metadata"]["annotations"]["rollout/endpoints"] == f"{OLD}={again}"
    assert shown(body, intent)
    gone = written(body, TrafficIntent((member(NEW, 1000),), (again,)))
    assert gone["spec"]["rules"] == [rule(ref(NEW, 1000))]
    assert "annotations" not in gone["metadata"]


def test_a_patch_for_a_route_that_changed_meanwhile_is_refused_whole() -> None:
    world = RouteWorld()
    world.put("/r", route(rule(ref("storefront", 100))))
    patch = route_patch(read(world.read("", "/r")), STEP)
    world.put("/r", route(rule(ref("other"), ref("storefront", 100))))
    before = json.dumps(world.objects["/r"])
    with pytest.raises(Invalid):
        world.write("", "PATCH", "/r", patch, content_type="application/json-patch+json")
    assert json.dumps(world.objects["/r"]) == before
