"""Clusters in the shell's words: plans that come true, results, checks, refusals, leases, what is left over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.checkup import Checked, checkup
from orchestrator.cli.places import locate
from orchestrator.cli.plan_json import plan_document
from orchestrator.cli.plan_text import plan_lines
from orchestrator.cli.planned import Planned, planned
from orchestrator.cli.planning import prospect
from orchestrator.cli.remedies import remedies
from orchestrator.cli.style import Style
from orchestrator.desk import LocalDesk
from orchestrator.lease import Lease
from orchestrator.manifest.loader import Loaded
from orchestrator.manifest.problems import ManifestError
from orchestrator.ports import TargetPorts
from orchestrator.result import result
from orchestrator.sites import site_of
from orchestrator.store.records import Owner
from orchestrator.submit import submit
from orchestrator.wiring import App
from orchestrator.wish import Refused
from providers.emulator.kube.inprocess import InProcessApi
from providers.kubernetes.deployments import DeploymentWorkloads
from providers.kubernetes.gateway_routes import GatewayRoutes
from strategies.model import CommandKind, Outcome
from strategies.phases import Phase
from tests.unit.orchestrator.hybrid import CLUSTER, ENTRANCE, GATEWAY, HYBRID, HybridApp, HybridYard

ROUTE = "    gatewayApi: {httpRoute: shop}\n"
CANARY = "canary: {steps: [50], hold: 5s}"
TEST = "abTest: {match: {headers: {X-Beta: 'yes'}}, hold: 5s, approve: true, steps: [50]}"
SHADOW = "shadow: {percent: 20, hold: 5s}"
SERVICE = CLUSTER.replace("template: deployment.yaml", "template: deployment.yaml, stableService: shop")
KUBECONFIG = """\
apiVersion: v1
kind: Config
contexts: [{name: aks-west, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
"""


def plan_of(yard: HybridYard, version: str) -> Planned:
    wish = yard.wish(version)
    return planned(prospect(yard.app, wish.loaded, wish.digest, version, yard.store))


def writes(yard: HybridYard) -> int:
    """All that changed something, in Azure and in the cluster."""
    made = [call for call in yard.cluster.api.writes() if call.status < 300]
    return len(yard.world.calls.writes()) + len(made)


MANIFESTS = {
    "the cluster alone": CLUSTER,
    "after the region": HYBRID,
    "with a Service that follows": SERVICE,
    "behind a name of its own": CLUSTER.replace(ROUTE, ROUTE + ENTRANCE),
    "with a test of some requests": CLUSTER.replace(CANARY, TEST),
    "with copies of requests": CLUSTER.replace(CANARY, SHADOW),
}


@pytest.mark.parametrize("release", [1, 2])
@pytest.mark.parametrize("name", MANIFESTS)
def test_what_is_planned_is_what_is_written(name: str, release: int) -> None:
    yard = HybridYard(manifest=MANIFESTS[name])
    if release == 2:
        run(yard, "v1")
    plan = plan_of(yard, "v2")
    yard.submit("v2")
    before = writes(yard)  # what was tried before it began was asked for as a dry run
    ended = run(yard, "v2")
    assert plan.expected.promoted
    assert ended.outcome is Outcome.PROMOTED
    assert plan.expected.writes == writes(yard) - before


def run(yard: HybridYard, version: str) -> Any:
    """Release a version; people approve as soon as they are asked."""
    answer = yard.submit(version)
    assert answer.rollout is not None
    for _ in range(50):
        seen = yard.drive(answer.rollout.id, timeout_seconds=60.0).rollout
        if seen.outcome is not Outcome.RUNNING:
            yard.clock.sleep(60.0)
            yard.world.tick()
            return seen
        if any(state.asks_person for state in seen.targets):
            yard.store.command(seen.id, CommandKind.APPROVE, "ana", at=yard.clock.now())
    raise AssertionError("it never ended")


def test_a_plan_names_what_a_cluster_gets_and_what_it_asks_for() -> None:
    yard = HybridYard()
    run(yard, "v1")
    plan = plan_of(yard, "v2")
    document = plan_document(plan)
    (west, onprem) = document["targets"]
    (candidate,) = onprem["candidate"]
    assert (candidate["objects"], candidate["pods"]) == (["Deployment", "Service"], 2)
    assert (candidate["cores"], candidate["memoryGB"], candidate["dnsLabel"]) == (0.25, 0.5, "")
    assert (west["routing"], onprem["routing"]) == ("profile", "route")
    text = "\n".join(plan_lines(plan, Style(colours=False)))
    assert "(Deployment, Service; 2 pods, 0.25 cores and 0.5 Gi each)" in text
    assert "of Azure's and cluster arc's" in text
    assert "pod-hours" in text
    assert "wave 1 bakes" in text


def test_a_plan_says_which_requests_come_before_any_share() -> None:
    for strategy, says in (
        (TEST, "0 %: stable 1000, candidate switched off, requests with x-beta: yes"),
        (SHADOW, "copies of 20 % of all requests, answers thrown away"),
    ):
        yard = HybridYard(manifest=CLUSTER.replace(CANARY, strategy))
        run(yard, "v1")
        plan = plan_of(yard, "v2")
        assert any(says in line for line in plan_lines(plan, Style(colours=False)))
        led = [each for each in plan_document(plan)["changes"] if each["match"] or each["mirrorPercent"]]
        assert {each["kind"] for each in led} >= {"shift", "hold"}


def test_requests_that_match_reach_the_candidate_while_all_others_stay() -> None:
    yard = HybridYard(manifest=CLUSTER.replace(CANARY, TEST))
    run(yard, "v1")
    rollout = yard.submit("v2").rollout
    assert rollout is not None
    seen = yard.drive(rollout.id, timeout_seconds=30.0).rollout
    assert seen.target("onprem").phase is Phase.HOLDING
    assert "requests that match" in seen.target("onprem").note
    asked = {
        wanted: yard.cluster.request(GATEWAY, "/", {"X-Beta": wanted}).headers["X-Version"] for wanted in ("yes", "no")
    }
    assert asked == {"yes": "v2", "no": "v1"}
    led = [dict(each.event.data).get("match") for each in yard.store.events("shop", rollout=rollout.id)]
    assert "x-beta: yes" in led


def test_the_result_names_a_clusters_groups_by_path_and_by_what_resolves_there() -> None:
    yard = HybridYard(manifest=CLUSTER)
    ended = run(yard, "v1")
    document = result(ended, engine="self", locate=locate(yard.store.snapshot(ended.id)))
    (group,) = document["candidate"]["groups"]
    name = ended.target("onprem").candidate[0].name
    assert group == {
        "target": "onprem",
        "name": name,
        "id": f"/apis/apps/v1/namespaces/shop/deployments/{name}",
        "fqdn": f"{name}.shop.svc",
        "url": None,
        "state": "ready",
    }


def test_what_is_left_over_in_a_cluster_is_deleted_by_kubectls_command() -> None:
    yard = HybridYard(manifest=CLUSTER)
    site = site_of(yard.loaded().target("onprem"))
    assert site.removal("x") == "kubectl --context arc delete deployment x --namespace shop"


def test_a_deletion_that_was_refused_is_named_with_its_namespace() -> None:
    yard = HybridYard(manifest=CLUSTER)
    run(yard, "v1")
    ended = run(yard, "v2")
    state = ended.target("onprem")
    kept = replace(state, stable=tuple(replace(slot, leftover="forbidden") for slot in state.stable))
    (way, *_) = remedies(replace(ended, targets=(kept,)), engine_runs=False)
    assert way.command == f"kubectl delete deployment {state.stable[0].name} --namespace shop"


def test_a_context_that_is_not_there_is_bad_input_that_names_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yard = HybridYard(manifest=CLUSTER)
    app = App(yard.store, yard.clock)
    with pytest.raises(ManifestError) as caught:
        submit(app, yard.wish("v1"))
    app.disconnect()
    assert {problem.path for problem in caught.value.problems} == {"targets[0].kubernetes.context"}
    assert "aks-west" in str(caught.value)
    assert yard.store.latest("shop") is None


class Watched(HybridApp):
    """An app whose hands in the cluster are those of a user who may only look."""

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        found = dict(super().hands(loaded, rollout_id))
        for each in loaded.targets:
            if each.cluster is not None:
                api = InProcessApi(self.yard.cluster, "viewer")
                whose: dict[str, Any] = {"service": "shop", "target": each.name, "api": api}
                workloads = DeploymentWorkloads(each.cluster[0], image=loaded.manifest.image, **whose)
                routes = GatewayRoutes(each.cluster[1], **whose)
                found[each.name] = TargetPorts(workloads, routes, found[each.name].probes)
        return found


VIEWER = {
    "kind": "ClusterRole",
    "metadata": {"name": "viewer"},
    "rules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["*"], "verbs": ["create"]},
    ],
}


def watched(yard: HybridYard) -> Watched:
    yard.cluster.api.users.grant("viewer", VIEWER)
    app = Watched(yard.store, yard.clock)
    app.yard = yard
    return app


def checks(app: HybridApp, yard: HybridYard) -> list[Checked]:
    return list(checkup(LocalDesk(app), yard.loaded(), None, None))


def test_doctor_asks_nothing_of_azure_where_nothing_is_there_and_finds_all_well() -> None:
    yard = HybridYard(manifest=CLUSTER)
    found = checks(yard.app, yard)
    assert not [each for each in found if not each.finding.ok and each.finding.fatal]
    assert {each.target for each in found} == {None, "onprem"}
    assert any(each.finding.subject == "plan" and "writes" in each.finding.message for each in found)


def test_doctor_names_the_rule_to_add_for_each_thing_that_is_forbidden() -> None:
    yard = HybridYard(manifest=CLUSTER)
    bad = [each.finding for each in checks(watched(yard), yard) if not each.finding.ok and each.finding.fatal]
    wanted = {"httproutes": "patch", "deployments": "create", "services": "create"}
    for resource, verb in wanted.items():
        (rule,) = [finding.remedy for finding in bad if f'resources: ["{resource}"]' in finding.remedy]
        assert f'"{verb}"' in rule


def test_what_is_forbidden_is_refused_with_the_rule_to_add_before_anything_is_touched() -> None:
    yard = HybridYard(manifest=CLUSTER)
    with pytest.raises((Refused, ManifestError)) as caught:
        submit(watched(yard), yard.wish("v1"))
    assert "onprem" in str(caught.value) or "targets[0]" in str(caught.value)
    assert [call for call in yard.cluster.api.writes() if call.status < 300] == []
    assert yard.store.latest("shop") is None


def test_a_route_that_is_not_there_is_refused_with_its_name() -> None:
    yard = HybridYard(manifest=CLUSTER.replace("httpRoute: shop", "httpRoute: storefront"))
    with pytest.raises((ManifestError, Refused), match="storefront"):
        yard.submit("v1")


KEYS = ("HTTPRoute/arc/shop/b", "HTTPRoute/arc/shop/a")


class Routed(HybridApp):
    """An app whose target in the cluster has two routes to write."""

    def hands(self, loaded: Loaded, rollout_id: str = "") -> Mapping[str, TargetPorts]:
        return {name: replace(ports, routing_keys=KEYS) for name, ports in super().hands(loaded, rollout_id).items()}


@pytest.mark.parametrize("taken", KEYS)
def test_nothing_is_written_while_somebody_else_writes_one_of_the_routes(taken: str) -> None:
    yard = HybridYard(manifest=CLUSTER)
    app = Routed(yard.store, yard.clock)
    app.yard = yard
    rollout = yard.submit("v1").rollout
    assert rollout is not None
    other = Lease(yard.store, taken, yard.clock, Owner("elsewhere", "boot", 1, "then"))
    engine, fence = app.engine(), Lease(yard.store, "shop", yard.clock, Owner("here", "boot", 2, "then"))
    for _ in range(40):
        assert other.acquire()
        assert fence.acquire()
        engine.tick(rollout.id, fence.fence, lambda: True)
        yard.clock.sleep(1.0)
    assert yard.route() == {}
    other.release()
    while rollout.outcome is Outcome.RUNNING:
        assert fence.acquire()
        rollout = engine.tick(rollout.id, fence.fence, lambda: True)
        yard.clock.sleep(1.0)
    assert list(yard.route().values()) == [1000]
    free = [Lease(yard.store, key, yard.clock, Owner("elsewhere", "boot", 1, "then")) for key in KEYS]
    assert all(lease.acquire() for lease in free)
