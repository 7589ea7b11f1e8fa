"""Traffic Manager profiles: what is accepted, how health is judged and shown, what writes replace."""

from __future__ import annotations

import pytest

PLAIN = "www.example.com"


def test_a_new_profile_answers_201_an_existing_one_200(azure):
    body = azure.profile_body(azure.endpoint("a", PLAIN))
    assert azure.send("PUT", f"{azure.profiles}/shop", body)[0] == 201
    status, shown, _ = azure.send("PUT", f"{azure.profiles}/shop", body)
    assert status == 200
    assert shown["properties"]["dnsConfig"]["fqdn"] == "shop.trafficmanager.net"
    assert shown["properties"]["endpoints"][0]["type"] == "Microsoft.Network/trafficManagerProfiles/externalEndpoints"


@pytest.mark.parametrize("weight", [0, -1, 1001, 1.5, "7"])
def test_a_weight_outside_1_to_1000_is_refused(azure, weight):
    body = azure.profile_body(azure.endpoint("a", PLAIN, weight))
    assert azure.refused("PUT", f"{azure.profiles}/shop", body) == (400, "BadRequest")


@pytest.mark.parametrize(
    "monitor",
    [
        {"intervalInSeconds": 15},
        {"intervalInSeconds": 10, "timeoutInSeconds": 10},
        {"intervalInSeconds": 30, "timeoutInSeconds": 4},
        {"intervalInSeconds": 30, "timeoutInSeconds": 11},
        {"toleratedNumberOfFailures": 10},
        {"toleratedNumberOfFailures": -1},
        {"protocol": "TCP"},
        {"protocol": "FTP"},
        {"path": None},
        {"path": "healthz"},
        {"port": 0},
        {"expectedStatusCodeRanges": [{"min": 200, "max": 199}]},
        {"customHeaders": [{"name": f"h{n}", "value": "v"} for n in range(9)]},
    ],
)
def test_impossible_monitor_settings_are_refused(azure, monitor):
    body = azure.profile_body(monitor=monitor)
    assert azure.refused("PUT", f"{azure.profiles}/shop", body) == (400, "BadRequest")


@pytest.mark.parametrize("ttl", [-1, 2_147_483_648, "30", None])
def test_a_ttl_outside_its_range_is_refused(azure, ttl):
    assert azure.refused("PUT", f"{azure.profiles}/shop", azure.profile_body(ttl=ttl))[0] == 400


def test_a_ttl_of_zero_is_legal(azure):
    assert azure.profile(ttl=0)["properties"]["dnsConfig"]["ttl"] == 0


def test_a_location_other_than_global_is_refused(azure):
    body = azure.profile_body() | {"location": "westeurope"}
    assert azure.refused("PUT", f"{azure.profiles}/shop", body) == (400, "BadRequest")


@pytest.mark.parametrize(
    "target", ["10.1.2.3", "192.168.0.1", "127.20.0.1", "fd00::1", "www.example.com:8080", "local", ""]
)
def test_a_target_that_is_not_a_public_name_or_address_is_refused(azure, target):
    assert azure.refused("PUT", f"{azure.profiles}/shop", azure.profile_body(azure.endpoint("a", target)))[0] == 400


@pytest.mark.parametrize(
    "pair",
    [(PLAIN, PLAIN.upper()), (PLAIN, "203.0.113.7"), ("203.0.113.7", "2001:db8::7")],
    ids=["same", "mixed", "4+6"],
)
def test_duplicate_targets_and_mixed_record_kinds_are_refused(azure, pair):
    body = azure.profile_body(azure.endpoint("a", pair[0]), azure.endpoint("b", pair[1]))
    assert azure.refused("PUT", f"{azure.profiles}/shop", body) == (400, "BadRequest")


def test_a_relative_name_belongs_to_one_profile_and_can_be_asked_for(azure):
    ask = f"/subscriptions/{azure.subscription}/providers/Microsoft.Network/checkTrafficManagerNameAvailabilityV2"
    question = {"name": "shop", "type": "microsoft.network/trafficmanagerprofiles"}
    assert azure.ok("POST", ask, question)["nameAvailable"] is True
    azure.profile()
    assert azure.ok("POST", ask, question)["reason"] == "AlreadyExists"
    assert azure.ok("POST", "/providers/Microsoft.Network/checkTrafficManagerNameAvailability", question)
    assert azure.refused("PUT", f"{azure.profiles}/other", azure.profile_body())[0] == 409
    azure.ok("DELETE", f"{azure.profiles}/shop")
    assert azure.send("PUT", f"{azure.profiles}/other", azure.profile_body())[0] == 201


def test_a_patch_with_endpoints_replaces_the_whole_list_and_without_them_keeps_it(azure):
    azure.profile(azure.endpoint("a", PLAIN), azure.endpoint("b", "b.example.com"))
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": {"dnsConfig": {"ttl": 5}}})
    shown = azure.ok("GET", f"{azure.profiles}/shop")["properties"]
    assert [endpoint["name"] for endpoint in shown["endpoints"]] == ["a", "b"]
    assert (shown["dnsConfig"]["ttl"], shown["dnsConfig"]["relativeName"]) == (5, "shop")
    azure.ok(
        "PATCH", f"{azure.profiles}/shop", {"properties": {"endpoints": [azure.endpoint("b", "b.example.com", 9)]}}
    )
    shown = azure.ok("GET", f"{azure.profiles}/shop")["properties"]["endpoints"]
    assert [(endpoint["name"], endpoint["properties"]["weight"]) for endpoint in shown] == [("b", 9)]


def test_a_patch_replaces_the_tags_as_a_whole_and_without_tags_keeps_them(azure):
    azure.ok("PUT", f"{azure.profiles}/shop", azure.profile_body() | {"tags": {"a": "1", "b": "2"}})
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": {"dnsConfig": {"ttl": 5}}})
    assert azure.ok("GET", f"{azure.profiles}/shop")["tags"] == {"a": "1", "b": "2"}
    azure.ok("PATCH", f"{azure.profiles}/shop", {"tags": {"b": "3"}})
    assert azure.ok("GET", f"{azure.profiles}/shop")["tags"] == {"b": "3"}


def test_a_refused_write_changes_nothing(azure):
    azure.profile(azure.endpoint("a", PLAIN))
    before = azure.ok("GET", f"{azure.profiles}/shop")
    change = {"tags": {"x": "y"}, "properties": {"dnsConfig": {"ttl": 1}, "endpoints": [azure.endpoint("a", PLAIN, 0)]}}
    azure.refused("PATCH", f"{azure.profiles}/shop", change)
    assert azure.ok("GET", f"{azure.profiles}/shop") == before


def test_endpoints_can_be_written_one_by_one_in_any_letter_case(azure):
    azure.profile()
    url = f"{azure.profiles}/shop/ExternalEndpoints/a"
    assert azure.send("PUT", url, {"properties": {"target": PLAIN, "weight": 3}})[0] == 201
    assert (
        azure.ok("PATCH", url.replace("External", "external"), {"properties": {"weight": 4}})["properties"]["weight"]
        == 4
    )
    assert azure.ok("GET", f"{azure.profiles}/SHOP/externalendpoints/A")["properties"]["target"] == PLAIN
    assert azure.ok("DELETE", url) == {}
    assert azure.send("DELETE", url)[0] == 204
    assert azure.refused("GET", url)[0] == 404
    assert azure.refused("PATCH", url, {"properties": {"weight": 4}})[0] == 404


def test_the_endpoint_type_in_a_path_is_the_last_segment_only(azure):
    azure.profile(azure.endpoint("a", PLAIN))
    assert azure.refused("GET", f"{azure.profiles}/shop/SomethingEndpoints/a")[0] == 400
    full = "Microsoft.Network/trafficManagerProfiles/ExternalEndpoints"
    assert azure.send("GET", f"{azure.profiles}/shop/{full}/a")[0] >= 400


def test_a_delete_with_the_wrong_endpoint_type_answers_200_and_deletes_nothing(azure):
    azure.profile(azure.endpoint("a", PLAIN))
    assert azure.send("DELETE", f"{azure.profiles}/shop/AzureEndpoints/a")[0] == 200
    assert [e["name"] for e in azure.ok("GET", f"{azure.profiles}/shop")["properties"]["endpoints"]] == ["a"]


def test_a_delete_has_a_body_of_an_empty_object_unless_told_to_have_none(make_azure):
    for empty, body in ((False, {}), (True, None)):
        azure = make_azure(empty_delete_body=empty)
        azure.profile()
        assert azure.send("DELETE", f"{azure.profiles}/shop")[:2] == (200, body)
        assert azure.send("DELETE", f"{azure.profiles}/shop")[0] == 204


def test_overlapping_writes_on_one_profile_are_a_409_conflict(make_azure):
    azure = make_azure(conflict_window_seconds=2)
    azure.profile()
    change = {"properties": {"dnsConfig": {"ttl": 5}}}
    assert azure.refused("PATCH", f"{azure.profiles}/shop", change) == (409, "Conflict")
    azure.wait(2)
    azure.ok("PATCH", f"{azure.profiles}/shop", change)


def test_an_endpoint_is_checked_at_the_interval_and_goes_from_checking_to_online(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1")))
    assert azure.statuses() == {"a": "CheckingEndpoint"}
    azure.wait(10)
    assert azure.statuses() == {"a": "Online"}
    assert azure.ok("GET", f"{azure.profiles}/shop")["properties"]["monitorConfig"]["profileMonitorStatus"] == "Online"


def test_a_new_endpoint_does_not_wait_for_its_profiles_interval_to_be_checked_first(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1")))
    azure.wait(2)
    azure.ok("PUT", f"{azure.profiles}/shop/ExternalEndpoints/b", azure.endpoint("b", azure.group("web-2")))
    assert azure.statuses() == {"a": "Online", "b": "CheckingEndpoint"}
    azure.wait(2)
    assert azure.statuses() == {"a": "Online", "b": "Online"}


def test_an_endpoint_is_degraded_after_one_failure_more_than_tolerated_and_online_after_one_success(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1", azure.image(unhealthy_after_seconds=15))))
    azure.wait(10)
    assert azure.statuses() == {"a": "Online"}
    azure.wait(20)
    assert azure.statuses() == {"a": "Online"}
    azure.wait(10)
    assert azure.statuses() == {"a": "Degraded"}
    azure.ok("POST", f"{azure.groups}/web-1/restart")
    azure.wait(10)
    assert azure.statuses() == {"a": "Online"}


def test_checks_name_the_endpoints_target_as_host_unless_a_header_says_otherwise(azure):
    fqdn = azure.group("web-1", azure.image(host="www.contoso.com"))
    azure.profile(azure.endpoint("a", fqdn))
    azure.wait(40)
    assert azure.statuses() == {"a": "Degraded"}
    headers = [{"name": "Host", "value": "www.contoso.com"}]
    elsewhere = {"monitorConfig": {"customHeaders": [{"name": "host", "value": "other.contoso.com"}]}}
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": elsewhere})
    azure.ok("PATCH", f"{azure.profiles}/shop/ExternalEndpoints/a", {"properties": {"customHeaders": headers}})
    azure.wait(10)
    assert azure.statuses() == {"a": "Online"}


def test_a_status_that_is_not_expected_or_an_answer_that_is_too_slow_fails_the_check(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1", azure.image("slow", latency_seconds=6))))
    azure.profile(
        azure.endpoint("b", azure.group("web-2")),
        name="strict",
        dns="strict",
        monitor={"expectedStatusCodeRanges": [{"min": 204, "max": 299}]},
    )
    azure.wait(40)
    assert azure.statuses() == {"a": "Degraded"}
    assert azure.statuses("strict") == {"b": "Degraded"}


def test_a_check_by_tcp_asks_only_whether_the_port_is_open(azure):
    fqdn = azure.group("web-1", azure.image(unhealthy_after_seconds=0))
    body = azure.profile_body(azure.endpoint("a", fqdn))
    monitor = {"protocol": "TCP", "port": 8080, "intervalInSeconds": 10, "timeoutInSeconds": 5}
    body["properties"]["monitorConfig"] = monitor
    azure.ok("PUT", f"{azure.profiles}/shop", body)
    azure.wait(10)
    assert azure.statuses() == {"a": "Online"}


def test_a_disabled_endpoint_is_neither_checked_nor_answered_and_begins_anew_when_enabled(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1")), azure.endpoint("b", azure.group("web-2")))
    azure.wait(10)
    url = f"{azure.profiles}/shop/ExternalEndpoints/a"
    azure.ok("PATCH", url, {"properties": {"endpointStatus": "Disabled"}})
    assert azure.statuses() == {"a": "Disabled", "b": "Online"}
    assert len(azure.answers()) == 1
    azure.ok("PATCH", url, {"properties": {"endpointStatus": "Enabled"}})
    assert azure.statuses() == {"a": "CheckingEndpoint", "b": "Online"}
    assert len(azure.answers()) == 2


def test_an_endpoint_that_always_serves_is_not_monitored(azure):
    azure.profile(
        azure.endpoint("a", azure.group("web-1", azure.image(unhealthy_after_seconds=0)), alwaysServe="Enabled")
    )
    azure.wait(60)
    assert azure.statuses() == {"a": "Unmonitored"}


def test_a_weight_change_keeps_the_health_that_was_seen(azure):
    fqdn = azure.group("web-1")
    azure.profile(azure.endpoint("a", fqdn))
    azure.wait(10)
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": {"endpoints": [azure.endpoint("a", fqdn, 5)]}})
    assert azure.statuses() == {"a": "Online"}


def test_a_foreign_endpoint_is_as_healthy_as_it_is_told_to_be_and_survives_with_unknown_fields(azure):
    azure.profile(azure.endpoint("a", PLAIN, geoMapping=["WORLD"]))
    azure.world.profiles.monitor.foreign[PLAIN] = False
    azure.wait(30)
    assert azure.statuses() == {"a": "Degraded"}
    assert azure.ok("GET", f"{azure.profiles}/shop")["properties"]["endpoints"][0]["properties"]["geoMapping"] == [
        "WORLD"
    ]


def test_nested_profiles_are_judged_by_their_child_and_cannot_make_a_loop(azure):
    child = azure.profile(azure.endpoint("a", azure.group("web-1")))
    nested = {
        "name": "shop",
        "type": "Microsoft.Network/trafficManagerProfiles/nestedEndpoints",
        "properties": {"targetResourceId": child["id"], "weight": 1, "minChildEndpoints": 1},
    }
    parent = azure.profile(nested, name="world", dns="world")
    assert azure.statuses("world") == {"shop": "CheckingEndpoint"}
    azure.wait(10)
    assert azure.statuses("world") == {"shop": "Online"}
    azure.ok("PATCH", f"{azure.profiles}/shop/ExternalEndpoints/a", {"properties": {"endpointStatus": "Disabled"}})
    assert azure.statuses("world") == {"shop": "Stopped"}
    loop = nested | {"name": "loop", "properties": {"targetResourceId": parent["id"], "weight": 1}}
    assert azure.refused("PATCH", f"{azure.profiles}/shop", {"properties": {"endpoints": [loop]}})[0] == 400


def test_a_disabled_profile_shows_its_endpoints_as_inactive(azure):
    azure.profile(azure.endpoint("a", azure.group("web-1")), profileStatus="Disabled")
    assert azure.statuses() == {"a": "Inactive"}
    shown = azure.ok("GET", f"{azure.profiles}/shop")["properties"]["monitorConfig"]
    assert shown["profileMonitorStatus"] == "Disabled"


def test_profiles_are_listed_by_resource_group_and_by_subscription(azure):
    azure.profile()
    azure.ok("PUT", f"{azure.profiles}/second".replace("/shop/", "/other/"), azure.profile_body(dns="second"))
    whole = f"/subscriptions/{azure.subscription}/providers/Microsoft.Network/trafficmanagerprofiles"
    assert [profile["name"] for profile in azure.ok("GET", azure.profiles)["value"]] == ["shop"]
    assert {profile["name"] for profile in azure.ok("GET", whole)["value"]} == {"shop", "second"}
