"""A cluster behind routes: what stood there before, and the truth about it, read from its objects alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.kinds import DEPLOYMENT, HTTP_ROUTE, SERVICE
from providers.emulator.kube.pod_run import Pod
from providers.kubernetes.marks import KEEP_UNTIL, MANAGED_BY, backend_name
from strategies.model import Slot
from tests.simulation import cluster_doors, cluster_world
from tests.simulation.cluster_world import NAMESPACE, Json, is_added, is_for_probes, mirrored
from tests.simulation.grounds import Ground, Hands, Running, Standing, View, Weights
from tests.simulation.judge_cluster import MADE, ClusterWrites, slot_names, without_ours
from tests.simulation.scene import InCluster, Rule

if TYPE_CHECKING:
    from tests.simulation.judge_acts import Acts
    from tests.simulation.lab import Lab
    from tests.simulation.processes import Process
    from tests.simulation.scene import Wanted


class ClusterGround(Ground):
    """One target in a cluster; its routing is a set of routes, and perhaps a name in front of their gateway."""

    by_call = True

    def __init__(self, lab: Lab, wanted: Wanted, target: str) -> None:
        super().__init__(lab, wanted, target)
        assert self.place.cluster is not None
        self.seen: InCluster = self.place.cluster
        self.routing = self.seen.routing
        self.names = tuple(road.name for road in self.seen.roads)
        self.cluster = lab.world.cluster("common" if self.names == ("common",) else f"{self.where[0]}-{target}")
        self.api = InProcessApi(self.cluster)
        self.adopted = f"{self.where[0]}-{target}-hand"
        self.stable_name = self._stable_name()
        self.gateway_host = cluster_world.host_of(self.names[0])
        self.entrance = f"{self.where[0]}_{target}"
        self.rule_prefix = f"rollout-{self.where[0]}-{target}-"
        self._slots = slot_names(self.where[0])
        self._stand()

    def _stable_name(self) -> str | None:
        if self.seen.stable_service == "none":
            return None
        if self.seen.stable_service == "old" and self.place.stable == "adopted" and self.seen.pods == 1:
            return self.adopted
        return f"{self.where[0]}-{self.name}-stable"

    def hands(self, rng: random.Random, process: Process | None = None) -> Hands:
        """The real adapters, over the emulated cluster's API."""
        return cluster_doors.hands(self, rng, process)

    @property
    def probed_path(self) -> str:
        """A path that one of our rules takes."""
        return next(rule.path for rule in self.seen.roads[0].rules if rule.ours)

    # What stood there before

    def _stand(self) -> None:
        lab, place = self.lab, self.place
        self.cluster.settings.propagation_seconds = lab.scenario.lag
        self.cluster.settings.status_seconds = 0.0 if lab.scenario.early else None
        if not self.seen.features:
            self.cluster.settings.supported_features = None
        if self.cluster.objects.peek(SERVICE, NAMESPACE, "other0") is None:
            self._neighbours()
        image = f"registry.example.com/{self.where[0]}@{lab.digests[self.where[0], 'v1']}"
        if place.stable == "adopted":
            self._apply(cluster_world.DEPLOYMENTS, cluster_world.deployment(self.adopted, image, self.seen.pods))
            self._apply(cluster_world.SERVICES, cluster_world.service(self.adopted))
        if self.stable_name and self.stable_name != self.adopted and self.seen.stable_service == "old":
            self._apply(cluster_world.SERVICES, cluster_world.service(self.stable_name, self.adopted))
        marked = ""
        if place.stable == "marked":
            (mark,) = self.marks_before()
            marked = backend_name(mark)
            self.hands(lab.rng)[0].ensure(marked, mark)
        self._routes(marked)
        if place.profile:
            cluster_doors.make_front(self)

    def _neighbours(self) -> None:
        """Gateways, and workloads that have nothing to do with us."""
        self.lab.world.register_image("other", "v1")
        cluster_doors.begin(self.cluster)
        self._apply(cluster_world.DEPLOYMENTS, cluster_world.deployment("other", cluster_world.FOREIGN_IMAGE))
        for number in range(2):
            self._apply(cluster_world.SERVICES, cluster_world.service(f"other{number}", "other"))
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other-settings"}, "data": {"A": "1"}}
        self._apply(cluster_world.MAPS, settings)

    def _routes(self, marked: str) -> None:
        """Make the routes, or add to the one that another service made before."""
        weight = self.wanted.service.target(self.name).weight or 1000
        for road in self.seen.roads:
            body = self.route(road.name) or cluster_world.route(road)
            body.pop("status", None)
            body["metadata"].pop("managedFields", None)
            body["metadata"].pop("resourceVersion", None)
            for rule in road.rules:
                before = cluster_world.backends_before(self.place, rule, self.adopted, marked, weight)
                _add(body["spec"]["rules"], rule, before if rule.ours else [])
            self._apply(cluster_world.ROUTES, body)

    def _apply(self, path: str, body: Json) -> None:
        cluster_world.apply(self.api, path, body)

    # The truth

    def route(self, name: str) -> Json | None:
        """A route as it stands."""
        return self.cluster.objects.get(HTTP_ROUTE, NAMESPACE, name)

    def _peeked(self) -> Iterator[Json]:
        found = (self.cluster.objects.peek(HTTP_ROUTE, NAMESPACE, name) for name in self.names)
        return (body for body in found if body is not None)

    def _rules(self) -> Iterator[Json]:
        return (rule for body in self._peeked() for rule in body["spec"].get("rules") or ())

    def standing(self, name: str) -> Standing | None:
        """A Deployment by its name."""
        found = self.cluster.objects.peek(DEPLOYMENT, NAMESPACE, name)
        return None if found is None else self._standing(found)

    def workloads(self) -> list[Standing]:
        """Everything that bears our mark: Deployments, and whatever else was left over by itself."""
        found = []
        for kind in MADE:
            for body in self.cluster.objects.each(kind, NAMESPACE):
                labels = body["metadata"].get("labels") or {}
                whose = labels.get("rollout/service"), labels.get("rollout/target")
                made = labels.get(MANAGED_BY) == "rollout" and whose == self.where
                if made and body["metadata"]["name"] != self.stable_name:
                    found.append(self._standing(body))
        return found

    def _standing(self, body: Json) -> Standing:
        metadata = body["metadata"]
        name = metadata.get("labels", {}).get("rollout/workload", metadata["name"])
        starts = [pod.containers[0].since for pod in self.pods(name)]
        since = min((start for start in starts if start is not None), default=None)
        status = body.get("status", {})
        up = bool(status.get("availableReplicas")) and status.get("observedGeneration") == metadata.get("generation")
        owned = metadata.get("labels", {}).get(MANAGED_BY) == "rollout"
        return Standing(
            name,
            name,
            "deletionTimestamp" in metadata,
            up,
            (since - self.lab.agenda.started).total_seconds() if since else None,
            metadata.get("annotations", {}).get("rollout/service") if owned else None,
            KEEP_UNTIL in metadata.get("annotations", {}),
        )

    def pods(self, deployment: str) -> list[Pod]:
        """The living pods of a Deployment."""
        return [pod for pod in self.cluster.kubelet.pods.values() if pod.deployment == deployment and not pod.deleting]

    def view(self) -> View | None:
        """The routes as they stand: backends with weight, and whom a request reaches past the weights."""
        bodies = list(self._peeked())
        return self._view(self._rules()) if len(bodies) == len(self.names) else None

    def carried(self) -> View:
        """What the gateways do by now."""
        programmed = self.cluster.gateways.snapshot()
        return self._view(r for p in programmed if p["name"] in self.names for r in p["spec"].get("rules") or ())

    def _view(self, rules: Iterable[Json]) -> View:
        hosts: set[str] = set()
        parts: list[Weights] = []
        for rule in rules:
            weights: Weights = {}
            for ref in rule.get("backendRefs") or ():
                weights[ref["name"]] = weights.get(ref["name"], 0) + ref.get("weight", 1)
            if not is_for_probes(rule):
                hosts |= {name for name, weight in weights.items() if weight > 0}
            hosts |= {name for name, _ in mirrored(rule)}
            if not is_added(rule):
                parts.append(weights)
        entered, ttl = cluster_doors.front(self)
        return View(frozenset(hosts), tuple(parts), ttl, entered, direct=True)

    def key(self, slot: Slot) -> str:
        """The backend's name: that of the slot, or of an adopted Service."""
        return slot.name or slot.endpoint

    def mentions(self, host: str) -> bool:
        """Whether any rule, mirror or detour leads to this backend, with weight or without."""
        for rule in self._rules():
            names = {ref["name"] for ref in rule.get("backendRefs") or ()} | {name for name, _ in mirrored(rule)}
            if host in names:
                return True
        return False

    def well(self, host: str) -> bool:
        """Whether a backend would answer now if its pods do not roll dice."""
        service = self.cluster.objects.peek(SERVICE, NAMESPACE, host)
        if service is None:
            return False
        pods = [pod for pod in self.cluster.services.selected(NAMESPACE, service) if pod.ready]
        now = self.lab.clock.now()
        return any(not _fails(pod, now) for pod in pods)

    def host(self, slot: Slot) -> str:
        """The backend's name."""
        return self.key(slot)

    def counted_as(self, slot: Slot) -> str:
        """The Deployment's name, which is that of its Service."""
        return self.key(slot)

    def foreign(self) -> Any:
        """What is not ours in routes and name; all else around us is compared at each single write."""
        profile = self.lab.profile(self.place.profile) if self.place.profile else None
        others = (self.lab.strangers(profile), profile.tags.get("team")) if profile else None
        found = list(self._peeked())
        for ground in self.lab.grounds.values():
            if isinstance(ground, ClusterGround) and ground.routing == self.routing:
                found = [without_ours(body, ground) for body in found]
        return found, others

    def is_our_backend(self, name: str) -> bool:
        """Whether a backend is this service's: a slot of it, or what was adopted for it."""
        return name in self.wanted.service.target(self.name).adopt or bool(self._slots.fullmatch(name))

    def listen(self, clusters: dict[str, ClusterWrites], judge: Acts) -> None:
        """One listener per cluster, whoever stands in it."""
        if self.cluster.name not in clusters:
            clusters[self.cluster.name] = writes = ClusterWrites(judge)
            self.cluster.objects.listeners.append(writes.hear)
            writes.ever_up |= {body["metadata"]["name"] for body in self.cluster.objects.each(DEPLOYMENT, NAMESPACE)}

    def stands(self, name: str) -> bool:
        """Whether there is a Service of this name."""
        return self.cluster.objects.peek(SERVICE, NAMESPACE, name) is not None

    def by_others(self) -> frozenset[str]:
        """Services behind which nothing is ours."""
        return frozenset({"other0", "other1", self.adopted})

    def marks(self) -> str:
        """The routes' marks."""
        found = {body["metadata"].get("annotations", {}).get("rollout/active", "") for body in self._peeked()}
        return ",".join(sorted(found - {""}))

    def running(self, only: Callable[[Standing], bool]) -> list[Running]:
        """The containers of all pods whose Deployment is meant."""
        found = [self._standing(body) for body in self.cluster.objects.each(DEPLOYMENT, NAMESPACE)]
        meant = {one.name for one in found if only(one)}
        pods = [pod for pod in self.cluster.kubelet.pods.values() if pod.deployment in meant]
        return [container for pod in pods for container in pod.containers]

    def unrestored(self) -> str:
        """The entrance's TTL and the stable Service's selector are as the end wants them."""
        return ""


def _add(rules: list[Json], rule: Rule, before: list[tuple[str, int | None]]) -> None:
    """Add a rule, or only our backends where a rule of that path stands already."""
    made = cluster_world.rule_of(rule, before)
    for old in rules:
        if old["matches"] == made["matches"]:
            old.setdefault("backendRefs", []).extend(made.get("backendRefs", []))
            return
    rules.append(made)


def _fails(pod: Pod, now: Any) -> bool:
    for one in pod.containers:
        if one.since is None:
            return True
        age = (now - one.since).total_seconds()
        if one.behaviour.error_rate and age >= one.behaviour.errors_after_seconds:
            return True
    return False
