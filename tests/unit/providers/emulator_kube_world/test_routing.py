"""Which line of a Gateway's table takes a request, by the precedence of the specification."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from providers.emulator.kube.gateway import Backend, Copies, Line, copied, find, pick, seconds
from providers.emulator.kube.matching import Pattern, Value, common, hostname_fits, hostname_order, patterns
from tests.unit.providers.emulator_kube_world.bench import Bench

PATHS = ["/", "/a", "/a/b", "/ab", "/a/b/c"]
pattern = some.builds(
    Pattern,
    way=some.sampled_from(["Exact", "PathPrefix"]),
    path=some.sampled_from(PATHS),
    method=some.sampled_from([None, "GET", "POST"]),
    headers=some.lists(
        some.builds(Value, some.sampled_from(["x", "y"]), some.sampled_from(["1", "2"])),
        max_size=2,
        unique_by=lambda value: value.name,
    ).map(tuple),
    queries=some.lists(some.builds(Value, some.just("q"), some.sampled_from(["1", "2"])), max_size=1).map(tuple),
)
hosts = some.sampled_from([None, "a.test", "b.test", "*.test", "*.a.test"])


def line(host: str | None, fitting: Pattern, rule: int) -> Line:
    return Line(host, fitting, (), (), None, None, "shop/r", rule)


@settings(deadline=None)
@given(
    some.lists(some.tuples(hosts, pattern), max_size=12),
    some.sampled_from(["a.test", "x.a.test", "b.test", "other"]),
    some.sampled_from(["GET", "POST"]),
    some.sampled_from(["/", "/a", "/a/", "/a/b", "/abc", "/a/b/c?q=1", "/a?q=2&q=1"]),
    some.dictionaries(some.sampled_from(["x", "y"]), some.sampled_from(["1", "2"])),
)
def test_the_most_specific_of_all_that_fit_takes_the_request(
    entries: list[tuple[str | None, Pattern]], host: str, method: str, target: str, headers: dict[str, str]
) -> None:
    lines = [line(name, one, index) for index, (name, one) in enumerate(entries)]
    ordered = sorted(lines, key=lambda one: (hostname_order(one.host), one.host or "", one.pattern.order, one.rule))
    found = find(tuple(ordered), host, method, target, headers)
    named = [one for one in lines if hostname_fits(one.host, host)]
    best = min((hostname_order(one.host) for one in named), default=None)
    fitting = [one for one in named if hostname_order(one.host) == best and one.pattern.fits(method, target, headers)]
    if not fitting:
        assert found is None
    else:
        assert found is not None
        assert found in fitting
        assert all((found.pattern.order, found.rule) <= (one.pattern.order, one.rule) for one in fitting)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Pattern("Exact", "/a"), Pattern("PathPrefix", "/a/b/c/d")),
        (Pattern("PathPrefix", "/a/b"), Pattern("PathPrefix", "/a", "GET", (Value("x", "1"),))),
        (Pattern(method="GET"), Pattern(headers=(Value("x", "1"), Value("y", "1")))),
        (Pattern(headers=(Value("x", "1"),)), Pattern(queries=(Value("q", "1"), Value("r", "1")))),
        (Pattern(queries=(Value("q", "1"),)), Pattern()),
    ],
)
def test_precedence_is_path_then_method_then_headers_then_queries(first: Pattern, second: Pattern) -> None:
    assert first.order < second.order


@pytest.mark.parametrize(
    ("prefix", "path", "fits"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", True),
        ("/a", "/a/b", True),
        ("/a", "/ab", False),
        ("/a/", "/a", True),
        ("/", "/anything", True),
    ],
)
def test_a_prefix_fits_whole_parts_of_a_path_only(prefix: str, path: str, fits: bool) -> None:
    assert Pattern("PathPrefix", prefix).fits("GET", path, {}) is fits


@pytest.mark.parametrize(
    ("listener", "route", "shared"),
    [
        (None, None, None),
        ("a.test", None, "a.test"),
        (None, "*.test", "*.test"),
        ("*.test", "a.test", "a.test"),
        ("A.test", "a.Test", "a.test"),
        ("*.a.test", "*.test", "*.a.test"),
        ("*.test", "test", False),
        ("a.test", "b.test", False),
    ],
)
def test_listener_and_route_share_the_narrower_host_name(listener: Any, route: Any, shared: Any) -> None:
    assert common(listener, route) == shared


def test_cookies_are_matched_by_a_regular_expression_over_the_whole_header() -> None:
    match = {"headers": [{"name": "Cookie", "value": "(.*; )?lane=new(;.*)?", "type": "RegularExpression"}]}
    (found,) = patterns("HTTPRoute", {"matches": [match]})
    assert found.fits("GET", "/", {"cookie": "a=b; lane=new; c=d"})
    assert found.fits("GET", "/", {"cookie": "lane=new"})
    assert not found.fits("GET", "/", {"cookie": "lane=newer"})
    assert not found.fits("GET", "/", {})


@pytest.mark.parametrize(
    ("method", "path", "fits"),
    [
        ({"service": "shop.Cart", "method": "Add"}, "/shop.Cart/Add", True),
        ({"service": "shop.Cart", "method": "Add"}, "/shop.Cart/Drop", False),
        ({"service": "shop.Cart"}, "/shop.Cart/Drop", True),
        ({"method": "Add"}, "/other.Thing/Add", True),
        ({"type": "RegularExpression", "service": "shop[.].*"}, "/shop.Cart/Add", True),
        (None, "/shop.Cart/Add", True),
    ],
)
def test_a_method_of_grpc_is_a_path(method: Any, path: str, fits: bool) -> None:
    rule = {"matches": [{"method": method}]} if method else {}
    (found,) = patterns("GRPCRoute", rule)
    assert found.fits("POST", path, {}) is fits


def backend(name: str, weight: int | None) -> Backend:
    return Backend("HTTPRoute", "shop", {"name": name, **({} if weight is None else {"weight": weight})})


@settings(max_examples=20, deadline=None)
@given(some.lists(some.one_of(some.none(), some.integers(0, 1000)), min_size=1, max_size=4), some.integers())
def test_shares_follow_the_weights(weights: list[int | None], seed: int) -> None:
    backends = tuple(backend(str(index), weight) for index, weight in enumerate(weights))
    rng, chosen = random.Random(seed), [0] * len(weights)
    made = Line(None, Pattern(), backends, (), None, None, "shop/r", 0)
    whole = sum(1 if weight is None else weight for weight in weights)
    for _ in range(2000):
        found = pick(made, rng)
        assert (found is None) is (whole == 0)
        if found is not None:
            chosen[int(found.name)] += 1
    for weight, count in zip(weights, chosen, strict=True):
        share = (1 if weight is None else weight) / whole if whole else 0
        assert abs(count / 2000 - share) < 0.07
        assert share > 0 or count == 0


@pytest.mark.parametrize(
    ("numerator", "denominator", "least", "most"), [(0, 100, 0, 0), (1, 1, 2000, 2000), (25, 100, 400, 600)]
)
def test_a_part_of_the_requests_is_copied(numerator: int, denominator: int, least: int, most: int) -> None:
    made = Line(None, Pattern(), (), (Copies(backend("c", 1), numerator, denominator),), None, None, "shop/r", 0)
    rng = random.Random(3)
    assert least <= sum(len(copied(made, rng)) for _ in range(2000)) <= most


@pytest.mark.parametrize(("text", "found"), [("1m30s", 90), ("500ms", 0.5), ("0s", None), (None, None), ("1h", 3600)])
def test_durations_are_read_as_the_gateway_api_writes_them(text: str | None, found: float | None) -> None:
    assert seconds(text) == found


def test_a_header_match_wins_over_the_split(shop: Bench) -> None:
    detour = {"matches": [{"headers": [{"name": "X-Lane", "value": "new"}]}]}
    both = {"backendRefs": [{"name": "v1", "port": 80}]}
    shop.rules([both, {**detour, "backendRefs": [{"name": "v2", "port": 80}]}])
    shop.settle()
    assert shop.versions() == ["v1"]
    assert shop.versions(headers={"x-lane": "new"}) == ["v2"]


def test_rules_of_two_routes_are_ordered_together(shop: Bench) -> None:
    shop.rules(
        [{"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}]} | {"backendRefs": [{"name": "v2"}]}], "api"
    )
    shop.settle()
    assert shop.versions(path="/api/x") == ["v2"]
    assert shop.versions(path="/apis") == ["v1"]
