"""The manifest's sources of evidence become adapters by their names, and checks end with their rollout."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orchestrator.manifest.loader import Loaded, from_snapshot
from orchestrator.patient import PatientPorts
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Snapshot
from orchestrator.wiring import App
from providers.kubernetes.jobs import JobCheck
from providers.metrics.azure_monitor import AzureMonitorMetrics
from providers.metrics.brief import Brief
from providers.metrics.command import CommandCheck
from providers.metrics.log_analytics import LogQueries
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.webhook import WebhookMetrics
from providers.ports import Arm, Check, Errand
from strategies.gates import When
from strategies.model import Side
from strategies.seen import CheckState
from tests.unit.orchestrator.manifest.evidence import RESOURCE
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE

JOB = "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {containers: [{name: a, image: b}]}}}}"
METRICS = f"""\
gates:
  metrics:
  - {{name: server, prometheus: {{url: "http://127.0.0.1:9", requests: $side}}}}
  - {{name: platform, azureMonitor: {{resource: {RESOURCE}, requests: {{metric: R, filter: $side}}}}}}
  - {{name: logs, logAnalytics: {{resource: {RESOURCE}, query: $side}}}}
  - {{name: hook, webhook: {{url: "http://127.0.0.1:9"}}}}
  - {{name: own, probes: {{}}}}
  - {{name: smoke, command: {{run: [sleep, "60"]}}}}
  - {{name: deep, job: {{template: job.yaml, context: arc, namespace: shop}}}}
"""


@pytest.fixture
def loaded() -> Loaded:
    text = "".join(line for line in MANIFEST.splitlines(keepends=True) if not line.startswith("gates:"))
    return from_snapshot(Snapshot(text + METRICS, "shop.yaml", (("t.yaml", TEMPLATE), ("job.yaml", JOB))))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    return App(MemoryStore())


def test_each_kind_has_its_adapter_by_the_name_in_the_manifest(app: App, loaded: Loaded) -> None:
    ports = app.hands(loaded)["west"]
    assert {name: type(each.source) for name, each in ports.metrics.items() if isinstance(each, Brief)} == {
        "server": PrometheusMetrics,
        "platform": AzureMonitorMetrics,
        "logs": LogQueries,
        "hook": WebhookMetrics,
    }
    assert {name: type(each) for name, each in ports.checks.items()} == {"smoke": CommandCheck, "deep": JobCheck}


def test_a_slow_source_is_waited_for_before_a_rollout_and_in_none_of_its_looks(
    app: App, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.store, "snapshot", lambda _id: loaded.snapshot)
    ports = app.hands_of("r1")["west"]
    assert isinstance(ports, PatientPorts)
    assert set(ports.patients) == {"server", "platform", "logs", "hook"}


@pytest.mark.parametrize("way", ["forget", "close"])
def test_a_check_that_runs_ends_with_its_rollout_and_with_the_process(
    app: App, loaded: Loaded, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(app.store, "snapshot", lambda _id: loaded.snapshot)
    check = app.hands_of("r1")["west"].checks["smoke"]
    side = Arm(Side.CANDIDATE, "r", "d")
    errand = Errand("k", "shop", "west", 0, When.BEFORE, side, side)
    assert check.look(errand).state is CheckState.RUNNING
    app.forget("r1") if way == "forget" else app.close()
    assert ended(check, errand) == "was stopped"
    app.forget("r1")


def ended(check: Check, errand: Errand) -> str:
    """What a check says once it runs no more; waited for no longer than five seconds."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        seen = check.look(errand)
        if seen.state is not CheckState.RUNNING:
            return seen.why
        time.sleep(0.01)
    raise AssertionError("it still runs")
