"""The third example: the README's lines as they stand, against the real daemon and the emulator."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from orchestrator.manifest.loader import load
from orchestrator.manifest.variables import read_variables
from tests.examples.test_examples import PATIENCE_SECONDS, commands, history, local_deadline, run, search_path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "03-watcher-daemon"
BECAME = [("1.0.0", "promoted"), ("1.1.0", "promoted"), ("1.2.0", "rolledBack"), ("1.2.1", "promoted")]
SHOWN = (
    r'\{"status":"ready",.*',
    r"● 1\.1\.0 .*the highest version in >=1\.0 <2",
    r"  2\.0\.0 +outside >=1\.0 <2",
    r"  nightly +no version.*",
    r"  last +1\.2\.0 was rolled back .*",
    r"    rollout retry storefront .*",
    r'rollout_rollouts_total\{outcome="rolledBack",service="storefront"\} 1\.0',
)


def test_every_pushed_version_is_rolled_out_once_by_itself_and_the_bad_one_taken_back(tmp_path: Path) -> None:
    for tool in ("bash", "curl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and the example's commands use it")
    folder = shutil.copytree(EXAMPLE, tmp_path / EXAMPLE.name)
    code, said = run(commands(EXAMPLE), folder, search_path(tmp_path))
    log = (folder / "daemon.log").read_text() if (folder / "daemon.log").exists() else ""
    assert code == 0, said + log
    assert history(folder / "rollout.db") == BECAME
    assert [line for line in SHOWN if not re.search(f"^{line}$", said, re.MULTILINE)] == [], said
    counted = Counter(re.findall(r"\bevent=(service_added|rollout_ended|daemon_stopped)\b", log))
    assert counted == {"service_added": 1, "rollout_ended": len(BECAME), "daemon_stopped": 1}, log
    assert "Traceback" not in log
    assert "only-an-example" not in said + log


def test_the_settings_for_azure_are_valid_and_follow_the_registry_as_well() -> None:
    (loaded,) = load([str(EXAMPLE / "manifests" / "storefront.yaml")], read_variables([str(EXAMPLE / "azure.yaml")]))
    assert "${" not in loaded.manifest.image
    assert loaded.manifest.follow is not None
    assert loaded.manifest.follow.semver == ">=1.0 <2"


def test_a_version_that_a_slow_machine_never_sees_ready_is_given_up_while_a_reader_still_waits() -> None:
    assert local_deadline(EXAMPLE, "manifests/storefront.yaml") <= PATIENCE_SECONDS


def test_nothing_of_the_emulator_is_left_in_the_shell_that_goes_on_to_azure() -> None:
    script = commands(EXAMPLE)
    exported = {
        name for line in re.findall(r"^export (.*)$", script, re.MULTILINE) for name in re.findall(r"(\w+)=", line)
    }
    taken_back = script.strip().splitlines()[-1].split()
    assert taken_back[0] == "unset"
    assert {*exported, "ROLLOUT_AZURE_ENDPOINT", "ROLLOUT_DNS"} <= set(taken_back)
