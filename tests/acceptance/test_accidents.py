"""What Azure and other people do to a rollout: each ends with a clear reason, the stable version serving, no litter."""

from __future__ import annotations

import pytest

from tests.acceptance.byhand import arm, change_profile
from tests.acceptance.command import Running
from tests.acceptance.shop import Shop


def at_half(shop: Shop) -> Running:
    """A release of v2 beside v1 that has half of the traffic and stays there."""
    shop.canary({"share": 50, "hold": "600s"})
    shop.serve()
    shop.image("v2")
    running = shop.begin("v2")
    running.reaches("holding", 1)
    return running


def test_an_image_that_does_not_exist_is_refused_before_anything_is_made(shop: Shop) -> None:
    shop.serve()
    before = len(shop.writes)
    refused = shop.start("v9")
    assert (refused.code, refused.json["outcome"]) == (7, "refused"), refused
    assert refused.json["reason"]["code"] == "imageUnknown"
    assert "v9" in refused.reason
    assert shop.written_since(before) == []


def test_a_digest_that_cannot_be_pulled_is_taken_back_with_the_words_of_azure(shop: Shop) -> None:
    shop.serve()
    done = shop.start(None, "--image", f"{shop.spec['image']}@sha256:{'0' * 64}")
    assert done.code == 3, done
    assert "InaccessibleImage" in done.reason
    shop.assert_serves_alone("v1")


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AuthorizationFailed"), (400, "DnsNameLabelNotAvailable"), (409, "ContainerGroupQuotaReached")],
)
def test_a_group_that_azure_refuses_is_taken_back_with_the_code_it_gave(shop: Shop, status: int, code: str) -> None:
    shop.serve()
    shop.image("v2")
    shop.fault(method="PUT", path="containerGroups", status=status, code=code, times=3)
    done = shop.start("v2")
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    assert code in done.reason
    shop.assert_serves_alone("v1")


def test_a_region_without_capacity_is_named_and_the_failed_group_is_deleted(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    faults = shop.cloud.emulator.world.faults
    shop.cloud.emulator.call(faults.add_provisioning, "^shop-", "capacity", 0.0, 1)
    done = shop.start("v2")
    assert done.code == 3, done
    assert "apacity" in done.reason
    shop.assert_serves_alone("v1")


def test_a_quota_that_does_not_hold_both_versions_is_refused_before_anything_is_made(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.serve()
    shop.image("v2")
    monkeypatch.setattr(shop.cloud.emulator.world.settings, "core_quota", 0.75)
    before = len(shop.writes)
    refused = shop.start("v2")
    assert (refused.code, refused.json["reason"]["code"]) == (7, "precondition"), refused
    assert "StandardCores" in refused.reason
    assert shop.written_since(before) == []


def test_a_profile_that_may_not_be_read_is_refused_before_anything_is_made(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    shop.fault(method="GET", path="trafficManagerProfiles", status=403, code="AuthorizationFailed", times=20)
    before = len(shop.writes)
    refused = shop.start("v2")
    assert refused.code == 7, refused
    assert "AuthorizationFailed" in refused.err
    assert shop.written_since(before) == []


def test_a_split_that_azure_refuses_once_is_taken_back_whole(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    shop.fault(method="PATCH", path="trafficManagerProfiles", status=403, code="AuthorizationFailed", times=1)
    done = shop.start("v2")
    assert done.code == 3, done
    assert "AuthorizationFailed" in done.reason
    shop.assert_serves_alone("v1")


def test_a_profile_that_is_never_ours_to_write_ends_stuck_with_the_stable_side_untouched(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    shop.fault(method="PATCH", path="trafficManagerProfiles", status=403, code="AuthorizationFailed", times=1000)
    done = shop.start("v2")
    assert (done.code, done.json["outcome"]) == (8, "stuck"), done
    assert "AuthorizationFailed" in done.reason
    assert shop.weights == {"v1": 1000}


def test_throttling_and_errors_that_pass_do_not_fail_a_release(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    shop.fault(method="PUT", path="containerGroups", status=429, retryAfter=1, times=1)
    shop.fault(method="PATCH", path="trafficManagerProfiles", status=503, times=1)
    shop.fault(method="PATCH", path="trafficManagerProfiles", status=500, times=1, afterCommit=True)
    shop.fault(method="DELETE", path="containerGroups", status=409, times=1)
    done = shop.start("v2")
    assert done.code == 0, done
    shop.assert_serves_alone("v2")


def test_a_deletion_that_is_forbidden_is_a_leftover_and_no_failure(shop: Shop) -> None:
    shop.serve()
    (old,) = shop.groups
    shop.image("v2")
    shop.fault(method="DELETE", path="containerGroups", status=409, code="ScopeLocked", times=1000)
    done = shop.start("v2")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    (leftover,) = done.json["leftovers"]
    assert (leftover["name"], leftover["target"]) == (old, "west")
    assert "ScopeLocked" in leftover["why"]
    assert shop.weights == {"v2": 1000}
    assert len(shop.endpoints) == 1


def test_a_profile_that_is_deleted_under_the_traffic_leaves_both_versions_and_calls_a_person(shop: Shop) -> None:
    running = at_half(shop)
    arm(shop, "DELETE", "trafficManagerProfiles/shop")
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (8, "stuck"), done
    assert done.json["reason"]["code"] == "profileGone"
    assert sorted(shop.groups.values()) == ["v1", "v2"]
    assert shop.run("why", "shop").code == 0


def test_a_candidate_endpoint_that_somebody_removes_is_put_back_where_the_manifest_says_repair(shop: Shop) -> None:
    shop.routing["onDrift"] = "repair"
    running = at_half(shop)
    kept = [item for item in shop.profile["properties"]["endpoints"] if item["properties"]["weight"] == 500][:1]
    change_profile(shop, endpoints=kept)
    running.until(lambda: shop.weights == {"v1": 500, "v2": 500})
    assert shop.run("promote", "shop", "--full").code == 0
    assert running.finish().code == 0
    shop.assert_serves_alone("v2")


def test_a_candidate_endpoint_that_somebody_switches_off_stays_off_until_they_change_their_mind(shop: Shop) -> None:
    running = at_half(shop)
    endpoints = shop.profile["properties"]["endpoints"]
    switched = [
        {**item, "properties": {**item["properties"], "endpointStatus": "Disabled"}} if "_2_" in item["name"] else item
        for item in endpoints
    ]
    change_profile(shop, endpoints=switched)
    running.until(lambda: any(event["event"] == "drift_seen" for event in running.events))
    assert shop.run("promote", "shop").code == 0
    assert shop.weights == {"v1": 500}, "what a person switched off is respected"
    assert shop.run("status", "shop").json["targets"][0]["driftSince"]
    change_profile(shop, endpoints=endpoints)
    running.until(lambda: any(event["event"] == "drift_gone" for event in running.events))
    assert running.finish().code == 0
    shop.assert_serves_alone("v2")


def test_a_stable_group_that_somebody_deletes_does_not_stop_the_candidate(shop: Shop) -> None:
    running = at_half(shop)
    (stable,) = [name for name, tag in shop.groups.items() if tag == "v1"]
    arm(shop, "DELETE", f"containerGroups/{stable}")
    assert shop.run("promote", "shop", "--full").code == 0
    done = running.finish()
    assert done.code == 0, done
    shop.assert_serves_alone("v2")


def test_a_candidate_group_that_somebody_deletes_gives_its_traffic_back_to_the_stable_side(shop: Shop) -> None:
    running = at_half(shop)
    (candidate,) = [name for name, tag in shop.groups.items() if tag == "v2"]
    arm(shop, "DELETE", f"containerGroups/{candidate}")
    running.until(lambda: shop.weights == {"v1": 1000})
    running.until(lambda: len(shop.endpoints) == 1)
    assert list(shop.groups.values()) == ["v1"]
    status = shop.run("status", "shop")
    assert status.json["phase"] == "removing"
    assert candidate in status.reason


def test_when_the_stable_side_is_sick_an_abort_does_not_send_traffic_there_and_a_person_settles(shop: Shop) -> None:
    running = at_half(shop)
    shop.sicken("v1")
    running.until(lambda: sum(event["event"] == "probe_failing" for event in running.events) > 0)
    said = shop.run("abort", "shop", "--follow")
    stuck = running.finish()
    assert (said.code, stuck.code) == (8, 8), (said, stuck)
    assert set(shop.weights) == {"v1", "v2"}
    settled = shop.run("settle", "shop", "--serving", "candidate", "--reason", "v1 is dead")
    assert (settled.code, settled.json["outcome"]) == (0, "promoted"), settled
    shop.assert_serves_alone("v2")


def test_a_profile_that_is_deleted_before_the_traffic_moved_costs_the_candidate_and_nothing_else(shop: Shop) -> None:
    shop.canary(50, preview={"hold": "60s"})
    shop.serve()
    shop.image("v2")
    running = shop.begin("v2")
    running.reaches("holding", 0)
    arm(shop, "DELETE", "trafficManagerProfiles/shop")
    done = running.finish()
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    assert "no longer exists" in done.reason
    assert list(shop.groups.values()) == ["v1"]


def test_a_stuck_rollout_is_settled_before_another_one_begins(shop: Shop) -> None:
    running = at_half(shop)
    shop.sicken("v1")
    running.until(lambda: any(event["event"] == "probe_failing" for event in running.events))
    assert shop.run("abort", "shop", "--follow").code == 8
    running.finish()
    shop.image("v3")
    refused = shop.start("v3")
    assert (refused.code, refused.json["reason"]["code"]) == (7, "stuck"), refused
    assert "rollout settle shop" in refused.reason
    settled = shop.run("settle", "shop", "--serving", "stable", "--reason", "v1 is being mended")
    assert (settled.code, settled.json["outcome"]) == (3, "rolledBack"), settled
    shop.assert_serves_alone("v1")


def test_everything_that_was_deleted_by_hand_is_made_again_by_the_next_release(shop: Shop) -> None:
    shop.serve()
    (group,) = shop.groups
    arm(shop, "DELETE", "trafficManagerProfiles/shop")
    arm(shop, "DELETE", f"containerGroups/{group}")
    done = shop.start("v1")
    assert done.code == 0, done
    shop.assert_serves_alone("v1")
