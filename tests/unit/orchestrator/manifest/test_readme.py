"""What the README shows of a manifest is a manifest."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.manifest.loader import load
from strategies.gates import MetricKind

README = Path(__file__).parents[4] / "README.md"


def blocks() -> list[str]:
    """The README's YAML that stands at the margin."""
    return re.findall(r"^```yaml\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


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
