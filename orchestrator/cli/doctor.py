"""`rollout doctor`: everything that would make a rollout fail, said before it is tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any

import typer

from orchestrator.cli.checkup import Checked
from orchestrator.cli.inputs import load_one
from orchestrator.cli.parameters import Among, File, Pairs, VarsFiles
from orchestrator.cli.session import Session
from orchestrator.cli.style import Style
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA
from providers.ports import Finding


def doctor(
    session: Session,
    file: File,
    *,
    image: Annotated[
        str | None, typer.Option("--image", metavar="REF", help="The image to look for, by tag or digest.")
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="The tag to look for.")] = None,
    service: Among = None,
    vars_files: VarsFiles = None,
    var: Pairs = None,
) -> int:
    """Check identity, permissions, locks, quota, profile, names, registry and image; nothing is written.

    Exit 0 when nothing stands in the way of a rollout, else 7; each finding comes with its remedy.
    """
    loaded = load_one(file, vars_files or (), var or (), service)
    style, found = session.out.style, []
    session.out.text(f"{style.strong(loaded.manifest.service)}  {loaded.file}")
    for checked in chain(_machine(session), session.desk.checkup(loaded, image, tag)):
        found.append(checked)
        session.out.text("\n".join(_lines(checked, style, several=len(loaded.targets) > 1)))
    fatal, warned = (sum(level(each) == word for each in found) for word in ("fail", "warn"))
    session.out.document(doctor_document(loaded.manifest.service, found))
    session.out.text(_summary(fatal, warned, style))
    return ExitCode.REFUSED if fatal else ExitCode.PROMOTED


def doctor_document(service: str, found: Sequence[Checked]) -> dict[str, Any]:
    """All findings as plain values."""
    ok = all(level(each) != "fail" for each in found)
    return {"schema": SCHEMA, "service": service, "ok": ok, "findings": [_plain(each) for each in found]}


def level(checked: Checked) -> str:
    """How bad it is: `ok`, `warn`, or `fail` where a rollout would fail because of it."""
    if checked.finding.ok:
        return "ok"
    return "fail" if checked.finding.fatal else "warn"


def _machine(session: Session) -> Iterator[Checked]:
    """What only the machine can be told that the verb was typed on."""
    if session.forgetful:
        remedy = "name a store that all runs share: --store postgresql://…, or a daemon: --server https://…"
        yield Checked(Finding(False, "store", "a CI runner's own disk is empty every time", remedy, fatal=False))


def _lines(checked: Checked, style: Style, *, several: bool) -> list[str]:
    word = level(checked)
    paint = {"ok": style.good, "warn": style.warn, "fail": style.bad}[word]
    finding = checked.finding
    where = f"{checked.target}: " if several and checked.target else ""
    lines = [f"  {paint(f'{word:4}')}  {where}{style.strong(finding.subject)}: {finding.message}"]
    if finding.remedy and not finding.ok:
        lines.append(f"        {style.faint('→')} {finding.remedy}")
    return lines


def _summary(fatal: int, warned: int, style: Style) -> str:
    if fatal:
        return style.bad(f"{fatal} to put right before a rollout") + (f", {warned} to look at" if warned else "")
    return style.good("nothing stands in the way") + (f", {warned} to look at" if warned else "")


def _plain(checked: Checked) -> dict[str, Any]:
    finding = checked.finding
    return {
        "level": level(checked),
        "target": checked.target,
        "subject": finding.subject,
        "message": finding.message,
        "remedy": finding.remedy,
    }
