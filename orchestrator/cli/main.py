"""The console script: finds the verb, runs it, and turns whatever comes of it into a sentence and an exit code.

`rollout --help` and `--version` load nothing but the table of verbs and the table of exit codes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

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
    code = _say(usage()) if words in (["--help"], ["-h"], ["help"]) else run(words)
    for stream in (sys.stdout, sys.stderr):
        _settle(stream)
    raise SystemExit(code)


def run(words: Sequence[str]) -> int:
    """Run one command line; answers the exit code. Raises nothing but SystemExit."""
    from orchestrator.cli.options import split

    line = split(words)
    if line.asked == "--version":
        from importlib.metadata import version

        return _say(f"rollout {version('rollout')}\n")
    if line.asked == "--help":
        return _say(usage())
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
    from orchestrator.cli.options import Format, Options, wants_json
    from orchestrator.cli.output import Output

    out = Output(Options(Format.JSON if wants_json(words, os.environ) else Format.TEXT))
    out.document({"schema": 1, "error": {"code": 2, "message": message}})
    out.error(f"{message}\n`rollout --help` lists the verbs and their options.")
    return 2


def _say(text: str) -> int:
    _settle(sys.stdout, text)
    return 0


def _settle(stream: TextIO | None, text: str = "") -> None:
    """Send what is still buffered; what cannot be written shall not change the exit code that the work has earned."""
    if stream is None:  # a process that was started without it (`>&-`)
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        from orchestrator.telemetry.writing import silence

        silence(stream)


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
