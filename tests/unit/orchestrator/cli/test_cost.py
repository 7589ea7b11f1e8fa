"""What a command costs in instructions: the same number on every machine, where seconds would be noise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
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


def instructions(script: str, *words: str) -> int:
    """Instructions of one run, in millions; run once before, so that every module is compiled."""
    python = [sys.executable, "-c", script, *words]
    place = "PYTHONPYCACHEPREFIX"
    compiled = {place: os.environ[place]} if place in os.environ else {}
    subprocess.run(python, capture_output=True, check=True)
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *python],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": "0", **compiled},
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
