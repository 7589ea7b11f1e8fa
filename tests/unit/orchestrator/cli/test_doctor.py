"""`rollout doctor`: what would make a rollout fail is found before, with its remedy, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator import wiring
from orchestrator.exit_codes import ExitCode
from providers.emulator.faults import Fault
from tests.unit.orchestrator.cli.branch import Branch, branch
from tests.unit.orchestrator.cli.desk import Desk


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Iterator[Branch]:
    """A branch office with nothing in it yet, whose registry is not waited for."""
    monkeypatch.setattr(wiring, "APPEAR_SECONDS", 0.0)
    with branch(tmp_path, monkeypatch, lambda: desk) as opened:
        yield opened


def _doctor(office: Branch, *words: str) -> tuple[int, list[Any]]:
    """The exit code and the findings; a doctor never writes."""
    with office.untouched():
        code = office.desk.type("doctor", office.manifest, "--output", "json", *words)
    document = office.desk.document
    assert document["ok"] == (code == 0)
    return code, document["findings"]


def _at(level: str, findings: list[Any]) -> list[str]:
    return [f"{each['subject']}: {each['message']}" for each in findings if each["level"] == level]


def _one(level: str, part: str, findings: list[Any]) -> Any:
    """The one finding of this level whose text has this part."""
    found = [each for each in findings if each["level"] == level and part in f"{each['subject']}: {each['message']}"]
    assert len(found) == 1, (level, part, findings)
    return found[0]


def test_a_healthy_first_release_has_nothing_in_its_way(office: Branch) -> None:
    code, findings = _doctor(office, "--tag", "v1")
    assert code == 0
    assert _at("fail", findings) == _at("warn", findings) == []
    said = " ".join(_at("ok", findings))
    for words in ("identity", "readable, Enabled", "clock", "permissions", "will be created", "quota", "DNS labels"):
        assert words in said
    assert not (office.folder / "state").exists()


def test_text_has_one_line_for_a_finding_and_one_for_its_remedy(office: Branch) -> None:
    office.set(group_quota=1)
    assert office.desk.type("doctor", office.manifest, "--tag", "v1") == ExitCode.REFUSED
    lines = office.desk.said.splitlines()
    (number,) = [n for n, line in enumerate(lines) if line.startswith("  fail  quota in westeurope: ContainerGroups")]
    assert "fewer replicas" in lines[number + 1]
    assert lines[-1] == "1 to put right before a rollout"


def test_a_profile_that_is_not_weighted_is_fatal(office: Branch) -> None:
    office.profile("Priority")
    code, findings = _doctor(office, "--tag", "v1")
    assert code == ExitCode.REFUSED
    assert "--routing-method Weighted" in _one("fail", "shares its traffic by Priority", findings)["remedy"]


def test_an_image_that_is_not_there_is_fatal(office: Branch) -> None:
    code, findings = _doctor(office, "--tag", "v9")
    assert code == ExitCode.REFUSED
    _one("fail", "image: ", findings)
    digest = "sha256:" + "c" * 64
    code, findings = _doctor(office, "--image", f"{office.emulator.registry_host}/shop/web@{digest}")
    assert code == ExitCode.REFUSED
    assert digest in _one("fail", "image: ", findings)["message"]


def test_a_reference_to_another_image_is_a_usage_error(office: Branch) -> None:
    assert office.desk.type("doctor", office.manifest, "--image", "contoso.azurecr.io/other:1") == ExitCode.USAGE


def test_a_secret_that_cannot_be_had_is_fatal_and_one_that_can_is_never_shown(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "      environmentVariables: [{name: KEY, secureValue: '${env:SHOP_KEY}'}]\n      ports:"
    office.edit("group.yaml", {"      ports:": variable})
    monkeypatch.delenv("SHOP_KEY", raising=False)
    code, findings = _doctor(office, "--tag", "v1")
    assert code == ExitCode.REFUSED
    assert "SHOP_KEY" in _one("fail", "secret", findings)["message"]
    monkeypatch.setenv("SHOP_KEY", "hush-hush")
    code, findings = _doctor(office, "--tag", "v1")
    assert code == 0
    _one("ok", "secrets: all 1 can be read", findings)
    assert "hush-hush" not in office.desk.said + office.desk.told


def test_a_delete_lock_is_a_warning_told_once_for_each_place(office: Branch) -> None:
    office.set(delete_lock=True)
    office.profile()
    code, findings = _doctor(office, "--tag", "v1")
    assert code == 0
    assert "az lock delete" in _one("warn", "lock emulator", findings)["remedy"]


def test_permissions_that_cannot_be_read_are_a_warning(office: Branch) -> None:
    fault = Fault.from_json({"method": "GET", "path": ".*/permissions", "status": 403, "times": 9})
    office.emulator.call(office.emulator.world.faults.add, fault)
    code, findings = _doctor(office, "--tag", "v1")
    assert code == 0
    _one("warn", "permissions on shop", findings)


def test_an_azure_that_does_not_answer_is_fatal_and_nothing_more_is_asked_of_it(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_AZURE_ENDPOINT", "http://127.0.0.1:9")
    code, findings = _doctor(office, "--tag", "v1")
    assert code == ExitCode.REFUSED
    assert len(_at("fail", findings)) == 1
    _one("warn", "not made, because Azure cannot be read", findings)


def test_an_endpoint_that_would_show_the_token_is_refused_with_its_reason(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_AZURE_ENDPOINT", "http://management.example.com")
    code, findings = _doctor(office, "--tag", "v1")
    assert code == ExitCode.REFUSED
    _one("fail", "plain http would show the token", findings)


def test_a_clock_that_is_off_is_said_and_fatal_when_tokens_would_be_refused(
    office: Branch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = office.desk.clock.now
    for off, level in ((60, "warn"), (1000, "fail")):
        monkeypatch.setattr(office.desk.clock, "now", lambda off=off: real() - timedelta(seconds=off))
        code, findings = _doctor(office, "--tag", "v1")
        assert code == (0 if level == "warn" else ExitCode.REFUSED)
        _one(level, "clock: ", findings)


def test_a_plan_that_cannot_keep_its_deadline_is_fatal(office: Branch) -> None:
    office.serve("v1")
    office.edit("rollout.yaml", {"hold: 200ms": "hold: 10m", "drain:": "deadline: {wave: 5m}\ndrain:"})
    code, findings = _doctor(office, "--tag", "v2")
    assert code == ExitCode.REFUSED
    assert "not finished after 300 s" in _one("fail", "plan: never gets there", findings)["message"]


def test_with_nothing_said_the_image_that_serves_is_looked_for(office: Branch) -> None:
    office.serve("v1")
    code, findings = _doctor(office)
    assert code == 0
    _one("ok", "serves now, and is still in the registry", findings)
    _one("ok", "name contoso-plan.trafficmanager.net: resolves from here", findings)


def test_a_ci_run_with_a_store_of_its_own_is_warned(office: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    code, findings = _doctor(office, "--tag", "v1")
    assert code == 0
    assert "--store postgresql" in _one("warn", "store", findings)["remedy"]
