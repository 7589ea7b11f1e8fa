"""The jobs of the CI examples, step by step as their systems would run them, with stand-ins for what is not here."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SECONDS = 120
_STANDS_IN = {
    "rollout": f'exec "{sys.executable}" -c "from orchestrator.cli.main import main; main()" "$@"',
    # A push puts the image into the emulator's registry.
    "docker": 'case "$1" in push) name="${2%:*}"; curl -fsS "$EMULATOR/_emulator/images" -d '
    '"{\\"repository\\": \\"${name#*/}\\", \\"tag\\": \\"${2##*:}\\"}" ;; esac',
    "az": 'test "$1 $2" = "acr login"',
    "pipx": 'test "$1" = install && test -n "$2"',
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step that runs a script."""

    name: str
    script: str
    env: Mapping[str, str]


def read(path: Path) -> dict[str, Any]:
    """A workflow or pipeline with every scalar as a string, as `on:` would else be a truth value."""
    found: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    return found


def steps_of(path: Path, known: Mapping[str, str]) -> Iterator[Step]:
    """The steps that run scripts, their variables filled in from what `known` says of each expression.

    Raises KeyError for an expression that is not known there.
    """
    document = read(path)
    if "on" in document:
        (job,) = document["jobs"].values()
        steps, wide, expression = job["steps"], job.get("env", {}), r"\$\{\{ ([\w.]+) \}\}"
    else:
        steps = document["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"]
        wide, expression = {}, r"\$\(([\w.]+)\)"
    for step in steps:
        script = step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript")
        if script:
            env = {
                name: re.sub(expression, lambda found: known[found[1]], text)
                for name, text in {**wide, **step.get("env", {})}.items()
            }
            yield Step(step.get("name", ""), script, env)


def tools(folder: Path) -> str:
    """A search path on which `rollout` is this interpreter's and everything that is not here has a stand-in."""
    for name, script in _STANDS_IN.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\nset -eu\n{script}\n")
        path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def run(step: Step, folder: Path, environment: Mapping[str, str], cancel_at: str = "") -> tuple[int, str]:
    """Run one step in a session of its own; its exit code and its log, of both streams.

    Once its log holds `cancel_at` it is cancelled as GitHub does it: the step's own process is interrupted. A step that
    is not over after SECONDS is killed, and told as such: what it has left behind is then only half of it.
    """
    said = folder.parent / "said"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            ["bash", "-e", "-c", step.script],
            cwd=folder,
            env={**environment, **step.env},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            if cancel_at:
                _await(said, cancel_at, process)
                process.send_signal(signal.SIGINT)
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{step.name}: not over after {SECONDS} s, and killed: {said.read_text()}") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return code, said.read_text()


def _await(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    last = time.monotonic() + SECONDS
    while text not in log.read_text():
        if process.poll() is not None or time.monotonic() > last:
            raise AssertionError(f"{text!r} was not to come: {log.read_text()}")
        time.sleep(0.02)
