"""What goes wrong around a cluster: neighbours at the same route, slow gateways, sick nodes, hands at our objects."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.simulation import cluster_world
from tests.simulation.cluster_ground import ClusterGround
from tests.simulation.cluster_world import DEPLOYMENTS, NAMESPACE, ROUTES, SERVICES, Json, is_added
from tests.simulation.doors import PROFILES

if TYPE_CHECKING:
    from tests.simulation.lab import Lab
    from tests.simulation.run import Simulation

_VERBS = (
    ("patch", "httproutes"),
    ("patch", "deployments"),
    ("delete", "deployments"),
    ("patch", "services"),
    ("get", "pods"),
    ("get", "httproutes"),
    ("get", "deployments"),
)


class ClusterAccidents:
    """Each kind is a method that takes its size from 0 to 1."""

    world: Simulation
    lab: Lab
    rng: random.Random

    def _end(self, seconds: float, heal: Callable[[], None]) -> None:
        raise NotImplementedError

    def _some_cluster(self) -> ClusterGround:
        found = [ground for ground in self.lab.grounds.values() if isinstance(ground, ClusterGround)]
        return self.rng.choice(found)

    def _noted(self, ground: ClusterGround) -> None:
        """Whatever somebody else has just done to a routing is how it is from now on."""
        self.lab.foreign[ground.routing] = ground.foreign()
        self.world.judge.exposure.note(ground)

    def _touched(self, ground: ClusterGround) -> None:
        for other in self.lab.grounds.values():
            if other.routing == ground.routing:
                self.lab.facts.touched.add(other.routing)

    def kube_neighbour(self, size: float) -> None:
        """Whoever owns the route's other fields writes them again and again."""
        ground, left = self._some_cluster(), 2 + int(4 * size)

        def again() -> None:
            nonlocal left
            neighbour(self.world, ground, self.rng)
            left -= 1
            if left and not self.world.healed and not self.world.over:
                self.lab.agenda.after(self.rng.uniform(0.5, 6.0), again)

        again()

    def kube_lag(self, size: float) -> None:
        """The gateways take long to do what a route says, and do not say that it is done before it is."""
        settings = self._some_cluster().cluster.settings
        before = settings.propagation_seconds, settings.status_seconds
        settings.propagation_seconds, settings.status_seconds = 4 + 25 * size, None

        def heal() -> None:
            settings.propagation_seconds, settings.status_seconds = before

        self._end(20 + 60 * size, heal)

    def kube_unresolved(self, size: float) -> None:
        """A neighbour names a backend that does not exist, and ResolvedRefs is False until that is mended."""
        ground = self._some_cluster()
        name = self.rng.choice(ground.names)

        def with_ref(rules: list[Json]) -> None:
            hosts = [rule for rule in rules if rule.get("backendRefs") and not is_added(rule)]
            if hosts:
                hosts[0]["backendRefs"].append({"name": "nowhere", "port": 80, "weight": 0})

        def without_ref(rules: list[Json]) -> None:
            for rule in rules:
                refs = rule.get("backendRefs")
                if refs and not is_added(rule):
                    rule["backendRefs"] = [ref for ref in refs if ref["name"] != "nowhere"]

        self._rules(ground, name, with_ref)
        self._end(10 + 40 * size, lambda: self._rules(ground, name, without_ref))

    def _rules(self, ground: ClusterGround, name: str, change: Callable[[list[Json]], None]) -> None:
        edit(ground, name, lambda body: change(body["spec"].get("rules") or []))
        self._noted(ground)

    def kube_evict(self, size: float) -> None:
        """A node is drained: pods go and come again elsewhere."""
        ground = self._some_cluster()
        pods = list(ground.cluster.kubelet.pods.values())
        chosen = pods if size > 0.6 else pods[:1]
        self.lab.facts.by_hand |= {pod.deployment for pod in chosen}
        for pod in chosen:
            person(ground, "DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod.name}")

    def kube_pull(self, size: float) -> None:
        """The registry does not know a new image for a while."""
        images, hidden = self.lab.world.images, {}
        for (_, tag), digest in self.lab.digests.items():
            if tag != "v1" and digest in images._by_digest:
                hidden[digest] = images._by_digest.pop(digest)
        self._end(10 + 60 * size, lambda: images._by_digest.update(hidden))

    def kube_unschedulable(self, size: float) -> None:
        """No node has room for new pods; a Deployment's deadline may pass over it."""
        settings = self._some_cluster().cluster.settings
        settings.schedulable = False
        self._end(5 + 60 * size, lambda: setattr(settings, "schedulable", True))

    def kube_forbidden(self, size: float) -> None:
        """One verb on one kind is refused."""
        self.world.forbidden = self.rng.choice(_VERBS)
        self._end(5 + 60 * size, lambda: setattr(self.world, "forbidden", None))

    def kube_route_gone(self, size: float) -> None:
        """Somebody deletes a route, and makes it again as it was."""
        ground = self._some_cluster()
        name = self.rng.choice(ground.names)
        body = ground.route(name)
        if body is None:
            return
        self._touched(ground)
        # Whoever makes it again as it was takes the blame for what went meanwhile.
        self.lab.facts.by_hand |= {ref["name"] for rule in body["spec"]["rules"] for ref in rule.get("backendRefs", ())}
        person(ground, "DELETE", f"{ROUTES}/{name}")
        self._noted(ground)
        metadata = {key: body["metadata"][key] for key in ("name", "annotations", "labels") if key in body["metadata"]}
        again = {key: body[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": metadata}

        def heal() -> None:
            # As it was, but for what is no more: a backend that does not stand would hold up all who share the route.
            for rule in again["spec"]["rules"]:
                standing = [ref for ref in rule.pop("backendRefs", ()) if ground.stands(ref["name"])]
                if standing:
                    rule["backendRefs"] = standing
            person(ground, "POST", ROUTES, again)
            self._noted(ground)

        self._end(5 + 50 * size, heal)

    def kube_weights(self, size: float) -> None:
        """Somebody changes the weight of one of our backends by hand, or switches it off."""
        ground = self._some_cluster()

        def change(rules: list[Json]) -> None:
            refs = [ref for rule in rules if not is_added(rule) for ref in rule.get("backendRefs") or ()]
            mine = [ref for ref in refs if ground.is_our_backend(ref["name"]) and ref.get("weight", 1)]
            if len(mine) > 1 or (mine and size < 0.7):
                self._touched(ground)
                chosen = self.rng.choice(mine)
                chosen["weight"] = 0 if size >= 0.7 else 1 + int(size * 300)

        self._rules(ground, self.rng.choice(ground.names), change)

    def kube_entrance(self, size: float) -> None:
        """Somebody closes the entrance by hand."""
        del size
        ground = self._some_cluster()
        profile = self.lab.profile(ground.place.profile) if ground.place.profile else None
        if profile is None or self.lab.endpoint(profile.name, ground.entrance) is None:
            return
        self._touched(ground)
        self.lab.facts.touched.add(profile.name)
        path = f"{PROFILES}/{profile.name}/ExternalEndpoints/{ground.entrance}"
        self.world.by_hand("PATCH", path, {"properties": {"endpointStatus": "Disabled"}})
        self.world.judge.exposure.note(ground)

    def kube_deletes_rule(self, size: float) -> None:
        """Somebody deletes a rule or a mirror of ours that he does not know."""
        del size
        ground = self._some_cluster()

        def change(rules: list[Json]) -> None:
            mine = [rule for rule in rules if is_added(rule)]
            if mine:
                self._touched(ground)
                rules.remove(self.rng.choice(mine))

        self._rules(ground, self.rng.choice(ground.names), change)

    def kube_deletes_deployment(self, size: float) -> None:
        """Somebody deletes a Deployment of ours by hand."""
        self._deletes(size, DEPLOYMENTS)

    def kube_deletes_service(self, size: float) -> None:
        """Somebody deletes a Service of ours by hand, and leaves its Deployment."""
        self._deletes(size, SERVICES)

    def _deletes(self, size: float, path: str) -> None:
        del size
        ground = self._some_cluster()
        names = [standing.name for standing in ground.workloads() if standing.name in self.world.judge.made]
        if names:
            name = self.rng.choice(names)
            self.lab.facts.by_hand.add(name)
            self._touched(ground)
            person(ground, "DELETE", f"{path}/{name}")

    def kube_slow_deletion(self, size: float) -> None:
        """Pods take long to end, and so do Deployments that wait for them."""
        settings = self._some_cluster().cluster.settings
        before = settings.termination_seconds
        settings.termination_seconds = 5 + 25 * size
        self._end(100.0, lambda: setattr(settings, "termination_seconds", before))


_KINDS = ("label", "timeout", "filter", "rule", "annotation")
WORST = ("rule", "rule", "timeout")
"""What hurts most between our read and our write: a new rule may move ours."""


def neighbour(world: Simulation, ground: ClusterGround, rng: random.Random, kinds: tuple[str, ...] = _KINDS) -> None:
    """Let somebody who owns other fields of a route write them."""
    what = rng.choice(kinds)

    def change(body: Json) -> None:
        own = [rule for rule in body["spec"].get("rules") or () if not is_added(rule)]
        if what == "label":
            body["metadata"].setdefault("labels", {})["build"] = str(rng.randrange(1000))
        elif what == "annotation":
            body["metadata"].setdefault("annotations", {})["gitops/synced"] = str(rng.randrange(1000))
        elif what == "timeout" and own:
            rng.choice(own)["timeouts"] = {"request": f"{rng.randrange(11, 60)}s"}
        elif what == "filter" and own:
            added = {"add": [{"name": "x-build", "value": str(rng.randrange(1000))}]}
            chosen = rng.choice(own)
            rest = [item for item in chosen.get("filters") or () if item["type"] != "ResponseHeaderModifier"]
            chosen["filters"] = [*rest, {"type": "ResponseHeaderModifier", "responseHeaderModifier": added}]
        elif what == "rule" and len(body["spec"].get("rules") or ()) < 8:
            path = {"type": "PathPrefix", "value": f"/new{rng.randrange(1000)}"}
            rule = {"matches": [{"path": path}], "backendRefs": [{"name": "other0", "port": cluster_world.PORT}]}
            rules = body["spec"].setdefault("rules", [])
            rules.insert(0 if kinds is WORST else rng.randrange(len(rules) + 1), rule)

    edit(ground, rng.choice(ground.names), change)
    world.lab.foreign[ground.routing] = ground.foreign()


def edit(ground: ClusterGround, name: str, change: Callable[[Json], None]) -> None:
    """Change one route as a person does: read it, write it whole."""
    body = ground.route(name)
    if body is None:
        return
    before = ground.route(name)
    change(body)
    if body != before:
        body.pop("status", None)
        person(ground, "PUT", f"{ROUTES}/{name}", body)


def person(ground: ClusterGround, method: str, path: str, body: Any = None) -> None:
    """One call of a person, whatever comes of it."""
    query = {"fieldManager": cluster_world.NEIGHBOUR} if method in ("PUT", "POST", "PATCH") else {}
    ground.cluster.api.call(method, path, query, body)
