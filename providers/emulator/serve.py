"""`rollout emulator`: the loopback door as a process that prints where it answers and runs until it is told to end."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from providers.emulator.kube.kubeconfig import DEFAULT, is_ours, kubeconfig
from providers.emulator.loopback import EmulatorError, LoopbackEmulator


def serve(
    host: str,
    port: int,
    dns_port: int,
    export: bool,
    *,
    clusters: Sequence[str] = (),
    kubeconfig_file: Path | None = None,
    envoy: bool = False,
) -> None:
    """Run the emulator until SIGINT or SIGTERM; ports 0 pick free ones.

    Prints its endpoints on standard output, and first of all, with `export`, the lines a shell can evaluate. With
    `kubeconfig_file` a kubeconfig for the clusters (`clusters` and the one that is always there) is written there.
    `envoy`: a real Envoy serves the clusters' Gateways. Raises EmulatorError when a port cannot be had, Envoy cannot be
    started or the file cannot be written.
    """
    emulator = LoopbackEmulator(host, port, dns_port, envoy=envoy)
    asyncio.run(_serve(emulator, export, tuple(clusters), kubeconfig_file))


async def _serve(emulator: LoopbackEmulator, export: bool, clusters: tuple[str, ...], file: Path | None) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    async with emulator:
        for name in (DEFAULT, *clusters):
            emulator.world.cluster(name)
        if file is not None:
            _write(file, json.dumps(kubeconfig(emulator.url, emulator.world.clusters), indent=2))
        sys.stdout.write("".join(f"{line}\n" for line in endpoint_lines(emulator, export, file)))
        sys.stdout.flush()
        await leave.wait()


def _write(file: Path, text: str) -> None:
    """Write a file that only its owner may read, as kubeconfigs are kept; never over one that somebody else wrote."""
    try:
        if file.exists() and not is_ours(file.read_text()):
            raise EmulatorError(f"--kubeconfig: {file} is there and not the emulator's: name another file")
        file.touch(mode=0o600)
        file.write_text(f"{text}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EmulatorError(f"--kubeconfig: {file} cannot be written: {error}") from error


def endpoint_lines(emulator: LoopbackEmulator, export: bool, kubeconfig_file: Path | None = None) -> list[str]:
    """Return what is printed about a running emulator; with `export` every line means something to a shell."""
    settings = {"ROLLOUT_AZURE_ENDPOINT": emulator.url, "ROLLOUT_DNS": emulator.dns}
    if kubeconfig_file is not None:
        settings["KUBECONFIG"] = str(kubeconfig_file.resolve())
    told = [
        f"Azure Resource Manager   {emulator.url}",
        f"DNS by UDP and TCP       {emulator.dns}",
        f"Container registry       {emulator.registry_host}/<repository>",
        f"Kubernetes               {emulator.url}/clusters/{{{','.join(emulator.world.clusters)}}}",
        f"Its kubeconfig           {emulator.url}/_emulator/kubeconfig",
        f"Images, faults, state    {emulator.url}/_emulator/{{images,faults,reset,state}}",
        f"Prometheus' discovery    {emulator.url}/_emulator/targets",
        "Ends with Ctrl-C; nothing is kept.",
    ]
    if export:
        return [
            *(f"export {name}={shlex.quote(value)}" for name, value in settings.items()),
            *(f"# {line}" for line in told),
        ]
    return [*told, *(f"{name}={value}" for name, value in settings.items())]
