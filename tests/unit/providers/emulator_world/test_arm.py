"""ARM in front of the world: paths, versions, tokens, operations, faults, and the log of calls."""

from __future__ import annotations

import random

import pytest

from providers.emulator.arm import Arm
from providers.emulator.faults import Fault
from providers.emulator.http import Request


def test_ids_are_the_same_in_any_letter_case_and_with_doubled_slashes(azure):
    azure.group("web-1")
    for path in (
        f"{azure.groups}/web-1".upper().replace(azure.subscription.upper(), azure.subscription),
        f"//{azure.groups}//WEB-1/".replace("resourceGroups", "resourcegroups"),
    ):
        assert azure.ok("GET", path)["name"] == "web-1"


@pytest.mark.parametrize(
    ("version", "code"), [(None, "MissingApiVersionParameter"), ("2019-12-01", "InvalidApiVersionParameter")]
)
def test_a_missing_or_unknown_api_version_is_a_400(azure, version, code):
    for path in (azure.groups, azure.profiles):
        status, body, _ = azure.send("GET", path, version=version)
        assert (status, body["error"]["code"]) == (400, code)


@pytest.mark.parametrize("version", ["2023-05-01", "2024-05-01-preview"])
def test_both_versions_of_container_groups_are_spoken(azure, version):
    assert azure.send("PUT", f"{azure.groups}/web-1", azure.body(), version)[0] == 201
    assert azure.send("GET", f"{azure.groups}/web-1", None, version)[0] == 200


@pytest.mark.parametrize("version", ["2022-04-01", "2026-09-01"])
def test_both_versions_of_traffic_manager_are_spoken(azure, version):
    body = azure.profile_body(azure.endpoint("a", "www.example.com"))
    assert azure.send("PUT", f"{azure.profiles}/shop", body, version)[0] == 201
    assert azure.send("GET", f"{azure.profiles}/shop", None, version)[0] == 200


def test_any_bearer_token_is_accepted_and_none_is_a_401(azure):
    assert azure.send("GET", azure.groups, headers={"authorization": "bearer x"})[0] == 200
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer "}):
        status, body, answered = azure.send("GET", azure.groups, headers=headers)
        assert (status, body["error"]["code"]) == (401, "AuthenticationFailed")
        assert "WWW-Authenticate" in answered


def test_a_body_that_is_no_json_object_is_a_400(azure):
    for body in (b"{", b"[1]", b"null", b"", b"\xff"):
        assert azure.refused("PUT", f"{azure.groups}/web-1", body) == (400, "InvalidRequestContent")


def test_operations_are_found_on_the_doors_own_base_url_and_end_with_the_group(azure):
    door = Arm(azure.world, "http://127.0.0.1:8088/", retry_after_seconds=1)
    azure.handle = door.handle
    status, _, headers = azure.send("PUT", f"{azure.groups}/web-1", azure.body(azure.image(start_seconds=5)))
    assert (status, headers["Retry-After"]) == (201, "1")
    assert headers["Azure-AsyncOperation"].startswith("http://127.0.0.1:8088/subscriptions/")
    url = headers["Azure-AsyncOperation"].removeprefix("http://127.0.0.1:8088")
    _, body, running = azure.send("GET", url)
    assert (body["status"], running["Retry-After"]) == ("Pending", "1")
    azure.wait(5)
    _, body, done = azure.send("GET", url)
    assert body["status"] == "Succeeded"
    assert "Retry-After" not in done


def test_a_door_without_retry_after_never_sends_it_with_an_operation(azure):
    assert "Retry-After" not in azure.send("PUT", f"{azure.groups}/web-1", azure.body())[2]
    azure.wait(1)
    assert "Retry-After" not in azure.send("DELETE", f"{azure.groups}/web-1")[2]


def test_a_deletion_is_202_at_its_location_until_it_is_done_and_then_204(make_azure):
    azure = make_azure(delete_seconds=3)
    azure.group("web-1")
    location = azure.send("DELETE", f"{azure.groups}/web-1")[2]["Location"].removeprefix("https://management.azure.com")
    assert azure.send("GET", location)[0] == 202
    azure.wait(3)
    assert azure.send("GET", location)[0] == 204


def test_a_create_that_a_delete_overtakes_does_not_run_for_ever(azure):
    _, _, headers = azure.send("PUT", f"{azure.groups}/web-1", azure.body(azure.image(start_seconds=60)))
    azure.ok("DELETE", f"{azure.groups}/web-1")
    azure.wait(2)
    url = headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    assert azure.ok("GET", url)["status"] == "Canceled"


def test_a_fault_fails_matching_calls_as_often_as_it_says_and_changes_nothing(azure):
    fault = {
        "method": "PUT",
        "path": "/containerGroups/web-",
        "status": 429,
        "code": "TooMany",
        "retryAfter": 7,
        "times": 2,
    }
    azure.world.faults.add(Fault.from_json(fault))
    for _ in range(2):
        status, body, headers = azure.send("PUT", f"{azure.groups}/web-1", azure.body())
        assert (status, body["error"]["code"], headers["Retry-After"]) == (429, "TooMany", "7")
    assert azure.ok("GET", azure.groups)["value"] == []
    assert azure.send("PUT", f"{azure.groups}/web-1", azure.body())[0] == 201
    assert azure.world.state()["faults"] == []


def test_a_fault_after_commit_acts_and_then_fails(azure):
    azure.world.faults.add(Fault.from_json({"method": "PUT", "path": ".", "status": 500, "afterCommit": True}))
    assert azure.send("PUT", f"{azure.groups}/web-1", azure.body())[0] == 500
    assert azure.ok("GET", f"{azure.groups}/web-1")["name"] == "web-1"


def test_a_fault_that_only_delays_answers_as_usual_and_says_how_late(azure):
    azure.world.faults.add(Fault.from_json({"path": "containerGroups", "delaySeconds": 4}))
    url = f"{azure.groups}"
    response = azure.handle(Request("GET", url, {"api-version": "2023-05-01"}, {"Authorization": "Bearer x"}))
    assert (response.status, response.delay_seconds) == (200, 4.0)


@pytest.mark.parametrize(
    "fault",
    [{"status": 200}, {"times": 0}, {"path": "("}, {"delaySeconds": -1}, {"retryAfter": "x"}, {"colour": "red"}],
)
def test_an_impossible_fault_is_refused_by_the_name_of_its_key(fault):
    with pytest.raises(ValueError, match=rf"faults\.{next(iter(fault))}: expected"):
        Fault.from_json(fault)


def test_stale_reads_show_the_resource_as_it_was_before_its_last_write(azure):
    azure.profile(ttl=30)
    azure.ok("PATCH", f"{azure.profiles}/shop", {"properties": {"dnsConfig": {"ttl": 5}}})
    azure.world.faults.stale_reads(f"{azure.profiles}/shop", 2)
    ttls = [azure.ok("GET", f"{azure.profiles}/shop")["properties"]["dnsConfig"]["ttl"] for _ in range(3)]
    assert ttls == [30, 30, 5]


def test_a_stale_read_of_a_new_or_deleted_group_shows_it_missing_or_there(azure):
    azure.group("web-1")
    azure.world.faults.stale_reads(f"{azure.groups}/web-1", 1)
    assert azure.refused("GET", f"{azure.groups}/web-1")[0] == 404
    azure.ok("DELETE", f"{azure.groups}/web-1")
    azure.wait(2)
    azure.world.faults.stale_reads(f"{azure.groups}/web-1", 1)
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["provisioningState"] == "Succeeded"
    assert azure.refused("GET", f"{azure.groups}/web-1")[0] == 404


def test_missing_reads_answer_404_for_what_is_there(azure):
    azure.group("web-1")
    azure.world.faults.missing_reads(f"{azure.groups}/web-1", 1)
    assert azure.refused("GET", f"{azure.groups}/web-1")[0] == 404
    azure.ok("GET", f"{azure.groups}/web-1")


def test_a_lock_forbids_every_delete_and_can_be_read(make_azure):
    azure = make_azure(delete_lock=True)
    azure.group("web-1")
    azure.profile()
    for path in (f"{azure.groups}/web-1", f"{azure.profiles}/shop"):
        assert azure.refused("DELETE", path) == (409, "ScopeLocked")
    scope = f"/subscriptions/{azure.subscription}/resourceGroups/shop"
    locks = azure.ok("GET", f"{scope}/providers/Microsoft.Authorization/locks?api-version=2016-09-01")["value"]
    assert locks[0]["properties"]["level"] == "CanNotDelete"


def test_the_other_reads_of_the_command_line_tools_are_answered(azure):
    start = f"/subscriptions/{azure.subscription}"
    version = "?api-version=2021-04-01"
    assert azure.ok("GET", f"{start}{version}")["state"] == "Enabled"
    assert azure.ok("GET", f"{start}/resourcegroups/shop{version}")["name"] == "shop"
    assert azure.ok("GET", f"{start}/providers/Microsoft.ContainerInstance?api-version=2023-05-01")["namespace"]
    assert azure.refused("GET", f"{start}/providers/Microsoft.Web/sites{version}") == (404, "InvalidResourceType")


def test_every_call_is_logged_so_that_writes_can_be_counted(azure):
    azure.group("web-1")
    azure.profile()
    azure.refused("PATCH", f"{azure.profiles}/none", {})
    assert [(call.method, call.status) for call in azure.world.calls.writes()] == [
        ("PUT", 201),
        ("PUT", 201),
        ("PATCH", 404),
    ]
    assert all(call.at == azure.clock.now() or call.at < azure.clock.now() for call in azure.world.calls.arm)


def test_the_state_shows_resources_only_and_does_not_change_with_reads_or_time(azure):
    azure.group("web-1")
    azure.profile(azure.endpoint("a", "www.example.com"))
    azure.wait(60)
    before = azure.world.state()
    assert set(before) == {"groups", "profiles", "clusters", "images", "faults", "calls"}
    azure.ok("GET", f"{azure.groups}/web-1")
    azure.wait(3600)
    after = azure.world.state()
    assert before.pop("calls") != after.pop("calls")
    assert before == after


def test_a_reset_forgets_everything_but_the_addresses_that_were_given(azure):
    azure.group("web-1")
    address = azure.world.workloads()[0].address
    revision = azure.world.revision
    azure.world.reset()
    assert azure.world.state()["groups"] == []
    assert azure.world.revision > revision
    azure.group("web-1")
    assert azure.world.workloads()[0].address != address


def test_the_same_seed_and_the_same_calls_make_the_same_world(make_azure):
    def run(seed):
        azure = make_azure(seed=seed)
        script = random.Random(5)
        fqdns = [
            azure.group(f"web-{n}", azure.image(f"v{n}", error_rate=0.4, crash_after_seconds=70)) for n in range(3)
        ]
        azure.profile(*(azure.endpoint(f"e{n}", fqdn, n + 1) for n, fqdn in enumerate(fqdns)))
        seen = []
        for _ in range(60):
            azure.wait(script.choice([1, 10, 35]))
            seen.append((azure.world.resolve("shop.trafficmanager.net"), azure.world.answer(azure.key("web-1"), "/")))
            seen.append(tuple(azure.statuses().items()))
        return seen, azure.world.state()

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_it_makes_no_difference_how_seldom_the_world_is_looked_at(make_azure):
    def run(steps):
        azure = make_azure()
        images = [
            azure.image("v1", error_rate=0.6, crash_after_seconds=50),
            azure.image("v2", unhealthy_after_seconds=590),
            azure.image("v3", error_rate=1, errors_after_seconds=590),
        ]
        fqdns = [azure.group(f"web-{number}", image) for number, image in enumerate(images)]
        azure.profile(*(azure.endpoint(f"e{number}", fqdn) for number, fqdn in enumerate(fqdns)))
        for _ in range(600 // steps):
            azure.wait(steps)
        return azure.world.groups.state(), azure.statuses()

    assert run(1) == run(600)
    assert run(1)[1]["e1"] == "Online"
