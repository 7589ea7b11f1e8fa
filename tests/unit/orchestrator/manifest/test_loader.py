"""A manifest becomes what decisions and adapters need, and its snapshot gives exactly the same again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.manifest import build
from orchestrator.manifest.checks import checked
from orchestrator.manifest.document import parse
from orchestrator.manifest.loader import Loaded, from_snapshot, load
from orchestrator.manifest.problems import ManifestError
from orchestrator.manifest.schema import Manifest
from orchestrator.manifest.typed import typed
from orchestrator.manifest.types import seconds
from orchestrator.manifest.variables import Variables
from providers.azure.settings import CreateProfile, Monitor, TrafficManager
from providers.probes.settings import ProbeSettings
from strategies.plan import (
    AfterMost,
    Deadlines,
    DrainRule,
    OnDrift,
    OnFailure,
    Plan,
    ProbeRule,
    Quiet,
    Retire,
    Scope,
    Service,
    Step,
    Target,
    WaveRule,
    WhileRunning,
    at_once,
)

CONTRACT = Path(__file__).parents[5] / "shared" / "design" / "contract.md"


def one(project: Path, text: str, **variables: str) -> Loaded:
    (project / "rollout.yaml").write_text(text)
    return load(["rollout.yaml"], Variables(variables))[0]


def base(project: Path) -> str:
    return (project / "rollout.yaml").read_text()


def test_what_is_not_written_has_the_contracts_defaults(project: Path) -> None:
    loaded = load(["rollout.yaml"])[0]
    steps = (Step(0), Step(1, 60), Step(10, 60), Step(50, 60), Step(100))
    assert loaded.service() == Service(
        "shop", "contoso.azurecr.io/shop/web", (Target("west", Plan(steps), replicas=2, weight=1000, by_resolver=True),)
    )
    assert loaded.target("west").probe == ProbeSettings(port=8080, path="/healthz")
    group = "11111111-2222-3333-4444-555555555555"
    assert loaded.target("west").traffic == TrafficManager(group, "shop", "shop", weight=1000)


def test_everything_that_is_written_arrives(project: Path) -> None:
    text = base(project).replace("strategy:\n  canary:\n    steps: [1, 10, 50]\n", "").replace("    weight: 1000\n", "")
    text = text.replace("{port: 8080}", "{port: 8080, interval: 1s, before: 3, failures: 2, expect: [200, 300-302]}")
    text = text.replace(
        "    profile: shop\n",
        "    profile: shop\n    ttlDuringRollout: 5s\n    adopt: [blue]\n    adoptedGroups: keep\n"
        "    onDrift: repair\n    endpoint: {customHeaders: {Host: www}, alwaysServe: true}\n"
        "    create: {dnsName: shop, ttl: 1m, tags: {a: b}, monitor: {protocol: TCP, port: 80}}\n",
    )
    loaded = one(
        project,
        text
        + """\
strategy: {blueGreen: {preview: {hold: 10m, approve: true}, hold: 1h}}
waves: {retire: perWave, bake: 1m30s, onFailure: wave}
drain: {propagation: 1s, margin: 2s, quiet: 3s, most: 4s, then: force}
onFailure: pause
deadline: {ready: 1m, wave: 2m, total: 1d}
retain: 6h
whileRunning: queue
inject: false
""",
    )
    assert loaded.service() == Service(
        "shop",
        "contoso.azurecr.io/shop/web",
        (
            Target(
                "west",
                Plan((Step(0, 600, True), Step(100, 3600))),
                replicas=2,
                ttl_during=5,
                adopt=("blue",),
                on_drift=OnDrift.REPAIR,
                by_resolver=True,
                probe=ProbeRule(1.0, 3, 2),
                drain=DrainRule(1, 2, Quiet.AUTO, 3, 4, AfterMost.FORCE),
            ),
        ),
        WaveRule(Retire.PER_WAVE, 90, Scope.WAVE),
        Deadlines(60, 120, 86400),
        OnFailure.PAUSE,
        WhileRunning.QUEUE,
        21600,
    )
    target = loaded.target("west")
    assert target.workloads.inject is False
    assert target.probe.expect == ((200, 200), (300, 302))
    monitor = Monitor("TCP", 80, None, 10, 5, 3, ((200, 200),), ())
    assert target.traffic.create == CreateProfile("shop", 60, monitor, (("a", "b"),))
    assert (target.traffic.custom_headers, target.traffic.always_serve) == ((("Host", "www"),), True)


def test_a_target_overrides_the_strategy_whole_and_the_probe_key_by_key(project: Path) -> None:
    text = base(project).replace("{port: 8080}", "{port: 8080, path: /up, failures: 5}")
    text = text.replace("strategy:", "  strategy: {blueGreen: {}}\n  gates: {probe: {path: /west}}\nstrategy:", 1)
    loaded = one(project, text)
    assert loaded.service().target("west").plan == Plan((Step(0), Step(100)))
    assert loaded.service().target("west").probe.failures == 5
    assert (loaded.target("west").probe.path, loaded.target("west").probe.port) == ("/west", 8080)


def test_a_caller_may_change_every_plan_as_an_undo_does(project: Path) -> None:
    assert load(["rollout.yaml"])[0].service(at_once).target("west").plan == Plan((Step(0), Step(100)))


def test_without_a_strategy_all_traffic_moves_at_once(project: Path) -> None:
    text = base(project).replace("strategy:\n  canary:\n    steps: [1, 10, 50]\n", "")
    assert one(project, text).service().target("west").plan == Plan((Step(0), Step(100)))


def test_variables_reach_manifest_and_template_and_only_those_used_are_kept(project: Path) -> None:
    text = base(project).replace("replicas: 2", "replicas: ${var:count}").replace("group.yaml", "${var:file}.yaml")
    block = "resources:\n        requests:\n          cpu: ${var:cpu}\n          memoryInGB: 1.5"
    template = (project / "group.yaml").read_text()
    (project / "big.yaml").write_text(template.replace("resources: {requests: {cpu: 1, memoryInGB: 1.5}}", block))
    loaded = one(project, text, count="3", file="big", cpu="0.5", unused="x")
    assert loaded.service().target("west").replicas == 3
    container = loaded.target("west").workloads.template["properties"]["containers"][0]
    assert container["properties"]["resources"]["requests"]["cpu"] == 0.5
    assert loaded.snapshot.variables == (("count", "3"), ("cpu", "0.5"), ("file", "big"))


def test_a_snapshot_gives_the_same_again_after_the_files_are_gone(project: Path) -> None:
    text = base(project).replace("replicas: 2", "replicas: ${var:count}")
    other = text.replace("service: shop", "service: other")
    (project / "rollout.yaml").write_text(f"# two services\n---\n{text}---\n# the other\n{other}")
    both = load(["rollout.yaml"], Variables({"count": "2"}))
    for file in project.iterdir():
        file.unlink()
    assert [from_snapshot(loaded.snapshot) for loaded in both] == both
    assert [loaded.manifest.service for loaded in both] == ["shop", "other"]


def test_the_snapshots_image_is_kept_for_the_caller(project: Path) -> None:
    snapshot = replace(load(["rollout.yaml"])[0].snapshot, image="contoso.azurecr.io/shop/web:v2")
    assert from_snapshot(snapshot).snapshot == snapshot


def test_templates_are_found_beside_their_manifest(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    loaded = load([f"{project.name}/rollout.yaml"])[0]
    assert [path for path, _ in loaded.snapshot.templates] == ["group.yaml"]
    (project / "group.yaml").write_text("a: 1\nb: [")
    with pytest.raises(ManifestError, match=re.escape(f"template: {project.name}/group.yaml:2: must be valid YAML")):
        load([f"{project.name}/rollout.yaml"])


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract lies beside a full checkout only")
def test_the_contracts_own_example_is_good(project: Path) -> None:
    example = CONTRACT.read_text().split("```yaml\n")[1].split("```")[0]
    template = (project / "group.yaml").read_text().replace("shop/web", "shop/storefront")
    migrate = "  initContainers: [{name: migrate, properties: {image: contoso.azurecr.io/shop/storefront}}]\n"
    (project / "container-group.yaml").write_text(template + migrate)
    (project / "deployment.yaml").write_text(DEPLOYMENT)
    (project / "hpa.yaml").write_text(SCALER)
    loaded = one(project, example)
    west, onprem = loaded.service().targets
    assert west.plan.steps[1] == Step(1, 60)
    assert (onprem.wave, onprem.weight, onprem.most, onprem.adopt) == (2, 1000, 1_000_000, ("storefront",))
    assert onprem.probe.routed is False


def test_steps_are_not_judged_by_a_weight_that_only_the_adopted_endpoints_know(project: Path) -> None:
    text = base(project).replace("    weight: 1000\n", "    adopt: [blue]\n").replace("[1, 10, 50]", "[0.01]")
    assert one(project, text).service().target("west").plan.steps[1].share == 0.01


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: storefront}
spec:
  selector: {matchLabels: {app: storefront}}
  template:
    metadata: {labels: {app: storefront}}
    spec:
      containers:
      - name: web
        image: contoso.azurecr.io/shop/storefront:v1
        ports: [{containerPort: 8081}]
"""
SCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: storefront}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: storefront}
  minReplicas: 2
  maxReplicas: 5
"""
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)
DURATIONS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 300), st.sampled_from(["s", "m", "h"]))


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, Any]:
    """Any manifest that this version runs."""
    shares = draw(st.lists(st.floats(2, 98).map(lambda share: round(share, 2)), min_size=1, max_size=5, unique=True))
    steps: list[Any] = [
        draw(st.sampled_from([share, {"share": share, "hold": draw(DURATIONS), "approve": draw(st.booleans())}]))
        for share in sorted(shares)
    ]
    host = {"subscription": str(draw(st.uuids())), "resourceGroup": "shop", "location": "westeurope", "template": "t"}
    target = {
        "wave": draw(st.integers(1, 5)),
        "containerInstances": host | {"replicas": draw(st.integers(1, 9))},
        "trafficManager": {"resourceGroup": "shop", "profile": "shop", "ttlDuringRollout": draw(DURATIONS)},
    }
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    return {
        "service": draw(NAMES),
        "image": "contoso.azurecr.io/shop/web",
        "targets": [target | {"name": name} for name in names],
        "strategy": draw(st.sampled_from([{"canary": {"steps": steps}}, {"blueGreen": {"hold": draw(DURATIONS)}}])),
        "drain": {"margin": draw(st.just("auto") | DURATIONS), "quiet": draw(st.just("none") | DURATIONS)},
        "retain": draw(DURATIONS),
        "waves": {"bake": draw(DURATIONS)},
    }


def read(value: Any) -> Manifest:
    (document,) = parse(json.dumps(value, indent=1), "a.json")
    result = typed(document.value, set())
    assert (result.mistakes, checked(result, document.value)) == ([], [])
    assert result.manifest is not None
    return result.manifest


@given(manifests())
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_comes_out_as_it_was(value: dict[str, Any]) -> None:
    service = build.service(read(value))
    assert [target.name for target in service.targets] == [target["name"] for target in value["targets"]]
    assert service.retain_seconds == seconds(value["retain"])
    assert service.waves.bake_seconds == seconds(value["waves"]["bake"])
    plan = service.targets[0].plan
    if canary := value["strategy"].get("canary"):
        shares = [step["share"] if isinstance(step, dict) else step for step in canary["steps"]]
        assert [step.share for step in plan.steps] == [0, *shares, 100]
        holds = [seconds(step["hold"]) if isinstance(step, dict) else 60 for step in canary["steps"]]
        assert [step.hold_seconds for step in plan.steps] == [0, *holds, 0]
    else:
        assert plan == Plan((Step(0), Step(100, seconds(value["strategy"]["blueGreen"]["hold"]))))


@given(manifests(), st.data())
@settings(max_examples=60, deadline=None)
def test_one_unknown_key_anywhere_is_the_only_problem(value: dict[str, Any], data: st.DataObject) -> None:
    value = json.loads(json.dumps(value))
    places = [value, value["targets"][0], value["targets"][0]["containerInstances"], value["waves"], value["drain"]]
    data.draw(st.sampled_from(places))["zzz"] = 1
    (document,) = parse(json.dumps(value), "a.json")
    result = typed(document.value, set())
    assert [path[-1] for path, _ in result.mistakes] == ["zzz"]
    assert checked(result, document.value) == []


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
@settings(deadline=None)
def test_a_duration_is_its_number_times_its_unit(number: int, unit: str) -> None:
    each = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    if number * each <= 366 * 86400:
        assert seconds(f"{number}{unit}") == pytest.approx(number * each)
    else:
        with pytest.raises(ValueError, match="must be a duration"):
            seconds(f"{number}{unit}")
