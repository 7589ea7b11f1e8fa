"""What several verbs take, said once: each name is the type of a verb's argument, with the words of its help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from orchestrator.words import check_actor, check_service, check_text


def _fit(check: Callable[[str], str]) -> Callable[[str | None], str | None]:
    """Make a check of values one of the command line: what does not fit is bad usage, before anything is opened."""

    def checked(value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return check(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return checked


File = Annotated[str, typer.Argument(metavar="FILE")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...")]
Service = Annotated[str, typer.Argument(metavar="SERVICE", callback=_fit(check_service))]
AnyService = Annotated[str | None, typer.Argument(metavar="[SERVICE]", callback=_fit(check_service))]
"""A service that may be left out, where the verb then means all of them."""

Image = Annotated[str | None, typer.Option("--image", metavar="REF", help="The image to roll out, by tag or digest.")]
Tag = Annotated[
    str | None,
    typer.Option("--tag", metavar="TAG", help="The tag of the manifest's image; its digest is asked of the registry."),
]
Among = Annotated[str | None, typer.Option("--service", metavar="NAME", help="Which service, when FILE holds several.")]
VarsFiles = Annotated[
    list[str] | None, typer.Option("--vars", metavar="FILE", help="Variables as a YAML mapping; repeatable.")
]
Pairs = Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="One variable; repeatable.")]

Why = Annotated[
    str, typer.Option("--reason", metavar="TEXT", callback=_fit(check_text), help="Why; it stands in the journal.")
]
Because = Annotated[
    str, typer.Option("--reason", metavar="TEXT", callback=_fit(check_text), help="Why; whoever is held back reads it.")
]
Actor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        metavar="NAME",
        envvar="ROLLOUT_ACTOR",
        show_envvar=False,
        callback=_fit(check_actor),
        help="Who; default: the CI's user, else user@host.",
    ),
]
Junit = Annotated[
    str | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report, however the run ends.")
]
Summary = Annotated[
    str | None,
    typer.Option(
        "--summary",
        metavar="FILE",
        help="Write a Markdown summary, however the run ends; default: the CI's own, where it has one.",
    ),
]
Timeout = Annotated[
    str | None, typer.Option("--timeout", metavar="TIME", help="How long to wait, such as 30m; default: without end.")
]
