"""`rollout emulator`: a local Azure that nothing but this process knows of."""

from __future__ import annotations

import click

from orchestrator.cli.command import verb
from orchestrator.cli.failures import Failure
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode

_PORT = click.IntRange(0, 65535)


@verb
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address it answers on.")
@click.option("--port", type=_PORT, metavar="PORT", default=8088, show_default=True, help="HTTP; 0 picks a free one.")
@click.option(
    "--dns-port", type=_PORT, metavar="PORT", default=5354, show_default=True, help="DNS; 0 picks a free one."
)
@click.option("--export", is_flag=True, help="Begin with the two export lines that a shell can evaluate.")
def emulator(_session: Session, *, host: str, port: int, dns_port: int, export: bool) -> int:
    """Run a local Azure until Ctrl-C: ARM, Traffic Manager with DNS, a registry, and workloads that answer."""
    from providers.emulator.loopback import EmulatorError
    from providers.emulator.serve import serve

    try:
        serve(host, port, dns_port, export)
    except EmulatorError as error:
        raise Failure(str(error), ExitCode.REFUSED) from error
    return ExitCode.PROMOTED
