"""A release from start to end: the first one, a good one, a bad one, and what clients saw of it."""

from __future__ import annotations

import pytest

from tests.acceptance.shop import Shop

ENSURE, SPLIT, RETIRE = "PUT containerGroups", "PATCH trafficManagerProfiles", "DELETE containerGroups"


def test_a_first_release_makes_group_and_profile_and_says_where_it_serves(shop: Shop) -> None:
    shop.image("v1")
    done = shop.start("v1")
    assert done.code == 0, done
    shop.assert_serves_alone("v1")
    result = done.json
    assert (result["schema"], result["outcome"], result["phase"]) == (1, "promoted", "promoted")
    assert (result["service"], result["engine"], result["stable"], result["leftovers"]) == ("shop", "self", None, [])
    assert result["share"] == {"intended": 100.0, "confirmed": 100.0, "observed": 100.0}
    candidate = result["candidate"]
    assert (candidate["digest"], candidate["tag"]) == (shop.digests["v1"], "v1")
    (group,) = candidate["groups"]
    assert [group["name"]] == list(shop.groups)
    assert (group["target"], group["state"]) == ("west", "ready")
    assert group["id"].endswith(
        f"/resourceGroups/shop/providers/Microsoft.ContainerInstance/containerGroups/{group['name']}"
    )
    assert [endpoint["target"] for endpoint in shop.endpoints.values()] == [group["fqdn"]]
    assert group["url"] == f"http://{group['fqdn']}:{shop.cloud.port}"


def test_a_first_release_that_fails_leaves_nothing_and_has_no_stable_side(shop: Shop) -> None:
    shop.routing["create"]["ttl"] = "3s"
    shop.image("v1")
    running = shop.begin("v1")
    running.reaches("shifting")
    shop.sicken("v1")
    done = running.finish()
    assert (done.code, done.json["outcome"], done.json["stable"]) == (3, "rolledBack", None), done
    assert (shop.groups, shop.endpoints) == ({}, {})


def test_a_good_release_goes_live_without_one_failed_request_and_with_the_fewest_writes(shop: Shop) -> None:
    shop.routing["create"]["ttl"] = "2s"
    shop.routing["ttlDuringRollout"] = "1s"
    shop.canary(10, 50)
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    with shop.crowd() as load:
        done = shop.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    shop.assert_serves_alone("v2", ttl=2)
    assert shop.written_since(before) == [ENSURE, SPLIT, SPLIT, SPLIT, SPLIT, SPLIT, RETIRE], (
        "one group, the lower TTL, 10 %, 50 %, 100 %, leaving (which restores the TTL), and the old group"
    )
    seen = load.snapshot()
    assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons
    assert seen.by_version["v1"].requests and seen.by_version["v2"].requests
    stable, candidate = done.json["stable"], done.json["candidate"]
    assert [side["tag"] for side in (stable, candidate)] == ["v1", "v2"]
    assert [group["state"] for side in (stable, candidate) for group in side["groups"]] == ["gone", "ready"]


def test_a_blue_green_release_of_two_replicas_writes_two_groups_two_splits_and_two_deletions(shop: Shop) -> None:
    shop.hosting["replicas"] = 2
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    done = shop.start("v2")
    assert done.code == 0, done
    shop.assert_serves_alone("v2", groups=2)
    assert shop.written_since(before) == [ENSURE, ENSURE, SPLIT, SPLIT, RETIRE, RETIRE]


def test_a_bad_release_is_taken_back_while_the_stable_side_serves_everybody(shop: Shop) -> None:
    shop.routing["create"]["ttl"] = "2s"
    shop.routing["ttlDuringRollout"] = "1s"
    shop.canary({"share": 50, "hold": "30s"})
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    with shop.crowd() as load:
        running = shop.begin("v2")
        running.reaches("holding", 1)
        assert shop.profile["properties"]["dnsConfig"]["ttl"] == 1
        shop.sicken("v2")
        done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    assert done.json["reason"]["code"] == "probesFailed"
    assert "503" in done.json["reason"]["message"]
    shop.assert_serves_alone("v1", ttl=2)
    assert shop.written_since(before) == [ENSURE, SPLIT, SPLIT, SPLIT, SPLIT, RETIRE]
    seen = load.snapshot()
    assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons


def test_a_release_that_never_becomes_ready_gets_no_traffic_and_is_taken_back(shop: Shop) -> None:
    shop.serve()
    shop.image("v2", unhealthyAfterSeconds=0)
    shop.spec["deadline"] = {"ready": "500ms"}
    before = len(shop.writes)
    done = shop.start("v2")
    assert done.code == 3, done
    assert done.reason.startswith("notReady: not ready after 0.5 s")
    shop.assert_serves_alone("v1")
    assert shop.written_since(before) == [ENSURE, RETIRE]


def test_a_crash_loop_is_named_and_taken_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.cloud.emulator.world.settings, "restart_backoff_seconds", 0.2)
    shop.serve()
    shop.spec["gates"]["probe"]["before"] = 100
    shop.image("v2", crashAfterSeconds=0.1)
    done = shop.start("v2")
    assert done.code == 3, done
    assert "crash loop" in done.reason
    shop.assert_serves_alone("v1")


def test_on_failure_pause_waits_for_a_person_who_may_judge_anew_or_abort(shop: Shop) -> None:
    shop.canary({"share": 50, "hold": "30s"})
    shop.spec["onFailure"] = "pause"
    shop.serve()
    shop.image("v2")
    running = shop.begin("v2", "--timeout", "4s")
    running.reaches("holding", 1)
    shop.sicken("v2")
    waiting = running.finish()
    assert (waiting.code, waiting.json["outcome"], waiting.json["engine"]) == (4, "waiting", "none"), waiting
    assert "would roll back" in waiting.reason
    assert set(shop.weights) == {"v1", "v2"}
    done = shop.run("abort", "shop", "--reason", "it is bad indeed")
    assert done.code == 3, done
    shop.assert_serves_alone("v1")


def test_a_retained_group_runs_on_outside_the_profile_and_an_undo_takes_it_back_into_service(shop: Shop) -> None:
    shop.spec["retain"] = "1h"
    shop.serve()
    (old,) = shop.groups
    shop.image("v2")
    done = shop.start("v2")
    assert done.code == 0, done
    assert shop.weights == {"v2": 1000}
    assert len(shop.endpoints) == 1
    assert sorted(shop.groups.values()) == ["v1", "v2"]
    assert [group["state"] for group in done.json["stable"]["groups"]] == ["retained"]
    status = shop.run("status", "shop")
    assert [group["state"] for group in status.json["stable"]["groups"]] == ["retained"]
    before = len(shop.writes)
    undone = shop.run("undo", "shop")
    assert undone.code == 0, undone
    assert shop.weights == {"v1": 1000}
    assert shop.groups[old] == "v1"
    assert "PUT containerGroups" not in shop.written_since(before)
