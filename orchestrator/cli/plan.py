"""`rollout plan`: every change in order with times, before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.inputs import digest_for
from orchestrator.cli.parameters import Files, Image, Pairs, Tag, VarsFiles
from orchestrator.cli.plan_json import plan_document
from orchestrator.cli.plan_text import plan_lines
from orchestrator.cli.planned import Planned, planned
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.manifest.loader import Loaded


@dataclass(frozen=True, slots=True)
class _Assumed:
    """What a person says of the traffic: requests per second, and the part of them that fails."""

    rps: float | None
    failing: float | None


_MOST_RPS = 1_000_000_000


def _up_to(most: int) -> Callable[[str], float]:
    """Make a reader of finite numbers from 0 on; the range that typer knows lets inf and nan through."""

    def read(word: str) -> float:
        try:
            number = float(word)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise typer.BadParameter(f"expected a finite number; got {word}")
        if not 0 <= number <= most:
            raise typer.BadParameter(f"expected a number from 0 to {most}; got {word}")
        return number

    return read


def plan(
    session: Session,
    files: Files,
    *,
    image: Image = None,
    tag: Tag = None,
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="Only this service, when the files hold several.")
    ] = None,
    vars_files: VarsFiles = None,
    var: Pairs = None,
    rps: Annotated[
        float | None,
        typer.Option(
            "--rps",
            metavar="NUMBER",
            parser=_up_to(_MOST_RPS),
            help="Assume so many requests per second at each target.",
        ),
    ] = None,
    failing: Annotated[
        float | None,
        typer.Option(
            "--failing", metavar="PERCENT", parser=_up_to(100), help="Assume that so many of them fail, from 0 to 100."
        ),
    ] = None,
) -> int:
    """Show every change in order with its time, how long it takes, how fast it can go back, and what it costs.

    Nothing is changed. Where Azure cannot be read it is planned as a first release, and said so. What the gates can
    catch depends on the traffic: it is what their sources say of the last minutes, or what is assumed.
    """
    services = _services(files, vars_files or (), var or (), service)
    if len(services) > 1 and (image or tag):
        names = ", ".join(each.manifest.service for each in services)
        raise Failure(f"--image and --tag mean one service, but there are {names}: add --service", ExitCode.USAGE)
    assumed = _Assumed(rps, None if failing is None else failing / 100)
    plans = [_one(session, loaded, image, tag, assumed) for loaded in services]
    session.out.document({"schema": SCHEMA, "plans": [plan_document(each) for each in plans]})
    session.out.text("\n\n".join("\n".join(plan_lines(each, session.out.style)) for each in plans))
    return ExitCode.PROMOTED


def _services(
    files: Sequence[str], vars_files: Sequence[str], pairs: Sequence[str], service: str | None
) -> list[Loaded]:
    from orchestrator.manifest.loader import load
    from orchestrator.manifest.variables import read_variables

    loaded = load(files, read_variables(vars_files, pairs))
    meant = [each for each in loaded if service in (None, each.manifest.service)]
    if not meant:
        names = ", ".join(each.manifest.service for each in loaded)
        raise Failure(f"--service: must be one of {names}; got {service}", ExitCode.USAGE)
    return meant


def _one(session: Session, loaded: Loaded, image: str | None, tag: str | None, assumed: _Assumed) -> Planned:
    digest, found_by = digest_for(session.desk, loaded, image, tag)
    prospect = session.desk.prospect(loaded, digest, found_by)
    return planned(prospect, rps=assumed.rps, failing=assumed.failing)
