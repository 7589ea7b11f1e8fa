"""Starting again: the running revision, one that was taken back, one that was promoted before, and beside another."""

from __future__ import annotations

from tests.acceptance.shop import Shop


def test_a_rerun_of_the_running_revision_is_a_success_without_one_write(shop: Shop) -> None:
    shop.serve()
    before = len(shop.writes)
    again = shop.start("v1")
    assert (again.code, again.json["outcome"]) == (0, "none"), again
    without_image = shop.start(None)
    assert without_image.code == 0, without_image
    assert shop.written_since(before) == []


def test_a_rerun_on_an_empty_disk_finds_what_serves_and_writes_nothing(shop: Shop) -> None:
    shop.serve()
    before = len(shop.writes)
    shop.lose_store()
    shop.environment["CI"] = "true"
    again = shop.start("v1")
    assert again.code == 0, again
    assert "--store postgresql://" in again.err
    assert shop.written_since(before) == []


def test_redeploy_gives_the_same_revision_new_groups(shop: Shop) -> None:
    shop.serve()
    first = shop.run("status", "shop")
    (old,) = shop.groups
    done = shop.start("v1", "--redeploy")
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    shop.assert_serves_alone("v1")
    assert list(shop.groups) != [old]
    assert done.json["candidate"]["revision"] == first.json["candidate"]["revision"]


def test_a_changed_template_with_the_same_image_is_a_release(shop: Shop) -> None:
    shop.serve()
    first = shop.run("status", "shop")
    web = shop.template["properties"]["containers"][0]["properties"]
    web["environmentVariables"] = [{"name": "FLAVOUR", "value": "vanilla"}]
    done = shop.start(None)
    assert (done.code, done.json["outcome"]) == (0, "promoted"), done
    assert done.json["candidate"]["digest"] == first.json["candidate"]["digest"]
    assert done.json["candidate"]["revision"] != first.json["candidate"]["revision"]
    shop.assert_serves_alone("v1")


def test_a_revision_that_was_taken_back_is_refused_until_a_person_pardons_it(shop: Shop) -> None:
    shop.serve()
    shop.image("v2", unhealthyAfterSeconds=0)
    shop.spec["deadline"] = {"ready": "500ms"}
    assert shop.start("v2").code == 3
    before = len(shop.writes)
    refused = shop.start("v2")
    assert (refused.code, refused.json["outcome"]) == (7, "refused"), refused
    assert "rollout retry shop" in refused.reason
    assert shop.written_since(before) == []
    assert shop.run("retry", "shop").code == 0
    again = shop.start("v2")
    assert (again.code, again.json["outcome"]) == (3, "rolledBack"), again


def test_a_revision_that_was_taken_back_after_traffic_is_refused_on_an_empty_disk_as_well(shop: Shop) -> None:
    shop.spec["strategy"] = {"blueGreen": {"hold": "30s"}}
    shop.serve()
    shop.image("v2")
    running = shop.begin("v2")
    running.reaches("holding", 1)
    shop.sicken("v2")
    assert running.finish().code == 3
    shop.lose_store()
    refused = shop.start("v2")
    assert refused.code == 7, refused
    assert refused.json["reason"]["code"] == "rolledBackBefore"
    shop.assert_serves_alone("v1")


def test_an_older_revision_needs_a_word_and_undo_is_that_word(shop: Shop) -> None:
    shop.serve()
    shop.image("v2")
    assert shop.start("v2").code == 0
    refused = shop.start("v1")
    assert refused.code == 7, refused
    assert "--allow-older" in refused.reason
    undone = shop.run("undo", "shop", "--reason", "customers complain")
    assert (undone.code, undone.json["outcome"]) == (0, "promoted"), undone
    shop.assert_serves_alone("v1")
    assert shop.start("v2").code == 7, "what an undo leaves behind is held back"


def test_a_newer_revision_replaces_the_one_under_way(shop: Shop) -> None:
    shop.canary({"share": 50, "hold": "60s"})
    shop.serve()
    shop.image("v2")
    shop.image("v3")
    older = shop.begin("v2")
    older.reaches("holding", 1)
    shop.canary({"share": 50, "hold": "100ms"})
    newer = shop.start("v3")
    assert (newer.code, newer.json["outcome"]) == (0, "promoted"), newer
    replaced = older.finish()
    assert (replaced.code, replaced.json["outcome"]) == (6, "superseded"), replaced
    shop.assert_serves_alone("v3")


def test_a_newer_revision_waits_for_the_one_under_way_when_it_is_to_queue(shop: Shop) -> None:
    shop.spec["whileRunning"] = "queue"
    shop.canary({"share": 50, "hold": "1s"})
    shop.serve()
    shop.image("v2")
    shop.image("v3")
    older = shop.begin("v2")
    older.reaches("preparing")
    newer = shop.start("v3")
    assert (older.finish().code, newer.code) == (0, 0), newer
    shop.assert_serves_alone("v3")


def test_a_newer_revision_is_refused_when_the_manifest_says_so(shop: Shop) -> None:
    shop.spec["whileRunning"] = "refuse"
    shop.canary({"share": 50, "approve": True})
    shop.serve()
    shop.image("v2")
    shop.image("v3")
    older = shop.begin("v2")
    older.reaches("preparing")
    newer = shop.start("v3")
    assert (newer.code, newer.json["reason"]["code"]) == (7, "activeRollout"), newer
    older.reaches("holding", 1)
    assert shop.run("approve", "shop", "--reason", "as it should be").code == 0
    assert older.finish().code == 0
    shop.assert_serves_alone("v2")


def test_a_second_start_of_the_same_revision_attaches_and_ends_with_the_first(shop: Shop) -> None:
    shop.canary({"share": 50, "hold": "15s"})
    shop.serve()
    shop.image("v2")
    before = len(shop.writes)
    first = shop.begin("v2")
    first.reaches("preparing")
    second = shop.start("v2")
    done = first.finish()
    assert (done.code, second.code) == (0, 0), (done, second)
    assert done.json["rollout"] == second.json["rollout"]
    assert shop.written_since(before).count("PUT containerGroups") == 1
    shop.assert_serves_alone("v2")
