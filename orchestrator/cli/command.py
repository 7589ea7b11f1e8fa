"""A verb's function as a typer command, with the options that every verb takes beside its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

from orchestrator.cli.environment import ENVIRONMENT
from orchestrator.cli.options import Format, Options
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import VERBS

Verb = Callable[..., int | None]
Ready = Callable[[Session], int | None]
"""A verb with its own values filled in."""
_OWN, _WIDE, _SETTINGS = "Options", "Options of every verb", "Environment"


def _option(*names: str, **words: Any) -> Any:
    """One option of every verb; ROLLOUT_* stands for it in the environment, as the top help says once for all."""
    variable = "ROLLOUT_" + names[0].strip("-").replace("-", "_").upper()
    return typer.Option(*names, envvar=variable, show_envvar=False, show_default=False, rich_help_panel=_WIDE, **words)


def _wide(
    *,
    output: Annotated[
        Format, _option("--output", "-o", case_sensitive=False, help="How the result is written.")
    ] = Format.TEXT,
    store: Annotated[str | None, _option("--store", metavar="URL", help="Where state is kept.")] = None,
    server: Annotated[str | None, _option("--server", metavar="URL", help="The daemon that the verb goes to.")] = None,
    quiet: Annotated[bool, _option("--quiet", "-q", help="No progress, only the result.")] = False,
    log_format: Annotated[
        Format | None,
        _option("--log-format", case_sensitive=False, help="Log events to standard error instead of progress."),
    ] = None,
    no_color: Annotated[bool, _option("--no-color", help="Plain text, as NO_COLOR asks for.")] = False,
    debug: Annotated[bool, _option("--debug", help="Show tracebacks of unexpected errors.")] = False,
) -> Options:
    return Options(output, store, server, quiet, log_format, no_color, debug)


def parse(name: str, function: Verb, arguments: list[str]) -> tuple[Options, Ready]:
    """Answer the options of every verb and the verb ready to run, which is not begun here.

    `function` takes the session first; its other parameters are the verb's own, its docstring is the help. Raises
    typer.Exit after printing help that was asked for, and the parser's own errors for a command line that is wrong.
    """
    own, wide = _parameters(function)[1:], _parameters(_wide)

    def record(**values: Any) -> tuple[Options, Ready]:
        options = _wide(**{each.name: values.pop(each.name) for each in wide})
        return options, lambda session: function(session, **values)

    record.__doc__ = function.__doc__
    record.__annotations__ = {each.name: each.annotation for each in (*own, *wide)}
    record.__signature__ = inspect.Signature([*own, *wide])  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    settings = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "obj": name}
    app.command(name, cls=_Command, context_settings=settings)(record)
    command = get_command(app)
    parsed: tuple[Options, Ready] = command.invoke(command.make_context(f"rollout {name}", arguments))
    return parsed


class _Command(TyperCommand):
    """A command whose help shows the verb's own options first, then those of every verb and the verb's settings.

    The context's `obj` is the verb's name.
    """

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Name the arguments as the top help does; newer typers put what is required in braces."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options by panel; arguments stand in the usage line alone."""
        panels: dict[str, list[tuple[str, str]]] = {_OWN: [], _WIDE: []}
        verb = VERBS.get(ctx.obj)
        for param in self.get_params(ctx):
            if param.name == "server" and verb is not None and verb.here:
                continue  # it is refused there, so that nobody takes what runs here for what a daemon does
            row = param.get_help_record(ctx) if param.param_type_name == "option" else None
            if row is not None:
                panels[getattr(param, "rich_help_panel", None) or _OWN].append(row)
        for title, rows in panels.items():
            with formatter.section(title):
                formatter.write_dl(rows)
        if ctx.obj in ENVIRONMENT:
            with formatter.section(_SETTINGS):
                formatter.write_dl(ENVIRONMENT[ctx.obj])


def _parameters(function: Verb | Callable[..., Options]) -> list[inspect.Parameter]:
    """The function's parameters with their annotations resolved; all by keyword, as they are handed on by name."""
    hints = get_type_hints(function, include_extras=True)
    found = inspect.signature(function).parameters.values()
    return [each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name]) for each in found]
