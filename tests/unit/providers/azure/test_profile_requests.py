"""A profile is changed in our part only, to exactly the wanted weights; everything foreign goes back as it was read."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.azure.profile_requests import Owner, new_profile, parent_patch, split_patch
from providers.azure.profile_views import duplicate_targets, foreign_part, traffic_seen
from providers.azure.settings import Monitor, Parent
from providers.errors import Invalid
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import EndpointSeen
from strategies.seen import Monitor as Health
from tests.unit.providers.azure.values import MARK, PROFILE, external, profile_body, slot

OWNER = Owner("storefront", "westeurope")
OTHER = Owner("storefront", "northeurope")
AT = datetime(2026, 1, 1, tzinfo=UTC)
NEW, OLD = endpoint_name(MARK), endpoint_name(slot(0, revision="c" * 64, number=2))
ABOVE = Parent("shop", "world", "westeurope")

_scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8)
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
_foreign = st.builds(
    lambda name, kind, known, unknown, outside: {
        **outside,
        "name": f"foreign-{name}",
        "type": f"Microsoft.Network/trafficManagerProfiles/{kind}",
        "properties": {**unknown, **known},
    },
    st.text(max_size=6),
    st.sampled_from(["externalEndpoints", "azureEndpoints", "nestedEndpoints"]),
    st.fixed_dictionaries(
        {"target": st.text(max_size=9), "weight": st.integers(1, 1000)},
        optional={"endpointStatus": st.sampled_from(["Enabled", "Disabled"]), "customHeaders": _json},
    ),
    st.dictionaries(st.text(max_size=6), _json, max_size=3),
    st.dictionaries(st.sampled_from(["id", "etag", "x"]), _json, max_size=2),
)
_members = st.dictionaries(st.integers(0, 9), st.integers(0, 1000), max_size=4)


@given(
    foreign=st.lists(_foreign, max_size=4),
    present=st.dictionaries(st.integers(0, 9), st.integers(1, 1000), max_size=4),
    wanted=_members,
    seed=st.randoms(use_true_random=False),
)
def test_foreign_endpoints_survive_byte_for_byte_and_ours_are_exactly_the_intent(
    foreign: list[Any], present: dict[int, int], wanted: dict[int, int], seed: Any
) -> None:
    names = {place: endpoint_name(slot(place)) for place in range(10)}
    ours = [
        external(names[p], f"{p}.example.org", weight, endpointMonitorStatus="Online") for p, weight in present.items()
    ]
    listed = [*foreign, *ours]
    seed.shuffle(listed)
    before = [json.dumps(item) for item in listed if item in foreign]
    intent = TrafficIntent(
        members=tuple(Member(names[p], f"{p}.example.org", weight) for p, weight in wanted.items()),
        absent=tuple(names[p].upper() for p in present if p not in wanted),
    )
    patch = split_patch(profile_body(*listed), intent, PROFILE, OWNER)
    sent = patch["properties"]["endpoints"]
    assert [json.dumps(item) for item in sent if item["name"].startswith("foreign-")] == before
    own = {item["name"]: item["properties"] for item in sent if not item["name"].startswith("foreign-")}
    assert set(own) == {names[p] for p in wanted}
    for place, weight in wanted.items():
        inner = own[names[place]]
        status = "Enabled" if weight else "Disabled"
        kept = weight or present.get(place, 1)
        assert inner == {"target": f"{place}.example.org", "endpointStatus": status, "weight": kept}
    assert set(patch) == {"properties"}
    assert set(patch["properties"]) == {"endpoints"}


@pytest.mark.parametrize("weight", [-1, 1001])
def test_a_weight_that_traffic_manager_does_not_know_is_refused_before_it_is_sent(weight: int) -> None:
    with pytest.raises(Invalid, match=r"expected a weight from 0 to 1000; got"):
        split_patch(profile_body(), TrafficIntent((Member(NEW, "a.example.org", weight),)), PROFILE, OWNER)


def test_a_new_member_without_an_address_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Invalid, match="expected the group's host name; got none"):
        split_patch(profile_body(), TrafficIntent((Member(NEW, "", 1),)), PROFILE, OWNER)


def test_an_adopted_endpoint_changes_in_weight_and_status_only() -> None:
    blue = {
        "name": "Blue",
        "type": "Microsoft.Network/trafficManagerProfiles/azureEndpoints",
        "properties": {"targetResourceId": "/x", "target": "x.azure.com", "weight": 40, "endpointStatus": "Enabled"},
    }
    settings = replace(PROFILE, adopt=("blue",))
    intent = TrafficIntent((Member("blue", "elsewhere.example.org", 0),))
    (sent,) = split_patch(profile_body(blue), intent, settings, OWNER)["properties"]["endpoints"]
    expected = copy.deepcopy(blue)
    expected["properties"]["endpointStatus"] = "Disabled"
    assert sent == expected


def test_new_endpoints_take_over_the_settings_of_the_adopted_ones_and_the_manifest_wins() -> None:
    headers = [{"name": "Host", "value": "www.contoso.com"}]
    blue = external("blue", "blue.example.org", customHeaders=headers, alwaysServe="Enabled")
    intent = TrafficIntent((Member("blue", "blue.example.org", 900), Member(NEW, "a.example.org", 100)))
    settings = replace(PROFILE, adopt=("blue",))
    made = split_patch(profile_body(blue), intent, settings, OWNER)["properties"]["endpoints"][1]["properties"]
    assert (made["customHeaders"], made["alwaysServe"]) == (headers, "Enabled")
    settings = replace(settings, custom_headers=(("Host", "other.contoso.com"),), always_serve=False)
    made = split_patch(profile_body(blue), intent, settings, OWNER)["properties"]["endpoints"][1]["properties"]
    assert made["customHeaders"] == [{"name": "Host", "value": "other.contoso.com"}]
    assert made["alwaysServe"] == "Disabled"


def test_later_releases_take_over_the_settings_of_our_own_endpoints_but_nobody_elses() -> None:
    headers = [{"name": "Host", "value": "www.contoso.com"}]
    listed = [
        external("foreign", "f.example.org", customHeaders=[{"name": "Host", "value": "f"}]),
        external(OLD, "old.example.org", customHeaders=headers),
    ]
    intent = TrafficIntent((Member(OLD, "old.example.org", 1), Member(NEW, "a.example.org", 1)))
    made = split_patch(profile_body(*listed), intent, PROFILE, OWNER)["properties"]["endpoints"][2]["properties"]
    assert made["customHeaders"] == headers


def test_ttl_and_marks_travel_in_the_same_patch_and_other_tags_are_kept() -> None:
    body = profile_body(tags={"team": "shop", "Rollout-Active": "search.eu=r-9"}, ttl=300)
    body["properties"]["dnsConfig"]["fqdn"] = "contoso-shop.trafficmanager.net"
    intent = TrafficIntent(ttl_seconds=10, ttl_original=300, active="r-1")
    assert split_patch(body, intent, PROFILE, OWNER) == {
        "tags": {"team": "shop", "Rollout-Active": "search.eu=r-9,storefront.westeurope=r-1", "rollout-ttl": "300"},
        "properties": {"endpoints": [], "dnsConfig": {"relativeName": "contoso-shop", "ttl": 10}},
    }


def test_the_last_to_finish_takes_the_original_ttl_off_the_profile_and_nobody_before() -> None:
    done = TrafficIntent(ttl_seconds=300)
    shared = profile_body(
        tags={"rollout-active": "storefront.westeurope=r-1,storefront.eastus=r-9", "rollout-ttl": "300"}, ttl=300
    )
    assert split_patch(shared, done, PROFILE, OWNER)["tags"] == {
        "rollout-active": "storefront.eastus=r-9",
        "rollout-ttl": "300",
    }
    alone = profile_body(tags={"rollout-active": "storefront.westeurope=r-1", "rollout-ttl": "300"}, ttl=300)
    assert split_patch(alone, done, PROFILE, OWNER)["tags"] == {}


def test_a_revision_taken_back_is_remembered_beside_others_until_it_wins_after_all() -> None:
    back = TrafficIntent((Member(OLD, "old.example.org", 1),), (NEW,), rolled_back="a" * 8)
    body = profile_body(external(OLD, "old.example.org"), tags={"rollout-rolled-back": "search.eu=12345678"})
    tags = split_patch(body, back, PROFILE, OWNER)["tags"]
    assert tags == {"rollout-rolled-back": "search.eu=12345678,storefront.westeurope=aaaaaaaa"}
    body["tags"] = tags
    seen = traffic_seen(body, [], AT)
    assert seen.rolled_back == (("search.eu", "12345678"), ("storefront.westeurope", "aaaaaaaa"))
    older = TrafficIntent((Member(OLD, "old.example.org", 1),))
    assert "tags" not in split_patch(body, older, PROFILE, OWNER)
    won = TrafficIntent((Member(NEW, "new.example.org", 1),), (OLD,))
    assert split_patch(body, won, PROFILE, OWNER)["tags"] == {"rollout-rolled-back": "search.eu=12345678"}


def test_a_new_profile_holds_monitor_members_marks_and_ttl() -> None:
    create = PROFILE.create
    assert create is not None
    intent = TrafficIntent((Member(NEW, "a.example.org", 1000),), active="r-1")
    made = new_profile(create, intent, PROFILE, OWNER)
    assert made["location"] == "global"
    assert made["tags"] == {"managed-by": "rollout", "rollout-active": "storefront.westeurope=r-1"}
    assert made["properties"]["dnsConfig"] == {"relativeName": "contoso-shop", "ttl": 30}
    assert made["properties"]["monitorConfig"] == {
        "protocol": "HTTP", "port": 8080, "path": "/healthz", "intervalInSeconds": 10, "timeoutInSeconds": 5,
        "toleratedNumberOfFailures": 3, "expectedStatusCodeRanges": [{"min": 200, "max": 200}],
    }  # fmt: skip
    assert [item["properties"]["weight"] for item in made["properties"]["endpoints"]] == [1000]
    tcp = new_profile(replace(create, monitor=Monitor("TCP", 8080, None)), intent, PROFILE, OWNER)
    assert "path" not in tcp["properties"]["monitorConfig"]


def test_a_parents_ttl_is_lowered_once_and_restored_by_the_last_of_its_holders() -> None:
    low, done = TrafficIntent(ttl_seconds=10, ttl_original=30, active="r-1"), TrafficIntent(ttl_seconds=30)
    parent = profile_body(ttl=120, tags={"team": "shop"})

    def apply(intent: TrafficIntent, owner: Owner) -> bool:
        patch = parent_patch(parent, intent, owner)
        if patch is not None:
            parent["tags"] = patch["tags"]
            parent["properties"].update(patch.get("properties", {}))
        return patch is not None

    assert apply(low, OWNER)
    assert not apply(low, OWNER)
    assert parent["properties"]["dnsConfig"]["ttl"] == 10
    assert apply(low, OTHER)
    active = "storefront.westeurope=r-1,storefront.northeurope=r-1"
    assert parent["tags"] == {"team": "shop", "rollout-active": active, "rollout-ttl": "120"}
    assert apply(done, OWNER)
    assert parent["properties"]["dnsConfig"]["ttl"] == 10
    assert apply(done, OTHER)
    assert parent == profile_body(ttl=120, tags={"team": "shop"})
    assert not apply(done, OWNER)


def test_a_parents_ttl_that_somebody_raises_meanwhile_is_left_alone() -> None:
    low = TrafficIntent(ttl_seconds=10, ttl_original=30, active="r-1")
    raised = profile_body(ttl=600, tags={"rollout-active": "storefront.westeurope=r-1", "rollout-ttl": "120"})
    assert parent_patch(raised, low, OWNER) is None


def test_a_parent_that_is_low_already_is_not_touched() -> None:
    assert parent_patch(profile_body(ttl=5), TrafficIntent(ttl_seconds=10, ttl_original=30), OWNER) is None


def test_a_look_shows_marks_weights_health_ttl_chain_and_who_is_active() -> None:
    body = profile_body(
        external(NEW, "a.example.org", 10, endpointMonitorStatus="CheckingEndpoint"),
        external("blue", "b.example.org", 990, endpointStatus="Disabled", endpointMonitorStatus="Disabled"),
        tags={"rollout-active": "search=r-9", "Rollout-TTL": "300"},
    )
    body["properties"]["dnsConfig"]["fqdn"] = "contoso-shop.trafficmanager.net"
    nested = external("WestEurope", "x", endpointMonitorStatus="Online", minChildEndpoints=1)
    seen = traffic_seen(body, [(ABOVE, profile_body(nested, ttl=120))], AT)
    assert (seen.ttl_seconds, seen.ttl_chain, seen.ttl_original) == (30, 120, 300)
    assert seen.active == (("search", "r-9"),)
    assert seen.parents_healthy
    assert seen.address == "contoso-shop.trafficmanager.net"
    candidate, blue = seen.endpoints
    assert candidate.mark is not None
    assert (candidate.mark.revision, candidate.monitor) == ("a" * 8, Health.CHECKING)
    assert blue == EndpointSeen("blue", "b.example.org", 990, enabled=False, monitor=Health.OFF)


@pytest.mark.parametrize(
    ("nested", "children"),
    [
        (None, ["Online"]),
        (external("westeurope", "x", endpointStatus="Disabled"), ["Online"]),
        (external("westeurope", "x", endpointMonitorStatus="Degraded"), ["Online"]),
        (external("westeurope", "x", endpointMonitorStatus="Online", minChildEndpoints=2), ["Online", "Degraded"]),
    ],
)
def test_a_parent_that_sends_nobody_here_is_not_healthy(nested: Any, children: list[str]) -> None:
    parent = profile_body(*([nested] if nested else []))
    child = profile_body(*(external(f"e{i}", f"{i}", endpointMonitorStatus=s) for i, s in enumerate(children)))
    assert not traffic_seen(child, [(ABOVE, parent)], AT).parents_healthy
    assert not traffic_seen(child, [(ABOVE, None)], AT).parents_healthy


def test_a_parent_of_a_profile_that_serves_nothing_yet_is_not_ill() -> None:
    parent = profile_body(external("westeurope", "x", endpointMonitorStatus="Inactive"))
    assert traffic_seen(profile_body(), [(ABOVE, parent)], AT).parents_healthy


def test_the_foreign_part_is_all_that_the_intent_does_not_name() -> None:
    found = [EndpointSeen(name, "t", 1, enabled=True) for name in ("A", "b", "c")]
    rest = foreign_part(found, TrafficIntent((Member("a", "t", 1),), absent=("B",)))
    assert rest == [("c", "t", 1, True)]


def test_duplicate_targets_are_found_whatever_their_letter_case() -> None:
    body = profile_body(external("a", "X.example.org"), external("b", "x.example.org"), external("c", "y.example.org"))
    assert list(duplicate_targets(body)) == [("x.example.org", "a", "b")]
