"""The command line as a process: run to its end, or left running, watched, signalled and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
"""After which a command that should have ended has failed; generous, for machines that do other work as well."""
SAID_BY_CI = ("ROLLOUT_", "CI", "TF_BUILD", "GITHUB_", "ACTIONS_", "AGENT_", "BUILD_", "SYSTEM_")
"""How the variables begin by which the command would be told where it runs."""
_MAIN = "from orchestrator.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        """The one document on standard output; a test fails when there is more than that."""
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def reason(self) -> str:
        """The result's reason as code and message."""
        reason = self.json["reason"]
        return f"{reason['code']}: {reason['message']}"

    def __str__(self) -> str:
        return f"`rollout {' '.join(self.words)}` exited {self.code}\n--- output\n{self.out}\n--- errors\n{self.err}"


class Running:
    """A command that may still run; its streams go to files, so that it never waits for a reader."""

    def __init__(self, words: Sequence[str], folder: Path, environment: Mapping[str, str], name: str) -> None:
        self.words = tuple(words)
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self._began, self.began_at = time.monotonic(), datetime.now(UTC)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, *words],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def out(self) -> str:
        """What stands on standard output by now."""
        return self._out.read_text()

    @property
    def err(self) -> str:
        """What stands on standard error by now."""
        return self._err.read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events logged by now; the command must run with `--log-format json`."""
        lines = [line for line in self.err.splitlines(keepends=True) if line.endswith("}\n")]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def finish(self, seconds: float = PATIENCE_SECONDS) -> Done:
        """Wait for its end."""
        try:
            code = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            self.end()
            raise AssertionError(f"not over after {seconds:g} s: {self._done(-1)}") from error
        return self._done(code)

    def until(self, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait while it runs until something holds; fails when it ends before that."""
        last = time.monotonic() + seconds
        while not holds():
            if self.process.poll() is not None and not holds():
                raise AssertionError(f"ended before what was waited for: {self._done(self.process.returncode)}")
            if time.monotonic() > last:
                self.end()
                raise AssertionError(f"waited {seconds:g} s in vain: {self._done(-1)}")
            time.sleep(0.02)

    def reaches(self, phase: str, step: int | None = None) -> None:
        """Wait until a target is in this phase (at this step)."""
        self.until(
            lambda: any(
                event.get("after") == phase and (step is None or event.get("step") == step) for event in self.events
            )
        )

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Keep the process from running while the block does, so that no phase goes by meanwhile."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def waited_for(self, moment: datetime) -> float:
        """Seconds from its beginning to a moment."""
        return (moment - self.began_at).total_seconds()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Kill it if it still runs, and reap it."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _done(self, code: int) -> Done:
        return Done(self.words, code, self._out.read_text(), self.err, time.monotonic() - self._began)


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without what CI or a developer's shell may say to the command, plus `settings`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SAID_BY_CI)}
    return {**kept, "NO_COLOR": "1", "ROLLOUT_ACTOR": "tester", **settings}
