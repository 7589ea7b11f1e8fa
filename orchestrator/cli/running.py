"""Runs one verb: its parameters are built by typer from the function's signature, the options of all verbs beside them.

The parsing and the running are kept apart, so that an interrupt reaches the verb and not the parser.
"""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Annotated, Any, cast, get_type_hints

import typer

from orchestrator.cli.failures import Terminated, code_of, document_of
from orchestrator.cli.options import Format, Options, truthy, wants_json
from orchestrator.cli.output import Output
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import Verb
from orchestrator.exit_codes import ExitCode

Run = Callable[[Session], int]
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _wide(
    *,
    output: Annotated[
        Format, typer.Option("--output", "-o", envvar="ROLLOUT_OUTPUT", help="How the result is written.")
    ] = Format.TEXT,
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", envvar="ROLLOUT_STORE", help="Where state is kept.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", envvar="ROLLOUT_SERVER", help="The daemon to ask.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", envvar="ROLLOUT_QUIET", help="No progress, only the result.")
    ] = False,
    log_format: Annotated[
        Format | None,
        typer.Option(
            "--log-format", envvar="ROLLOUT_LOG_FORMAT", help="Log events to standard error instead of progress."
        ),
    ] = None,
    no_color: Annotated[
        bool, typer.Option("--no-color", envvar="ROLLOUT_NO_COLOR", help="Plain text, as NO_COLOR.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="ROLLOUT_DEBUG", help="Show tracebacks of unexpected errors.")
    ] = False,
) -> Options:
    return Options(output, store, server, quiet, log_format, no_color, debug)


def run_verb(verb: Verb, arguments: Sequence[str]) -> int:
    """Parse the arguments and run the verb; answers the exit code and lets no exception through."""
    try:
        parsed = _parse(verb, arguments)
    except _UsageError as error:
        return _misused(verb, arguments, error)
    if isinstance(parsed, int):
        return parsed
    options, function = parsed
    with Session(options, Output(options)) as session:
        return _guarded(session, function)


_UsageError = cast("type[Exception]", typer.BadParameter.__base__)
"""The parser's own base of all mistakes in a command line; typer has moved its module, not its place in the tree."""


def _parse(verb: Verb, arguments: Sequence[str]) -> tuple[Options, Run] | int:
    """Answer the options with the verb ready to run, or the exit code when only its help was wanted."""
    module, _, name = verb.home.partition(":")
    function: Callable[..., int | None] = getattr(importlib.import_module(module), name)
    own, wide = _parameters(function)[1:], _parameters(_wide)

    def record(**values: Any) -> tuple[Options, Run]:
        options = _wide(**{parameter.name: values.pop(parameter.name) for parameter in wide})
        return options, lambda session: int(function(session, **values) or 0)

    record.__doc__ = function.__doc__
    record.__signature__ = inspect.Signature([*own, *wide])  # type: ignore[attr-defined]
    record.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *wide)}
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(verb.name, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})(record)
    command = typer.main.get_command(app)
    answer = command.main(args=list(arguments), prog_name=f"rollout {verb.name}", standalone_mode=False)
    return cast("tuple[Options, Run] | int", answer or 0)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints: Mapping[str, Any] = get_type_hints(function, include_extras=True)
    found = inspect.signature(function).parameters.values()
    return [each.replace(kind=_KEYWORD, annotation=hints.get(each.name, each.annotation)) for each in found]


def _misused(verb: Verb, arguments: Sequence[str], error: Exception) -> int:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    output = Output(Options(Format.JSON if wants_json(arguments, os.environ) else Format.TEXT))
    message = message[:1].lower() + message[1:].rstrip(".")
    output.document({"schema": 1, "error": {"code": 2, "message": message}})
    output.error(f"{message}\n`rollout {verb.name} --help` shows what it takes.")
    return ExitCode.USAGE


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated


def _guarded(session: Session, function: Run) -> int:
    """Run, and turn every exception into a sentence and a code."""
    signal.signal(signal.SIGTERM, _terminate)
    out = session.out
    try:
        session.check_server()
        code = function(session)
    except KeyboardInterrupt as interrupt:
        out.note("interrupted; nothing is lost, what was under way can be followed again")
        return ExitCode.TERMINATED if isinstance(interrupt, Terminated) else ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: people get a sentence, never a traceback
        return _failed(session, error)
    out.flush()
    return code


def _failed(session: Session, error: Exception) -> int:
    code = code_of(error)
    if session.options.debug or truthy("ROLLOUT_DEBUG"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    message = str(error)
    if code is None:
        code = ExitCode.ERROR
        message = f"unexpected {type(error).__name__}: {message}; this is a defect of rollout, --debug shows where"
    session.out.document(document_of(error, code))
    session.out.error(message)
    session.out.flush()
    return code
