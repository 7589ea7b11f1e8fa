"""The ports straight over the world: marks, reading back, and every fault in the adapters' own errors."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, Parent, TrafficManager
from providers.emulator.faults import Fault
from providers.emulator.inprocess import InProcessProbes, InProcessTraffic, InProcessWorkloads
from providers.errors import Conflict, Denied, Exhausted, Invalid, Missing, Throttled, Transient
from providers.ports import Probes, Traffic, Workloads
from providers.probes.settings import ProbeSettings
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import GroupState, Mark
from strategies.seen import Monitor as Seen

IMAGE = "registry.example.com/shop/web"
REVISION = "ab" * 32


class Ports:
    """The three ports of one target of the service `storefront`."""

    def __init__(self, azure, **traffic):
        template = {"properties": azure.body(f"{IMAGE}:old")["properties"]}
        where = {"subscription": azure.subscription, "resource_group": "shop"}
        settings = ContainerInstances(**where, location="westeurope", template=template)
        create = CreateProfile("shop", 30, Monitor(port=8080, path="/healthz", interval_seconds=10, timeout_seconds=5))
        manager = TrafficManager(**where, profile="shop", create=create, **traffic)
        self.azure = azure
        names = {"service": "storefront", "target": "west"}
        self.workloads: Workloads = InProcessWorkloads(azure.world, settings, image=IMAGE, **names)
        self.traffic: Traffic = InProcessTraffic(azure.world, manager, **names)
        self.probes: Probes = InProcessProbes(azure.world, ProbeSettings(port=8080, path="/healthz"))

    def mark(self, version="v1", number=1, slot=0, **behaviour):
        """Register an image and return the mark of a slot that runs it."""
        digest = self.azure.image(version, **behaviour).partition("@")[2]
        return Mark("storefront", "west", REVISION, number, slot, "r-1", digest, "t" * 8, IMAGE, version)

    def start(self, name, mark):
        """Create a group, wait until it runs, and return how it is seen."""
        self.workloads.ensure(name, mark)
        self.azure.wait(mark.number)
        return self.workloads.look([name])[0]

    def member(self, mark, weight):
        """Return an endpoint of ours for a group that runs."""
        name = f"web-{mark.number}"
        return Member(endpoint_name(mark), self.workloads.look([name])[0].address, weight)


@pytest.fixture
def ports(azure):
    """Ports over an empty world."""
    return Ports(azure)


def test_a_group_that_is_not_there_is_seen_as_absent(ports):
    seen = ports.workloads.look(["web-1"])[0]
    assert (seen.name, seen.state, seen.at) == ("web-1", GroupState.ABSENT, ports.azure.clock.now())


def test_a_created_group_is_seen_coming_then_running_and_bears_its_mark(ports):
    mark = ports.mark(start_seconds=30)
    ports.workloads.ensure("web-1", mark)
    assert ports.workloads.look(["web-1"])[0].state is GroupState.COMING
    ports.azure.wait(30)
    seen = ports.workloads.look(["web-1"])[0]
    assert (seen.state, seen.restarts, seen.mark) == (GroupState.RUNNING, 0, mark)
    assert (
        ports.azure.world.answer_at(ports.azure.world.resolve(seen.address).address, "/").headers["X-Version"] == "v1"
    )


def test_discovery_finds_our_groups_and_no_others(ports):
    ports.azure.group("foreign")
    ports.start("web-1", ports.mark(number=1))
    ports.start("web-2", ports.mark("v2", number=2))
    assert [seen.name for seen in ports.workloads.discover()] == ["web-1", "web-2"]


def test_retiring_begins_a_deletion_and_is_done_when_nothing_is_left(ports):
    ports.start("web-1", ports.mark())
    ports.workloads.retire("web-1")
    assert ports.workloads.look(["web-1"])[0].state is GroupState.GOING
    ports.azure.wait(2)
    assert ports.workloads.look(["web-1"])[0].state is GroupState.ABSENT
    ports.workloads.retire("web-1")


def test_retaining_keeps_a_group_running_and_marks_until_when(ports):
    ports.start("web-1", ports.mark())
    until = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    ports.workloads.retire("web-1", until)
    seen = ports.workloads.look(["web-1"])[0]
    assert (seen.state, seen.keep_until) == (GroupState.RUNNING, until)
    assert seen.mark == ports.mark()


def test_what_does_not_bear_our_mark_is_never_deleted(ports):
    ports.azure.group("web-1")
    with pytest.raises(Denied):
        ports.workloads.retire("web-1")
    assert ports.azure.ok("GET", f"{ports.azure.groups}/web-1")["properties"]["provisioningState"] == "Succeeded"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "TooManyRequests", Throttled),
        (409, "Conflict", Conflict),
        (403, "AuthorizationFailed", Denied),
        (409, "ServiceUnavailable", Exhausted),
        (400, "InaccessibleImage", Invalid),
        (404, "ResourceGroupNotFound", Missing),
        (500, "InternalServerError", Transient),
    ],
)
def test_each_refusal_of_a_create_is_the_error_that_the_real_adapter_raises(ports, status, code, kind):
    ports.azure.world.faults.add(Fault.from_json({"method": "PUT", "status": status, "code": code, "retryAfter": 9}))
    with pytest.raises(kind) as raised:
        ports.workloads.ensure("web-1", ports.mark())
    assert (type(raised.value), raised.value.code, raised.value.retry_after) == (kind, code, 9.0)
    assert ports.azure.world.state()["groups"] == []


def test_a_create_that_times_out_has_been_taken(ports):
    ports.azure.world.faults.add(Fault.from_json({"method": "PUT", "delaySeconds": 30}))
    with pytest.raises(Transient):
        ports.workloads.ensure("web-1", ports.mark())
    assert ports.workloads.look(["web-1"])[0].state is not GroupState.ABSENT


def test_a_read_that_fails_for_now_is_left_out_of_the_look(ports):
    ports.start("web-1", ports.mark())
    ports.azure.world.faults.add(Fault.from_json({"method": "GET", "path": "web-1", "status": 503}))
    assert [seen.name for seen in ports.workloads.look(["web-1", "web-2"])] == ["web-2"]


def test_a_failed_create_is_seen_failed_with_the_events_of_the_service(ports):
    ports.azure.world.faults.add_provisioning("web", "capacity")
    seen = ports.start("web-1", ports.mark())
    assert seen.state is GroupState.FAILED
    assert "InsufficientCapacity" in seen.why


def test_a_crash_loop_is_seen_by_its_restarts_and_not_as_running(ports):
    ports.start("web-1", ports.mark(crash_after_seconds=5))
    ports.azure.wait(10)
    seen = ports.workloads.look(["web-1"])[0]
    assert (seen.restarts, seen.state) == (1, GroupState.COMING)


def test_a_missing_profile_is_a_fact_and_the_first_shift_creates_it(ports):
    mark = ports.mark()
    ports.start("web-1", mark)
    seen = ports.traffic.look()
    assert not seen.exists
    ports.traffic.shift(TrafficIntent((ports.member(mark, 1000),), active="r-1"), seen)
    ports.azure.wait(10)
    seen = ports.traffic.look()
    assert (seen.exists, seen.address, seen.ttl_seconds) == (True, "shop.trafficmanager.net", 30)
    assert [rollout for _, rollout in seen.active] == ["r-1"]
    endpoint = seen.endpoints[0]
    assert (endpoint.weight, endpoint.enabled, endpoint.monitor) == (1000, True, Seen.ONLINE)
    assert (endpoint.mark.service, endpoint.mark.number) == ("storefront", 1)


def test_a_shift_writes_split_ttl_and_marks_in_one_patch_and_keeps_what_is_foreign(ports):
    azure = ports.azure
    one, two = ports.mark("v1", 1), ports.mark("v2", 2)
    ports.start("web-1", one)
    ports.start("web-2", two)
    foreign = azure.endpoint("theirs", "www.example.com", 7, geoMapping=["WORLD"])
    azure.ok("PUT", f"{azure.profiles}/shop", azure.profile_body(foreign, ttl=60) | {"tags": {"team": "shop"}})
    before = len(azure.world.calls.writes())
    members = (ports.member(one, 900), ports.member(two, 0))
    intent = TrafficIntent(members, ttl_seconds=10, ttl_original=60, active="r-1")
    ports.traffic.shift(intent, ports.traffic.look())
    assert [call.method for call in azure.world.calls.writes()[before:]] == ["PATCH"]
    shown = azure.ok("GET", f"{azure.profiles}/shop")
    theirs, mine, off = shown["properties"]["endpoints"]
    assert (theirs["properties"]["weight"], theirs["properties"]["geoMapping"]) == (7, ["WORLD"])
    assert (mine["properties"]["weight"], off["properties"]["endpointStatus"]) == (900, "Disabled")
    assert shown["tags"]["team"] == "shop"
    seen = ports.traffic.look()
    assert (seen.ttl_seconds, seen.ttl_original) == (10, 60)


def test_a_shift_is_refused_when_somebody_changed_a_foreign_endpoint_since_the_look(ports):
    azure, mark = ports.azure, ports.mark()
    ports.start("web-1", mark)
    azure.profile(azure.endpoint("theirs", "www.example.com", 7))
    seen = ports.traffic.look()
    azure.ok("PATCH", f"{azure.profiles}/shop/ExternalEndpoints/theirs", {"properties": {"weight": 8}})
    with pytest.raises(Conflict):
        ports.traffic.shift(TrafficIntent((ports.member(mark, 1000),)), seen)
    assert [e["name"] for e in azure.ok("GET", f"{azure.profiles}/shop")["properties"]["endpoints"]] == ["theirs"]


def test_a_parents_ttl_counts_and_is_lowered_and_restored_with_ours(azure):
    ports = Ports(azure, parents=(Parent("shop", "world", "shop"),))
    mark = ports.mark()
    ports.start("web-1", mark)
    ports.traffic.shift(TrafficIntent((ports.member(mark, 1000),)), ports.traffic.look())
    nested = {
        "name": "shop",
        "type": "Microsoft.Network/trafficManagerProfiles/nestedEndpoints",
        "properties": {"targetResourceId": f"{azure.profiles}/shop", "weight": 1},
    }
    azure.profile(nested, name="world", dns="world", ttl=300)
    azure.wait(10)
    seen = ports.traffic.look()
    assert (seen.ttl_seconds, seen.ttl_chain, seen.parents_healthy) == (30, 300, True)
    lowered = TrafficIntent((ports.member(mark, 1000),), ttl_seconds=10, ttl_original=30, active="r-1")
    ports.traffic.shift(lowered, seen)
    assert ports.traffic.look().ttl_chain == 10
    restored = TrafficIntent((ports.member(mark, 1000),), ttl_seconds=30)
    ports.traffic.shift(restored, ports.traffic.look())
    assert ports.traffic.look().ttl_chain == 300


def test_probes_see_what_a_client_would(ports):
    good = ports.start("web-1", ports.mark(number=1)).address
    bad = ports.start("web-2", ports.mark("v2", 2, unhealthy_after_seconds=0)).address
    slow = ports.start("web-3", ports.mark("v3", 3, latency_seconds=3)).address
    crashed = ports.start("web-4", ports.mark("v4", 4, crash_after_seconds=1)).address
    seen = ports.probes.sample({"a": good, "b": bad, "c": slow, "d": crashed, "e": "gone.westeurope.azurecontainer.io"})
    assert {probe.slot: probe.ok for probe in seen} == {"a": True, "b": False, "c": False, "d": False, "e": False}
    why = {probe.slot: probe.why for probe in seen}
    assert "503" in why["b"]
    assert "timed out" in why["c"]
    assert "refused" in why["d"]
    assert "not resolved" in why["e"]


def test_preflight_tells_a_quota_that_is_too_small_and_a_profile_of_the_wrong_kind(make_azure):
    azure = make_azure(core_quota=3)
    ports = Ports(azure)
    assert all(finding.ok for finding in (*ports.workloads.preflight(3), *ports.traffic.preflight()))
    assert not all(finding.ok for finding in ports.workloads.preflight(4))
    azure.profile(trafficRoutingMethod="Priority")
    assert not ports.traffic.preflight()[0].ok
