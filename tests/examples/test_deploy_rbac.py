"""The Role in examples/deploy/kubernetes: enough for whole releases to a cluster and for `doctor`, and no more."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.emulator.clock import ManualClock
from providers.emulator.kube import kinds
from providers.emulator.kube.cluster import Cluster
from providers.emulator.kube.inprocess import InProcessApi
from providers.emulator.kube.rbac import Asked, User
from providers.emulator.world import World
from providers.errors import Denied
from providers.kubernetes.api import MERGE_PATCH
from providers.kubernetes.gateway_routes import GatewayRoutes
from providers.kubernetes.settings import Route, Routes
from providers.ports import Finding
from strategies.model import Member, Outcome, TrafficIntent
from strategies.plan import Step, ab_test
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_stage import INSIDE, LIVE, PROPAGATION_SECONDS, TESTERS, UNHEALTHY, Stage

FILE = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "kubernetes" / "rbac-rollout.yaml"
WHO = "system:serviceaccount:rollout:rollout"
GATEWAY = "gateway.networking.k8s.io"

Rule = tuple[str, str, str]
"""Verb, API group, and resource with its subresource."""
PROBES: set[Rule] = {("get", "", "services/proxy")}
UNSERVED: set[Rule] = {("list", "", "resourcequotas")}
"""What the emulated server has no objects of, so that it never asks whether it is allowed."""
READ_BY_CHECKS: set[Rule] = {
    ("get", "", "namespaces"),
    ("list", "", "resourcequotas"),
    ("list", "policy", "poddisruptionbudgets"),
    ("get", GATEWAY, "gateways"),
    ("list", GATEWAY, "referencegrants"),
}


def documents() -> list[Any]:
    """Every object of the file."""
    return list(yaml.safe_load_all(FILE.read_text()))


def the(kind: str) -> Any:
    """The one object of a kind."""
    (found,) = (each for each in documents() if each["kind"] == kind)
    return found


def rules(kind: str) -> set[Rule]:
    """All that a role allows, verb by verb."""
    found = the(kind)["rules"]
    return {(v, g, r) for each in found for v in each["verbs"] for g in each["apiGroups"] for r in each["resources"]}


def without(role: Any, *left_out: Rule) -> list[Any]:
    """A role less some verbs on some resources."""
    split = []
    for each in role["rules"]:
        (group,) = each["apiGroups"]
        for one in each["resources"]:
            verbs = [verb for verb in each["verbs"] if (verb, group, one) not in left_out]
            split.append({**each, "resources": [one], "verbs": verbs})
    return [{**role, "rules": split}]


@dataclass(slots=True)
class Noting(User):
    """An identity that remembers what it was allowed to do."""

    used: set[Rule] = field(default_factory=set)

    def check(self, asked: Asked) -> None:
        """Raise Refusal (403) for what is not allowed."""
        User.check(self, asked)
        self.used.add((asked.verb, asked.group, "/".join(filter(None, (asked.resource, asked.subresource)))))


def bound(cluster: Cluster, *roles: Any) -> Noting:
    """An identity that is bound to these roles."""
    who = Noting(WHO)
    cluster.api.users._named[WHO] = who
    for role in roles:
        cluster.api.users.grant(WHO, role)
    return who


class Guarded(Stage):
    """A stage on which the engine's hands belong to whoever is bound to some roles, and of every kind of object."""

    who: Noting

    def bind(self, *roles: Any) -> Guarded:
        """Let everything from now on be done by that identity."""
        self.who = bound(self.cluster, *roles)
        self.door.recorder.api = InProcessApi(self.cluster, WHO)
        return self

    @property
    def workloads(self) -> Any:
        """The port of Deployments."""
        return self.door.workloads(*objects.whole(), adopt=(LIVE,), stable_service=INSIDE)

    def doctor(self) -> list[Finding]:
        """What stands in the way of a release, or is not known: by an HTTPRoute, and by a GRPCRoute."""
        rpc = self.door.traffic("rpc", kind="GRPCRoute", adopt=(LIVE,), stable_service=INSIDE)
        checked = (*self.workloads.preflight(1), *self.traffic.preflight(), *rpc.preflight())
        return [each for each in checked if not each.ok]

    def across(self) -> None:
        """Check a route of another namespace, which needs the same rights there and a grant here."""
        self.cluster.namespace("edge")
        spec = objects.route({"backendRefs": [{**objects.backend(LIVE, 1000), "namespace": "shop"}]})
        body = kinds.HTTP_ROUTE.new("edge", LIVE, spec=spec)
        self.door.api.write("making", "POST", kinds.HTTP_ROUTE.path("edge"), body)
        self.cluster.api.users.grant(WHO, {**the("Role"), "metadata": {"name": "edge", "namespace": "edge"}})
        routes = Routes("west", "shop", (Route("HTTPRoute", "edge", LIVE),), 8080, adopt=(LIVE,))
        GatewayRoutes(routes, service="shop", target="west", api=self.door.recorder).preflight()


def stage(*roles: Any) -> Guarded:
    """A cluster with a live workload, and hands with these rights."""
    here = Guarded(ab_test(TESTERS, hold=2.0, steps=(Step(50, 2.0),)))
    here.door.make(kinds.GRPC_ROUTE, "rpc", spec=objects.route({"backendRefs": [objects.backend(LIVE, 1000)]}))
    here.rest(PROPAGATION_SECONDS)
    return here.bind(*roles)


def test_the_roles_suffice_for_releases_that_are_promoted_and_taken_back_and_none_of_their_rights_is_idle() -> None:
    here = stage(the("Role"), the("ClusterRole"))
    assert here.doctor() == []
    assert here.release("v2").outcome is Outcome.PROMOTED
    assert here.failed() == []
    assert here.release("v3", **UNHEALTHY).outcome is Outcome.ROLLED_BACK
    port = here.door.traffic("rpc", kind="GRPCRoute", adopt=(LIVE,))
    port.shift(TrafficIntent((Member(LIVE, LIVE, 999),)), port.look())
    here.across()
    assert here.who.used | UNSERVED == rules("Role") | rules("ClusterRole")


@pytest.mark.parametrize("rule", sorted(rules("Role") - READ_BY_CHECKS - PROBES), ids="-".join)
def test_a_right_that_a_release_needs_and_lacks_is_named_by_doctor(rule: Rule) -> None:
    verb, _, resource = rule
    here = stage(*without(the("Role"), rule), the("ClusterRole"))
    found = [each for each in here.doctor() if f'"{resource}"' in each.remedy and f'"{verb}"' in each.remedy]
    assert found
    assert any(each.fatal for each in found) or resource == "events"


@pytest.mark.parametrize("resource", ["deployments", "services", "configmaps"])
def test_without_the_right_to_make_an_object_none_is_made(resource: str) -> None:
    (rule,) = (each for each in rules("Role") if each[0] == "create" and each[2] == resource)
    here = stage(*without(the("Role"), rule), the("ClusterRole"))
    before = here.door.get(kinds.HTTP_ROUTE, LIVE)["spec"]
    assert here.release("v2").outcome is Outcome.ROLLED_BACK
    assert here.door.get(kinds.HTTP_ROUTE, LIVE)["spec"] == before
    assert here.failed() == []


def test_a_release_needs_nothing_of_what_only_checks_read() -> None:
    here = stage(*without(the("Role"), *READ_BY_CHECKS))
    assert here.release("v2").outcome is Outcome.PROMOTED
    assert here.who.used <= rules("Role") - READ_BY_CHECKS


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("create", "", "pods/exec"),
        ("get", "", "pods/exec"),
        ("create", "", "pods/attach"),
        ("create", "", "pods/portforward"),
        ("get", "", "pods/log"),
        ("create", "", "pods"),
        ("delete", "", "pods"),
        ("create", "", "services/proxy"),
        ("delete", "", "services"),
        ("list", "", "configmaps"),
        ("delete", "", "configmaps"),
        ("create", "", "serviceaccounts/token"),
        ("delete", "", "namespaces"),
        ("create", "", "events"),
        ("update", "apps", "deployments"),
        ("deletecollection", "apps", "deployments"),
        ("patch", "apps", "deployments/status"),
        ("patch", "apps", "statefulsets"),
        ("delete", "autoscaling", "horizontalpodautoscalers"),
        ("delete", "policy", "poddisruptionbudgets"),
        ("create", "policy", "pods/eviction"),
        ("create", GATEWAY, "httproutes"),
        ("update", GATEWAY, "httproutes"),
        ("delete", GATEWAY, "httproutes"),
        ("patch", GATEWAY, "httproutes/status"),
        ("update", GATEWAY, "grpcroutes/status"),
        ("patch", GATEWAY, "gateways"),
        ("create", GATEWAY, "referencegrants"),
        ("patch", GATEWAY, "gatewayclasses"),
        ("create", "rbac.authorization.k8s.io", "rolebindings"),
        ("impersonate", "", "users"),
    ],
)
def test_the_roles_forbid_what_would_be_worth_stealing_them_for(verb: str, group: str, resource: str) -> None:
    who = bound(Cluster(World(ManualClock(), random.Random(1)), "west"), the("Role"), the("ClusterRole"))
    kind, _, subresource = resource.partition("/")
    for namespace in ("shop", None):
        assert who.may(Asked(verb, group, kind, subresource, namespace, "storefront")) is None


def test_nothing_is_allowed_outside_the_one_namespace_but_reading_classes() -> None:
    who = bound(Cluster(World(ManualClock(), random.Random(1)), "west"), the("Role"), the("ClusterRole"))
    for verb, group, resource in rules("Role"):
        kind, _, subresource = resource.partition("/")
        asked = Asked(verb, group, kind, subresource, "shop", "shop" if kind == "namespaces" else "storefront")
        assert who.may(asked) is not None
        for namespace in ("kube-system", "default", None):
            assert who.may(replace(asked, namespace=namespace)) is None
    assert who.may(Asked("get", "", "namespaces", namespace="shop", name="kube-system")) is None
    assert rules("ClusterRole") == {("get", GATEWAY, "gatewayclasses")}


def test_only_deployments_are_ever_deleted_and_no_rule_has_a_star() -> None:
    everything = rules("Role") | rules("ClusterRole")
    assert not any("*" in word for rule in everything for word in rule)
    assert {(verb, resource) for verb, _, resource in everything if verb.startswith("delete")} == {
        ("delete", "deployments")
    }


def test_both_roles_are_bound_to_the_account_under_which_the_daemon_runs() -> None:
    (account,) = (
        each
        for each in yaml.safe_load_all((FILE.parent / "deployment.yaml").read_text())
        if each["kind"] == "ServiceAccount"
    )
    subject = {"kind": "ServiceAccount", **{key: account["metadata"][key] for key in ("name", "namespace")}}
    for binding, role in (("RoleBinding", "Role"), ("ClusterRoleBinding", "ClusterRole")):
        found = the(binding)
        assert found["subjects"] == [subject]
        told = {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": the(role)["metadata"]["name"]}
        assert found["roleRef"] == told
    assert the("RoleBinding")["metadata"]["namespace"] == the("Role")["metadata"]["namespace"]


def test_a_write_that_the_roles_do_not_allow_is_refused_with_the_rule_that_would_allow_it() -> None:
    here = stage(the("Role"), the("ClusterRole"))
    path = kinds.HTTP_ROUTE.path("shop", LIVE, "status")
    with pytest.raises(Denied, match="httproutes/status"):
        here.door.recorder.write("telling", "PATCH", path, {"status": {}}, content_type=MERGE_PATCH)
    with pytest.raises(Denied, match='"delete"'):
        here.door.recorder.write("deleting", "DELETE", kinds.SERVICE.path("shop", LIVE))
