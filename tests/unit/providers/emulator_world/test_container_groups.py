"""Container groups: how they come, live, answer and go."""

from __future__ import annotations

import pytest


def test_a_new_group_answers_201_and_goes_from_pending_to_succeeded_after_the_image_has_started(azure):
    image = azure.image(start_seconds=20)
    status, body, _ = azure.send("PUT", f"{azure.groups}/web-1", azure.body(image))
    assert (status, body["properties"]["provisioningState"]) == (201, "Pending")
    azure.wait(15)
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["provisioningState"] == "Creating"
    assert azure.world.answer(azure.key(), "/") is None
    azure.wait(5)
    properties = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    assert (properties["provisioningState"], properties["instanceView"]["state"]) == ("Succeeded", "Running")
    assert properties["containers"][0]["properties"]["instanceView"]["currentState"]["state"] == "Running"
    assert azure.world.answer(azure.key(), "/").headers["X-Version"] == "v1"


def test_a_put_on_an_existing_group_answers_200_restarts_its_containers_and_gives_it_a_new_address(azure):
    fqdn = azure.group("web-1")
    before = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    status, _, _ = azure.send("PUT", f"{azure.groups}/web-1", azure.body(azure.image("v2"), label="web-1"))
    azure.wait(1)
    after = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    assert status == 200
    assert after["containers"][0]["properties"]["instanceView"]["restartCount"] == 1
    assert after["ipAddress"]["ip"] != before["ipAddress"]["ip"]
    assert after["ipAddress"]["fqdn"] == fqdn
    assert azure.world.answer(azure.key(), "/").headers["X-Version"] == "v2"


@pytest.mark.parametrize(
    "changes",
    [
        {"osType": "Windows"},
        {"restartPolicy": "Never"},
        {
            "containers": [
                {
                    "name": "web",
                    "properties": {
                        "image": "registry.example.com/a:b",
                        "ports": [{"port": 8080}],
                        "resources": {"requests": {"cpu": 2.0, "memoryInGB": 1.5}},
                    },
                }
            ]
        },
    ],
    ids=["os type", "restart policy", "cpu"],
)
def test_an_update_of_what_only_a_new_group_can_have_is_refused_and_changes_nothing(azure, changes):
    azure.group("web-1")
    before = azure.ok("GET", f"{azure.groups}/web-1")
    code = azure.refused("PUT", f"{azure.groups}/web-1", azure.body(label="web-1", **changes))
    assert code == (400, "InvalidContainerGroupUpdate")
    assert azure.ok("GET", f"{azure.groups}/web-1") == before


def test_a_put_while_the_group_is_still_coming_or_going_is_a_409(azure):
    azure.ok("PUT", f"{azure.groups}/web-1", azure.body(azure.image(start_seconds=9)))
    assert azure.refused("PUT", f"{azure.groups}/web-1", azure.body()) == (409, "ContainerGroupTransitioning")
    azure.wait(10)
    azure.ok("DELETE", f"{azure.groups}/web-1")
    assert azure.refused("PUT", f"{azure.groups}/web-1", azure.body()) == (409, "ContainerGroupTransitioning")


def test_what_is_write_only_never_comes_back(azure):
    body = azure.body(
        imageRegistryCredentials=[{"server": "r.example.com", "username": "u", "password": "hunter2"}],
        volumes=[
            {
                "name": "files",
                "azureFile": {"shareName": "s", "storageAccountName": "a", "storageAccountKey": "hunter2"},
            },
            {"name": "hidden", "secret": {"key": "aHVudGVyMg=="}},
        ],
        diagnostics={"logAnalytics": {"workspaceId": "w", "workspaceKey": "hunter2"}},
    )
    container = body["properties"]["containers"][0]["properties"]
    container["environmentVariables"] = [{"name": "PASSWORD", "secureValue": "hunter2"}, {"name": "A", "value": "b"}]
    azure.ok("PUT", f"{azure.groups}/web-1", body)
    shown = str(azure.ok("GET", f"{azure.groups}/web-1")) + str(azure.ok("GET", azure.groups))
    assert "hunter2" not in shown + str(azure.world.state())
    assert "aHVudGVyMg" not in shown + str(azure.world.state())
    variables = azure.ok("GET", f"{azure.groups}/web-1")["properties"]["containers"][0]["properties"]
    assert variables["environmentVariables"] == [{"name": "PASSWORD"}, {"name": "A", "value": "b"}]


def test_the_instance_view_is_shown_for_one_group_and_never_in_a_list(azure):
    azure.group("web-1")
    assert "instanceView" in azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    listed = azure.ok("GET", azure.groups)["value"]
    assert [group["name"] for group in listed] == ["web-1"]
    assert "instanceView" not in str(listed)


def test_a_patch_replaces_the_tags_and_refuses_anything_else(azure):
    azure.group("web-1")
    shown = azure.ok("PATCH", f"{azure.groups}/web-1", {"tags": {"new": "x"}})
    assert shown["tags"] == {"new": "x"}
    assert azure.refused("PATCH", f"{azure.groups}/web-1", {"properties": {}})[0] == 400


def test_a_deleted_group_leaves_dns_and_its_address_at_once_and_arm_a_little_later(make_azure):
    azure = make_azure(delete_seconds=5)
    fqdn = azure.group("web-1")
    address = azure.world.resolve(fqdn).address
    status, _, headers = azure.send("DELETE", f"{azure.groups}/web-1")
    assert (status, "Location" in headers) == (202, True)
    assert azure.world.resolve(fqdn).code == "NXDOMAIN"
    assert azure.world.answer_at(address, "/") is None
    assert azure.world.calls.requests_to_retired == {"web-1": 1}
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["provisioningState"] == "Deleting"
    azure.wait(5)
    assert azure.refused("GET", f"{azure.groups}/web-1") == (404, "ResourceNotFound")
    assert azure.send("DELETE", f"{azure.groups}/web-1")[0] == 204


def test_no_address_is_ever_given_twice(azure):
    seen = []
    for number in range(5):
        azure.group(f"web-{number}")
        seen.append(azure.ok("GET", f"{azure.groups}/web-{number}")["properties"]["ipAddress"]["ip"])
        azure.ok("DELETE", f"{azure.groups}/web-{number}")
        azure.wait(2)
    assert len(set(seen)) == 5
    assert all(address.startswith("127.20.") for address in seen)


def test_stop_and_start_and_restart_change_the_address_and_keep_the_name(azure):
    fqdn = azure.group("web-1")
    addresses = [azure.world.resolve(fqdn).address]
    assert azure.send("POST", f"{azure.groups}/web-1/stop")[0] == 204
    assert azure.world.resolve(fqdn).address is None
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["instanceView"]["state"] == "Stopped"
    assert azure.send("POST", f"{azure.groups}/web-1/start")[0] == 202
    azure.wait(1)
    addresses.append(azure.world.resolve(fqdn).address)
    assert azure.send("POST", f"{azure.groups}/web-1/restart")[0] == 204
    azure.wait(1)
    addresses.append(azure.world.resolve(fqdn).address)
    assert len(set(addresses)) == 3
    container = azure.ok("GET", f"{azure.groups}/web-1")["properties"]["containers"][0]
    assert container["properties"]["instanceView"]["restartCount"] == 1


def test_a_dns_label_is_unique_in_its_region_and_free_again_after_the_delete(azure):
    azure.group("web-1", label="shop-web")
    assert azure.refused("PUT", f"{azure.groups}/web-2", azure.body())[1] == "DnsNameLabelNotAvailable"
    elsewhere = azure.body() | {"location": "North Europe"}
    assert azure.send("PUT", f"{azure.groups}/web-3", elsewhere)[0] == 201
    azure.ok("DELETE", f"{azure.groups}/web-1")
    azure.wait(2)
    assert azure.send("PUT", f"{azure.groups}/web-2", azure.body())[0] == 201


def test_a_label_scope_puts_a_hash_into_the_fqdn_that_is_the_same_within_the_scope_only(azure):
    def fqdn(name, scope):
        body = azure.body()
        body["properties"]["ipAddress"]["autoGeneratedDomainNameLabelScope"] = scope
        shown = azure.ok("PUT", f"{azure.groups}/{name}", body)["properties"]["ipAddress"]["fqdn"]
        azure.ok("DELETE", f"{azure.groups}/{name}")
        azure.wait(2)
        return shown

    plain = "shop-web.westeurope.azurecontainer.io"
    assert fqdn("a", "Unsecure") == plain
    tenant = fqdn("b", "TenantReuse")
    assert tenant != plain
    assert tenant.startswith("shop-web.")
    assert fqdn("c", "TenantReuse") == tenant
    assert len({tenant, fqdn("d", "ResourceGroupReuse"), fqdn("e", "Noreuse"), fqdn("e", "Noreuse")}) == 4


def test_quotas_of_groups_and_cores_refuse_what_is_too_much_and_are_listed(make_azure):
    azure = make_azure(group_quota=2, core_quota=2.5)
    azure.group("web-1")
    azure.group("web-2")
    usages = azure.ok(
        "GET", f"/subscriptions/{azure.subscription}/providers/Microsoft.ContainerInstance/locations/westeurope/usages"
    )
    assert {u["name"]["value"]: (u["currentValue"], u["limit"]) for u in usages["value"]} == {
        "ContainerGroups": (2, 2),
        "StandardCores": (2, 2),
    }
    assert azure.refused("PUT", f"{azure.groups}/web-3", azure.body()) == (409, "ContainerGroupQuotaReached")
    azure.ok("DELETE", f"{azure.groups}/web-2")
    azure.wait(2)
    wide = azure.body()
    wide["properties"]["containers"][0]["properties"]["resources"]["requests"]["cpu"] = 2.0
    assert azure.refused("PUT", f"{azure.groups}/web-3", wide) == (409, "ContainerGroupQuotaReached")


def test_too_many_creates_in_five_minutes_are_answered_429_with_retry_after(make_azure):
    azure = make_azure(writes_per_five_minutes=2)
    azure.group("web-1")
    azure.group("web-2")
    status, body, headers = azure.send("PUT", f"{azure.groups}/web-3", azure.body())
    assert (status, body["error"]["code"], headers["Retry-After"]) == (429, "TooManyRequests", "30")
    azure.wait(301)
    assert azure.send("PUT", f"{azure.groups}/web-3", azure.body())[0] == 201


def test_an_unknown_image_of_a_known_repository_or_a_loopback_registry_is_not_accessible(azure):
    azure.image("v1")
    nowhere = "sha256:" + "0" * 64
    for image in ("any.example.com/shop/web:v9", f"any.example.com/shop/web@{nowhere}", "127.0.0.1:8088/other:v1"):
        assert azure.refused("PUT", f"{azure.groups}/web-1", azure.body(image)) == (400, "InaccessibleImage")


def test_a_digest_runs_with_its_behaviour_whichever_registry_the_reference_names(azure):
    digest = azure.image("v7").partition("@")[2]
    azure.group("web-1", f"elsewhere.azurecr.io/renamed@{digest}")
    assert azure.world.answer(azure.key(), "/").headers["X-Version"] == "v7"


def test_a_foreign_image_that_the_world_does_not_know_serves_plainly(azure):
    azure.group("web-1", "mcr.microsoft.com/azuredocs/aci-helloworld:latest")
    assert azure.world.answer(azure.key(), "/").status == 200


def test_no_capacity_arrives_late_as_a_failed_operation_with_events_and_no_error_object(azure):
    azure.world.faults.add_provisioning("web-1", "capacity", extra_seconds=10)
    _, _, headers = azure.send("PUT", f"{azure.groups}/web-1", azure.body())
    url = headers["Azure-AsyncOperation"].removeprefix("https://management.azure.com")
    assert azure.ok("GET", url)["status"] == "Pending"
    azure.wait(11)
    operation = azure.ok("GET", url)
    assert operation["status"] == "Failed"
    assert "error" not in operation
    assert operation["properties"]["events"][0]["name"] == "InsufficientCapacity."
    shown = azure.ok("GET", f"{azure.groups}/web-1")["properties"]
    assert (shown["provisioningState"], shown["instanceView"]["state"]) == ("Failed", "Failed")


def test_a_refusal_for_capacity_leaves_no_group_behind(azure):
    azure.world.faults.add_provisioning("web", "refused", times=1)
    assert azure.refused("PUT", f"{azure.groups}/web-1", azure.body()) == (409, "ServiceUnavailable")
    assert azure.ok("GET", azure.groups)["value"] == []
    assert azure.send("PUT", f"{azure.groups}/web-1", azure.body())[0] == 201


def test_a_new_group_may_be_not_found_for_a_while(make_azure):
    azure = make_azure(not_found_after_create_seconds=5)
    azure.ok("PUT", f"{azure.groups}/web-1", azure.body())
    assert azure.refused("GET", f"{azure.groups}/web-1")[0] == 404
    assert azure.ok("GET", azure.groups)["value"] == []
    azure.wait(5)
    assert azure.ok("GET", f"{azure.groups}/web-1")["name"] == "web-1"


def test_a_group_that_is_not_up_after_the_provisioning_limit_has_failed(make_azure):
    azure = make_azure(provision_timeout_seconds=60)
    azure.ok("PUT", f"{azure.groups}/web-1", azure.body(azure.image(start_seconds=100)))
    azure.wait(60)
    assert azure.ok("GET", f"{azure.groups}/web-1")["properties"]["provisioningState"] == "Failed"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda b: b.pop("location"), "LocationRequired"),
        (lambda b: b["properties"].pop("osType"), "InvalidOsType"),
        (lambda b: b["properties"].update(containers=[]), "InvalidContainers"),
        (lambda b: b["properties"]["containers"][0]["properties"].pop("image"), "ImageRequired"),
        (lambda b: b["properties"]["containers"][0]["properties"].pop("resources"), "InvalidResourceRequests"),
        (lambda b: b["properties"]["containers"][0].update(name="Web_1"), "InvalidContainerName"),
        (lambda b: b["properties"]["ipAddress"].update(dnsNameLabel="9lives"), "InvalidDnsNameLabel"),
        (lambda b: b["properties"]["ipAddress"].update(ports=[{"port": 9090}]), "IpAddressPortsNotFound"),
        (lambda b: b["properties"]["ipAddress"].update(ports=[{"port": 22}]), "ReservedPort"),
        (lambda b: b["properties"]["ipAddress"].update(type="Private"), "SubnetRequired"),
    ],
)
def test_a_body_that_the_service_would_refuse_is_a_400_with_its_code(azure, spoil, code):
    body = azure.body()
    spoil(body)
    assert azure.refused("PUT", f"{azure.groups}/web-1", body) == (400, code)
    assert azure.ok("GET", azure.groups)["value"] == []


def test_a_group_at_the_quota_may_still_be_updated(make_azure):
    azure = make_azure(group_quota=1, core_quota=1)
    azure.group("web-1")
    assert azure.send("PUT", f"{azure.groups}/web-1", azure.body(label="web-1"))[0] == 200


def test_read_only_fields_in_a_body_are_ignored(azure):
    body = azure.body(provisioningState="Failed", instanceView={"state": "Failed"})
    body["properties"]["ipAddress"]["fqdn"] = "mine.example.com"
    azure.arm.call("PUT", f"{azure.groups}/web-1", body, "2023-05-01")
    azure.wait(1)
    listed = azure.ok("GET", azure.groups)["value"][0]["properties"]
    assert (listed["provisioningState"], "instanceView" in listed) == ("Succeeded", False)
    assert listed["ipAddress"]["fqdn"].endswith(".azurecontainer.io")
