"""What several verbs take, said once: each name is the type of a verb's argument, with the words of its help."""

from __future__ import annotations

from typing import Annotated

import typer

File = Annotated[str, typer.Argument(metavar="FILE")]
Files = Annotated[list[str], typer.Argument(metavar="FILE...")]
Service = Annotated[str, typer.Argument(metavar="SERVICE")]
AnyService = Annotated[str | None, typer.Argument(metavar="[SERVICE]")]
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

Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the journal.")]
Actor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        metavar="NAME",
        envvar="ROLLOUT_ACTOR",
        show_envvar=False,
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
