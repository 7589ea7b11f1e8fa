"""A route before which a port of routes stands, and what of it is foreign."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from providers.emulator.kube import kinds
from providers.emulator.kube.kinds import Kind
from providers.errors import Conflict
from providers.kubernetes.marks import backend_name
from providers.ports import Traffic
from strategies.detours import Detour, Match, Mirror, for_probes
from strategies.model import TrafficIntent
from strategies.names import endpoint_name
from strategies.traffic import shows
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_doors import Door, mark, member, services

OLD, NEW = mark(letter="b"), mark(letter="c", number=2)
HOLDER = "shop.west"
TRIES = 5
SPLIT = TrafficIntent((member(OLD, 990), member(NEW, 10)), active="r-2", own=("r-2",))
SWITCHED = replace(SPLIT, members=(member(OLD, 0), member(NEW, 1000)))
LEFT = TrafficIntent((member(NEW, 1000),), absent=(endpoint_name(OLD),))
BACK = TrafficIntent((member(OLD, 1000),), absent=(endpoint_name(NEW),))
LED = (
    Detour(Match((("x-tester", "yes"),), (("group", "b"),)), endpoint_name(NEW), backend_name(NEW)),
    for_probes(endpoint_name(NEW), backend_name(NEW)),
)
MIRRORED = (Mirror(endpoint_name(NEW), backend_name(NEW), 12.5),)
OURS = {backend_name(OLD), backend_name(NEW)}


class Live:
    """A cluster with one route of a kind, before which stands a port."""

    def __init__(self, cluster: Door, kind: Kind) -> None:
        self.cluster, self.kind = cluster, kind

    def port(self, *routes: str, **more: Any) -> Traffic:
        """The port of these routes."""
        settings = {"weight": 1000, "matches": True, "mirrors": True, "probes": True, **more}
        return self.cluster.traffic(*routes, kind=self.kind.kind, **settings)

    def matching(self, word: str) -> dict[str, Any]:
        """A match of requests that have something to do with a word."""
        grpc = self.kind is kinds.GRPC_ROUTE
        return {"method": {"service": word}} if grpc else {"path": {"type": "PathPrefix", "value": f"/{word}"}}

    def make(self, *rules: Any, name: str = "storefront", **more: Any) -> Any:
        """Make a route as somebody's tool does."""
        metadata = {"labels": {"team": "shop"}, "annotations": {"reviewed-by": "ana"}}
        return self.cluster.make(self.kind, name, metadata=metadata, spec=objects.route(*rules, **more))

    def route(self, name: str = "storefront") -> Any:
        """The route as it stands."""
        found = self.cluster.get(self.kind, name)
        assert found is not None
        return found

    def spec(self, name: str = "storefront") -> Any:
        """What the route says."""
        return self.route(name)["spec"]

    def shift(self, intent: TrafficIntent, port: Traffic | None = None) -> list[str]:
        """Shift from what a look shows, and return the writes that it took.

        A controller's write of the status may come between: then it is looked and decided anew, as the engine does.
        """
        port, before = port or self.port(), len(self.cluster.writes())
        for left in reversed(range(TRIES)):
            try:
                port.shift(intent, port.look())
                break
            except Conflict:
                if not left:
                    raise
                self.cluster.step()
        return self.cluster.writes(before)

    def shown(self, intent: TrafficIntent, port: Traffic | None = None) -> bool:
        """Whether a look shows just this."""
        return shows((port or self.port()).look(), intent, HOLDER)

    def weights(self, rule: int = 0, name: str = "storefront") -> dict[str, int]:
        """The weights of a rule by backend."""
        return {each["name"]: each["weight"] for each in self.spec(name)["rules"][rule]["backendRefs"]}

    def set(self, path: str, value: Any, name: str = "storefront") -> None:
        """Change something by hand."""
        self.cluster.patch(self.kind, name, {"op": "replace", "path": path, "value": value})


def foreign(route: Any) -> Any:
    """What is not ours of a route."""
    found = copy.deepcopy(route)
    spec, metadata = found["spec"], found["metadata"]
    spec["rules"] = [rule for rule in spec["rules"] if not rule.get("name", "").startswith("rollout-")]
    for rule in spec["rules"]:
        rule["backendRefs"] = [each for each in rule.get("backendRefs", ()) if each["name"] not in OURS]
        rule["filters"] = [each for each in rule.get("filters", ()) if each.get("type") != "RequestMirror"]
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if "rollout" not in key}
    return spec, metadata["labels"], annotations


def bare(cluster: Door, kind: Kind) -> Live:
    """A cluster without a route, and some Services."""
    services(cluster, *sorted(OURS), "legacy", "admin")
    return Live(cluster, kind)


def furnished(bare: Live) -> Live:
    """A route whose first and last rule lead to an old side of ours, beside what is foreign."""
    added = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"add": [{"name": "x-shop", "value": "1"}]}}
    of_backend = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-old", "value": "1"}]}}
    foreign = {**objects.backend("legacy", 7), "filters": [of_backend]}
    timeouts = {} if bare.kind is kinds.GRPC_ROUTE else {"timeouts": {"request": "10s"}}
    old = objects.backend(backend_name(OLD), 1000)
    bare.make(
        {"matches": [bare.matching("shop")], "filters": [added], "backendRefs": [foreign, old], **timeouts},
        {"name": "admin", "matches": [bare.matching("admin")], "backendRefs": [objects.backend("admin")]},
        {"matches": [bare.matching("cart"), bare.matching("till")], "backendRefs": [old]},
    )
    bare.cluster.still(bare.kind, "storefront")
    return bare
