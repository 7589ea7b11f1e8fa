"""`rollout daemon`: the process that stays, watches registries, hears webhooks and runs every rollout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.options import Format
from orchestrator.cli.parameters import Pairs, VarsFiles
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode
from orchestrator.result import SCHEMA

if TYPE_CHECKING:
    from orchestrator.daemon.daemon import Daemon
    from orchestrator.daemon.directory import Directory

_MANIFESTS = ("*.yaml", "*.yml")


def daemon(
    session: Session,
    directory: Annotated[str, typer.Argument(metavar="DIR")],
    *,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen", metavar="HOST:PORT", help="Default: ROLLOUT_LISTEN, else 127.0.0.1:8090; port 0: any."
        ),
    ] = None,
    vars_files: VarsFiles = None,
    var: Pairs = None,
) -> int:
    """Watch the registries of all manifests in DIR, take webhooks, run every rollout of the store, serve the API.

    The first line on standard output says where it listens; events are logged to standard error. Manifests are read
    anew as they change, and at SIGHUP. SIGTERM or Ctrl-C ends it in good order: the act in hand is finished, the rest
    is in the store, and the exit code is 0, as service managers want it of a service that was told to stop. A second
    signal ends it at once.
    """
    from orchestrator.daemon.serving import Setup, serve
    from orchestrator.http.credentials import UnfitSetting
    from orchestrator.http.listening import CannotListen
    from orchestrator.manifest.variables import read_variables

    _check(directory)
    form = session.options.log_format or Format.TEXT
    setup = Setup(
        path=directory,
        variables=read_variables(vars_files or (), var or ()),
        store=session.store,
        clock=session.clock,
        stream=session.out.err_stream,
        log_format=form.value,
        listen=listen,
    )

    def started(address: str, _daemon: Daemon, known: Directory) -> None:
        services = len(known.known)
        if session.options.json:
            session.out.raw(json.dumps({"schema": SCHEMA, "listening": address, "services": services}) + "\n")
        else:
            session.out.text(f"listening on {address}, {services} service{'' if services == 1 else 's'} in {directory}")

    try:
        serve(setup, started)
    except UnfitSetting as error:
        raise Failure(str(error), ExitCode.USAGE) from error
    except CannotListen as error:
        raise Failure(str(error), ExitCode.REFUSED) from error
    return ExitCode.PROMOTED


def _check(directory: str) -> None:
    """Refuse what is no folder of manifests: a daemon that watches nothing by mistake looks like one that works."""
    folder = Path(directory)
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise Failure(f"{directory}: {what}; name the folder that holds the manifests", ExitCode.USAGE)
    if not any(found for pattern in _MANIFESTS for found in folder.rglob(pattern)):
        words = f"{directory}: holds no manifest; put one there (*.yaml or *.yml), or name another folder"
        raise Failure(words, ExitCode.USAGE)
