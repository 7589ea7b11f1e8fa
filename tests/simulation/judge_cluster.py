"""S1, S2, S4 and S8 at each single write to a cluster: two states of every object that it changed, and nothing else.

What is ours in a route is told here from names alone, apart from the code under test: everything that is left of a
route without it must be the same before and after.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from providers.emulator.kube.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    KINDS,
    SERVICE,
)
from providers.emulator.kube.objects import Change
from tests.simulation.cluster_world import Json

if TYPE_CHECKING:
    from tests.simulation.cluster_ground import ClusterGround
    from tests.simulation.judge_acts import Acts

MADE = (DEPLOYMENT, SERVICE, CONFIG_MAP, AUTOSCALER, DISRUPTION_BUDGET)
"""The kinds of objects that a slot consists of."""
_BY_CONTROLLERS = {"Pod", "ReplicaSet", "Event", "EndpointSlice", "Lease", "Node"}
_JUDGED = frozenset(kind for kind in KINDS if kind.kind not in _BY_CONTROLLERS)
_OURS = ("rollout/active", "rollout/rolled-back", "rollout/endpoints")


@dataclass(slots=True)
class Writing:
    """One act under way: how often each object was written, and how the routing stood before."""

    where: tuple[str, str]
    served: frozenset[str] = frozenset()
    well: bool = True
    ttl: int = 0
    writes: dict[str, int] = field(default_factory=dict)


class ClusterWrites:
    """Listens to one cluster while one of our processes writes to it."""

    def __init__(self, judge: Acts) -> None:
        self.judge = judge
        self._ground: ClusterGround | None = None
        self._changes: list[Change] = []
        self.ever_up: set[str] = set()
        """Deployments of which a pod has been ready once."""

    def hear(self, change: Change) -> None:
        """Keep what changes while we write; controllers work later, by the timeline."""
        if change.kind is DEPLOYMENT and change.object.get("status", {}).get("readyReplicas"):
            self.ever_up.add(change.object["metadata"]["name"])
        if self._ground is not None and change.kind in _JUDGED:
            self._changes.append(change)

    @contextmanager
    def watching(self, ground: ClusterGround, path: str, act: Writing | None) -> Iterator[None]:
        """Judge whatever changes inside."""
        self._ground, self._changes = ground, []
        try:
            yield
        finally:
            self._ground, changes = None, self._changes
        for change in changes:
            self._judge(ground, change)
        if "/httproutes/" not in path:
            return
        # S8: a settled route is never written, and a shift is one write per route.
        written = [change for change in changes if change.kind is HTTP_ROUTE]
        if not written or all(_content(c.before or {}) == _content(c.object) for c in written):
            self.judge.fail("S8", f"{path} was written although nothing of it changes")
        if act is None:
            self.judge.fail("S8", f"{path} is written, but no split is asked for")
        act.writes[path] = act.writes.get(path, 0) + 1
        if act.writes[path] > 1:
            self.judge.fail("S8", f"{path} is written {act.writes[path]} times in one shift")

    def _judge(self, ground: ClusterGround, change: Change) -> None:
        metadata = change.object["metadata"]
        name = f"{change.kind.kind} {metadata['name']}"
        if change.kind is HTTP_ROUTE and metadata["name"] in ground.names:
            self._route(ground, change)
        elif change.kind is SERVICE and metadata["name"] == ground.stable_name and change.type != "DELETED":
            if change.before is not None and _followed(change.before) != _followed(change.object):
                self.judge.fail("S8", f"more than the selector of {name} was changed")
            self._follows(ground, change.object)
        elif not _is_ours(change.before or change.object, ground.where) and _is_changed(change):
            # S8: only what carries our mark is made, changed or deleted.
            self.judge.fail("S8", f"{name} does not bear the mark of {ground.where} and is {change.type}")

    def _follows(self, ground: ClusterGround, body: Json) -> None:
        """S5: callers inside the cluster go over to the new side only when the routes have left the old one."""
        chosen = (body["spec"].get("selector") or {}).get("rollout/workload")
        view = ground.view()
        for name in view.hosts if view is not None and chosen is not None else ():
            older = ground.is_our_backend(name) and number_of(name) < number_of(chosen or "")
            if older and name not in self.judge.facts.by_hand:
                self.judge.fail("S5", f"Service {body['metadata']['name']} selects {chosen} while {name} still serves")

    def _route(self, ground: ClusterGround, change: Change) -> None:
        name, before = change.object["metadata"]["name"], change.before
        if before is None or change.type == "DELETED":
            self.judge.fail("S8", f"route {name} is {change.type} by us")
        # S8: whatever is not ours in a route survives byte for byte.
        old, new = without_ours(before, ground), without_ours(change.object, ground)
        if old != new:
            self.judge.fail("S8", f"route {name} was changed beyond our own: {_difference(old, new)}")
        if _owned_by_others(before) != _owned_by_others(change.object):
            self.judge.fail("S8", f"other managers of route {name} lost what they owned")
        # S2: a rule in which every weight is zero is never written.
        for rule in change.object["spec"].get("rules") or ():
            refs = rule.get("backendRefs") or ()
            if refs and not any(ref.get("weight", 1) for ref in refs):
                self.judge.fail("S2", f"a split with every weight zero was written to route {name}")
        # S1, S4: nobody is led to a backend that does not stand, or whose deletion has begun.
        for host in leads_to(change.object) - leads_to(before):
            found = ground.standing(host)
            if found is None and host not in ground.by_others():
                self.judge.fail("S1", f"route {name} leads to {host}, which does not stand")
            if found is not None and found.deleting and host not in self.judge.facts.by_hand:
                self.judge.fail("S4", f"route {name} leads to {host}, whose deletion has begun")


def without_ours(body: Json, ground: ClusterGround) -> Json:
    """A route without everything that is ours in it, in one comparable form."""
    found = {key: value for key, value in body.items() if key not in ("status", "metadata", "spec")}
    metadata = dict(body["metadata"])
    for key in ("resourceVersion", "generation", "managedFields"):
        metadata.pop(key, None)
    annotations = {k: _pairs(ground, k, v) for k, v in (metadata.pop("annotations", None) or {}).items()}
    found["metadata"] = metadata | {"annotations": {k: v for k, v in annotations.items() if v}}
    spec = dict(body["spec"])
    rules = [r for r in spec.get("rules") or () if not str(r.get("name", "")).startswith(ground.rule_prefix)]
    found["spec"] = spec | {"rules": [_rule(rule, ground) for rule in rules]}
    return found


def _pairs(ground: ClusterGround, key: str, text: str) -> str:
    if key not in _OURS:
        return text
    mine = (f"{ground.where[0]}.{ground.where[1]}=", f"{ground.where[0]}-")
    return ",".join(pair for pair in text.split(",") if not pair.startswith(mine))


def _rule(rule: Json, ground: ClusterGround) -> Json:
    found = dict(rule)
    refs = [ref for ref in found.pop("backendRefs", None) or () if not ground.is_our_backend(ref["name"])]
    filters = [
        item
        for item in found.pop("filters", None) or ()
        if item["type"] != "RequestMirror" or not ground.is_our_backend(item["requestMirror"]["backendRef"]["name"])
    ]
    return found | ({"backendRefs": refs} if refs else {}) | ({"filters": filters} if filters else {})


def leads_to(body: Json) -> set[str]:
    """Whom requests of clients may reach by a route: by weight, past the weights, or as copies."""
    found: set[str] = set()
    for rule in body["spec"].get("rules") or ():
        found |= {ref["name"] for ref in rule.get("backendRefs") or () if ref.get("weight", 1)}
        for item in rule.get("filters") or ():
            if item["type"] == "RequestMirror":
                found.add(item["requestMirror"]["backendRef"]["name"])
    return found


def slot_names(service: str) -> re.Pattern[str]:
    """How a service's slots are called."""
    return re.compile(rf"{re.escape(service)}-[0-9a-f]{{8}}-\d+-\d+")


def number_of(name: str) -> int:
    """The number of the release that made a slot; -1 for what was adopted."""
    found = re.fullmatch(r".*-[0-9a-f]{8}-(\d+)-\d+", name)
    return int(found[1]) if found else -1


def _is_ours(body: Json, where: tuple[str, str]) -> bool:
    labels = body["metadata"].get("labels") or {}
    marked = (labels.get("rollout/service"), labels.get("rollout/target")) == where
    return labels.get("app.kubernetes.io/managed-by") == "rollout" and marked


def _content(body: Json) -> Any:
    metadata = body.get("metadata") or {}
    return body.get("spec"), metadata.get("annotations"), metadata.get("labels")


def _is_changed(change: Change) -> bool:
    return change.before is None or change.type == "DELETED" or _bare(change.before) != _bare(change.object)


def _bare(body: Json) -> Json:
    metadata = dict(body["metadata"])
    for key in ("resourceVersion", "generation", "managedFields"):
        metadata.pop(key, None)
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def _followed(body: Json) -> Json:
    """A stable Service without its selector, and without what it selected before."""
    found = _bare(body)
    annotations = dict(found["metadata"].pop("annotations", None) or {})
    annotations.pop("rollout/selector-before", None)
    found["metadata"]["annotations"] = annotations
    found["spec"] = {key: value for key, value in found["spec"].items() if key != "selector"}
    return found


def _owned_by_others(body: Json) -> list[Any]:
    """What other managers own, but for the list of rules and our annotations, which whoever wrote last owns."""
    found = []
    for entry in body["metadata"].get("managedFields") or ():
        if entry.get("manager") == "rollout" or entry.get("subresource"):
            continue
        fields = dict(entry.get("fieldsV1") or {})
        spec, metadata = (dict(fields.pop(key, None) or {}) for key in ("f:spec", "f:metadata"))
        spec.pop("f:rules", None)
        annotations = dict(metadata.pop("f:annotations", None) or {})
        annotations = {key: owned for key, owned in annotations.items() if not key.startswith("f:rollout/")}
        if spec or metadata or annotations or fields:
            found.append((entry.get("manager"), entry.get("operation"), spec, metadata, annotations, fields))
    return found


def _difference(old: Json, new: Json) -> str:
    for part in ("metadata", "spec"):
        if old[part] != new[part]:
            keys = {key for key in {*old[part], *new[part]} if old[part].get(key) != new[part].get(key)}
            key = sorted(keys)[0]
            return f"{part}.{key}: {old[part].get(key)} became {new[part].get(key)}"
    return "apiVersion or kind"
