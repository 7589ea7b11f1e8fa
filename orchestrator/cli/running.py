"""Runs one verb: parsing and running are kept apart, so that an interrupt reaches the verb and not the parser."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import takewhile
from types import FrameType
from typing import cast

import typer

from orchestrator.cli.command import Ready, parse
from orchestrator.cli.failures import Failure, Terminated, code_of, document_of
from orchestrator.cli.options import Format, Options, truthy, wants_json
from orchestrator.cli.output import Output
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import Verb
from orchestrator.exit_codes import ExitCode

_UsageError = cast("type[Exception]", typer.BadParameter.__base__)
"""The parser's own base of all mistakes in a command line, which typer does not name itself in all its versions."""


def run_verb(verb: Verb, arguments: Sequence[str], session_of: Callable[[Options, Output], Session] = Session) -> int:
    """Parse the arguments and run the verb; answers the exit code and lets no exception through."""
    guessed = Options(Format.JSON if wants_json(arguments, os.environ) else Format.TEXT, debug="--debug" in arguments)
    try:
        with _terminable():
            options, function = _parse(verb, arguments)
    except KeyboardInterrupt as interrupt:
        return _interrupted(session_of(guessed, Output(guessed)).out, interrupt)
    except typer.Exit as answered:  # --help has been printed
        return answered.exit_code
    except _UsageError as error:
        return _misused(verb, error, session_of(guessed, Output(guessed)).out)
    except Exception as error:  # noqa: BLE001 - a verb that cannot even be loaded is told like every other defect
        return _failed(session_of(guessed, Output(guessed)), error)
    try:
        options = _placed(verb, options, arguments)
    except Failure as error:
        return _failed(session_of(guessed, Output(guessed)), error)
    with session_of(options, Output(options)) as session:
        return _guarded(session, lambda: function(session))


def _parse(verb: Verb, arguments: Sequence[str]) -> tuple[Options, Ready]:
    """Load the verb and answer the options of every verb, and the verb itself with its own values filled in."""
    module, _, name = verb.home.partition(":")
    return parse(verb.name, getattr(importlib.import_module(module), name), list(arguments))


def _placed(verb: Verb, options: Options, arguments: Sequence[str]) -> Options:
    """Settle whether the verb goes to a daemon: what was typed wins over the environment; raises Failure, exit code 2.

    A verb that runs here leaves ROLLOUT_SERVER alone, so that it may be set for a whole shell or CI job.
    """
    typed = [name for name in ("--server", "--store") if _typed(name, arguments)]
    if verb.here:
        if "--server" in typed:
            raise Failure(f"--server: `rollout {verb.name}` runs here and asks no daemon: leave it out", ExitCode.USAGE)
        return replace(options, server=None)
    if typed == ["--server", "--store"]:
        raise Failure("--server and --store name two memories: give one of them", ExitCode.USAGE)
    return replace(options, server=None) if typed == ["--store"] else options


def _typed(name: str, arguments: Sequence[str]) -> bool:
    options = takewhile(lambda word: word != "--", arguments)
    return any(word == name or word.startswith(f"{name}=") for word in options)


def _misused(verb: Verb, error: Exception, output: Output) -> int:
    told: Callable[[], str] = getattr(error, "format_message", error.__str__)
    message = told().rstrip(".")
    message = message[:1].lower() + message[1:]
    output.document({"schema": 1, "error": {"code": int(ExitCode.USAGE), "message": message}})
    output.error(f"{message}\n`rollout {verb.name} --help` shows what it takes.")
    return ExitCode.USAGE


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise Terminated while the block runs."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _guarded(session: Session, function: Callable[[], int | None]) -> int:
    """Run, and turn every exception into a sentence and a code."""
    try:
        with _terminable():
            code = int(function() or 0)
    except KeyboardInterrupt as interrupt:
        code = _interrupted(session.out, interrupt)
    except Exception as error:  # noqa: BLE001 - the last line of defence: people get a sentence, never a traceback
        code = _failed(session, error)
    session.out.flush()
    if session.at_end is not None:
        session.at_end(code)
    return code


def _interrupted(out: Output, interrupt: KeyboardInterrupt) -> int:
    """Tell of an interrupt that no verb has made a result of; whoever reads JSON gets a document all the same."""
    code = ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED
    message = str(interrupt) or "interrupted; nothing is lost, what is under way can be followed again"
    if not out.answered:
        out.document({"schema": 1, "error": {"code": int(code), "message": message}})
    out.note(message)
    return code


def _failed(session: Session, error: Exception) -> int:
    if session.options.debug or truthy("ROLLOUT_DEBUG"):
        import traceback

        session.out.trace("".join(traceback.format_exception(error)))
    code, message = code_of(error), str(error)
    if code is None:
        code = ExitCode.ERROR
        message = f"unexpected {type(error).__name__}: {message}; this is a defect of rollout, --debug shows where"
    session.out.document(document_of(error, code, message))
    session.out.error(message)
    return code
