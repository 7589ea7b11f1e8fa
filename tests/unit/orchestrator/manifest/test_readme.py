"""What the README shows of a manifest is a manifest."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.manifest.loader import load
from providers.errands import environment
from providers.metrics.webhook_answers import counted
from providers.ports import Arm, Errand
from strategies.gates import MetricKind, When
from strategies.model import Side

README = Path(__file__).parents[4] / "README.md"


def blocks(kind: str = "yaml") -> list[str]:
    """The README's YAML, or another kind of text, that stands at the margin."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def starting(word: str) -> str:
    (found,) = [block for block in blocks() if block.startswith(word)]
    return found


def test_the_readmes_sources_are_those_of_a_good_manifest(project: Path) -> None:
    template = (project / "group.yaml").read_text().replace("shop/web", "shop/storefront")
    (project / "container-group.yaml").write_text(template)
    first = starting("service: storefront")
    old = "gates:\n  probe: {port: 8080, path: /healthz}\n"
    assert old in first
    (project / "rollout.yaml").write_text(first.replace(old, starting("gates:\n")))
    (loaded,) = load(["rollout.yaml"])
    (target,) = loaded.service().targets
    assert {rule.name: rule.kind for rule in target.metrics} == {
        "errors": MetricKind.FAILURES,
        "latency": MetricKind.LATENCY,
        "probes": MetricKind.FAILURES,
        "smoke": MetricKind.CHECK,
    }


def test_the_readmes_answer_of_a_webhook_is_read_whole() -> None:
    (text,) = [block for block in blocks("json") if "intervals" in block]
    found = counted(json.loads(text), datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, 1, tzinfo=UTC))
    assert found.problem is None
    assert [(tally.requests, tally.failures) for tally in found.stable] == [(950, 1), (940, 0)]
    assert [(tally.requests, tally.failures) for tally in found.candidate] == [(50, 0)]
    assert found.clients == (("10.0.0.4", 1.5),)


def test_the_readme_names_every_variable_that_a_command_gets() -> None:
    (line,) = re.findall(
        r"^- \*\*Variables\*\*.*?(?=^- |^$)", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    errand = Errand("k", "shop", "west", 0, When.BEFORE, Arm(Side.CANDIDATE, "", ""), Arm(Side.STABLE, "", ""))
    assert set(re.findall(r"ROLLOUT_[A-Z]+", line)) == set(environment(errand))
