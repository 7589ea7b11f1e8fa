"""The arrows of the architecture, and the head that knows no clock."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, Source, sources

CLOCKS = {"now", "utcnow", "today", "time", "monotonic", "perf_counter", "time_ns", "monotonic_ns"}
OWN = "strategies"


def roots(source: Source) -> set[str]:
    """The first part of every module that a file imports."""
    found = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or OWN).partition(".")[0])
    return found


def test_every_contract_of_the_layers_is_kept() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    if command is None:
        pytest.skip("import-linter is not installed: pip install -e '.[test]'")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("source", sources(OWN), ids=lambda source: source.name)
def test_the_head_imports_nothing_but_itself_and_the_standard_library(source: Source) -> None:
    assert roots(source) <= {OWN, *sys.stdlib_module_names}


@pytest.mark.parametrize("source", sources(OWN), ids=lambda source: source.name)
def test_the_head_asks_no_clock_because_the_time_is_an_argument(source: Source) -> None:
    calls = [node.func for node in ast.walk(source.tree) if isinstance(node, ast.Call)]
    asked = [
        f"{func.attr} in line {func.lineno}"
        for func in calls
        if isinstance(func, ast.Attribute) and func.attr in CLOCKS
    ]
    assert asked == []


def test_the_check_for_clocks_would_see_one() -> None:
    for text in ("from datetime import datetime\ndatetime.now()", "import time\ntime.time()"):
        with pytest.raises(AssertionError):
            test_the_head_asks_no_clock_because_the_time_is_an_argument(Source("x.py", text, ast.parse(text)))
    with pytest.raises(AssertionError):
        test_the_head_imports_nothing_but_itself_and_the_standard_library(
            Source("x.py", "import yaml", ast.parse("import yaml"))
        )
