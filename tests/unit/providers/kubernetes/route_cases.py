"""Routes with anything of others in them, everything that can be asked of one, and how to tell theirs from ours."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from providers.kubernetes.route_ours import Ours
from providers.kubernetes.route_read import RouteRead, read_route
from providers.kubernetes.route_requests import route_patch
from providers.kubernetes.route_views import traffic_seen
from providers.kubernetes.settings import Route
from strategies.detours import Detour, Match, Mirror, for_probes
from strategies.model import Member, TrafficIntent
from strategies.traffic import shows
from tests.unit.providers.kubernetes.route_world import (
    ALL,
    NEW,
    NEW_END,
    OLD,
    OLD_END,
    ROUTE,
    RPC,
    RouteWorld,
    accepted,
    apply_patch,
    ref,
    route,
    settings,
)

OURS = Ours(settings(adopt=("storefront",)), "storefront", "onprem")
Case = tuple[Route, dict[str, Any], list[TrafficIntent]]
NOTES = ("rollout/active", "rollout/rolled-back", "rollout/endpoints")


def read(body: dict[str, Any], ours: Ours = OURS, of: Route = ROUTE) -> RouteRead:
    """A route as an adapter reads it, with a version."""
    body["metadata"].setdefault("resourceVersion", "7")
    return read_route(of, body, ours)


def written(body: dict[str, Any], intent: TrafficIntent, ours: Ours = OURS, of: Route = ROUTE) -> dict[str, Any]:
    """What a route is after the patch for an intent, accepted by its controller."""
    patch = route_patch(read(body, ours, of), intent)
    after: dict[str, Any] = apply_patch(body, patch or [])
    after["metadata"]["generation"] += 1
    return accepted(after)


def shown(body: dict[str, Any], intent: TrafficIntent, ours: Ours = OURS, of: Route = ROUTE) -> bool:
    """Whether a route reads back as the intent, and as in force."""
    seen = traffic_seen([read(body, ours, of)], RouteWorld().now())
    return shows(seen, intent, ours.holder) and seen.taken


def foreign(body: dict[str, Any], ours: Ours = OURS, of: Route = ROUTE) -> dict[str, Any]:
    """All of a route that is not ours."""
    found = read(copy.deepcopy(body), ours, of)
    left: dict[str, Any] = copy.deepcopy(body)
    left.pop("status", None)
    for key in ("resourceVersion", "generation"):
        left["metadata"].pop(key, None)
    notes = {key: text for key, text in (left["metadata"].pop("annotations", None) or {}).items() if key not in NOTES}
    left["metadata"] |= {"annotations": notes} if notes else {}
    rules = []
    for index, item in enumerate(left["spec"]["rules"]):
        if index in found.added:
            continue
        refs = [r for r in item.pop("backendRefs", None) or [] if ours.backend(r, of) is None]
        filters = [f for f in item.pop("filters", None) or [] if not _mirrors_to_us(f, ours, of)]
        rules.append({**item, **({"backendRefs": refs} if refs else {}), **({"filters": filters} if filters else {})})
    left["spec"]["rules"] = rules
    return left


def _mirrors_to_us(item: dict[str, Any], ours: Ours, of: Route) -> bool:
    return item["type"] == "RequestMirror" and ours.slot_of(item["requestMirror"]["backendRef"], of) is not None


WEIGHTS = st.one_of(st.none(), st.integers(0, 1_000_000))
FOREIGN_REFS = st.one_of(
    st.builds(ref, st.sampled_from(["other", "old-shop", "storefront-canary", "storefront-aaaaaaaa"]), WEIGHTS),
    st.builds(lambda weight: ref(OLD, weight, namespace="elsewhere"), WEIGHTS),
    st.builds(lambda weight: {**ref("storefront", weight), "kind": "Bucket", "group": "cloud.example"}, WEIGHTS),
    st.builds(lambda weight: ref("other", weight, filters=[{"type": "ExtensionRef", "x": {"deep": [1]}}]), WEIGHTS),
)
FILTERS = st.sampled_from(
    [
        {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}},
        {"type": "RequestMirror", "requestMirror": {"backendRef": ref("shadow", None)}},
        {"type": "ExtensionRef", "extensionRef": {"group": "g", "kind": "K", "name": "n"}},
        {"type": "OfNextYear", "ofNextYear": {"a": [1, {"b": None}]}},
    ]
)
HEADERS = st.lists(st.sampled_from(["x-tenant", "X-Region", "accept"]), unique=True, max_size=2).map(
    lambda names: [{"type": "Exact", "name": name, "value": "v"} for name in names]
)


@st.composite
def matches(draw: st.DrawFn, of: Route) -> dict[str, Any]:
    """A match as somebody may have written it for either kind of route."""
    headers = draw(HEADERS)
    if of.kind == "GRPCRoute":
        inner: dict[str, Any] = {"method": {"type": "Exact", "service": draw(st.sampled_from(["a.B", "c.D"]))}}
    else:
        inner = {"path": {"type": "PathPrefix", "value": draw(st.sampled_from(["/", "/api", "/api/v2"]))}}
        if draw(st.booleans()):
            inner["queryParams"] = [{"type": "Exact", "name": "q", "value": "1"}]
    return {**inner, **({"headers": headers} if headers else {})}


@st.composite
def rules(draw: st.DrawFn, of: Route, ours: list[dict[str, Any]]) -> dict[str, Any]:
    """A rule with anything in it, and with `ours` somewhere among its backends."""
    refs = draw(st.lists(FOREIGN_REFS, max_size=3))
    for item in ours:
        refs.insert(draw(st.integers(0, len(refs))), copy.deepcopy(item))
    found: dict[str, Any] = {}
    listed = draw(st.lists(matches(of), max_size=3))
    if listed or of.kind == "HTTPRoute":
        found["matches"] = listed or [copy.deepcopy(ALL)]
    if refs:
        found["backendRefs"] = refs
    if filters := draw(st.lists(FILTERS, max_size=2)):
        found["filters"] = filters
    if draw(st.booleans()):
        found["name"] = draw(st.sampled_from(["main", "rollout-of-carpets", "rollout-storefront-onprem-x"]))
    if draw(st.booleans()):
        found["timeouts"] = {"request": "10s", "ofNextYear": {"deep": [0]}}
    return found


@st.composite
def routes(draw: st.DrawFn, of: Route) -> dict[str, Any]:
    """A route whose first split is 70 of an adopted backend and 30 of an old slot's, or one of both alone."""
    both = [ref(OLD, 30), ref("storefront", 70)]
    split = draw(st.sampled_from([[ref("storefront", 100)], [ref("storefront", None)], [ref(OLD, 1000)], both]))
    # Each host has up to four copies, and more than 16 rules would be refused.
    kinds = draw(st.lists(st.booleans(), min_size=1, max_size=3).filter(any))
    body = route(*(draw(rules(of, split if ours else [])) for ours in kinds), of=of)
    if draw(st.booleans()):
        body["metadata"]["annotations"] = draw(st.sampled_from([{}, {"a/b~c": "d"}, {"rollout/active": "other.t=r-9"}]))
    body["spec"]["ofNextYear"] = draw(st.sampled_from([0, None, {"a": []}]))
    return body


WANTED = st.tuples(st.sampled_from(["x-beta", "x-user"]), st.sampled_from(["1", "a=b;c"]))
COOKIES = st.tuples(st.sampled_from(["beta", "a.b|c", "x^$*"]), st.sampled_from(["1", "(yes)|no", "a=b", "[.*]?+{2}"]))
MATCHES = st.builds(
    Match,
    headers=st.lists(WANTED, max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
    cookies=st.lists(COOKIES, max_size=3, unique_by=lambda pair: pair[0]).map(tuple),
).filter(lambda m: m.headers or m.cookies)
PERCENTS = st.one_of(st.just(100.0), st.integers(1, 99).map(float), st.integers(1, 99_999).map(lambda n: n / 1000))


@st.composite
def intents(draw: st.DrawFn) -> TrafficIntent:
    """A state that the engine can ask for: both sides, with detours and mirrors of the candidate."""
    new = draw(st.integers(0, 1000))
    members = [Member(OLD_END, OLD, 1000 - new), Member(NEW_END, NEW, new)]
    if draw(st.booleans()):
        members.insert(0, Member("storefront", "storefront", draw(st.integers(0, 1000))))
    absent = draw(st.sampled_from([(), ("storefront",), (OLD_END,)]))
    members = [member for member in members if member.endpoint not in absent or member.endpoint == NEW_END]
    if not any(member.weight for member in members):
        members[-1] = Member(NEW_END, NEW, 1)
    detours = [Detour(match, NEW_END, NEW) for match in draw(st.lists(MATCHES, max_size=1))]
    if draw(st.booleans()):
        detours += [for_probes(member.endpoint, member.address) for member in members]
    mirrors = tuple(Mirror(NEW_END, NEW, percent) for percent in draw(st.lists(PERCENTS, max_size=1)))
    gone = tuple(name for name in absent if name not in {member.endpoint for member in members})
    active = draw(st.sampled_from([None, "r-1"]))
    back = draw(st.sampled_from([None, "c" * 8]))
    return TrafficIntent(tuple(members), gone, active=active, rolled_back=back, detours=tuple(detours), mirrors=mirrors)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A route of either kind and what is asked of it one after the other."""
    of = draw(st.sampled_from([ROUTE, RPC]))
    return of, draw(routes(of)), draw(st.lists(intents(), min_size=1, max_size=3))
