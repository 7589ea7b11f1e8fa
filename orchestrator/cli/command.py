"""A verb as a click command, with the options that every verb takes beside its own.

click and not a layer above it: parsing a command line must not load pydantic, which `rollout status` cannot afford.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from orchestrator.cli.options import Format, Options

_FORMATS = click.Choice([form.value for form in Format], case_sensitive=False)


def _wide() -> list[click.Option]:
    return [
        click.Option(
            ["--output", "-o"],
            type=_FORMATS,
            default="text",
            envvar="ROLLOUT_OUTPUT",
            help="How the result is written.",
        ),
        click.Option(["--store"], metavar="URL", envvar="ROLLOUT_STORE", help="Where state is kept."),
        click.Option(["--server"], metavar="URL", envvar="ROLLOUT_SERVER", help="The daemon that the verb goes to."),
        click.Option(["--quiet", "-q"], is_flag=True, envvar="ROLLOUT_QUIET", help="No progress, only the result."),
        click.Option(
            ["--log-format"],
            type=_FORMATS,
            envvar="ROLLOUT_LOG_FORMAT",
            help="Log events to standard error instead of progress.",
        ),
        click.Option(["--no-color"], is_flag=True, envvar="ROLLOUT_NO_COLOR", help="Plain text, as NO_COLOR asks for."),
        click.Option(["--debug"], is_flag=True, envvar="ROLLOUT_DEBUG", help="Show tracebacks of unexpected errors."),
    ]


class VerbCommand(click.Command):
    """A command that knows the options of every verb and hands its own values on by themselves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make the command as click does, then add what every verb takes."""
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "max_content_width": 110})
        super().__init__(*args, **kwargs)
        self._wide = _wide()
        self.params = [*self.params, *self._wide]

    def read(self, context: click.Context) -> tuple[Options, dict[str, Any]]:
        """Take a parsed command line apart: the options of every verb, and the verb's own values by name."""
        own = dict(context.params)
        wide = {option.name: own.pop(option.name) for option in self._wide if option.name}
        wide["output"] = Format(wide["output"])
        wide["log_format"] = Format(wide["log_format"]) if wide["log_format"] else None
        return Options(**wide), own

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verb's own options first, those of every verb below them."""
        own = [p for p in self.get_params(ctx) if isinstance(p, click.Option) and p not in self._wide]
        for title, params in (("Options", own), ("Options of every verb", self._wide)):
            rows = list(_rows(params, ctx))
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _rows(params: Sequence[click.Parameter], ctx: click.Context) -> Iterator[tuple[str, str]]:
    for param in params:
        row = param.get_help_record(ctx)
        if row is not None:
            yield row


def verb(function: Callable[..., int]) -> VerbCommand:
    """Make a verb of a function whose first argument is the session; its docstring is the help."""
    return click.command(cls=VerbCommand)(function)
