"""Releases judged by a real Prometheus that scrapes the applications once a second: one good, one bad."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.kube import KubeShop
from tests.prometheus import RealPrometheus, needs_prometheus, running_prometheus

pytestmark = needs_prometheus
_COUNTED = 'sum(http_requests_total{{revision="$revision",path!="/healthz"{more}}})'
QUIET_SECONDS = 3
PATIENT = {"failures": 50}
"""Probes that condemn nothing, so that the counts alone decide."""


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[KubeShop]:
    """A service in an emulator of its own, so that the server scrapes nothing else."""
    with Cloud() as cloud:
        opened = KubeShop(cloud, tmp_path)
        yield opened
        opened.close()


@pytest.fixture
def prometheus(kube: KubeShop, tmp_path: Path) -> Iterator[RealPrometheus]:
    """A server that finds the applications of the emulator as they come and go."""
    discovery = f"{kube.cloud.emulator.url}/_emulator/targets"
    with running_prometheus(tmp_path / "prometheus", {}, discovery=discovery) as server:
        yield server


def judged_by(kube: KubeShop, server: RealPrometheus) -> None:
    """Let the server's counts decide, and nothing else."""
    kube.canary(20, 50)
    source = {
        "url": server.url,
        "requests": _COUNTED.format(more=""),
        "failures": _COUNTED.format(more=',code=~"5.."'),
    }
    kube.spec["gates"]["metrics"] = [{"name": "errors", "interval": "1s", "lag": "1s", "prometheus": source}]
    kube.spec["gates"]["probe"] |= PATIENT
    kube.spec["drain"]["quiet"] = f"{QUIET_SECONDS}s"


def _at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])


def test_a_good_version_is_promoted_on_proof_and_the_old_one_retired_when_it_is_quiet(
    kube: KubeShop, prometheus: RealPrometheus
) -> None:
    kube.serve()
    kube.image("v2")
    judged_by(kube, prometheus)
    with kube.visitors(rate=120) as load:
        prometheus.wait("count_over_time(http_requests_total[1m]) >= 4", 2)
        done = kube.start("v2", "--log-format", "json")
    assert done.code == 0, done
    assert done.json["outcome"] == "promoted"
    (target,) = done.json["targets"]
    evidence = target["evidence"]
    assert evidence["proof"] >= evidence["proofLimit"] == 20, done
    assert evidence["candidateRequests"] > 100
    assert evidence["candidateFailures"] == 0
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    drained = next(_at(each) for each in events if each.get("after") == "drained")
    left = max(_at(each) for each in events if each["event"] == "weight_confirmed" and _at(each) < drained)
    assert (drained - left).total_seconds() >= QUIET_SECONDS
    assert (load.snapshot().total.failed, kube.late) == (0, 0), load.snapshot().reasons
    kube.assert_alone("v2")


def test_a_version_that_fails_some_requests_is_taken_back_by_its_counts_though_no_probe_rule_is_broken(
    kube: KubeShop, prometheus: RealPrometheus
) -> None:
    kube.serve()
    kube.image("v2", errorRate=0.3, errorsAfterSeconds=3.0)
    judged_by(kube, prometheus)
    with kube.visitors(rate=120) as load:
        prometheus.wait("count_over_time(http_requests_total[1m]) >= 4", 2)
        done = kube.start("v2")
    assert (done.code, done.json["outcome"]) == (3, "rolledBack"), done
    reason = done.json["reason"]
    assert reason["code"] == "countsWorse", done
    assert reason["evidence"]["e"] >= reason["evidence"]["limit"] == 1000
    assert reason["evidence"]["stableFailures"] == 0
    kube.assert_alone("v1")
    seen = load.snapshot()
    assert seen.by_version["v1"].failed == 0
    assert seen.by_version["v2"].failed < 150
