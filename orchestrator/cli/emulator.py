"""`rollout emulator`: a local Azure that nothing but this process knows of."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode


def emulator(
    session: Session,  # noqa: ARG001 - every verb has one
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address it answers on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="HTTP; 0 picks a free one.")
    ] = 8088,
    dns_port: Annotated[
        int, typer.Option("--dns-port", min=0, max=65535, metavar="PORT", help="DNS; 0 picks a free one.")
    ] = 5354,
    export: Annotated[
        bool, typer.Option("--export", help="Begin with the two export lines that a shell can evaluate.")
    ] = False,
) -> int:
    """Run a local Azure until Ctrl-C: ARM, Traffic Manager with DNS, a registry, and workloads that answer."""
    from providers.emulator.loopback import EmulatorError
    from providers.emulator.serve import serve

    try:
        serve(host, port, dns_port, export)
    except EmulatorError as error:
        raise Failure(str(error), ExitCode.REFUSED) from error
    return ExitCode.PROMOTED
