"""What a text for the shell runs first, and whether the shell knows it: as far as that is known without running it."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import PurePath

_SHELLS = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\+?=.*", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%:,-]+")
_SECONDS = 5.0


def script_of(argv: Sequence[str]) -> str | None:
    """The text that a shell is given to run; None where something else than a shell is run, or a file."""
    shell = len(argv) > 2 and PurePath(argv[0]).name in _SHELLS and argv[1] == "-c"
    return argv[2] if shell else None


def first_program(script: str) -> str | None:
    """The program that a script begins with; None where only running it would tell.

    What an expansion, a condition or a group begins with is not known before, nor is a program where the script sets
    its own PATH.
    """
    words = shlex.shlex(script, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    try:
        known = list(words)
    except ValueError:
        return None
    for place, word in enumerate(known):
        assigned = _ASSIGNMENT.fullmatch(word)
        if assigned is None or assigned[1] == "PATH":
            follows = known[place + 1] if place + 1 < len(known) else ""
            return word if _PLAIN.fullmatch(word) and not follows.startswith("(") else None
    return None


def misread(argv: Sequence[str], directory: str | None) -> str | None:
    """Why the shell cannot read its script, in its own words; None where it can. Nothing of the script is run."""
    done = _ask([argv[0], "-n", "-c", argv[2]], directory, {})
    if done is None or done.returncode == 0:
        return None
    said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
    return f"the shell cannot read its text: {said[:300]}"


def knows(argv: Sequence[str], word: str, directory: str | None, path: str | None) -> bool:
    """Whether the shell would find a command of this name: a builtin, a keyword or a program; reads only."""
    known = {} if path is None else {"PATH": path}
    done = _ask([argv[0], "-c", 'command -v "$1"', argv[0], word], directory, known)
    return done is None or done.returncode == 0


def _ask(
    argv: Sequence[str], directory: str | None, known: Mapping[str, str]
) -> subprocess.CompletedProcess[str] | None:
    """Ask a shell about itself; None where it does not answer, which is told when the script is run."""
    try:
        return subprocess.run(  # noqa: S603 - the shell is the manifest's own, and runs nothing of it
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=dict(known),
            cwd=directory,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
