"""What a command costs in instructions: the same number on every machine, where seconds would be noise."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from orchestrator.store.opening import open_store
from tests.unit.orchestrator.cli import states

TWIN = """
import argparse
parser = argparse.ArgumentParser()
verbs = parser.add_subparsers()
for name in {names!r}:
    verbs.add_parser(name, help="one line")
parser.parse_args(["--help"])
"""
ROLLOUT = "from orchestrator.cli.main import main; main()"
pytestmark = [
    pytest.mark.local,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs the Debian package valgrind"),
]


@cache
def compiled_modules() -> str:
    """A folder for compiled modules that is gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix="compiled-")
    atexit.register(folder.cleanup)
    return folder.name


def instructions(script: str, *words: str) -> int:
    """Instructions of one run, in millions; run once before, so that every module is compiled, wherever we run."""
    python = [sys.executable, "-c", script, *words]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", "PYTHONPYCACHEPREFIX": compiled_modules()}
    subprocess.run(python, capture_output=True, check=True, env=environment)
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *python],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    found = re.search(r"Collected : (\d+)", counted.stderr)
    assert found is not None, counted.stderr
    return int(found[1]) // 1_000_000


def test_the_top_help_costs_no_more_than_three_times_an_argparse_twin_and_300_million_instructions() -> None:
    from orchestrator.cli.verbs import VERBS

    ours = instructions(ROLLOUT, "--help")
    assert ours <= 300
    assert ours <= 3 * instructions(TWIN.format(names=list(VERBS)))


def test_status_costs_less_than_1600_million_instructions_with_its_store(tmp_path: Path) -> None:
    assert instructions(ROLLOUT, "status", "--store", f"sqlite:///{tmp_path}/rollout.db") < 1600


def test_status_of_a_service_in_json_costs_less_than_1600_million_instructions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/rollout.db"
    store = open_store(url)
    store.submit(replace(states.two_targets(), version=0), states.SNAPSHOT)
    store.close()
    assert instructions(ROLLOUT, "status", "storefront", "--output", "json", "--store", url) < 1600
