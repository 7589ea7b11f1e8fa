"""Detours and mirrors as a gateway would take them, and as the adapter knows them again."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import re2
import yaml

from providers.errors import Invalid
from providers.kubernetes import route_rules
from providers.kubernetes.route_ours import PLURALS, Ours
from providers.kubernetes.route_read import RouteRead, read_route
from providers.kubernetes.route_requests import route_patch
from providers.kubernetes.settings import Route
from strategies.detours import Detour, Match, Mirror, for_probes
from strategies.model import Member, TrafficIntent
from tests.unit.providers.kubernetes.route_world import (
    ALL,
    NEW,
    NEW_END,
    OLD,
    ROUTE,
    RPC,
    apply_patch,
    ref,
    route,
    rule,
    settings,
)

OURS = Ours(settings(adopt=("storefront",)), "storefront", "onprem")
CRDS = Path(__file__).parents[5] / "shared" / "gateway-api" / "crd" / "standard"
BETA = Detour(Match((("x-beta", "1"),)), NEW_END, NEW)


def read(body: dict[str, Any], of: Route = ROUTE) -> RouteRead:
    """A route with what is ours in it."""
    return read_route(of, body, OURS)


def cookie_pattern(*cookies: tuple[str, str]) -> str:
    """The pattern for cookies that stands in a rule."""
    detour = Detour(Match(cookies=cookies), NEW_END, NEW)
    rules = route_rules.detour_rules(read(route(rule(ref("storefront")))), [detour])
    header = rules[0]["matches"][0]["headers"][0]
    assert (header["name"], header["type"]) == ("cookie", "RegularExpression")
    return str(header["value"])


def test_a_detour_is_a_copy_of_its_host_with_more_headers_and_one_backend() -> None:
    header = {"type": "Exact", "name": "h", "value": "v"}
    host = rule(
        ref("other", 5),
        ref("storefront", 7, port=8443),
        matches=[ALL, {"path": {"type": "Exact", "value": "/a"}, "headers": [header]}],
        filters=[{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}],
        timeouts={"request": "3s"},
        name="main",
    )
    made = route_rules.detour_rules(read(route(host)), [BETA])
    added = {"type": "Exact", "name": "x-beta", "value": "1"}
    name = made[0].pop("name")
    assert name.startswith(OURS.rule_prefix)
    assert made == [
        {
            "matches": [
                {**ALL, "headers": [added]},
                {**host["matches"][1], "headers": [header, added]},
            ],
            "filters": host["filters"],
            "timeouts": {"request": "3s"},
            "backendRefs": [ref(NEW, 1, port=8443)],
        }
    ]


def test_a_rule_without_matches_matches_everything_and_so_does_its_copy() -> None:
    http = route(rule(ref("storefront")))
    del http["spec"]["rules"][0]["matches"]
    added = {"type": "Exact", "name": "x-beta", "value": "1"}
    assert route_rules.detour_rules(read(http), [BETA])[0]["matches"] == [{**ALL, "headers": [added]}]
    grpc = route({"backendRefs": [ref("storefront")]}, of=RPC)
    assert route_rules.detour_rules(read(grpc, RPC), [BETA])[0]["matches"] == [{"headers": [added]}]


def test_the_copies_stand_behind_all_other_rules_and_are_no_hosts() -> None:
    body = route(rule(ref("storefront")), rule(ref("other")))
    body["spec"]["rules"] += route_rules.detour_rules(read(body), [BETA])
    found = read(body)
    assert (found.hosts, found.added) == ((0,), (2,))
    assert route_rules.detours(found) == [BETA]


def test_a_copy_of_a_rule_with_a_header_is_not_taken_for_one_of_the_same_rule_without() -> None:
    narrower = rule(ref("storefront"), matches=[{**ALL, "headers": [{"type": "Exact", "name": "h", "value": "v"}]}])
    body = route(rule(ref("storefront")), narrower)
    body["spec"]["rules"] += route_rules.detour_rules(read(body), [BETA])
    found = read(body)
    assert route_rules.detours(found) == [BETA]
    assert route_rules.stand(found, [BETA])


def test_several_endpoints_of_one_match_share_one_rule() -> None:
    second = Detour(BETA.match, "storefront", "storefront")
    body = route(rule(ref("storefront")))
    body["spec"]["rules"] += route_rules.detour_rules(read(body), [BETA, second])
    assert len(body["spec"]["rules"]) == 2
    assert set(route_rules.detours(read(body))) == {BETA, second}


def test_rules_of_probes_stand_before_others_with_as_many_headers() -> None:
    probe = for_probes(NEW_END, NEW)
    made = route_rules.detour_rules(read(route(rule(ref("storefront")))), [BETA, probe])
    assert [item["matches"][0]["headers"][0]["name"] for item in made] == ["rollout-probe", "x-beta"]


@pytest.mark.parametrize("change", ["header", "backend", "weightless", "filter", "name"])
def test_a_rule_of_ours_that_somebody_changed_is_not_taken_for_the_detour(change: str) -> None:
    body = route(rule(ref("storefront")))
    made = route_rules.detour_rules(read(body), [BETA])[0]
    if change == "header":
        made["matches"][0]["headers"].append({"type": "Exact", "name": "other", "value": "1"})
    elif change == "backend":
        made["backendRefs"].append(ref("other"))
    elif change == "weightless":
        made["backendRefs"][0]["weight"] = 0
    elif change == "filter":
        made["filters"] = [{"type": "URLRewrite", "urlRewrite": {"hostname": "x"}}]
    else:
        made["name"] = OURS.rule_prefix + "0" * 12
    body["spec"]["rules"].append(made)
    found = read(body)
    assert not route_rules.stand(found, [BETA])
    assert not route_rules.stand(found, route_rules.detours(found)), "it is never whole as it is"


def test_names_of_rules_tell_services_apart_that_sound_alike() -> None:
    one, two = Ours(settings(), "a-b", "c"), Ours(settings(), "a", "b-c")
    assert one.rule_prefix != two.rule_prefix
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", Ours(settings(), "a-", "b-").rule_prefix + "0" * 12)


@pytest.mark.parametrize("engine", [re2, re])
def test_a_cookie_is_found_wherever_it_stands_and_nothing_alike_is(engine: Any) -> None:
    pattern = cookie_pattern(("beta", "a.b"))
    for header in ("beta=a.b", "x=1; beta=a.b", "beta=a.b; x=1", "x=1;beta=a.b;y=2", "x=1; beta=a.b ; y=2"):
        assert engine.fullmatch(pattern, header), header
        assert engine.search(pattern, header), header
    for header in ("beta=aXb", "xbeta=a.b", "beta=a.bc", "x=beta=a.b", "", "beta=", "x=1; ybeta=a.b; z=2"):
        assert not engine.fullmatch(pattern, header), header
        assert not engine.search(pattern, header), header


@pytest.mark.parametrize("engine", [re2, re])
def test_several_cookies_are_found_in_any_order_and_only_all_together(engine: Any) -> None:
    cookies = (("a", "1"), ("b", "2|3"), ("c", "(4)"))
    pattern = cookie_pattern(*cookies)
    texts = [f"{name}={value}" for name, value in cookies]
    for order in permutations(texts):
        assert engine.fullmatch(pattern, "; ".join(order))
        assert engine.fullmatch(pattern, "x=9; " + "; y=8; ".join(order) + "; z=7")
    assert not engine.search(pattern, "; ".join(texts[:2]))


def test_what_no_match_can_say_is_refused_with_a_sentence() -> None:
    host = read(route(rule(ref("storefront"))))
    for match, said in (
        (Match(), "a match needs headers or cookies"),
        (Match((("x", "1"), ("X", "2"))), "each name once"),
        (Match((("cookie", "a=1"),), (("b", "2"),)), "each name once"),
        (Match((("x", ""),)), "each with a value"),
        (Match(cookies=tuple((name, "1") for name in "abcd")), "3 cookies at most"),
    ):
        with pytest.raises(Invalid, match=said):
            route_rules.detour_rules(host, [Detour(match, NEW_END, NEW)])


@pytest.mark.parametrize(
    ("percent", "written"),
    [
        (100.0, {}),
        (5.0, {"percent": 5}),
        (12.5, {"fraction": {"numerator": 125, "denominator": 1000}}),
        (0.1, {"fraction": {"numerator": 1, "denominator": 1000}}),
        (33.333333, {"fraction": {"numerator": 33333333, "denominator": 100000000}}),
    ],
)
def test_a_mirrors_part_is_written_exactly_and_read_back_the_same(percent: float, written: dict[str, Any]) -> None:
    body = route(rule(ref("storefront", 7, filters=[{"type": "X"}])))
    mirror = Mirror(NEW_END, NEW, percent)
    made = route_rules.mirror_filter(read(body), 0, mirror)
    target = {"group": "", "kind": "Service", "name": NEW, "port": 80}
    assert made == {"type": "RequestMirror", "requestMirror": {"backendRef": target, **written}}
    body["spec"]["rules"][0]["filters"] = [made]
    assert route_rules.mirrors(read(body), 0) == [mirror]


@pytest.mark.parametrize("percent", [0.0, -1.0, 100.5, 1e-9])
def test_a_mirrors_part_that_cannot_be_written_is_refused(percent: float) -> None:
    with pytest.raises(Invalid, match="percent"):
        route_rules.mirror_filter(read(route(rule(ref("storefront")))), 0, Mirror(NEW_END, NEW, percent))


def test_mirrors_of_others_and_to_adopted_services_are_foreign() -> None:
    filters = [
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": name, "port": 80}}}
        for name in ("shadow", "storefront", NEW)
    ]
    found = read(route(rule(ref("storefront"), filters=filters)))
    assert route_rules.mirror_filters(found, 0) == [2]
    copied = route_rules.detour_rules(found, [BETA])[0]
    assert copied["filters"] == filters[:2], "matching requests are not mirrored to where they go"


def test_a_detour_to_a_backend_that_is_no_member_yet_stays_the_same_when_it_becomes_one() -> None:
    body = route(rule(ref(OLD, 1000, port=8080)))
    made = route_rules.detour_rules(read(body), [BETA])
    later = copy.deepcopy(body)
    later["spec"]["rules"][0]["backendRefs"].append(ref(NEW, 10, port=8080))
    assert route_rules.detour_rules(read(later), [BETA]) == made


@pytest.mark.parametrize("of", [ROUTE, RPC])
def test_what_is_added_satisfies_the_official_schema(of: Route) -> None:
    path = CRDS / f"gateway.networking.k8s.io_{PLURALS[of.kind]}.yaml"
    if not path.exists():
        pytest.skip(f"the official schema is not here: {path.name}")
    version = yaml.safe_load(path.read_text())["spec"]["versions"][0]
    body = route(rule(ref("storefront", 7)), of=of, resourceVersion="7")
    if of is RPC:
        body["spec"]["rules"][0]["matches"] = [{"method": {"type": "Exact", "service": "shop.Cart"}}]
    cookies = Detour(Match((("x-user", "a=b;c"),), (("beta", "1"), ("a.b", "(2)"))), NEW_END, NEW)
    mirrors = tuple(Mirror(NEW_END, NEW, percent) for percent in (100.0, 5.0, 0.5))
    intent = TrafficIntent(
        (Member("storefront", "storefront", 900), Member(NEW_END, NEW, 100)),
        active="r-1",
        detours=(BETA, cookies, for_probes(NEW_END, NEW), for_probes("storefront", "storefront")),
        mirrors=mirrors,
    )
    patch = route_patch(read(body, of), intent)
    after = apply_patch(body, patch or [])
    assert len(after["spec"]["rules"]) == 5
    jsonschema.validate(after, version["schema"]["openAPIV3Schema"])
    known = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert set(unknown(after["spec"], known)) == set(), "a server would refuse it, or drop it in silence"


def unknown(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The paths in a value that its schema does not name."""
    if isinstance(value, list):
        for item in value:
            yield from unknown(item, schema["items"], path + "[]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                yield from unknown(inner, schema["properties"][key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
