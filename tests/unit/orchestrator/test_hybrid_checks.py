"""What `doctor` says of a place that it cannot read: what is wrong there, and no plan that rests on a guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.checkup import checkup
from orchestrator.desk import LocalDesk
from orchestrator.wiring import App
from providers.ports import Finding
from tests.unit.orchestrator.hybrid import HYBRID, HybridYard


def test_without_an_answer_from_a_cluster_no_plan_is_made_and_the_region_is_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kubeconfig").write_text("{apiVersion: v1, kind: Config, contexts: []}")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yard = HybridYard(manifest=HYBRID)
    there, nowhere = yard.app, App(yard.store, yard.clock)
    near = there.hands(yard.loaded())["west"]
    far = nowhere._cluster(yard.loaded(), yard.loaded().target("onprem"))
    assert far is not None
    monkeypatch.setattr(type(there), "hands", lambda *_: {"west": near, "onprem": far})
    monkeypatch.setattr("orchestrator.cli.checkup._account", lambda *_: iter(()))
    fine = Finding(True, "permissions", "suffice")
    monkeypatch.setattr("providers.azure.account_checks.permissions", lambda *_: fine)
    found = [(each.target, each.finding) for each in checkup(LocalDesk(there), yard.loaded(), None, None)]
    wrong = {target for target, each in found if not each.ok and each.fatal}
    assert wrong == {"onprem"}
    assert any(target == "west" and each.ok for target, each in found)
    plans = [each.message for _, each in found if each.subject == "plan"]
    assert plans == ["not made, because what serves cannot be read"]
