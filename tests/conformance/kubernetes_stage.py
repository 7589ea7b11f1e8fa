"""The real engine and the real adapters over an emulated cluster, on a clock moved by hand, under clients' requests.

A live workload stands there first, made by hand: a Deployment, its Service, and a route that leads to it and to a
foreign backend. Everything that is checked at every moment is a witness.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from orchestrator.engine import Engine
from orchestrator.lease import Lease, this_process
from orchestrator.ports import TargetPorts
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from providers.emulator.behaviour import Behaviour
from providers.emulator.kube import kinds
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.world import World
from providers.kubernetes.probes import ApiProxyProbes
from providers.probes.settings import ProbeSettings
from strategies import names
from strategies.begin import begin
from strategies.detours import Match
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import Phase
from strategies.plan import DrainRule, Plan, ProbeRule, Quiet, Service, Step, Target, canary
from strategies.rebuild import survey
from strategies.seen import TargetSeen
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import CLUSTER, Door, furnished
from tests.conformance.kubernetes_objects import IMAGE, PORT
from tests.unit.orchestrator.forecast.stage import Clock

LIVE = "storefront"
INSIDE = "storefront-inside"
STEP_SECONDS = 0.25
REQUESTS = 5
MARGIN_SECONDS = 2.0
PROPAGATION_SECONDS = 8.0
LONGEST_SECONDS = 1200.0
CANARY = canary((Step(10, 4.0), Step(50, 4.0)))
TESTERS = Match((("x-tester", "yes"),))
UNHEALTHY: dict[str, Any] = {"error_rate": 1.0, "errors_after_seconds": 12.0}
"""How an image behaves that is bad and does not show it at first."""
Witness = Callable[["Stage"], None]


@dataclass
class Answered:
    """What clients were answered: by whom and how, with the time."""

    at: datetime
    version: str
    status: int


@dataclass
class Stage:
    """One cluster in which versions of the service are rolled out one after the other."""

    plan: Plan = CANARY
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the target."""
    routing: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the routes."""
    retain_seconds: float = 0.0
    witnesses: list[Witness] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock, self.store, self.rng = Clock(), MemoryStore(), random.Random(7)
        self.world = World(self.clock.manual, random.Random(1))
        self.cluster = self.world.cluster(CLUSTER)
        self.cluster.settings.propagation_seconds = PROPAGATION_SECONDS / 2
        api = InProcessApi(self.cluster)
        self.door = furnished(Door("stage", api, "shop", "", self._pass, 400, world=self.world))
        self.number = 0
        self.lease: Lease | None = None
        self._live()

    def _live(self) -> None:
        """What stood there before us, made by hand."""
        live = objects.deployment(replicas=2)
        digest = self.door.image("v1", start_seconds=1.0)
        live["spec"]["template"]["spec"]["containers"][0]["image"] = f"{IMAGE}@{digest}"
        selected = {"app": "storefront", "track": "live"}
        live["spec"]["selector"]["matchLabels"] = live["spec"]["template"]["metadata"]["labels"] = selected
        self.door.make(kinds.DEPLOYMENT, LIVE, spec=live["spec"])
        self.door.make(kinds.SERVICE, LIVE, spec=objects.service(selected))
        self.door.make(kinds.SERVICE, "legacy", spec=objects.service({"app": "legacy"}))
        added = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-shop", "value": "1"}]}}
        rule = {
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "filters": [added],
            "backendRefs": [objects.backend(LIVE, 1000), objects.backend("legacy", 0)],
        }
        labels = {"metadata": {"labels": {"team": "shop"}, "annotations": {"reviewed-by": "ana"}}}
        self.door.make(kinds.HTTP_ROUTE, LIVE, spec=objects.route(rule), **labels)
        self.door.until(lambda: self.ready(LIVE) == 2 and self.traffic.look().taken, "the live workload serves")
        self.before = self.door.get(kinds.HTTP_ROUTE, LIVE)

    # The engine

    @property
    def workloads(self) -> Any:
        """The port of Deployments."""
        return self.door.workloads(adopt=(LIVE,), stable_service=INSIDE)

    @property
    def traffic(self) -> Any:
        """The port of the route."""
        inside = {"stable_service": INSIDE, "service_ports": tuple(objects.service({})["ports"])}
        settings = {"weight": 1000, "matches": True, "mirrors": True, "adopt": (LIVE,), **inside, **self.routing}
        return self.door.traffic(LIVE, **settings)

    @property
    def probes(self) -> ApiProxyProbes:
        """Our own probes, through the API server's proxy."""
        settings = ProbeSettings(port=PORT, path="/healthz")
        return ApiProxyProbes(settings, namespace="shop", api=self.door.recorder, together=False)

    def service(self) -> Service:
        """What the manifest asks for."""
        drain = DrainRule(PROPAGATION_SECONDS, MARGIN_SECONDS, quiet=Quiet.NONE)
        told = {"weight": 1000, "most": 1_000_000, "adopt": (LIVE,), "drain": drain, "probe": ProbeRule(1.0, 2, 2)}
        target = Target("west", self.plan, **{**told, **self.more})
        return Service("shop", IMAGE, (target,), retain_seconds=self.retain_seconds)

    def image(self, tag: str, **behaviour: Any) -> str:
        """An image, by its digest."""
        told = Behaviour(tag, **{"start_seconds": 1.0, **behaviour})
        return self.world.register_image("shop/storefront", tag, told).digest

    def start(self, tag: str, **behaviour: Any) -> Rollout:
        """Submit the rollout of a version."""
        look = TargetSeen("west", groups=self.workloads.discover(), traffic=self.traffic.look())
        found = survey(self.service(), [look], self.clock.now())
        self.number += 1
        revision = names.revision(self.image(tag, **behaviour), "7" * 64, image=IMAGE, tag=tag)
        rollout = begin(f"r{self.number}", self.service(), revision, found, self.clock.now())
        stored = self.store.submit(rollout, Snapshot("", "x.yaml"))
        self.restart()
        return stored

    def restart(self) -> None:
        """A new process, which remembers nothing."""
        ports = {"west": TargetPorts(self.workloads, self.traffic, self.probes)}
        self.engine = Engine(self.store, self.clock, lambda _id: ports)
        if self.lease is not None:
            self.lease.release()
        self.lease = Lease(self.store, "shop", self.clock, this_process())

    def run(self, rollout: Rollout, until: Callable[[Rollout], bool] = lambda rollout: False) -> Rollout:
        """Drive a rollout to its end, or until it is so; clients go on all the time."""
        ends = self.clock.monotonic() + LONGEST_SECONDS
        while rollout.outcome is Outcome.RUNNING and not until(rollout):
            assert self.clock.monotonic() < ends, f"{rollout.targets[0].phase}: {rollout.targets[0]}"
            assert self.lease is not None and self.lease.acquire()
            rollout = self.engine.tick(rollout.id, self.lease.fence, lambda: True)
            due = self.engine.wake(rollout)
            while due is not None and self.clock.now() < due:
                self._pass()
        return rollout

    def say(self, rollout: Rollout, kind: CommandKind, argument: str = "") -> None:
        """Give a command."""
        self.store.command(rollout.id, kind, "ana", at=self.clock.now(), argument=argument)

    def release(self, tag: str, **behaviour: Any) -> Rollout:
        """Roll a version out to its end, and let what was left die."""
        rollout = self.run(self.start(tag, **behaviour))
        self.rest()
        return rollout

    def rest(self, seconds: float = 10.0) -> None:
        """Let time pass under load."""
        for _ in range(int(seconds / STEP_SECONDS)):
            self._pass()

    def _pass(self) -> None:
        self.clock.sleep(STEP_SECONDS)
        self.world.tick()
        if not hasattr(self, "before"):
            return
        for _ in range(REQUESTS):
            self.answers.append(self.ask())
        for witness in self.witnesses:
            witness(self)

    # The truth

    def ask(self, headers: Mapping[str, str] | None = None) -> Answered:
        """Send one request to the gateway as a client does."""
        answer = self.cluster.request("shop.example.test", "/shop", headers, self.rng)
        return Answered(self.clock.now(), answer.headers.get("X-Version", ""), answer.status)

    def failed(self) -> list[Answered]:
        """Requests that were not answered well."""
        return [answer for answer in self.answers if answer.status != 200]

    def ready(self, service: str) -> int:
        """How many ready pods a Service leads to that nobody is deleting."""
        selector = (self.door.get(kinds.SERVICE, service) or {"spec": {}})["spec"].get("selector")
        if not selector:
            return 0
        wanted = ",".join(f"{key}={value}" for key, value in selector.items())
        pods = self.door.all(kinds.POD, wanted)
        return sum(1 for pod in pods if "deletionTimestamp" not in pod["metadata"] and _is_ready(pod))

    def weights(self) -> dict[str, int]:
        """The route's weights by backend."""
        (rule, *_) = self.door.get(kinds.HTTP_ROUTE, LIVE)["spec"]["rules"]
        return {each["name"]: each["weight"] for each in rule["backendRefs"]}

    def deployments(self) -> dict[str, Any]:
        """All Deployments by name."""
        return {each["metadata"]["name"]: each for each in self.door.all(kinds.DEPLOYMENT)}


def _is_ready(pod: Any) -> bool:
    told = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in told)


def candidate(rollout: Rollout) -> str:
    """The candidate's name."""
    return rollout.targets[0].candidate[0].name


def at_share(share: float) -> Any:
    """Whether a share is in force, as somebody waits for it."""
    return lambda rollout: rollout.targets[0].share >= share and rollout.targets[0].phase is Phase.HOLDING
