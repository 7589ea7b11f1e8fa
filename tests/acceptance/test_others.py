"""What is not ours in the profile, and what was ours before we came: kept, adopted, given back exactly."""

from __future__ import annotations

from typing import Any

from tests.acceptance.byhand import change_profile, make_group, make_profile
from tests.acceptance.shop import Shop


def foreign(shop: Shop) -> list[dict[str, Any]]:
    """Every endpoint that stands in the profile under a name of somebody else, as ARM shows it, health left out."""
    found = []
    for item in shop.profile["properties"]["endpoints"]:
        if item["name"].startswith("theirs"):
            item["properties"].pop("endpointMonitorStatus", None)
            found.append(item)
    return found


def hand_made(shop: Shop) -> tuple[str, str]:
    """Two container groups that somebody made by hand and put into a profile of their own with uneven weights."""
    shop.image("v1")
    shop.image("v2")
    hosts = make_group(shop, "blue-a", "v1"), make_group(shop, "blue-b", "v1")
    host_header = [{"name": "Host", "value": hosts[0]}]
    endpoints = {
        "blue-a": {"target": hosts[0], "weight": 70},
        "blue-b": {"target": hosts[1], "weight": 30},
        "theirs-on": {
            "target": "www.example.com",
            "weight": 900,
            "endpointLocation": "West Europe",
            "customHeaders": host_header,
        },
        "theirs-off": {"target": "old.example.com", "weight": 17, "endpointStatus": "Disabled"},
    }
    make_profile(shop, endpoints, ttl=1, owner="somebody", **{"cost-center": "42"})
    shop.routing.pop("create")
    shop.routing["adopt"] = ["blue-a", "blue-b"]
    return hosts


def test_hand_made_endpoints_are_adopted_drained_and_taken_out_while_foreign_ones_stay_byte_for_byte(
    shop: Shop,
) -> None:
    hand_made(shop)
    before = foreign(shop)
    done = shop.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    ours = [name for name in shop.endpoints if not name.startswith("theirs")]
    assert [shop.endpoints[name]["weight"] for name in ours] == [100], "the sum of what the adopted ones had"
    assert foreign(shop) == before
    assert shop.profile["tags"] == {"owner": "somebody", "cost-center": "42"}
    assert sorted(shop.groups.values()) == ["v1", "v1", "v2"], "what stands behind adopted endpoints stays"


def test_adopted_endpoints_get_their_exact_weights_back_when_the_release_is_bad(shop: Shop) -> None:
    hand_made(shop)
    shop.canary({"share": 50, "hold": "60s"})
    before = shop.profile["properties"]["endpoints"]
    running = shop.begin("v2")
    running.reaches("holding", 1)
    assert sum(weight for name, weight in shop.weights.items() if not name.startswith("theirs")) == 100
    shop.sicken("v2")
    done = running.finish()
    assert done.code == 3, done
    after = shop.profile["properties"]["endpoints"]
    for item in (*before, *after):
        item["properties"].pop("endpointMonitorStatus", None)
    assert sorted(after, key=lambda item: item["name"]) == sorted(before, key=lambda item: item["name"])
    assert sorted(shop.groups) == ["blue-a", "blue-b"]


def test_beside_enabled_foreign_endpoints_a_first_release_must_say_its_weight(shop: Shop) -> None:
    shop.image("v1")
    make_profile(shop, {"theirs": {"target": "www.example.com", "weight": 500}})
    refused = shop.start("v1")
    assert refused.code == 7, refused
    assert "trafficManager.weight" in refused.reason
    assert "theirs" in refused.reason
    before = foreign(shop)
    shop.routing["weight"] = 500
    assert shop.start("v1").code == 0
    assert shop.weights == {"theirs": 500, "v1": 500}
    assert foreign(shop) == before


def test_a_profile_that_is_not_weighted_is_bad_input_with_its_line_before_anything_is_made(shop: Shop) -> None:
    shop.image("v1")
    make_profile(shop, {"theirs": {"target": "www.example.com", "weight": 1, "priority": 1}})
    change_profile(shop, trafficRoutingMethod="Priority")
    before = len(shop.writes)
    refused = shop.start("v1")
    assert refused.code == 2, refused
    (line,) = [line for line in refused.err.splitlines() if "must be Weighted" in line]
    assert "rollout.yaml:" in line
    assert shop.written_since(before) == []


def test_two_services_on_one_profile_keep_to_their_own_endpoints_and_the_last_one_restores_the_ttl(shop: Shop) -> None:
    shop.routing["create"]["ttl"] = "2s"
    shop.routing["ttlDuringRollout"] = "1s"
    shop.routing["weight"] = 500
    shop.serve()
    own = shop.endpoints
    shop.spec["service"] = "other"
    shop.canary({"share": 50, "hold": "0s"})
    shop.serve("w1")
    assert shop.weights == {"v1": 500, "w1": 500}
    for name, properties in own.items():
        assert {**shop.endpoints[name], "endpointMonitorStatus": ""} == {**properties, "endpointMonitorStatus": ""}
    assert shop.profile["properties"]["dnsConfig"]["ttl"] == 2
