"""A program on this machine as `providers.ports.Check`: started at one look, read at the later ones, never waited for.

Exit status 0 passes, any other fails. What is no result is UNKNOWN: status 75 (`EX_TEMPFAIL` of sysexits.h), a signal,
a timeout, and 126 or 127, with which a shell says that it could not run something. The program's environment is that of
its errand, the manifest's own variables, and the few of this process that programs need to run at all: what this
process knows is not for everybody.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from providers.errands import environment, of_step
from providers.errors import ProviderError
from providers.metrics.program import Ended, Run, stop_all
from providers.metrics.settings import Command, Header
from providers.metrics.shell import first_program, knows, misread, script_of
from providers.ports import Errand, Finding
from providers.secrets import SecretRef, Secrets
from strategies.gates import MetricRule
from strategies.seen import CheckSeen, CheckState

INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR")
"""What of this process's environment every program gets, and what begins with LC_."""
_TEMPORARY = 75
_NOT_RUN = {126: "cannot be executed", 127: "was not found"}
_REMEDY = "check `command` in the manifest: the program must be there and executable where rollout runs"


@dataclass(frozen=True, slots=True)
class _Begun:
    """One check that was begun: for which errand, and the secrets that it knows, which its output must not show."""

    key: str
    run: Run
    secrets: tuple[str, ...]


class CommandCheck:
    """The command of one metric; remembers in this process what it ran for which errand: of a step the newest alone.

    `now` stamps what is seen; secrets are resolved when a run begins.
    """

    def __init__(self, rule: MetricRule, command: Command, secrets: Secrets, *, now: Callable[[], datetime]) -> None:
        self._rule, self._command, self._secrets, self._now = rule, command, secrets, now
        self._begun: dict[str, _Begun] = {}

    def look(self, errand: Errand) -> CheckSeen:
        """Begin the program where it has not been begun for this errand, and say how far it is."""
        begun = self._begun.get(of_step(errand))
        if begun is None or (begun.key != errand.key and begun.run.ended is not None):
            return self._begin(errand)
        if begun.key != errand.key:
            begun.run.stop()
            return self._seen(errand.step, CheckState.RUNNING, "waits for the end of the run before")
        ended = begun.run.ended
        if ended is None:
            return self._seen(errand.step, CheckState.RUNNING, f"has run for {begun.run.seconds:.0f} s")
        state, what = told(ended, self._command)
        return self._seen(errand.step, state, what, begun.run.output(begun.secrets))

    def stop(self) -> None:
        """End every program that is still running, with all that it started."""
        stop_all(begun.run for begun in self._begun.values())

    def preflight(self, errand: Errand) -> tuple[Finding, ...]:
        """Say what would keep the program from running: the program, its directory, its secrets; begins nothing."""
        subject = f"command {self._rule.name}"
        problems = self._absent()
        try:
            self._environment(errand)
        except ProviderError as error:
            problems.append(str(error))
        if not problems:
            return (Finding(True, subject, f"{self._program} can be run"),)
        return tuple(Finding(False, subject, each, _REMEDY, fatal=not self._rule.dry_run) for each in problems)

    def _begin(self, errand: Errand) -> CheckSeen:
        command = self._command
        try:
            variables, secrets = self._environment(errand)
        except ProviderError as error:
            return self._seen(errand.step, CheckState.UNKNOWN, f"waits: {error}")
        try:
            run = Run(command.argv, variables, command.directory, command.timeout_seconds)
        except (OSError, ValueError) as error:
            absent = "; ".join(self._absent()) or f"{command.argv[0]}: {getattr(error, 'strerror', None) or error}"
            return self._seen(errand.step, CheckState.UNKNOWN, f"could not be run: {absent}; {_REMEDY}")
        self._begun[of_step(errand)] = _Begun(errand.key, run, secrets)
        return self._seen(errand.step, CheckState.RUNNING, "has begun")

    def _environment(self, errand: Errand) -> tuple[dict[str, str], tuple[str, ...]]:
        """The program's variables, and which values among them are secret; raises NotSent where one is not there."""
        kept = {name: value for name, value in os.environ.items() if name in INHERITED or name.startswith("LC_")}
        secrets: list[str] = []
        own = {name: resolved(value, self._secrets, secrets) for name, value in self._command.environment.items()}
        return {**kept, **own, **environment(errand)}, tuple(secrets)

    def _absent(self) -> list[str]:
        """What the program needs and is not there: its directory, itself, and what a text for the shell begins with."""
        argv, directory = self._command.argv, self._command.directory
        if directory is not None and not Path(directory).is_dir():
            return [f"{directory} is no directory"]
        lacks = self._lacks(argv[0])
        if lacks is None and script_of(argv) is not None:
            lacks = misread(argv, directory) or self._lacks(self._program)
        return [lacks] if lacks else []

    @property
    def _program(self) -> str:
        """What is run: the program, or the one that a text for the shell begins with, as far as that is known."""
        argv = self._command.argv
        script = script_of(argv)
        return (first_program(script) if script is not None else None) or argv[0]

    def _lacks(self, program: str) -> str | None:
        argv, directory, path = self._command.argv, self._command.directory, self._path()
        if os.sep in program:
            whole = Path(directory or ".") / program
            if not whole.exists():
                return f"{whole} does not exist"
            return None if os.access(whole, os.X_OK) and whole.is_file() else f"{whole} is not executable"
        # What a text begins with may be a word of the shell's own.
        if shutil.which(program, path=path) or (program != argv[0] and knows(argv, program, directory, path)):
            return None
        return f"{program} is not found in PATH"

    def _path(self) -> str | None:
        own = self._command.environment.get("PATH")
        return own if isinstance(own, str) else os.environ.get("PATH")

    def _seen(self, step: int, state: CheckState, why: str, output: str = "") -> CheckSeen:
        return CheckSeen(self._rule.name, step, state, self._now(), why, output=output)


def told(ended: Ended, command: Command) -> tuple[CheckState, str]:
    """What the end of a run means, and how it is said."""
    if ended.timed_out:
        return CheckState.UNKNOWN, f"timed out after {command.timeout_seconds:g} s"
    if ended.stopped:
        return CheckState.UNKNOWN, "was stopped"
    if ended.status is None:
        return CheckState.UNKNOWN, "its exit status was lost"
    if ended.status == 0:
        return CheckState.PASSED, f"passed in {ended.seconds:.1f} s"
    if ended.status < 0:
        return CheckState.UNKNOWN, f"ended by {_signal(-ended.status)}, so that it came to no result"
    if ended.status == _TEMPORARY:
        return CheckState.UNKNOWN, f"exit status {_TEMPORARY}: it cannot tell now"
    if ended.status in _NOT_RUN:
        return CheckState.UNKNOWN, f"exit status {ended.status}: something that it runs {_NOT_RUN[ended.status]}"
    return CheckState.FAILED, f"exit status {ended.status}"


def resolved(value: Header, secrets: Secrets, found: list[str]) -> str:
    """Resolve a value of text and references, and add what is secret of it to `found`; raises NotSent."""
    if isinstance(value, SecretRef):
        secret = secrets.resolve(value)
        found.append(secret)
        return secret
    return value if isinstance(value, str) else "".join(resolved(part, secrets, found) for part in value)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
