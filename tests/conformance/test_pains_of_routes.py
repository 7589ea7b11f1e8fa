"""What users of other tools suffered on clusters, shown not to happen here: stale weights (pains 11 to 18).

The real engine over the real adapters, in an emulated cluster under clients' requests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.manifest.loader import load
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.variables import read_variables
from providers.emulator.kube import kinds
from providers.kubernetes.marks import WORKLOAD
from strategies.model import CommandKind, Outcome
from strategies.phases import Phase
from strategies.plan import OnDrift, Step, ab_test, blue_green, canary
from tests.conformance import kubernetes_objects as objects
from tests.conformance.kubernetes_stage import (
    INSIDE,
    LIVE,
    PROPAGATION_SECONDS,
    TESTERS,
    UNHEALTHY,
    Stage,
    at_share,
    candidate,
)

MANIFEST = f"""\
service: storefront
image: {objects.IMAGE}
targets:
  - name: west
    kubernetes: {{context: west, namespace: shop, template: deployment.yaml}}
    gatewayApi:
      httpRoute: storefront
"""


def remnants(stage: Stage, name: str) -> str:
    """Everything in the cluster that names a workload, as text, but for what remembers on purpose."""
    kept = [kinds.HTTP_ROUTE, kinds.SERVICE, kinds.DEPLOYMENT, kinds.POD, kinds.CONFIG_MAP, kinds.AUTOSCALER]
    found = [each for kind in kept for each in stage.door.all(kind)]
    for each in found:
        each["metadata"].pop("managedFields", None)
    return json.dumps([each for each in found if name in json.dumps(each)])


def plain(route: Any) -> Any:
    """A route's spec without backends of ours, and what others wrote on it."""
    spec = json.loads(json.dumps(route["spec"]))
    for rule in spec["rules"]:
        rule["backendRefs"] = [each for each in rule["backendRefs"] if each["name"] == "legacy"]
    metadata = route["metadata"]
    annotations = {key: text for key, text in metadata.get("annotations", {}).items() if not key.startswith("rollout/")}
    return spec, metadata["labels"], annotations


def test_pain_11_an_abort_leaves_no_weight_and_no_detour() -> None:
    """argo-rollouts#4841: after an abort the canary kept its weight for ever."""
    stage = Stage(ab_test(TESTERS, hold=30.0, steps=(Step(20, 30.0),)))
    rollout = stage.run(stage.start("v2"), lambda r: r.targets[0].step == 2 and r.targets[0].share == 20)
    stage.rest(PROPAGATION_SECONDS)
    assert len(stage.door.get(kinds.HTTP_ROUTE, LIVE)["spec"]["rules"]) == 2
    stage.say(rollout, CommandKind.ABORT)
    assert stage.run(rollout).outcome is Outcome.ROLLED_BACK
    assert stage.door.get(kinds.HTTP_ROUTE, LIVE)["spec"] == stage.before["spec"]
    assert stage.failed() == []


def test_pain_12_after_an_abort_nothing_points_at_the_bad_version() -> None:
    """argo-rollouts#1838, #2576, #3078: Services still selected the bad version, or flapped between both."""
    stage = Stage()
    stage.release("v1.5")
    (old,) = (name for name in stage.deployments() if name != LIVE)
    rollout = stage.start("v2", **UNHEALTHY)
    bad = candidate(rollout)
    selected: set[str] = set()
    stage.witnesses.append(lambda s: selected.add(str(s.door.get(kinds.SERVICE, INSIDE)["spec"]["selector"])))
    assert stage.run(rollout).outcome is Outcome.ROLLED_BACK
    stage.rest()
    assert remnants(stage, bad) == "[]"
    assert selected == {str({WORKLOAD: old})}
    assert stage.weights() == {"legacy": 0, old: 1000}


def test_pain_13_no_selector_is_ever_empty_and_a_crash_loop_passes_no_gate() -> None:
    """argo-rollouts#4750: the active selector went empty during a crash loop, and the gate was bypassed."""
    stage = Stage()
    empty: list[str] = []
    stage.witnesses.append(
        lambda s: empty.extend(
            each["metadata"]["name"] for each in s.door.all(kinds.SERVICE) if not each["spec"].get("selector")
        )
    )
    rollout = stage.start("v2", crash_after_seconds=0.5)
    bad = candidate(rollout)
    led: set[int] = set()
    stage.witnesses.append(lambda s: led.add(s.weights().get(bad, 0)))
    assert stage.run(rollout).outcome is Outcome.ROLLED_BACK
    assert (empty, led) == ([], {0})
    assert stage.failed() == []


def test_pain_14_foreign_backends_and_everything_else_of_a_route_survive_a_whole_rollout() -> None:
    """gatewayapi-plugin#203: unmanaged backendRefs were stripped from a shared route."""
    stage = Stage()
    before = plain(stage.before)
    stage.witnesses.append(lambda s: _same(plain(s.door.get(kinds.HTTP_ROUTE, LIVE)), before))
    assert stage.release("v2").outcome is Outcome.PROMOTED
    assert stage.release("v3", **UNHEALTHY).outcome is Outcome.ROLLED_BACK


def _same(now: Any, before: Any) -> None:
    assert now == before


def test_pain_15_a_detour_that_vanished_comes_back_after_a_restart_and_a_settled_route_is_not_written() -> None:
    """gatewayapi-plugin#191, #231: header routes were lost at a restart; unchanged routes were written for ever."""
    stage = Stage(ab_test(TESTERS, hold=60.0), more={"on_drift": OnDrift.REPAIR})
    rollout = stage.run(stage.start("v2"), lambda r: r.targets[0].step == 1 and r.targets[0].phase is Phase.HOLDING)
    settled = stage.door.get(kinds.HTTP_ROUTE, LIVE)
    quiet, writes = stage.clock.monotonic() + 10, len(stage.door.writes())
    rollout = stage.run(rollout, lambda r: stage.clock.monotonic() > quiet)
    assert stage.door.writes(writes) == []
    stage.door.patch(kinds.HTTP_ROUTE, LIVE, {"op": "remove", "path": "/spec/rules/1"})
    stage.restart()
    soon = stage.clock.monotonic() + 15
    rollout = stage.run(rollout, lambda r: stage.clock.monotonic() > soon)
    assert stage.door.get(kinds.HTTP_ROUTE, LIVE)["spec"] == settled["spec"]
    assert stage.ask({"x-tester": "yes"}).version == "v2"
    assert stage.ask().version == "v1"


def test_pain_16_what_other_managers_own_stays_theirs_and_we_add_annotations_of_our_own_alone() -> None:
    """gatewayapi-plugin#208: Argo CD was out of sync as long as the split was live."""
    stage = Stage()
    path = kinds.HTTP_ROUTE.path("shop", LIVE)
    owned = {**kinds.HTTP_ROUTE.new(None, LIVE), "spec": {"hostnames": stage.before["spec"]["hostnames"]}}
    owned["spec"]["parentRefs"] = stage.before["spec"]["parentRefs"]
    owned["metadata"]["labels"] = {"team": "shop"}
    query = {"fieldManager": "argocd", "force": "true"}
    stage.door.api.write("applying", "PATCH", path, owned, content_type="application/apply-patch+yaml", query=query)
    theirs = _fields(stage, "argocd")
    rollout = stage.run(stage.start("v2"), at_share(50))
    assert _fields(stage, "argocd") == theirs
    have = stage.door.get(kinds.HTTP_ROUTE, LIVE)["metadata"]["annotations"]
    assert {key for key in have if not key.startswith("rollout/")} == {"reviewed-by"}
    assert stage.run(rollout).outcome is Outcome.PROMOTED
    assert _fields(stage, "argocd") == theirs
    assert stage.door.get(kinds.HTTP_ROUTE, LIVE)["metadata"]["annotations"] == {"reviewed-by": "ana"}


def _fields(stage: Stage, manager: str) -> Any:
    entries = stage.door.get(kinds.HTTP_ROUTE, LIVE)["metadata"]["managedFields"]
    return [(entry["operation"], entry["fieldsV1"]) for entry in entries if entry["manager"] == manager]


def test_pain_17_a_field_of_the_routing_that_nobody_knows_is_refused_by_name(tmp_path: Path) -> None:
    """argo-rollouts#4569: an unknown router field was accepted, and the split silently stayed half and half."""
    said = MANIFEST + "      weigth: 1000\n      stepWeight: 5\n"
    (tmp_path / "rollout.yaml").write_text(said)
    (tmp_path / "deployment.yaml").write_text(json.dumps(objects.deployment()))
    with pytest.raises(ManifestError) as caught:
        load([str(tmp_path / "rollout.yaml")], read_variables())
    assert sorted(problem.path for problem in caught.value.problems) == [
        "targets[0].gatewayApi.stepWeight",
        "targets[0].gatewayApi.weigth",
    ]
    (tmp_path / "rollout.yaml").write_text(MANIFEST)
    load([str(tmp_path / "rollout.yaml")], read_variables())


def test_pain_18_a_candidate_without_pods_gets_no_traffic_while_somebody_is_asked() -> None:
    """flagger#874: half of the requests were routed to a canary with zero pods while it waited for approval."""
    stage = Stage(canary((Step(50, 1.0, approve=True),), preview_approve=True))
    rollout = stage.run(stage.start("v2"), lambda r: r.targets[0].asks_person)
    name = candidate(rollout)
    assert stage.weights().get(name, 0) == 0
    stage.say(rollout, CommandKind.APPROVE)
    rollout = stage.run(rollout, lambda r: r.targets[0].share == 50 and r.targets[0].asks_person)
    stage.door.merge(kinds.DEPLOYMENT, name, spec={"replicas": 0})
    assert stage.run(rollout).outcome is Outcome.ROLLED_BACK
    assert stage.weights() == {"legacy": 0, LIVE: 1000}


def test_pain_18_a_candidate_that_never_comes_up_never_gets_any() -> None:
    """flagger#874, the other way round: nothing is asked and nothing is sent before it is ready."""
    stage = Stage(blue_green(preview_approve=True))
    rollout = stage.start("v2", start_seconds=30.0)
    led: list[int] = []
    stage.witnesses.append(lambda s: led.append(s.weights().get(candidate(rollout), 0)))
    until = stage.clock.monotonic() + 20
    rollout = stage.run(rollout, lambda r: r.targets[0].asks_person or stage.clock.monotonic() > until)
    assert (set(led), rollout.targets[0].asks_person) == ({0}, False)
