"""The real SDK clients over the emulated world, with nothing between them but the `responses` door."""

from __future__ import annotations

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerinstance import ContainerInstanceManagementClient, models
from azure.mgmt.trafficmanager import TrafficManagerManagementClient
from azure.mgmt.trafficmanager import models as tm

from providers.emulator.faults import Fault
from providers.emulator.responses_door import emulated
from tests.openapi import described


class Credential:
    """Hands out a token that nobody checks."""

    def get_token(self, *scopes, **kwargs):
        return AccessToken("any", 4102444800)


@pytest.fixture
def sdk(azure):
    """The world with its door open and both SDK clients on it."""
    with emulated(azure.world, wrap=described):
        options = {"polling_interval": 0, "retry_total": 0}
        azure.containers = ContainerInstanceManagementClient(Credential(), azure.subscription, **options)
        azure.traffic = TrafficManagerManagementClient(Credential(), azure.subscription, **options)
        yield azure
        azure.containers.close()
        azure.traffic.close()


def _group(image):
    resources = models.ResourceRequirements(requests=models.ResourceRequests(cpu=1, memory_in_gb=1.5))
    web = models.Container(name="web", image=image, resources=resources, ports=[models.ContainerPort(port=8080)])
    address = models.IpAddress(type="Public", ports=[models.Port(port=8080)], dns_name_label="shop-web")
    return models.ContainerGroup(location="westeurope", os_type="Linux", containers=[web], ip_address=address)


def test_a_group_is_created_read_listed_and_deleted_with_the_real_client(sdk):
    group = sdk.containers.container_groups.begin_create_or_update("shop", "web-1", _group(sdk.image())).result()
    assert (group.provisioning_state, group.instance_view.state) == ("Succeeded", "Running")
    assert group.containers[0].instance_view.current_state.state == "Running"
    assert group.ip_address.fqdn == "shop-web.westeurope.azurecontainer.io"
    assert [item.name for item in sdk.containers.container_groups.list_by_resource_group("shop")] == ["web-1"]
    assert [item.name for item in sdk.containers.container_groups.list()] == ["web-1"]
    assert {usage.name.value for usage in sdk.containers.location.list_usage("westeurope")} == {
        "ContainerGroups",
        "StandardCores",
    }
    poller = sdk.containers.container_groups.begin_delete("shop", "web-1")
    sdk.wait(2)
    poller.result()
    with pytest.raises(ResourceNotFoundError):
        sdk.containers.container_groups.get("shop", "web-1")


def test_creating_is_begun_and_looked_at_again_while_the_injected_clock_moves(sdk):
    image = sdk.image(start_seconds=30)
    poller = sdk.containers.container_groups.begin_create_or_update("shop", "web-1", _group(image), polling=False)
    assert poller.done()
    assert sdk.containers.container_groups.get("shop", "web-1").provisioning_state == "Pending"
    sdk.wait(30)
    assert sdk.containers.container_groups.get("shop", "web-1").provisioning_state == "Succeeded"


def test_a_failed_create_raises_from_the_poller_with_status_200_and_no_error(sdk):
    sdk.world.faults.add_provisioning("web-1", "capacity")
    poller = sdk.containers.container_groups.begin_create_or_update("shop", "web-1", _group(sdk.image()))
    with pytest.raises(HttpResponseError) as raised:
        poller.result()
    assert (raised.value.status_code, raised.value.error) == (200, None)
    events = sdk.containers.container_groups.get("shop", "web-1").instance_view.events
    assert events[0].name == "InsufficientCapacity."


def test_groups_are_restarted_stopped_started_and_tagged_with_the_real_client(sdk):
    operations = sdk.containers.container_groups
    operations.begin_create_or_update("shop", "web-1", _group(sdk.image())).result()
    operations.begin_restart("shop", "web-1").result()
    assert operations.get("shop", "web-1").containers[0].instance_view.restart_count == 1
    operations.stop("shop", "web-1")
    assert operations.get("shop", "web-1").instance_view.state == "Stopped"
    operations.begin_start("shop", "web-1").result()
    assert operations.update("shop", "web-1", models.Resource(tags={"a": "b"})).tags == {"a": "b"}
    assert "Started" in sdk.containers.containers.list_logs("shop", "web-1", "web").content


def test_a_profile_is_created_patched_whole_read_and_deleted_with_the_real_client(sdk):
    def endpoint(name, weight, status="Enabled"):
        kind = "Microsoft.Network/trafficManagerProfiles/ExternalEndpoints"
        target = f"{name}.example.com"
        return tm.Endpoint(name=name, type=kind, target=target, weight=weight, endpoint_status=status)

    monitor = tm.MonitorConfig(
        protocol="HTTP", port=8080, path="/healthz", interval_in_seconds=10, timeout_in_seconds=5
    )
    profile = tm.Profile(
        location="global",
        tags={"owner": "shop"},
        traffic_routing_method="Weighted",
        dns_config=tm.DnsConfig(relative_name="shop", ttl=30),
        monitor_config=monitor,
        endpoints=[endpoint("blue", 1000), endpoint("green", 1, "Disabled")],
    )
    made = sdk.traffic.profiles.create_or_update("shop", "shop", profile)
    assert made.dns_config.fqdn == "shop.trafficmanager.net"
    split = tm.Profile(tags={"owner": "x"}, endpoints=[endpoint("blue", 900), endpoint("green", 100)])
    sdk.traffic.profiles.update("shop", "shop", split)
    seen = sdk.traffic.profiles.get("shop", "shop")
    assert {e.name: (e.weight, e.endpoint_status) for e in seen.endpoints} == {
        "blue": (900, "Enabled"),
        "green": (100, "Enabled"),
    }
    assert (seen.tags, seen.dns_config.ttl) == ({"owner": "x"}, 30)
    sdk.traffic.endpoints.update("shop", "shop", "ExternalEndpoints", "green", tm.Endpoint(weight=7))
    assert sdk.traffic.endpoints.get("shop", "shop", "ExternalEndpoints", "green").weight == 7
    sdk.traffic.endpoints.delete("shop", "shop", "ExternalEndpoints", "green")
    assert [e.name for e in sdk.traffic.profiles.get("shop", "shop").endpoints] == ["blue"]
    sdk.traffic.profiles.delete("shop", "shop")
    assert list(sdk.traffic.profiles.list_by_resource_group("shop")) == []
    question = tm.CheckTrafficManagerRelativeDnsNameAvailabilityParameters(
        name="shop", type="microsoft.network/trafficmanagerprofiles"
    )
    assert sdk.traffic.profiles.check_traffic_manager_name_availability_v2(question).name_available


def test_a_delay_beyond_the_callers_patience_acts_and_then_times_out(azure):
    azure.world.faults.add(Fault.from_json({"method": "PUT", "path": "containerGroups", "delaySeconds": 60}))
    with emulated(azure.world):
        client = ContainerInstanceManagementClient(Credential(), azure.subscription, polling_interval=0, retry_total=0)
        with client, pytest.raises(Exception, match="injected delay"):
            client.container_groups.begin_create_or_update("shop", "web-1", _group(azure.image()))
    assert azure.ok("GET", f"{azure.groups}/web-1")["name"] == "web-1"


def test_it_opens_as_a_decorator_too_and_nothing_stays_open(azure):
    @emulated(azure.world)
    def look():
        with ContainerInstanceManagementClient(Credential(), azure.subscription) as client:
            return list(client.container_groups.list())

    assert look() == []
    assert look() == []
