"""`rollout emulator`: a local Azure that nothing but this process knows of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.failures import Failure
from orchestrator.cli.session import Session
from orchestrator.exit_codes import ExitCode


def _port(name: str, serves: str) -> Any:
    return typer.Option(name, metavar="PORT", min=0, max=65535, help=f"{serves}; 0 picks a free one.")


def emulator(
    _session: Session,
    *,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address it answers on.")] = "127.0.0.1",
    port: Annotated[int, _port("--port", "HTTP")] = 8088,
    dns_port: Annotated[int, _port("--dns-port", "DNS")] = 5354,
    export: Annotated[
        bool, typer.Option("--export", help="Begin with the export lines that a shell can evaluate.")
    ] = False,
    cluster: Annotated[
        list[str] | None, typer.Option("--cluster", metavar="NAME", help="One more cluster beside `emulator`.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Write a kubeconfig for the clusters there.")
    ] = None,
    envoy: Annotated[
        bool, typer.Option("--envoy", help="Let a real Envoy serve the clusters' Gateways (extra `local`).")
    ] = False,
) -> int:
    """Run a local Azure and Kubernetes until Ctrl-C: ARM, Traffic Manager, DNS, clusters, a registry, and workloads."""
    from providers.emulator.loopback import EmulatorError
    from providers.emulator.serve import serve

    try:
        serve(host, port, dns_port, export, clusters=cluster or (), kubeconfig_file=kubeconfig, envoy=envoy)
    except EmulatorError as error:
        raise Failure(str(error), ExitCode.REFUSED) from error
    return ExitCode.PROMOTED
