"""Every example's commands are taken out of its README and run as they stand, against the emulator."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.manifest.loader import load
from orchestrator.manifest.variables import read_variables
from tests.acceptance.command import SAID_BY_CI

EXAMPLES = sorted(path.parent for path in (Path(__file__).resolve().parents[2] / "examples").glob("*/rollout.yaml"))
SECONDS = 300
PATIENCE_SECONDS = 60
"""For how long nothing may happen in an example before a reader takes it for broken."""
OUTCOMES = {
    "01-aci-blue-green": [("v1", "promoted"), ("v2", "promoted"), ("v1", "promoted")],
    "02-aci-canary": [("v1", "promoted"), ("v2", "promoted"), ("v3", "rolledBack")],
    "04-ci-step": [("v1", "promoted"), ("v2", "promoted"), ("v3", "rolledBack")],
    "05-aks-gateway-api": [("v1", "promoted"), ("v2", "promoted"), ("v3", "rolledBack")],
    "06-hybrid-waves": [("v1", "promoted"), ("v2", "promoted"), ("v3", "rolledBack")],
    "07-evidence": [("v1", "promoted"), ("v2", "promoted"), ("v3", "rolledBack")],
}
SHOWN = {
    "07-evidence": (
        r"    ✓ errors\.proof +(?:[1-9]\d|\d,\d)\S* for the candidate, which gets everything at 20",
        r"  errors: candidate failed [1-9]\d* of \d+ requests, stable 0 of \d+: evidence \S+, limit 1,000",
        r"    ■ errors\.evidence +\d\S+ against the candidate, taken back at 1,000.*",
        r"    ✓ probes\.requests +candidate failed 0 of [1-9]\S* (?:requests )?in all, stable 0 of [1-9]\S*",
        r"    ✓ smoke +passed at step 0: .*: 200 OK.*",
        r"v2  \S+ requests, 0 failed",
        r"v3  \S+ requests, [1-9]\d* failed",
    ),
}
"""What must be read of an example's run beside how it ended."""
TOOLS = ("bash", "curl", "prometheus")


def commands(example: Path) -> str:
    """The README's lines for this machine: its `sh` blocks, in order. Those for a real Azure are `bash` blocks."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", (example / "README.md").read_text(), re.DOTALL | re.MULTILINE))


def search_path(folder: Path) -> str:
    """Where `rollout` and `python3` are this interpreter's, whether or not its environment is activated."""
    words = {"python3": "", "rollout": '-c "from orchestrator.cli.main import main; main()"'}
    for name, options in words.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n')
        script.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run(script: str, folder: Path, path: str) -> tuple[int, str]:
    """Run a script in a session of its own, so that nothing that it began can outlive it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SAID_BY_CI)}
    said = folder.parent / "said"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={**kept, "PATH": path, "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return code, said.read_text()


def history(store: Path) -> list[tuple[str, str]]:
    """How each rollout in a store ended, oldest first."""
    words = [sys.executable, "-c", "from orchestrator.cli.main import main; main()", "history", "--output", "json"]
    done = subprocess.run([*words, "--store", f"sqlite:///{store}"], capture_output=True, check=True, timeout=60)
    return [(entry["tag"], entry["outcome"]) for entry in reversed(json.loads(done.stdout)["rollouts"])]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_commands_of_an_example_do_what_its_readme_says(example: Path, tmp_path: Path) -> None:
    script = commands(example)
    for tool in TOOLS:
        if (tool == "bash" or re.search(rf"\b{tool} ", script)) and shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, and the example's commands use it")
    folder = shutil.copytree(example, tmp_path / example.name)
    code, said = run(script, folder, search_path(tmp_path))
    assert code == 0, said
    assert history(folder / "rollout.db") == OUTCOMES[example.name]
    missing = [line for line in SHOWN.get(example.name, ()) if not re.search(f"^{line}$", said, re.MULTILINE)]
    assert missing == [], said


def local_deadline(folder: Path, manifest: str = "rollout.yaml") -> float:
    """How many seconds a new version may take to come up in an example's run on this machine."""
    variables = read_variables([str(folder / "local.yaml")], ["registry=127.0.0.1:8088"])
    (loaded,) = load([str(folder / manifest)], variables)
    return loaded.service().deadlines.ready_seconds


@pytest.mark.parametrize(
    "example", [each for each in EXAMPLES if "unhealthyAfter" in commands(each)], ids=lambda p: p.name
)
def test_a_version_that_a_slow_machine_never_sees_ready_is_given_up_while_a_reader_still_waits(example: Path) -> None:
    assert local_deadline(example) <= PATIENCE_SECONDS


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_leaves_nothing_of_the_emulator_in_the_shell_that_goes_on_to_azure(example: Path) -> None:
    script = commands(example)
    exported = {
        name for line in re.findall(r"^export (.*)$", script, re.MULTILINE) for name in re.findall(r"(\w+)=", line)
    }
    assert exported
    taken_back = script.strip().splitlines()[-1].split()
    assert taken_back[0] == "unset"
    assert {*exported, "ROLLOUT_AZURE_ENDPOINT", "ROLLOUT_DNS"} <= set(taken_back)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_settings_of_an_example_for_azure_are_valid_as_well(example: Path) -> None:
    (loaded,) = load([str(example / "rollout.yaml")], read_variables([str(example / "azure.yaml")]))
    assert loaded.manifest.service == "storefront"
    assert "${" not in loaded.manifest.image
