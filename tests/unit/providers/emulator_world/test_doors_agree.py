"""The in-process ports and the real adapters under the SDKs: they see the same, write the same and refuse the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.azure.clients import Clients
from providers.azure.container_groups import ContainerGroups
from providers.azure.credentials import Credentials
from providers.azure.settings import ContainerInstances, CreateProfile, Monitor, TrafficManager
from providers.azure.traffic_manager import TrafficManagerProfile
from providers.emulator.faults import Fault
from providers.emulator.inprocess import InProcessTraffic, InProcessWorkloads
from providers.emulator.responses_door import emulated
from providers.errors import ProviderError
from providers.retry import Retry
from strategies.model import Member, TrafficIntent
from strategies.names import endpoint_name
from strategies.seen import Mark
from tests.unit.providers.emulator_world.conftest import Azure
from tests.unit.providers.emulator_world.test_responses_door import Credential

IMAGE = "registry.example.com/shop/web"
NAMES = {"service": "storefront", "target": "west"}
REFUSALS = [
    (400, "InaccessibleImage"),
    (403, "AuthorizationFailed"),
    (404, "ResourceGroupNotFound"),
    (409, "Conflict"),
    (409, "ContainerGroupQuotaReached"),
    (409, "ContainerGroupTransitioning"),
    (409, "ScopeLocked"),
    (409, "ServiceUnavailable"),
    (409, "SomethingNew"),
    (418, "SomethingNew"),
    (429, "TooManyRequests"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable"),
]


def _ports(azure, door):
    template = {"properties": azure.body(f"{IMAGE}:old")["properties"]}
    where = {"subscription": azure.subscription, "resource_group": "shop"}
    settings = ContainerInstances(**where, location="westeurope", template=template)
    create = CreateProfile("shop", 30, Monitor(port=8080, path="/healthz", interval_seconds=10, timeout_seconds=5))
    manager = TrafficManager(**where, profile="shop", create=create)
    if door == "in process":
        return (
            InProcessWorkloads(azure.world, settings, image=IMAGE, **NAMES),
            InProcessTraffic(azure.world, manager, **NAMES),
        )
    clients = Clients(Credentials(given=Credential()), Retry(attempts=1))
    more = {"clients": clients, "now": azure.clock.now, **NAMES}
    return ContainerGroups(settings, image=IMAGE, **more), TrafficManagerProfile(manager, **more)


def _release(door):
    """Take a second version live and the first one away; return all that was seen and written on the way."""
    azure = Azure()
    digests = [azure.image(f"v{n}", start_seconds=5, crash_after_seconds=40 * n).partition("@")[2] for n in (1, 2)]
    marks = [Mark("storefront", "west", f"{n}" * 64, n, 0, "r-1", digest, "t") for n, digest in enumerate(digests, 1)]
    seen = []
    with emulated(azure.world):
        workloads, traffic = _ports(azure, door)

        def look():
            seen.extend([workloads.look(["web-1", "web-2"]), traffic.look()])

        look()
        for mark in marks:
            workloads.ensure(f"web-{mark.number}", mark)
            look()
        azure.wait(5)
        members = [
            Member(endpoint_name(mark), found.address, 0)
            for mark, found in zip(marks, workloads.look(["web-1", "web-2"]), strict=True)
        ]
        for split, ttl in (((1000, 0), None), ((900, 100), 10), ((0, 1000), 10)):
            wanted = tuple(Member(m.endpoint, m.address, w) for m, w in zip(members, split, strict=True))
            original = None if ttl is None else 30
            traffic.shift(TrafficIntent(wanted, (), ttl, original, "r-1"), traffic.look())
            azure.wait(15)
            look()
        last = TrafficIntent((Member(members[1].endpoint, members[1].address, 1000),), (members[0].endpoint,), 30)
        traffic.shift(last, traffic.look())
        workloads.retire("web-2", datetime(2026, 2, 3, tzinfo=UTC))
        workloads.retire("web-1")
        look()
        seen.append(workloads.discover())
    state = azure.world.state()
    return seen, state, [(call.method, call.path.lower(), call.status) for call in azure.world.calls.writes()]


def test_a_whole_release_looks_and_ends_the_same_through_both_doors():
    through_ports, through_sdk = _release("in process"), _release("sdk")
    assert through_ports[0] == through_sdk[0]
    assert through_ports[2] == through_sdk[2]
    for part in ("groups", "profiles", "images"):
        assert through_ports[1][part] == through_sdk[1][part]


@pytest.mark.parametrize(("status", "code"), REFUSALS)
def test_a_refusal_is_the_same_error_through_both_doors(status, code):
    kinds = []
    for door in ("in process", "sdk"):
        azure = Azure()
        with emulated(azure.world):
            workloads, _ = _ports(azure, door)
            azure.world.faults.add(Fault.from_json({"method": "PUT", "status": status, "code": code, "times": 1}))
            with pytest.raises(ProviderError) as raised:
                workloads.ensure("web-1", Mark("storefront", "west", "a" * 64, 1, 0, digest=azure.image()[-71:]))
            kinds.append((type(raised.value), raised.value.code, raised.value.retry_after))
    assert kinds[0] == kinds[1]
