"""The doors through which the Kubernetes ports are tested: one cluster each, and what stands in it.

`in process` puts the real adapters over an emulated API server without sockets and a virtual clock, `loopback` puts
them over the real client, real sockets and the real clock, and `real` (with ROLLOUT_TEST_KUBECONFIG) over whatever API
server that names: see `kubernetes_real`. What a door cannot do is skipped, and the reason says what is missing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import pytest

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.faults import Fault
from providers.emulator.kube import kinds
from providers.emulator.kube.cluster import CLASS
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.kinds import Kind
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.world import World
from providers.errors import Missing
from providers.kubernetes.api import JSON, JSON_PATCH, MERGE_PATCH, Api
from providers.kubernetes.client import ClusterApi
from providers.kubernetes.marks import backend_name
from providers.kubernetes.settings import Deployments, Route, Routes
from providers.ports import Traffic, Workloads
from providers.retry import Retry
from strategies.model import Member
from strategies.names import endpoint_name
from strategies.seen import GroupSeen, GroupState, Mark
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_objects import GATEWAY, IMAGE

CLUSTER = "west"
START_SECONDS = 0.1
CALM = 3
"""So many looks in a row, with time between them, that all show the same."""
WHY_NOT = {
    "pods": "no kubelet runs here, so a pod does only what this suite writes",
    "images": "no image here behaves as this test needs it",
    "garbage": "no controller manager runs here, so nothing is collected",
    "faults": "a real server does not fail on demand",
}
EMULATED = frozenset(WHY_NOT)


def mark(slot: int = 0, *, letter: str = "a", number: int = 1, target: str = "west", digest: str = "") -> Mark:
    """The mark of one slot of the service `shop`."""
    return Mark("shop", target, letter * 64, number, slot, f"r-{number}", digest, "7" * 64, IMAGE, "1.0")


def member(which: Mark, weight: int) -> Member:
    """One of our backends with a weight."""
    return Member(endpoint_name(which), backend_name(which), weight)


class Recorder:
    """An API server that remembers the writes that it took; questions asked by POST and dry runs are none."""

    def __init__(self, api: Api) -> None:
        self.api, self.writes = api, list[str]()

    def act(self) -> AbstractContextManager[None]:
        return self.api.act()

    def now(self) -> datetime:
        return self.api.now()

    def read(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self.api.read(doing, path, query)

    def write(
        self,
        doing: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = JSON,
        query: Mapping[str, str] | None = None,
    ) -> Any:
        answer = self.api.write(doing, method, path, body, content_type=content_type, query=query)
        if not path.endswith("accessreviews") and "dryRun" not in (query or {}):
            self.writes.append(f"{method} {'/'.join(path.split('/')[-2:])}")
        return answer

    def status(
        self, path: str, headers: Mapping[str, str], timeout_seconds: float, query: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        return self.api.status(path, headers, timeout_seconds, query)


@dataclass
class Door:
    """A cluster with a namespace of its own, the ports into it, and a look behind them.

    `step` lets a little time pass, and what this suite plays of a cluster's parts play; `tries` is how often at most.
    `able` names what a cluster does by itself. `run` calls a function where the emulated world lives.
    """

    name: str
    api: Api
    namespace: str
    digest: str
    step: Callable[[], None]
    tries: int
    able: frozenset[str] = EMULATED
    world: World | None = None
    run: Callable[..., Any] = field(default=lambda function, *args: function(*args))
    recorder: Recorder = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.api)

    def needs(self, *abilities: str) -> None:
        """Skip the test when this door cannot do one of these."""
        for ability in abilities:
            if ability not in self.able:
                pytest.skip(f"{self.name}: {WHY_NOT[ability]}")

    def mark(self, slot: int = 0, **more: Any) -> Mark:
        """The mark of a slot that runs the image of this world."""
        return mark(slot, **{"digest": self.digest, **more})

    def workloads(self, *template: Any, target: str = "west", **more: Any) -> Workloads:
        """The Deployments of one target of the service `shop`."""
        from providers.kubernetes.deployments import DeploymentWorkloads

        settings = Deployments(CLUSTER, self.namespace, template or (objects.deployment(),), **more)
        return DeploymentWorkloads(settings, service="shop", target=target, image=IMAGE, api=self.recorder)

    def traffic(self, *routes: str, kind: str = "HTTPRoute", **more: Any) -> Traffic:
        """The target's part of the named routes (default: `storefront`)."""
        from providers.kubernetes.gateway_routes import GatewayRoutes

        which = tuple(Route(kind, self.namespace, name) for name in routes or ("storefront",))  # type: ignore[arg-type]
        settings = Routes(CLUSTER, self.namespace, which, 8080, **more)
        return GatewayRoutes(settings, service="shop", target="west", api=self.recorder)

    # Behind the ports' back

    def get(self, kind: Kind, name: str) -> Any:
        """An object, or None."""
        try:
            return self.api.read(f"reading {name}", kind.path(self.namespace, name))
        except Missing:
            return None

    def all(self, kind: Kind, selector: str = "") -> list[Any]:
        """All objects of a kind that a label selector selects."""
        query = {"labelSelector": selector} if selector else None
        found: list[Any] = self.api.read("listing", kind.path(self.namespace), query)["items"]
        return found

    def make(self, kind: Kind, name: str, **fields: Any) -> Any:
        """Create an object; `metadata` is merged into what every object has."""
        body = kind.new(self.namespace, name)
        body["metadata"] |= fields.pop("metadata", {})
        return self.api.write(f"making {name}", "POST", kind.path(self.namespace), {**body, **fields})

    def put(self, made: Any) -> Any:
        """Replace an object as somebody's tool does."""
        kind = kinds.named(made["kind"], made["apiVersion"])
        assert kind is not None
        path = kind.path(self.namespace, made["metadata"]["name"])
        return self.api.write("replacing", "PUT", path, made, query={"fieldManager": "somebody"})

    def merge(self, kind: Kind, name: str, **body: Any) -> Any:
        """Merge-patch an object."""
        return self.api.write("merging", "PATCH", kind.path(self.namespace, name), body, content_type=MERGE_PATCH)

    def patch(self, kind: Kind, name: str, *operations: Any) -> Any:
        """JSON-patch an object."""
        path = kind.path(self.namespace, name)
        return self.api.write("patching", "PATCH", path, list(operations), content_type=JSON_PATCH)

    def delete(self, kind: Kind, name: str, **options: Any) -> Any:
        """Delete an object."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options} if options else None
        return self.api.write("deleting", "DELETE", kind.path(self.namespace, name), body)

    def fault(self, **body: Any) -> None:
        """Let calls fail."""
        self.needs("faults")
        assert self.world is not None
        self.run(self.world.faults.add, Fault.from_json(body))

    def image(self, tag: str, **behaviour: Any) -> str:
        """An image that behaves so, by its digest."""
        self.needs("images")
        assert self.world is not None
        world, told = self.world, Behaviour(version=tag, **behaviour)
        digest: str = self.run(lambda: world.register_image("shop/storefront", tag, told).digest)
        return digest

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Let time pass until it is so."""
        for _ in range(self.tries):
            if condition():
                return
            self.step()
        pytest.fail(f"{self.name}: it never came to this: {what}")

    def still(self, kind: Kind, name: str) -> Any:
        """Wait until nobody writes an object any more, its controllers included; the object."""
        found, calm = self.get(kind, name), 0
        for _ in range(self.tries):
            self.step()
            before, found = found, self.get(kind, name)
            calm = calm + 1 if before == found else 0
            if calm == CALM:
                return found
        return pytest.fail(f"{self.name}: {name} is written again and again")

    def seen(self, name: str, port: Workloads | None = None) -> GroupSeen:
        """One look at one workload."""
        (found,) = (port or self.workloads()).look([name])
        return found

    def running(self, port: Workloads | None = None, which: Mark | None = None) -> str:
        """Make a workload and wait until it is up; its name."""
        port, which = port or self.workloads(), which or self.mark()
        name = backend_name(which)
        port.ensure(name, which)
        self.until(lambda: self.seen(name, port).state is GroupState.RUNNING, f"{name} runs")
        return name

    def writes(self, since: int = 0) -> list[str]:
        """The writes of the adapters that were taken after the first `since` ones, as `METHOD plural/name`."""
        return self.recorder.writes[since:]


def services(door: Door, *names: str) -> None:
    """Make Services that routes may name."""
    for name in names:
        door.make(kinds.SERVICE, name, spec=objects.service({"app": name}))


def furnished(door: Door) -> Door:
    """Make what every test finds: a namespace to stand in, and a Gateway."""
    body = kinds.NAMESPACE.new(None, door.namespace)
    door.api.write("making the namespace", "POST", kinds.NAMESPACE.path(), body)
    door.make(kinds.GATEWAY, GATEWAY, spec=objects.gateway(CLASS))
    return door


def _image(world: World) -> str:
    behaviour = Behaviour(version="v1", start_seconds=START_SECONDS)
    return world.register_image("shop/storefront", "1.0", behaviour).digest


@contextmanager
def in_process() -> Iterator[Door]:
    clock = ManualClock()
    world = World(clock, random.Random(1))
    api = InProcessApi(world.cluster(CLUSTER))
    yield furnished(Door("in process", api, "shop", _image(world), lambda: clock.advance(0.25), 200, world=world))


@contextmanager
def loopback() -> Iterator[Door]:
    with LoopbackEmulator() as emulator, TemporaryDirectory() as folder:
        digest = emulator.call(_image, emulator.world)
        emulator.call(emulator.world.cluster, CLUSTER)
        kubeconfig = Path(folder, "config")
        kubeconfig.write_bytes(urlopen(f"{emulator.url}/_emulator/kubeconfig").read())
        api = ClusterApi(CLUSTER, retry=Retry(attempts=1), kubeconfig=kubeconfig, now=emulator.world.clock.now)
        try:
            wait = partial(time.sleep, 0.05)
            yield furnished(Door("loopback", api, "shop", digest, wait, 200, EMULATED, emulator.world, emulator.call))
        finally:
            api.close()
