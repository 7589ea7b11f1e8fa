"""What the daemon costs while nothing happens, and what it costs to know much while little is under way.

The daemon is a process of its own (`daemon_client`), and so is the registry: a socket that answers every HEAD with one
digest; the manifests are files, each service with a template. Seconds are those of the daemon's processor alone;
instructions (valgrind --tool=callgrind) repeat exactly.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.benchmarks.daemon_client import remember
from tests.benchmarks.goals import Goal
from tests.benchmarks.startup import _environment, instructions

WATCHED, EVERY_SECONDS = 10_000, 60
EACH_FILE = (100, 1)
"""How many manifests stand in one file: folders of teams with many services each, and of services by themselves."""
FEW, MANY = 100, 10_000
BRIEF_SECONDS, LONG_SECONDS = 10, 40
CLIENT = "tests.benchmarks.daemon_client"
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.index.v1+json\r\nContent-Length: 0\r\n"
    b"Docker-Content-Digest: sha256:" + b"a" * 64 + b"\r\n\r\n"
)


def run() -> list[Goal]:
    """Measure 10,000 idle repositories, then ten rollouts among few and among many that are known."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_idle(folder), *_knowing(folder)]


def _idle(folder: str) -> list[Goal]:
    return [goal for each_file in EACH_FILE for goal in _watched(folder, each_file)]


def _watched(folder: str, each_file: int) -> list[Goal]:
    with _registry() as port:
        host = f"127.0.0.1:{port}"
        told = _told(folder, "watch", host, str(WATCHED), str(EVERY_SECONDS), str(each_file))
        kept = _told(folder, "keep", host, str(WATCHED), str(each_file))
    case = f"{WATCHED} at {EVERY_SECONDS} s, {each_file} a file"
    return [
        Goal("G4a", f"{case}: of one core", 100 * told["busy"] / told["seconds"], 5.0, "%"),
        Goal("G4a", f"{case}: kept, each", kept["bytes"] / kept["watched"], 1000.0, "bytes"),
        Goal("-", f"{case}: looks not made in time", 1 - told["looks"] / WATCHED, 0.05, "of all"),
    ]


def _knowing(folder: str) -> list[Goal]:
    if shutil.which("valgrind") is None:
        raise SystemExit("daemon: needs valgrind (a Debian package of that name)")
    few, many = (_cost(folder, known) for known in (FEW, MANY))
    case = f"{LONG_SECONDS - BRIEF_SECONDS} s of 10 rollouts, {MANY} known beside {FEW}"
    return [Goal("G4b", case, many / 1e6, 1.2 * few / 1e6, "M instructions", theirs=few / 1e6)]


def _cost(folder: str, known: int) -> float:
    """Instructions of a stretch with ten rollouts under way, as the difference of a long run and a brief one."""
    store = f"{folder}/known-{known}.db"
    remember(f"sqlite:///{store}", known)

    def drive(seconds: int) -> list[str]:
        shutil.copy(store, f"{folder}/run.db")
        return ["-m", CLIENT, "drive", f"sqlite:///{folder}/run.db", str(known), str(seconds)]

    # Once before, so that no run has modules to compile.
    subprocess.run([sys.executable, *drive(BRIEF_SECONDS)], env=_environment(folder), check=True)
    brief, long = (instructions(drive(seconds), folder) for seconds in (BRIEF_SECONDS, LONG_SECONDS))
    return float(long - brief)


def _told(folder: str, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", CLIENT, *words], env=_environment(folder), capture_output=True, text=True, check=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


class _Head(asyncio.Protocol):
    """Answers every request that has no body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            _, _, self._read = self._read.partition(b"\r\n\r\n")
            self._transport.write(_ANSWER)


@contextmanager
def _registry() -> Iterator[int]:
    """Answer on a free port, from a thread of this process, while the block runs."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(_Head, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()
