"""DNS of the world: weights, TTLs, chains, and how long an old split is still answered."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_profile_answers_a_cname_with_its_ttl_and_a_group_its_address(azure):
    fqdn = azure.group("web-1")
    azure.profile(azure.endpoint("a", fqdn), ttl=17)
    answer = azure.world.resolve("SHOP.TrafficManager.net.")
    assert (answer.code, answer.cname, answer.ttl_seconds) == ("NOERROR", fqdn, 17)
    assert azure.world.resolve(fqdn).address == azure.world.workloads()[0].address


def test_names_of_ours_that_do_not_exist_are_nxdomain_and_others_are_refused(azure):
    assert azure.world.resolve("nothing.trafficmanager.net").code == "NXDOMAIN"
    assert azure.world.resolve("nothing.westeurope.azurecontainer.io").code == "NXDOMAIN"
    assert azure.world.resolve("www.example.com").code == "REFUSED"


@settings(max_examples=25, deadline=None)
@given(weights=st.lists(st.integers(1, 1000), min_size=1, max_size=4), seed=st.integers(0, 999))
def test_answers_follow_the_weights_within_five_standard_deviations(make_azure, weights, seed):
    azure = make_azure()
    azure.profile(*(azure.endpoint(f"e{n}", f"e{n}.example.com", weight) for n, weight in enumerate(weights)))
    rng, times = random.Random(seed), 600
    counted = dict.fromkeys((f"e{n}.example.com" for n in range(len(weights))), 0)
    for _ in range(times):
        counted[azure.world.resolve("shop.trafficmanager.net", rng).cname] += 1
    for weight, got in zip(weights, counted.values(), strict=True):
        part = weight / sum(weights)
        assert abs(got - times * part) <= 5 * (times * part * (1 - part)) ** 0.5 + 1


def test_a_disabled_profile_is_nxdomain_and_one_without_endpoints_has_no_record(azure):
    azure.profile(azure.endpoint("a", "a.example.com"), profileStatus="Disabled")
    assert azure.world.resolve("shop.trafficmanager.net").code == "NXDOMAIN"
    azure.profile(name="empty", dns="empty")
    answer = azure.world.resolve("empty.trafficmanager.net")
    assert (answer.code, answer.cname, answer.address) == ("NOERROR", None, None)


def test_an_endpoint_that_is_still_being_checked_is_answered(azure):
    azure.profile(azure.endpoint("a", "a.example.com"), azure.endpoint("b", "b.example.com"))
    assert set(azure.statuses().values()) == {"CheckingEndpoint"}
    assert set(azure.answers()) == {"a.example.com", "b.example.com"}


def test_a_degraded_endpoint_is_not_answered_unless_all_are_degraded(azure):
    azure.profile(azure.endpoint("a", "a.example.com"), azure.endpoint("b", "b.example.com"))
    azure.world.profiles.monitor.foreign["a.example.com"] = False
    azure.wait(30)
    assert set(azure.answers()) == {"b.example.com"}
    azure.world.profiles.monitor.foreign["b.example.com"] = False
    azure.wait(30)
    assert set(azure.statuses().values()) == {"Degraded"}
    assert set(azure.answers()) == {"a.example.com", "b.example.com"}


def test_the_old_split_and_ttl_are_answered_until_the_change_has_propagated(make_azure):
    azure = make_azure(propagation_seconds=60)
    azure.profile(azure.endpoint("a", "a.example.com"), ttl=30)
    change = {"dnsConfig": {"ttl": 5}, "endpoints": [azure.endpoint("b", "b.example.com")]}
    azure.wait(120)
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": change})
    azure.wait(59)
    assert set(azure.answers(20)) == {"a.example.com"}
    assert azure.world.resolve("shop.trafficmanager.net").ttl_seconds == 30
    azure.wait(1)
    assert set(azure.answers(20)) == {"b.example.com"}
    assert azure.world.resolve("shop.trafficmanager.net").ttl_seconds == 5


def test_a_nested_profile_is_answered_through_its_parent_with_the_longer_ttl(azure):
    child = azure.profile(azure.endpoint("a", "a.example.com"), ttl=300)
    nested = {
        "name": "shop",
        "type": "Microsoft.Network/trafficManagerProfiles/nestedEndpoints",
        "properties": {"targetResourceId": child["id"], "weight": 1},
    }
    azure.profile(nested, name="world", dns="world", ttl=20)
    answer = azure.world.resolve("world.trafficmanager.net")
    assert (answer.cname, answer.ttl_seconds) == ("a.example.com", 300)


def test_an_ip_target_is_answered_as_an_address(azure):
    azure.profile(azure.endpoint("a", "203.0.113.7"))
    assert azure.world.resolve("shop.trafficmanager.net").address == "203.0.113.7"


def test_the_priority_method_answers_the_first_endpoint_that_is_not_degraded(azure):
    azure.profile(
        azure.endpoint("a", "a.example.com", priority=1),
        azure.endpoint("b", "b.example.com", priority=2),
        trafficRoutingMethod="Priority",
    )
    assert set(azure.answers()) == {"a.example.com"}
    azure.world.profiles.monitor.foreign["a.example.com"] = False
    azure.wait(30)
    assert set(azure.answers()) == {"b.example.com"}


def test_a_deleted_profile_is_nxdomain(azure):
    azure.profile(azure.endpoint("a", "a.example.com"))
    azure.ok("DELETE", f"{azure.profiles}/shop")
    assert azure.world.resolve("shop.trafficmanager.net").code == "NXDOMAIN"
