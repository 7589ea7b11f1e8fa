"""The repository's own files, as text and as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "strategies", "providers", "watchers")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `name` is its path from the root."""

    name: str
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        """Every function and method in it, nested ones included."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """All Python files of these packages."""
    found = sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))
    texts = [(path, path.read_text(encoding="utf-8")) for path in found]
    return tuple(Source(str(path.relative_to(ROOT)), text, ast.parse(text)) for path, text in texts)


@cache
def files() -> tuple[str, ...]:
    """Every file that belongs to the repository: tracked, or new and not ignored; skips outside a clone."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone, so nobody can say which files belong to it")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git cannot list the files here: {error}")
    return tuple(name for name in listed if (ROOT / name).is_file())
