"""Checks of real small programs, and ways to see what became of them."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from providers.metrics.command import CommandCheck
from providers.metrics.settings import Command
from providers.ports import Errand
from providers.secrets import LocalSecrets
from strategies.gates import MetricKind, MetricRule, When
from strategies.seen import CheckSeen, CheckState
from tests.unit.providers.metrics.azure_stage import CANDIDATE, STABLE, START

RULE = MetricRule("smoke", MetricKind.CHECK, when=(When.BEFORE,))
ERRAND = Errand("k1", "shop", "west", 2, When.BEFORE, CANDIDATE, STABLE, ("a.example.com", "b.example.com"))


class Checks:
    """Makes checks of shell scripts; whatever still runs ends with them."""

    def __init__(self) -> None:
        self.made: list[CommandCheck] = []

    def __call__(
        self, script: str = "", *, argv: tuple[str, ...] = (), secrets: LocalSecrets | None = None, **more: Any
    ) -> CommandCheck:
        command = replace(Command(argv or ("sh", "-c", script), timeout_seconds=20.0), **more)
        check = CommandCheck(RULE, command, secrets or LocalSecrets({}), now=lambda: START)
        self.made.append(check)
        return check

    def stop(self) -> None:
        for each in self.made:
            each.stop()


def settled(check: CommandCheck, errand: Errand = ERRAND) -> CheckSeen:
    """Look until the check no longer runs, for ten seconds at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        seen = check.look(errand)
        if seen.state is not CheckState.RUNNING:
            return seen
        time.sleep(0.005)
    raise AssertionError("it runs and runs")


def alive(pid: int) -> bool:
    """Whether a process is there, zombies included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def gone(pid: int) -> bool:
    """Whether a process, which may be somebody else's child by now, is gone within some seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        if not alive(pid):
            return True
        time.sleep(0.005)
    return False


def written(path: Path) -> str:
    """What a program writes into a file, as soon as a line of it is there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if path.exists() and path.read_text().endswith("\n"):
            return path.read_text().strip()
        time.sleep(0.005)
    raise AssertionError(f"nothing was written to {path}")
