"""Traffic Manager through the real SDK and an emulated Azure: the whole split in one write, foreign parts untouched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from providers.azure.settings import Parent, TrafficManager
from providers.emulator.faults import Fault
from providers.errors import Conflict, Denied, Invalid, Missing, Throttled, Transient
from providers.ports import Finding
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import Monitor as Health
from tests.unit.providers.azure.values import MARK, PROFILE, SUBSCRIPTION, Azure, external, profile_body, slot

NEW, OLD = endpoint_name(MARK), endpoint_name(slot(0, revision="c" * 64, number=2))
ABOVE = Parent("shop", "world", "westeurope")
SPLIT = TrafficIntent((Member(OLD, "old.example.org", 990), Member(NEW, "new.example.org", 10)), active="r-1")


@pytest.fixture
def live(azure: Azure) -> Iterator[Azure]:
    """An Azure with a profile of one endpoint of ours and one foreign one."""
    foreign = external(
        "foreign", "f.example.org", 7, customHeaders=[{"name": "Host", "value": "f"}], alwaysServe="Enabled"
    )
    azure.put_profile(profile_body(external(OLD, "old.example.org", 1000), foreign, tags={"team": "shop"}))
    azure.world.calls.arm.clear()
    yield azure


def fault(azure: Azure, **body: Any) -> None:
    azure.world.faults.add(Fault.from_json(body))


def weights(azure: Azure) -> dict[str, int]:
    """What each endpoint's share is made of: zero where it is switched off."""
    seen = azure.traffic().look()
    return {item.name: item.weight if item.enabled else 0 for item in seen.endpoints}


def findings(azure: Azure, settings: TrafficManager) -> list[Finding]:
    return [finding for finding in azure.traffic(settings).preflight() if not finding.ok]


def test_a_profile_that_does_not_exist_is_a_fact(azure: Azure) -> None:
    seen = azure.traffic().look()
    assert (seen.exists, seen.endpoints, seen.at) == (False, (), azure.clock.now())


def test_the_whole_split_is_one_write_and_foreign_endpoints_and_tags_survive(live: Azure) -> None:
    before = {item["name"]: item for item in live.profile()["properties"]["endpoints"]}["foreign"]
    live.traffic().shift(SPLIT, live.traffic().look())
    assert live.writes() == ["PATCH shop"]
    assert weights(live) == {OLD: 990, "foreign": 7, NEW: 10}
    after = {item["name"]: item for item in live.profile()["properties"]["endpoints"]}["foreign"]
    assert after == before
    assert live.profile()["tags"] == {"team": "shop", "rollout-active": "storefront.westeurope=r-1"}


def test_a_share_of_zero_is_a_disabled_endpoint_that_keeps_its_weight(live: Azure) -> None:
    intent = TrafficIntent((Member(OLD, "old.example.org", 0), Member(NEW, "new.example.org", 1000)))
    live.traffic().shift(intent, live.traffic().look())
    seen = live.traffic().look().endpoint(OLD)
    assert seen is not None
    assert (seen.enabled, seen.weight, seen.monitor) == (False, 1000, Health.OFF)


def test_what_shall_be_absent_leaves_and_the_next_look_shows_it(live: Azure) -> None:
    intent = TrafficIntent((Member(NEW, "new.example.org", 1000),), absent=(OLD.upper(),))
    live.traffic().shift(intent, live.traffic().look())
    assert weights(live) == {"foreign": 7, NEW: 1000}


def test_a_foreign_change_since_the_look_is_a_conflict_and_nothing_is_written(live: Azure) -> None:
    seen = live.traffic().look()
    body = profile_body(external(OLD, "old.example.org", 1000), external("foreign", "f.example.org", 8))
    live.put_profile(body)
    live.world.calls.arm.clear()
    with pytest.raises(Conflict, match="has changed since it was looked at; nothing was written"):
        live.traffic().shift(SPLIT, seen)
    assert live.writes() == []


def test_a_second_writer_in_the_way_is_a_conflict(live: Azure) -> None:
    fault(live, method="PATCH", status=409, code="Conflict")
    with pytest.raises(Conflict):
        live.traffic().shift(SPLIT, live.traffic().look())


def test_a_write_whose_answer_was_lost_is_not_repeated_and_the_next_look_shows_it(live: Azure) -> None:
    fault(live, method="PATCH", status=500, afterCommit=True)
    with pytest.raises(Transient):
        live.traffic().shift(SPLIT, live.traffic().look())
    assert live.writes() == ["PATCH shop"]
    assert weights(live)[NEW] == 10


def test_a_throttled_write_waits_as_told_and_too_long_a_wait_is_handed_back(live: Azure) -> None:
    fault(live, method="PATCH", status=429, retryAfter=3)
    live.traffic().shift(SPLIT, live.traffic().look())
    assert live.waits == [3.0]
    fault(live, method="PATCH", status=429, retryAfter=300)
    with pytest.raises(Throttled):
        live.traffic().shift(SPLIT, live.traffic().look())


def test_a_profile_without_permission_is_denied(live: Azure) -> None:
    fault(live, method="GET", status=403)
    with pytest.raises(Denied):
        live.traffic().look()


def test_the_ttl_is_lowered_with_the_split_and_restored_with_its_tag(live: Azure) -> None:
    low = replace(SPLIT, ttl_seconds=10, ttl_original=30)
    live.traffic().shift(low, live.traffic().look())
    seen = live.traffic().look()
    assert (seen.ttl_seconds, seen.ttl_original, seen.active) == (10, 30, (("storefront.westeurope", "r-1"),))
    live.traffic().shift(replace(SPLIT, ttl_seconds=30, active=None), seen)
    seen = live.traffic().look()
    assert (seen.ttl_seconds, seen.ttl_original, seen.active) == (30, None, ())
    assert live.profile()["tags"] == {"team": "shop"}
    assert live.profile()["properties"]["dnsConfig"]["fqdn"] == "contoso-shop.trafficmanager.net"


def test_a_profile_is_created_with_its_members_in_one_write(azure: Azure) -> None:
    intent = TrafficIntent((Member(NEW, "new.example.org", 1000),), active="r-1")
    azure.traffic().shift(intent, azure.traffic().look())
    assert azure.writes() == ["PUT shop"]
    seen = azure.traffic().look()
    assert (seen.ttl_seconds, seen.address) == (30, "contoso-shop.trafficmanager.net")
    assert weights(azure) == {NEW: 1000}


def test_a_profile_that_nobody_described_is_missing_with_the_way_out(azure: Azure) -> None:
    settings = replace(PROFILE, create=None)
    with pytest.raises(Missing, match=r"say trafficManager\.create in the manifest"):
        azure.traffic(settings).shift(SPLIT, azure.traffic(settings).look())


def test_a_profile_that_was_deleted_under_our_feet_is_not_made_again_by_a_shift(live: Azure) -> None:
    seen = live.traffic().look()
    fault(live, method="GET", status=404)
    with pytest.raises(Conflict, match="was there and is not any more"):
        live.traffic().shift(SPLIT, seen)
    assert live.writes() == []


def test_what_traffic_manager_refuses_is_invalid_with_its_own_words(live: Azure) -> None:
    doubled = TrafficIntent((Member(OLD, "old.example.org", 1), Member(NEW, "f.example.org", 1)))
    with pytest.raises(Invalid) as caught:
        live.traffic().shift(doubled, live.traffic().look())
    assert "f.example.org" in caught.value.message


def with_parent(azure: Azure, ttl: int = 120, **more: Any) -> TrafficManager:
    nested = external("westeurope", "contoso-shop.trafficmanager.net", **more)
    nested["type"] = nested["type"].replace("external", "nested")
    nested["properties"]["targetResourceId"] = azure.profile()["id"]
    nested["properties"].pop("target")
    body = profile_body(nested, ttl=ttl)
    body["properties"]["dnsConfig"]["relativeName"] = "contoso-world"
    azure.put_profile(body, "world")
    azure.world.calls.arm.clear()
    return replace(PROFILE, parents=(ABOVE,))


def test_a_parents_ttl_counts_in_the_chain_is_lowered_with_ours_and_restored(live: Azure) -> None:
    traffic = live.traffic(with_parent(live))
    assert traffic.look().ttl_chain == 120
    traffic.shift(replace(SPLIT, ttl_seconds=10, ttl_original=30), traffic.look())
    assert (traffic.look().ttl_seconds, traffic.look().ttl_chain) == (10, 10)
    traffic.shift(replace(SPLIT, ttl_seconds=10, ttl_original=30), traffic.look())
    assert live.writes() == ["PATCH world", "PATCH shop", "PATCH shop"]
    traffic.shift(replace(SPLIT, ttl_seconds=30, active=None), traffic.look())
    assert traffic.look().ttl_chain == 120
    assert live.profile("world")["tags"] == {}


def test_a_parent_that_cannot_be_read_makes_the_look_undecided(live: Azure) -> None:
    traffic = live.traffic(with_parent(live))
    fault(live, method="GET", path="world", status=503, times=None)
    with pytest.raises(Transient):
        traffic.look()


def test_a_sound_profile_passes_every_check(live: Azure) -> None:
    assert findings(live, replace(with_parent(live), weight=500)) == []


def test_checks_name_what_stands_in_the_way_and_what_to_do(live: Azure) -> None:
    (absent,) = findings(live, replace(PROFILE, profile="none", create=None))
    assert "trafficManager.create" in absent.remedy
    body = profile_body(trafficRoutingMethod="Performance", profileStatus="Disabled")
    body["properties"]["dnsConfig"]["relativeName"] = "contoso-other"
    live.put_profile(body, "other")
    bad = findings(live, replace(PROFILE, profile="other"))
    assert [finding.message for finding in bad] == [
        "must be Weighted; it shares its traffic by Performance",
        "is disabled, so nobody is answered",
    ]


def test_a_name_that_is_taken_is_found_before_the_profile_is_created(live: Azure) -> None:
    (taken,) = findings(live, replace(PROFILE, profile="none"))
    assert taken.remedy == "choose another create.dnsName"
    assert taken.fatal


def test_beside_foreign_endpoints_the_weight_must_be_said(azure: Azure) -> None:
    azure.put_profile(profile_body(external("blue", "b.example.org"), external("green", "g.example.org")))
    (bad,) = findings(azure, PROFILE)
    assert bad.message.startswith("has other enabled endpoints (blue, green)")
    assert findings(azure, replace(PROFILE, weight=100)) == []
    assert findings(azure, replace(PROFILE, adopt=("blue", "green"))) == []


def test_an_endpoint_to_adopt_has_to_be_there(azure: Azure) -> None:
    azure.put_profile(profile_body(external("blue", "b.example.org")))
    (bad,) = findings(azure, replace(PROFILE, adopt=("blue", "gren"), weight=5))
    assert bad.message == "has no endpoint to adopt called gren"
    assert bad.remedy == "it has blue"


def test_a_profile_of_addresses_cannot_hold_container_groups(azure: Azure) -> None:
    azure.put_profile(profile_body(external("blue", "203.0.113.7")))
    (bad,) = findings(azure, replace(PROFILE, weight=5))
    assert bad.message == "holds endpoints by address (blue), which cannot stand beside host names"


def test_parents_that_do_not_lead_here_are_found(live: Azure) -> None:
    wrong = replace(with_parent(live), parents=(ABOVE, replace(ABOVE, endpoint="east"), replace(ABOVE, profile="none")))
    live.put_profile({**live.profile("world"), "properties": {**live.profile("world")["properties"]}}, "world")
    messages = [finding.message for finding in findings(live, wrong)]
    assert messages == ["has no endpoint called east", "does not exist"]
    assert SUBSCRIPTION in live.profile()["id"]
