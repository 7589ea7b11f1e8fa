"""The console script: finds the verb, runs it, and turns whatever comes of it into a sentence and an exit code.

`rollout --help` and `--version` load nothing but the table of verbs and the table of exit codes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.verbs import Verb

_PURPOSE = "Takes a new container image live on Azure without one failed request, and takes it back when it is bad."
_OPTIONS = (
    ("-o, --output text|json", "json: one document on standard output, progress to standard error"),
    ("--store URL", "sqlite:////path/to/file.db or postgresql://user@host/database"),
    ("--server URL", "the daemon that the verb goes to"),
    ("-q, --quiet", "no progress, only the result"),
    ("--log-format text|json", "how events are logged to standard error"),
    ("--no-color", "plain text, as with NO_COLOR and wherever there is no terminal"),
    ("--debug", "show the traceback of an unexpected error"),
    ("-h, --help", "this text, or that of a verb: rollout VERB --help"),
    ("--version", "print the version"),
)


def main() -> None:
    """Run one command line and leave the process with its exit code."""
    words = sys.argv[1:]
    if words in (["--help"], ["-h"], ["help"]):
        sys.stdout.write(usage())
        raise SystemExit(0)
    raise SystemExit(run(words))


def run(words: Sequence[str]) -> int:
    """Run one command line; answers the exit code. Raises nothing but SystemExit."""
    from orchestrator.cli.options import split

    line = split(words)
    if line.asked == "--version":
        from importlib.metadata import version

        sys.stdout.write(f"rollout {version('rollout')}\n")
        return 0
    if line.asked == "--help":
        sys.stdout.write(usage())
        return 0
    if line.unknown is not None:
        known = [word for left, _ in _OPTIONS for word in left.replace(",", "").split() if word.startswith("-")]
        return _misused(words, f"no option {line.unknown} before the verb{_near(line.unknown, known)}")
    if line.verb is None:
        return _misused(words, "a verb is missing, as in `rollout status`")
    return _run_verb(line.verb, line.arguments, words)


def _run_verb(name: str, arguments: tuple[str, ...], words: Sequence[str]) -> int:
    from orchestrator.cli.verbs import VERBS

    if name == "help" and arguments and arguments[0] in VERBS:
        name, arguments = arguments[0], ("--help",)
    verb: Verb | None = VERBS.get(name)
    if verb is None:
        return _misused(words, f"no verb {name!r}{_near(name, list(VERBS))}")
    from orchestrator.cli.running import run_verb

    return run_verb(verb, arguments)


def _near(word: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _misused(words: Sequence[str], message: str) -> int:
    from orchestrator.cli.options import wants_json

    if wants_json(words, os.environ):
        import json

        sys.stdout.write(json.dumps({"schema": 1, "error": {"code": 2, "message": message}}) + "\n")
    sys.stderr.write(f"error: {message}\n`rollout --help` lists the verbs and their options.\n")
    return 2


def usage() -> str:
    """Draw the help of the whole program from its tables."""
    from orchestrator.cli.verbs import GROUPS
    from orchestrator.exit_codes import table

    lines = [_PURPOSE, "", "usage: rollout [options] VERB [arguments]"]
    for title, verbs in GROUPS:
        lines += ["", title]
        lines += [f"  {f'{verb.name} {verb.arguments}':25}{verb.line}" for verb in verbs]
    lines += ["", "Options, before or after the verb, or as ROLLOUT_OUTPUT, ROLLOUT_STORE and so on"]
    lines += [f"  {left:25}{right}" for left, right in _OPTIONS]
    return "\n".join((*lines, "", "Exit codes", table(), ""))
