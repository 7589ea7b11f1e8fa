"""The roles in examples/deploy/roles: enough for whole releases and for `doctor`, and nothing beyond that."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from orchestrator.manifest.loader import Loaded, from_snapshot
from orchestrator.ports import TargetPorts
from orchestrator.runner import Driver, Patience
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from orchestrator.submit import submit
from orchestrator.wiring import App
from orchestrator.wish import Wish
from providers.azure import account_checks
from providers.azure.clients import Clients
from providers.azure.container_groups import ContainerGroups
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.traffic_manager import TrafficManagerProfile
from providers.emulator.arm import Arm
from providers.emulator.behaviour import Behaviour
from providers.emulator.http import Request, Response
from providers.emulator.inprocess import InProcessProbes
from providers.emulator.responses_door import emulated
from providers.emulator.world import World
from providers.ports import Finding
from providers.retry import Retry
from strategies.model import Outcome
from tests.unit.orchestrator.forecast.stage import Clock

ROLES = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "roles"
RELEASE = ("azure-workloads", "azure-traffic")
EVERY = sorted(path.stem for path in ROLES.glob("*.json"))
ENDPOINT = "http://127.0.0.1:8088"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
IMAGE = "contoso.azurecr.io/shop/storefront"
MANIFEST = f"""\
service: storefront
image: {IMAGE}
targets:
  - name: westeurope
    containerInstances:
      subscription: {SUBSCRIPTION}
      resourceGroup: shop
      location: westeurope
      template: group.yaml
      replicas: 2
    trafficManager:
      resourceGroup: shop
      profile: shop
      ttlDuringRollout: 1s
      create: {{dnsName: contoso-shop, ttl: 5s, monitor: {{protocol: HTTP, port: 80, path: /healthz}}}}
strategy: {{canary: {{steps: [20, 50], hold: 5s}}}}
gates: {{probe: {{port: 80, interval: 1s, before: 2, failures: 3}}}}
drain: {{propagation: 0s, margin: 1s, quiet: none}}
"""
PARENTS = "parents: [{resourceGroup: shop, profile: world, endpoint: west}]\n      create:"
TEMPLATE = f"""\
location: westeurope
properties:
  osType: Linux
  ipAddress: {{type: Public, dnsNameLabel: shop, ports: [{{port: 80}}]}}
  containers:
    - name: web
      properties:
        image: {IMAGE}
        ports: [{{port: 80}}]
        resources: {{requests: {{cpu: 0.5, memoryInGB: 0.5}}}}
"""
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}
RESOURCE_GROUP = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+", re.IGNORECASE)
Handler = Callable[[Request], Response]


def role(name: str) -> dict[str, Any]:
    """One role definition as the Azure CLI takes it."""
    found: dict[str, Any] = json.loads((ROLES / f"{name}.json").read_text())
    return found


def actions(*names: str) -> set[str]:
    """What these roles allow together."""
    return {action for name in names for action in role(name)["Actions"]}


def action_of(method: str, path: str) -> str:
    """Which permission Resource Manager asks for: the types in the path, then what the method means."""
    provider, _, rest = path.rpartition("/providers/")[2].partition("/")
    if "/providers/" not in path:
        return f"Microsoft.Resources/subscriptions/{VERBS[method]}"
    kinds = "/".join(rest.strip("/").split("/")[::2])
    return f"{provider}/{kinds}/{VERBS[method]}"


def spelt(action: str) -> str:
    """An action as the roles spell it: to Azure, letter case means nothing."""
    known = {each.lower(): each for each in actions(*EVERY)}
    return known.get(action.lower(), action)


@dataclass
class Guard:
    """Stands where Resource Manager checks permissions: refuses what is not allowed, and remembers what was used."""

    allowed: set[str]
    used: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)

    def __call__(self, handler: Handler) -> Handler:
        def guarded(request: Request) -> Response:
            action = spelt(action_of(request.method, request.path))
            if action in self.allowed:
                self.used.add(action)
                return handler(request)
            self.refused.add(action)
            error = {"code": "AuthorizationFailed", "message": f"no authorization to perform action '{action}'"}
            return Response(403, {"Content-Type": "application/json"}, json.dumps({"error": error}).encode())

        return guarded


@dataclass
class Azure:
    """An emulated Azure behind a guard, with the real adapters in front of it, on a clock that is moved by hand."""

    guard: Guard
    clock: Clock = field(default_factory=Clock)
    store: MemoryStore = field(default_factory=MemoryStore)
    loaded: Loaded = field(init=False)
    world: World = field(init=False)
    clients: Clients = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.clock.manual, random.Random(1))
        self.clients = Clients(Credentials(Endpoint.parse(ENDPOINT)), Retry(attempts=1))
        self.loaded = _loaded(MANIFEST)

    def hands(self) -> Mapping[str, TargetPorts]:
        """The real adapters; only the probes reach into the world without a socket."""
        (target,) = self.loaded.targets
        whose: dict[str, Any] = {"service": "storefront", "target": target.name, "clients": self.clients}
        groups = ContainerGroups(target.workloads, image=IMAGE, now=self.clock.now, **whose)
        profile = TrafficManagerProfile(target.traffic, now=self.clock.now, **whose)
        return {target.name: TargetPorts(groups, profile, InProcessProbes(self.world, target.probe))}

    def release(self, tag: str, **behaviour: Any) -> Outcome | None:
        """Roll one image out and return how that ended."""
        told = Behaviour(version=tag, start_seconds=1.0, **behaviour)
        digest = self.world.register_image("shop/storefront", tag, told).digest
        app = _App(self.store, self.clock)
        app.azure = self
        begun = submit(app, Wish(self.loaded, digest, tag, actor="ana")).rollout
        assert begun is not None
        ended = Driver(self.store, self.clock, app.engine(), begun.id, Patience(timeout_seconds=3600.0)).run()
        return ended.rollout.outcome

    def doctor(self) -> list[Finding]:
        """All that `rollout doctor` asks Azure."""
        (target,) = self.loaded.targets
        found = [*account_checks.subscription(self.clients, SUBSCRIPTION, self.clock.now())]
        needed = (*account_checks.GROUPS, *account_checks.PROFILES)
        found.append(account_checks.permissions(self.clients, SUBSCRIPTION, "shop", needed))
        ports = self.hands()[target.name]
        return [*found, *ports.workloads.preflight(2), *ports.traffic.preflight()]

    def nest(self) -> None:
        """Put a profile above ours, as a person in the portal does, and name it in the manifest."""
        self.loaded = _loaded(MANIFEST.replace("create:", PARENTS))
        kind = "Microsoft.Network/trafficManagerProfiles"
        path = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/{kind}"
        nested = {"targetResourceId": f"{path}/shop", "minChildEndpoints": 1, "endpointStatus": "Enabled"}
        properties = {
            "trafficRoutingMethod": "Performance",
            "dnsConfig": {"relativeName": "contoso-world", "ttl": 30},
            "monitorConfig": {"protocol": "HTTP", "port": 80, "path": "/healthz"},
            "endpoints": [
                {
                    "name": "west",
                    "type": f"{kind}/nestedEndpoints",
                    "properties": {**nested, "endpointLocation": "West Europe"},
                }
            ],
        }
        body = {"location": "global", "properties": properties}
        assert Arm(self.world).call("PUT", f"{path}/world", body, "2022-04-01").result.status < 300


def _loaded(manifest: str) -> Loaded:
    return from_snapshot(Snapshot(manifest, "rollout.yaml", (("group.yaml", TEMPLATE),)))


class _App(App):
    azure: Azure

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        return self.azure.hands()


@contextmanager
def azure(*roles: str, without: str = "") -> Iterator[Azure]:
    """An emulated Azure in which we hold these roles, less one action if it is named."""
    made = Azure(Guard(actions(*roles) - {without}))
    with emulated(made.world, ENDPOINT, wrap=made.guard):
        yield made
    made.clients.close()


def test_two_roles_suffice_for_releases_that_are_promoted_and_taken_back_and_none_of_their_actions_is_idle() -> None:
    with azure(*RELEASE) as here:
        assert here.release("v1") is Outcome.PROMOTED
        here.nest()
        assert here.release("v2") is Outcome.PROMOTED
        assert here.release("v3", unhealthy_after_seconds=8.0) is Outcome.ROLLED_BACK
    assert here.guard.used == actions(*RELEASE)
    assert here.guard.refused <= actions("azure-checks")


def test_the_third_role_is_what_doctor_reads_beside_them_and_no_more() -> None:
    with azure(*RELEASE, "azure-checks") as here:
        found = here.doctor()
    assert [finding.message for finding in found if not finding.ok and finding.fatal] == []
    assert here.guard.refused == set()
    assert here.guard.used - actions(*RELEASE) == actions("azure-checks")


def test_doctor_asks_for_just_what_the_two_roles_allow() -> None:
    assert {*account_checks.GROUPS, *account_checks.PROFILES} == actions(*RELEASE)


def test_doctor_without_the_third_role_warns_but_finds_nothing_that_stands_in_the_way() -> None:
    with azure(*RELEASE) as here:
        found = here.doctor()
    assert here.guard.refused == actions("azure-checks")
    assert [finding.message for finding in found if not finding.ok and finding.fatal] == []


@pytest.mark.parametrize("name", EVERY)
def test_a_role_names_every_action_in_full_and_is_for_one_subscription_or_group(name: str) -> None:
    told = role(name)
    assert not [action for action in told["Actions"] if "*" in action]
    assert told["NotActions"] == told["DataActions"] == told["NotDataActions"] == []
    assert told["IsCustom"] is True
    assert told["AssignableScopes"]
    for scope in told["AssignableScopes"]:
        assert scope == f"/subscriptions/{SUBSCRIPTION}" or RESOURCE_GROUP.fullmatch(scope), scope


@pytest.mark.parametrize(
    "forbidden",
    [
        "Microsoft.Authorization/*/write",
        "Microsoft.Authorization/*/delete",
        "Microsoft.Authorization/elevateAccess/action",
        "*/listKeys/action",
        "*/listSecrets/action",
        "*/listCredentials/action",
        "Microsoft.ContainerInstance/containerGroups/containers/exec/action",
        "Microsoft.ContainerInstance/containerGroups/containers/*",
        "Microsoft.ContainerRegistry/*",
        "Microsoft.KeyVault/*",
        "Microsoft.Network/virtualNetworks/*",
        "Microsoft.Network/trafficManagerProfiles/delete",
        "Microsoft.Resources/*/write",
        "Microsoft.Resources/*/delete",
    ],
)
def test_no_role_allows_what_would_be_worth_stealing_it_for(forbidden: str) -> None:
    granted = actions(*EVERY)
    assert [action for action in granted if fnmatchcase(action.lower(), forbidden.lower())] == []


def test_nothing_but_container_groups_can_be_deleted() -> None:
    assert {action for action in actions(*EVERY) if action.endswith("/delete")} == {
        "Microsoft.ContainerInstance/containerGroups/delete"
    }
