"""What starting costs, in instructions (valgrind --tool=callgrind): they repeat where seconds do not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.goals import Goal

TWIN = """
import argparse
parser = argparse.ArgumentParser(prog="rollout")
verbs = parser.add_subparsers()
for number in range(20):
    verb = verbs.add_parser(f"verb{number}", help="one line of help")
    verb.add_argument("service")
    verb.add_argument("--output", choices=["text", "json"], default="text")
parser.print_help()
"""


def run() -> list[Goal]:
    """Count `rollout --help` beside an argparse twin, and `rollout status` on an empty store."""
    if shutil.which("valgrind") is None:
        raise SystemExit("startup: needs valgrind (a Debian package of that name)")
    with tempfile.TemporaryDirectory() as folder:
        cli = ["-c", "from orchestrator.cli.main import main; import sys; sys.exit(main())"]
        store = f"sqlite:///{folder}/rollout.db"
        warm = [sys.executable, *cli, "status", "--store", store]
        subprocess.run(warm, check=True, capture_output=True)
        help_ = instructions([*cli, "--help"], folder)
        twin = instructions(["-c", TWIN], folder)
        status = instructions([*cli, "status", "--store", store], folder)
    return [
        Goal("G7", "rollout --help", help_ / 1e6, 300.0, "M instructions", theirs=twin / 1e6),
        Goal("G7", "rollout --help beside three argparse twins", help_ / 1e6, 3 * twin / 1e6, "M instructions"),
        Goal("-", "rollout status", status / 1e6, 1600.0, "M instructions"),
    ]


def instructions(arguments: list[str], folder: str) -> int:
    """Count the instructions of one run of this Python."""
    out = Path(folder) / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, *arguments]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind said nothing of instructions:\n{done.stderr[-2000:]}")
    return int(found[1])
