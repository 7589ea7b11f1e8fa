"""The sources that examples/07-evidence offers for Azure in the place of its own are valid there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.manifest.loader import load
from orchestrator.manifest.variables import read_variables
from strategies.gates import MetricKind, When

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "07-evidence"
OFFERED = re.findall(r"^```yaml\n(.*?)^```$", (EXAMPLE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
KINDS = ["prometheus", "logAnalytics"]


def offered() -> list[dict[str, Any]]:
    """Each source of the README, as the one item of a list that it is."""
    return [item for text in OFFERED for item in yaml.safe_load(text)]


def test_the_readme_offers_a_managed_prometheus_and_log_analytics() -> None:
    assert [next(iter(set(item) & set(KINDS))) for item in offered()] == KINDS
    assert offered()[0]["prometheus"]["auth"] == "azure"


@pytest.mark.parametrize("source", offered(), ids=KINDS)
def test_a_source_that_the_readme_offers_takes_the_place_of_the_examples_own(
    source: dict[str, Any], tmp_path: Path
) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / EXAMPLE.name)
    manifest = yaml.safe_load((folder / "rollout.yaml").read_text())
    metrics = manifest["gates"]["metrics"]
    manifest["gates"]["metrics"] = [source if item["name"] == source["name"] else item for item in metrics]
    assert source in manifest["gates"]["metrics"]
    (folder / "rollout.yaml").write_text(yaml.safe_dump(manifest))
    (loaded,) = load([str(folder / "rollout.yaml")], read_variables([str(folder / "azure.yaml")]))
    (target,) = loaded.service().targets
    decides = next(rule for rule in target.metrics if rule.name == source["name"])
    assert (decides.kind, decides.dry_run) == (MetricKind.FAILURES, False)
    assert {rule.name: rule.when for rule in target.metrics}["smoke"] == (When.BEFORE,)
