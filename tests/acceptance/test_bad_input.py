"""What cannot be right is said before anything is touched: all of it at once, each with its place and the way out."""

from __future__ import annotations

from tests.acceptance.shop import Shop


def test_every_mistake_of_a_manifest_is_named_at_once_with_its_line_and_nothing_is_touched(shop: Shop) -> None:
    shop.image("v1")
    shop.spec["colour"] = "green"
    shop.spec["strategy"] = {"canary": {"steps": [10, 5, 120]}}
    shop.spec["gates"]["probe"]["before"] = "many"
    shop.hosting["replicas"] = 0
    done = shop.start("v1")
    assert done.code == 2, done
    lines = done.err.splitlines()
    for path in ("colour", "steps[1]", "steps[2]", "before", "replicas"):
        (line,) = [line for line in lines if path in line]
        assert "rollout.yaml:" in line
    assert "must exceed 10" in done.err
    assert done.json["error"]["code"] == 2
    assert shop.cloud.calls_of(shop.subscription) == []


def test_a_template_that_cannot_be_is_named_by_its_own_file_and_line(shop: Shop) -> None:
    shop.image("v1")
    shop.template["properties"]["containers"][0]["properties"]["image"] = "contoso.azurecr.io/other/thing:1"
    shop.template["identity"] = {"type": "SystemAssigned"}
    shop.template["properties"]["imageRegistryCredentials"] = [
        {"server": "contoso.azurecr.io", "username": "puller", "password": None}
    ]
    done = shop.start("v1")
    assert done.code == 2, done
    assert "container-group.yaml:" in done.err
    for said in ("contoso.azurecr.io/other/thing", "SystemAssigned", "password"):
        assert said in done.err
    assert shop.cloud.calls_of(shop.subscription) == []


def test_a_private_group_behind_traffic_manager_and_a_reserved_port_are_refused_with_the_way_out(shop: Shop) -> None:
    shop.image("v1")
    shop.template["properties"]["ipAddress"]["type"] = "Private"
    private = shop.start("v1")
    assert private.code == 2, private
    assert "Traffic Manager" in private.err
    shop.template["properties"]["ipAddress"]["type"] = "Public"
    shop.template["properties"]["ipAddress"]["ports"].append({"port": 22, "protocol": "TCP"})
    reserved = shop.start("v1")
    assert reserved.code == 2, reserved
    assert "22" in reserved.err


def test_words_that_are_no_command_are_bad_usage_and_say_what_was_meant(shop: Shop) -> None:
    typo = shop.run("strat", "rollout.yaml")
    assert (typo.code, "start" in typo.err) == (2, True), typo
    shop.image("v1")
    both = shop.start("v1", "--image", f"{shop.spec['image']}:v1")
    assert both.code == 2, both
    elsewhere = shop.start(None, "--image", "contoso.azurecr.io/other/thing:v1")
    assert elsewhere.code == 2, elsewhere
    missing = shop.run("start", "nowhere.yaml", "--tag", "v1")
    assert (missing.code, "nowhere.yaml" in missing.err) == (2, True), missing
