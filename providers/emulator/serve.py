"""`rollout emulator`: the loopback door as a process that prints where it answers and runs until it is told to end."""

from __future__ import annotations

import asyncio
import signal
import sys

from providers.emulator.loopback import LoopbackEmulator


def serve(host: str, port: int, dns_port: int, export: bool) -> None:
    """Run the emulator until SIGINT or SIGTERM; ports 0 pick free ones.

    Prints its endpoints on standard output, and first of all, with `export`, the two lines a shell can evaluate. Raises
    EmulatorError when a port cannot be had.
    """
    asyncio.run(_serve(host, port, dns_port, export))


async def _serve(host: str, port: int, dns_port: int, export: bool) -> None:
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave.set)
    async with LoopbackEmulator(host, port, dns_port) as emulator:
        sys.stdout.write("".join(f"{line}\n" for line in endpoint_lines(emulator, export)))
        sys.stdout.flush()
        await leave.wait()


def endpoint_lines(emulator: LoopbackEmulator, export: bool) -> list[str]:
    """Return what is printed about a running emulator; with `export` every line means something to a shell."""
    settings = {"ROLLOUT_AZURE_ENDPOINT": emulator.url, "ROLLOUT_DNS": emulator.dns}
    told = [
        f"Azure Resource Manager   {emulator.url}",
        f"DNS by UDP and TCP       {emulator.dns}",
        f"Container registry       {emulator.registry_host}/<repository>",
        f"Images, faults, state    {emulator.url}/_emulator/{{images,faults,reset,state}}",
        "Ends with Ctrl-C; nothing is kept.",
    ]
    if export:
        return [*(f"export {name}={value}" for name, value in settings.items()), *(f"# {line}" for line in told)]
    return [*told, *(f"{name}={value}" for name, value in settings.items())]
