"""Targets in a cluster load into the settings of their adapters, beside those on Azure and without changing them."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.manifest.document import parse
from orchestrator.manifest.loader import Loaded, from_snapshot, load, read_document
from orchestrator.manifest.objects import read_objects
from orchestrator.manifest.variables import Variables
from strategies.detours import Match
from strategies.plan import Plan, Step
from tests.unit.orchestrator.manifest.clusters import CLUSTER, DEPLOYMENT, MANIFEST, SCALER, put, read, told, with_

ENTRANCE = """\
  trafficManager: {subscription: 11111111-2222-3333-4444-555555555555, resourceGroup: shop, profile: world,
    address: gw.contoso.com}
"""
PIPED = with_(CLUSTER, "template: deployment.yaml", 'template: ["-", hpa.yaml]')
SCALED = with_(DEPLOYMENT, "  replicas: 3\n", "")


@pytest.fixture
def shop(project: Path) -> Path:
    """The directory of a hybrid project that loads."""
    put(project)
    return project


def cluster(loaded: Loaded, name: str = "onprem") -> tuple[Any, Any]:
    found = loaded.target(name).cluster
    assert found is not None
    return found


def test_host_and_traffic_arrive_as_the_adapters_settings(shop: Path) -> None:
    loaded = read(shop)
    made, routing = cluster(loaded)
    assert (made.context, made.namespace, made.probe_port) == ("arc-onprem", "shop", 8080)
    assert [str(route) for route in routing.routes] == ["HTTPRoute shop/storefront"]
    assert (routing.port, routing.weight) == (8080, None)
    assert loaded.target("onprem").via == "apiProxy"
    assert loaded.target("west").azure is not None
    assert loaded.target("west").via == "direct"
    assert from_snapshot(loaded.snapshot) == loaded


def test_the_core_knows_one_slot_and_the_weights_of_a_route(shop: Path) -> None:
    west, onprem = read(shop).service().targets
    assert (onprem.replicas, onprem.weight, onprem.most, onprem.entrance) == (1, 1000, 1_000_000, False)
    assert (west.replicas, west.weight, west.most) == (1, None, 1000)
    heavy = with_(MANIFEST, "httpRoute: storefront", "httpRoute: storefront\n    weight: 50000")
    assert read(shop, heavy).service().target("onprem").weight == 50_000


def test_several_routes_of_both_kinds_and_of_other_namespaces_are_named(shop: Path) -> None:
    both = "httpRoute: [storefront, edge/storefront]\n    grpcRoute: storefront\n    adopt: [storefront]"
    _, routing = cluster(read(shop, with_(MANIFEST, "httpRoute: storefront", both)))
    assert [str(route) for route in routing.routes] == [
        "HTTPRoute shop/storefront",
        "HTTPRoute edge/storefront",
        "GRPCRoute shop/storefront",
    ]
    assert routing.adopt == ("storefront",)


def test_a_profile_in_front_of_the_gateway_is_an_entrance(shop: Path) -> None:
    loaded = read(shop, with_(MANIFEST, "strategy:", f"{ENTRANCE}strategy:"))
    entrance = loaded.target("onprem").entrance
    assert entrance is not None
    assert (entrance.address, entrance.profile) == ("gw.contoso.com", "world")
    assert loaded.service().target("onprem").entrance
    assert loaded.service().target("onprem").ttl_during is None


def test_probes_through_the_gateway_are_led_and_open_no_port_of_their_own(shop: Path) -> None:
    loaded = read(shop, with_(MANIFEST, "{probe: {port: 8080}}", "{probe: {port: 8080, via: gateway}}"))
    made, routing = cluster(loaded)
    assert (made.probe_port, routing.probes) == (None, True)
    west, onprem = loaded.service().targets
    assert (west.probe.routed, onprem.probe.routed) == (False, True)


def test_a_service_that_follows_the_stable_side_is_told_to_both_hands(shop: Path) -> None:
    text = with_(MANIFEST, "template: deployment.yaml", "template: deployment.yaml\n    stableService: storefront")
    made, routing = cluster(read(shop, text))
    assert made.stable_service == routing.stable_service == "storefront"


@pytest.mark.parametrize(
    "files",
    [
        '"deployment.yaml"',
        "[deployment.yaml]",
        "[deployment.yaml, hpa.yaml]",
        "[hpa.yaml, deployment.yaml]",
        "all.yaml",
    ],
)
def test_a_template_is_one_file_or_several_each_of_one_document_or_several(shop: Path, files: str) -> None:
    scaled = "hpa" in files or "all" in files
    put(shop, deployment=SCALED if scaled else DEPLOYMENT, hpa=SCALER, all=f"{SCALED}---\n{SCALER}---\n")
    loaded = read(shop, with_(CLUSTER, "template: deployment.yaml", f"template: {files}"))
    kinds = sorted(each["kind"] for each in cluster(loaded)[0].objects)
    assert kinds == (["Deployment", "HorizontalPodAutoscaler"] if scaled else ["Deployment"])
    assert from_snapshot(loaded.snapshot) == loaded


def test_the_order_of_files_and_keys_means_nothing_to_the_revision(shop: Path) -> None:
    put(shop, deployment=SCALED, hpa=SCALER)
    hashes = {
        read(shop, with_(CLUSTER, "template: deployment.yaml", f"template: {files}")).template_hash
        for files in ("[deployment.yaml, hpa.yaml]", "[hpa.yaml, deployment.yaml]")
    }
    assert len(hashes) == 1
    put(shop, deployment=SCALED, hpa=SCALER.replace("maxReplicas: 5", "maxReplicas: 6"))
    text = with_(CLUSTER, "template: deployment.yaml", "template: [deployment.yaml, hpa.yaml]")
    assert read(shop, text).template_hash not in hashes


def test_context_and_namespace_are_no_part_of_the_revision(shop: Path) -> None:
    here = read(shop).template_hash
    there = read(shop, MANIFEST.replace("arc-onprem", "aks").replace("namespace: shop", "namespace: other"))
    assert there.template_hash == here


def test_a_manifest_of_azure_alone_has_the_hash_that_it_always_had(project: Path) -> None:
    (loaded,) = load(["rollout.yaml"])
    assert loaded.template_hash == "fa10d55e530b020634480f7af86e9498471d54a9ce40bc5b6ef02bb2420f4ea9"


def test_variables_are_filled_in_and_what_is_kubernetes_own_stays(shop: Path) -> None:
    text = DEPLOYMENT.replace("value: hello", "value: ${var:port}").replace("$(GREETING)", "$(GREETING) $${HOME}")
    put(shop, deployment=text)
    loaded = read(shop, CLUSTER, port="8080", unused="x")
    first, second = cluster(loaded)[0].objects[0]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert (first["value"], second["value"]) == ("8080", "$(GREETING) ${HOME} you")
    assert loaded.snapshot.variables == (("port", "8080"),)


def test_a_variable_in_a_list_of_texts_stays_text_though_it_looks_like_a_number() -> None:
    text = "values:\n  - ${var:zone}\nreplicas: ${var:zone}\n"
    read = read_objects([("objects.yaml", text)], Variables({"zone": "1"}))
    assert read.values == [{"values": ["1"], "replicas": 1}]


class _Pipe(io.TextIOWrapper):
    """Standard input with something piped in, which may be read once."""

    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


def test_rendered_output_is_taken_from_standard_input_once_and_kept(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, hpa=SCALER)
    monkeypatch.setattr(sys, "stdin", _Pipe(SCALED))
    other = PIPED.replace("service: shop", "service: second").replace("storefront", "second")
    (shop / "rollout.yaml").write_text(f"{PIPED}---\n{other}")
    loaded, second = load(["rollout.yaml"])
    assert dict(loaded.snapshot.templates)["-"] == SCALED
    assert cluster(second)[0].objects == cluster(loaded)[0].objects
    assert from_snapshot(loaded.snapshot) == loaded


def test_what_is_wrong_with_piped_input_is_told_by_its_line(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop, hpa=SCALER)
    monkeypatch.setattr(sys, "stdin", _Pipe(SCALED.replace("kind: Deployment", "kind: StatefulSet")))
    problems = told(lambda: read(shop, PIPED))
    place = "rollout.yaml:9: targets[0].kubernetes.template: -"
    assert problems[0].startswith(f"{place}: expected exactly one Deployment (apps/v1); found StatefulSet")
    assert any(problem.startswith(f"{place}:2: kind: expected one of") for problem in problems)


@pytest.mark.parametrize(
    ("piped", "says"), [("", "must hold Kubernetes objects; got nothing: pipe the"), (None, "-: ")]
)
def test_without_anything_piped_in_it_is_refused_with_the_way_out(
    shop: Path, monkeypatch: pytest.MonkeyPatch, piped: str | None, says: str
) -> None:
    put(shop, hpa=SCALER)
    monkeypatch.setattr(sys, "stdin", None if piped is None else _Pipe(piped))
    (problem, *_) = told(lambda: read(shop, PIPED))
    assert says in problem
    assert "helm template … | rollout start FILE" in problem


def test_a_daemon_is_told_to_have_a_file_instead(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(shop, hpa=SCALER)
    monkeypatch.setattr(sys, "stdin", _Pipe(SCALED))
    (document,) = parse(PIPED, "rollout.yaml")
    reading = read_document(document, Variables())
    assert reading.loaded is None
    assert "render it into one beside the manifest" in str(reading.problems[0])
    assert [path for path, _ in reading.templates] == ["hpa.yaml"]


STRATEGIES = {
    "abTest: {match: {headers: {X-Beta: 'yes'}, cookies: {beta: '1'}}, hold: 10m, approve: true, steps: [50]}": Plan(
        (
            Step(0),
            Step(0, 600.0, True, match=Match((("x-beta", "yes"),), (("beta", "1"),))),
            Step(50, 600.0, match=Match((("x-beta", "yes"),), (("beta", "1"),))),
            Step(100),
        )
    ),
    "abTest: {match: {cookies: {beta: '1'}}, preview: {hold: 5s, approve: true}}": Plan(
        (Step(0, 5.0, True), Step(0, 60.0, match=Match((), (("beta", "1"),))), Step(100))
    ),
    "shadow: {}": Plan((Step(0), Step(0, 60.0, mirror=100.0), Step(100))),
    "shadow: {percent: 20, hold: 2m, steps: [10, {share: 50, hold: 5m, approve: true}]}": Plan(
        (Step(0), Step(0, 120.0, mirror=20.0), Step(10, 120.0), Step(50, 300.0, True), Step(100))
    ),
}


@pytest.mark.parametrize("written", STRATEGIES)
def test_tests_of_some_requests_and_copies_of_all_are_plans_like_any_other(shop: Path, written: str) -> None:
    loaded = read(shop, with_(CLUSTER, "canary: {steps: [10, 50]}", written))
    assert loaded.service().targets[0].plan == STRATEGIES[written]
    routing = cluster(loaded)[1]
    assert (routing.matches, routing.mirrors) == (written.startswith("abTest"), written.startswith("shadow"))


def test_a_target_may_have_a_strategy_that_the_others_cannot_have(shop: Path) -> None:
    own = "  strategy: {shadow: {percent: 5}}\nstrategy:"
    west, onprem = read(shop, with_(MANIFEST, "strategy:", own)).service().targets
    assert [step.mirror for step in onprem.plan.steps] == [0.0, 5.0, 0.0]
    assert [step.share for step in west.plan.steps] == [0, 10, 50, 100]


LOADS = """
import sys
from orchestrator.manifest.loader import from_snapshot, load
(loaded,) = load(sys.argv[1:])
from_snapshot(loaded.snapshot)
loaded.service()
from orchestrator.sites import site_of
[site_of(target).removal("x") for target in loaded.targets]
print(" ".join(name for name in sys.modules if name.startswith(("providers.kubernetes", "kubernetes"))))
"""


@pytest.mark.parametrize("names", [False, True])
def test_nothing_of_kubernetes_is_loaded_unless_a_manifest_names_a_cluster(shop: Path, names: bool) -> None:
    text = MANIFEST if names else MANIFEST[: MANIFEST.index("- name: onprem")] + MANIFEST[MANIFEST.index("strategy") :]
    (shop / "rollout.yaml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", LOADS, "rollout.yaml"], capture_output=True, text=True, check=True, cwd=shop
    )
    modules = done.stdout.split()
    assert bool(modules) is names
    assert "kubernetes" not in modules


def test_validating_a_manifest_without_a_cluster_loads_nothing_of_kubernetes(shop: Path) -> None:
    text = MANIFEST[: MANIFEST.index("- name: onprem")] + MANIFEST[MANIFEST.index("strategy") :]
    (shop / "rollout.yaml").write_text(text)
    script = (
        "import sys\nfrom orchestrator.cli.main import main\ntry: main()\n"
        "finally: print(' '.join(m for m in sys.modules if 'kubernetes' in m), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", "rollout.yaml"], capture_output=True, text=True, check=True, cwd=shop
    )
    assert done.stderr.strip() == ""
