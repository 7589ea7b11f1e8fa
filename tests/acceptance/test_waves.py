"""Two targets in two waves: the second follows the first, and a failure in it takes both back."""

from __future__ import annotations

import copy

from tests.acceptance.shop import Shop


def two_waves(shop: Shop) -> None:
    """Add a second target of a later wave with a profile of its own, and serve v1 on both."""
    north = copy.deepcopy(shop.spec["targets"][0])
    north["name"], north["wave"] = "north", 2
    north["trafficManager"]["profile"] = "shop-north"
    north["trafficManager"]["create"]["dnsName"] = f"{shop.dns_name}-north"
    shop.spec["targets"].append(north)
    shop.spec["waves"] = {"bake": "200ms"}
    shop.serve()
    shop.image("v2")


def served(shop: Shop) -> dict[str, list[str]]:
    """The versions behind the enabled endpoints of each profile."""
    by_host = {group["fqdn"]: group["versions"][0] for group in shop.cloud.resources("groups", shop.subscription)}
    return {
        profile["name"]: sorted(
            by_host[endpoint["properties"]["target"]]
            for endpoint in profile["properties"]["endpoints"]
            if endpoint["properties"]["endpointStatus"] == "Enabled"
        )
        for profile in shop.cloud.resources("profiles", shop.subscription)
    }


def test_the_second_wave_follows_the_first_and_old_groups_go_only_at_the_end(shop: Shop) -> None:
    two_waves(shop)
    running = shop.begin("v2")
    running.until(lambda: served(shop) == {"shop": ["v2"], "shop-north": ["v1"]})
    assert list(shop.groups.values()).count("v1") == 2
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    assert [target["phase"] for target in done.json["targets"]] == ["promoted", "promoted"]
    assert served(shop) == {"shop": ["v2"], "shop-north": ["v2"]}
    assert sorted(shop.groups.values()) == ["v2", "v2"]


def test_a_failure_in_the_second_wave_takes_the_first_one_back_as_well(shop: Shop) -> None:
    two_waves(shop)
    shop.spec["strategy"] = {"blueGreen": {"hold": "0s"}}
    shop.spec["targets"][1]["strategy"] = {"blueGreen": {"hold": "60s"}}
    running = shop.begin("v2")
    running.until(lambda: served(shop) == {"shop": ["v2"], "shop-north": ["v2"]})
    shop.sicken("v2")
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    assert served(shop) == {"shop": ["v1"], "shop-north": ["v1"]}
    assert sorted(shop.groups.values()) == ["v1", "v1"]


def test_two_waves_that_lose_command_and_store_midway_are_taken_up_from_their_marks(shop: Shop) -> None:
    two_waves(shop)
    before = len(shop.writes)
    running = shop.begin("v2")
    running.until(lambda: served(shop) == {"shop": ["v2"], "shop-north": ["v1"]})
    running.end()
    shop.lose_store()
    done = shop.start("v2")
    assert done.code == 0, done
    assert served(shop) == {"shop": ["v2"], "shop-north": ["v2"]}
    assert sorted(shop.groups.values()) == ["v2", "v2"]
    assert shop.written_since(before).count("PUT containerGroups") == 2
