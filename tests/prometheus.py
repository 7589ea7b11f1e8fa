"""A real Prometheus server for tests: of this test alone, on a port of this machine, gone when the block ends."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

PROGRAM = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="needs the Debian package prometheus")
"""The mark of tests that start one, beside `local`."""
_STARTS = 3
_READY_SECONDS = 20.0


@dataclass(frozen=True)
class RealPrometheus:
    """A server that runs; `url` is its address without /api/v1.

    It takes about six seconds from its start, or from a change of its targets, until the first scrape.
    """

    url: str
    folder: Path

    def scrape(self, targets: Mapping[str, Sequence[str]]) -> None:
        """Scrape these addresses (`host:port`) from now on, by the label `job` that they get."""
        groups = [{"targets": list(hosts), "labels": {"job": job}} for job, hosts in targets.items()]
        fresh = self.folder / "targets.new"
        fresh.write_text(json.dumps(groups))
        fresh.replace(self.folder / "targets.json")

    def query(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return found

    def reaches(self, query: str, number: float, seconds: float = _READY_SECONDS) -> None:
        """Wait until a query of one series gives a number."""

        def there() -> bool:
            found = self.query(query)
            return len(found) == 1 and float(found[0]["value"][1]) == number

        _wait(there, seconds, f"{query} to be {number:g}")

    def wait(self, query: str, series: int = 1, seconds: float = _READY_SECONDS) -> None:
        """Wait until a query gives at least so many series."""
        _wait(lambda: len(self.query(query)) >= series, seconds, f"{query} to give {series} series")


@contextmanager
def running_prometheus(
    folder: Path, targets: Mapping[str, Sequence[str]], scrape_seconds: float = 1.0, discovery: str | None = None
) -> Iterator[RealPrometheus]:
    """Start a server that scrapes `targets` (addresses by job) and keeps its data in `folder`, until the block ends.

    With `discovery` it also scrapes what this address names (Prometheus' HTTP service discovery).
    """
    folder.mkdir(parents=True, exist_ok=True)
    interval = f"{round(scrape_seconds * 1000)}ms"
    job: dict[str, Any] = {"job_name": "all", "file_sd_configs": [{"files": [str(folder / "targets.json")]}]}
    if discovery is not None:
        job["http_sd_configs"] = [{"url": discovery, "refresh_interval": "1s"}]
    settings = {"global": {"scrape_interval": interval, "scrape_timeout": interval}, "scrape_configs": [job]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    RealPrometheus("", folder).scrape(targets)
    for number in range(_STARTS):
        port = _free_port()
        running = RealPrometheus(f"http://127.0.0.1:{port}", folder)
        with (folder / f"prometheus-{number}.log").open("wb") as log:
            process = subprocess.Popen(_command(folder, port), stdout=log, stderr=log, cwd=folder)
        try:
            if not _ready(process, running):
                # Somebody else took the port between our look and its start.
                continue
            yield running
            return
        finally:
            _end(process)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("prometheus-*.log")))
    raise AssertionError(f"prometheus did not start:\n{logs}")


def _command(folder: Path, port: int) -> list[str]:
    return [
        PROGRAM or "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]


def _ready(process: subprocess.Popen[bytes], running: RealPrometheus) -> bool:
    """Wait until it answers; False when it has ended instead."""

    def answers() -> bool:
        if process.poll() is not None:
            return True
        try:
            with urllib.request.urlopen(f"{running.url}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    _wait(answers, _READY_SECONDS, "prometheus to be ready")
    return process.poll() is None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(met: Callable[[], bool], seconds: float, what: str) -> None:
    limit = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < limit, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
