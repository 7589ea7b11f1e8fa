"""`rollout daemon` in this process: what it prints, what it answers, how it ends, and what it refuses to begin with."""

from __future__ import annotations

import errno
import http.client
import io
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest

from orchestrator.cli.output import Output
from orchestrator.cli.running import run_verb
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import VERBS
from orchestrator.clock import SystemClock
from orchestrator.daemon.daemon import STOP_SECONDS, Daemon
from orchestrator.daemon.notify import Notify
from orchestrator.daemon.serving import ANSWERS_SECONDS, Signals, _Turn
from orchestrator.holder import PRESENCE
from orchestrator.store.memory import MemoryStore
from tests.unit.orchestrator.daemon.parts import Clock
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE

PATIENCE_SECONDS = 20.0


@dataclass
class Hall:
    """A folder with one manifest that nobody follows, and the verb on this process's own clock and signals."""

    folder: Path
    store: MemoryStore = field(default_factory=MemoryStore)
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "shop.yaml").write_text(MANIFEST)
        (self.folder / "t.yaml").write_text(TEMPLATE)

    def type(self, *words: str) -> int:
        """Run the verb to its end; its exit code."""
        clock = SystemClock()
        return run_verb(
            VERBS["daemon"],
            words,
            lambda options, _out: Session(options, Output(options, self.out, self.err), clock, self.store),
        )

    def while_it_runs(self, does: Callable[[str], None], *words: str, end: int = signal.SIGTERM) -> int:
        """Run the verb, do something as soon as it listens, and end it by a signal; its exit code."""

        def meanwhile() -> None:
            try:
                until(lambda: "\n" in self.out.getvalue())
                does(self.address)
            except BaseException as error:  # noqa: BLE001 - told by the test itself, on its own thread
                self.failures.append(error)
            finally:
                os.kill(os.getpid(), end)

        thread = threading.Thread(target=meanwhile)
        thread.start()
        try:
            code = self.type(str(self.folder), "--listen", "127.0.0.1:0", *words)
        finally:
            thread.join(PATIENCE_SECONDS)
        for error in self.failures:
            raise error
        return code

    @property
    def address(self) -> str:
        line = self.out.getvalue().splitlines()[0]
        address: str = json.loads(line)["listening"] if line.startswith("{") else line.split()[2].rstrip(",")
        return address

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.err.getvalue().splitlines() if line.startswith("{")]


class Reading:
    """A daemon that is busy with its first scan for so many seconds, a second per turn."""

    def __init__(self, seconds: float, *, alive: bool = True) -> None:
        self.clock, self._until, self._alive = Clock(), seconds, alive

    def begin(self) -> None:
        """Nothing to plan."""

    @property
    def begun(self) -> bool:
        return self.clock.monotonic() >= self._until

    def alive(self) -> tuple[bool, tuple[str, ...]]:
        return self._alive, ()

    def run(self, asked_to_stop: Callable[[], bool]) -> None:
        while not asked_to_stop():
            self.clock.sleep(1.0)


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def get(address: str, path: str) -> tuple[int, str]:
    parts = urlsplit(address)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    for name in list(os.environ):
        if name.startswith("ROLLOUT_"):
            monkeypatch.delenv(name)
    before = {thread.ident for thread in threading.enumerate()}
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield Hall(tmp_path)
    until(lambda: {thread.ident for thread in threading.enumerate()} <= before)
    assert {number: signal.getsignal(number) for number in handlers} == handlers


def test_it_says_in_one_line_where_it_listens_and_ends_in_good_order_with_code_0(hall: Hall) -> None:
    def look(address: str) -> None:
        until(lambda: get(address, "/readyz")[0] == 200)
        assert get(address, "/healthz")[0] == 200
        status, text = get(address, "/metrics")
        assert status == 200
        assert "rollout_daemon_services 1.0" in text
        assert "rollout_daemon_defects 0.0" in text
        assert get(address, "/api/v1/openapi.json")[0] == 200
        until(lambda: (hall.store.lease_of(PRESENCE) or 0) and hall.store.lease_of(PRESENCE).owner)  # type: ignore[union-attr]

    assert hall.while_it_runs(look) == 0
    (line,) = hall.out.getvalue().splitlines()
    assert line.startswith("listening on http://127.0.0.1:")
    assert line.endswith(f", 1 service in {hall.folder}")
    held = hall.store.lease_of(PRESENCE)
    assert held is not None
    assert held.owner is None
    assert "event=daemon_stopped" in hall.err.getvalue()


def test_with_json_it_prints_one_line_and_logs_json_beside_it(hall: Hall) -> None:
    code = hall.while_it_runs(lambda _address: None, "--output", "json", "--log-format", "json", end=signal.SIGINT)
    assert code == 0
    (line,) = hall.out.getvalue().splitlines()
    assert json.loads(line) == {"schema": 1, "listening": hall.address, "services": 1}
    events = hall.events()
    assert events[:2] == ["service_added", "daemon_started"]
    assert events[-2:] == ["daemon_stopping", "daemon_stopped"]


def test_a_hangup_makes_it_look_at_its_manifests_at_once(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.daemon.daemon.SCAN_SECONDS", 3600.0)

    def add(_address: str) -> None:
        (hall.folder / "two.yaml").write_text(MANIFEST.replace("service: shop", "service: two"))
        os.kill(os.getpid(), signal.SIGHUP)
        until(lambda: hall.events().count("service_added") == 2)

    assert hall.while_it_runs(add, "--log-format", "json") == 0


def test_the_service_manager_hears_that_it_is_ready_alive_and_stopping(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_SECONDS)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        heard: list[bytes] = []

        def listen(_address: str) -> None:
            while b"WATCHDOG=1" not in heard:
                heard.append(manager.recv(100))

        assert hall.while_it_runs(listen) == 0
        while b"STOPPING=1" not in heard:
            heard.append(manager.recv(100))
    said = [each for each in heard if each != b"WATCHDOG=1"]
    assert said == [b"EXTEND_TIMEOUT_USEC=60000000", b"READY=1", b"STOPPING=1"]


def test_while_the_manifests_are_read_the_service_manager_is_asked_for_more_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        notify = Notify({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        reading = Reading(200.0)
        _Turn(cast(Any, reading), Signals(), notify, cast(Any, reading.clock)).begin()
        heard = 0
        with suppress(BlockingIOError):
            while manager.recv(100) == b"EXTEND_TIMEOUT_USEC=60000000":
                heard += 1
        assert heard == 1 + 200 // 30
        hung = Reading(200.0, alive=False)
        _Turn(cast(Any, hung), Signals(), notify, cast(Any, hung.clock)).begin()
        assert manager.recv(100)
        with pytest.raises(BlockingIOError):
            manager.recv(100)


def test_a_full_disk_under_the_log_neither_stops_it_nor_hides_itself(hall: Hall) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    hall.err = Full()

    def look(address: str) -> None:
        until(lambda: get(address, "/readyz")[0] == 200)
        assert get(address, "/healthz")[0] == 200
        dropped = re.search(r"^rollout_daemon_lines_dropped (\S+)$", get(address, "/metrics")[1], re.MULTILINE)
        assert dropped is not None
        assert float(dropped[1]) >= 2

    assert hall.while_it_runs(look) == 0


def test_it_waits_for_its_work_only_once_when_it_is_told_to_stop(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    stops: list[Daemon] = []
    real = Daemon.stop

    def stop(self: Daemon) -> bool:
        stops.append(self)
        return real(self)

    monkeypatch.setattr(Daemon, "stop", stop)
    assert hall.while_it_runs(lambda _address: None) == 0
    assert len(stops) == 1
    assert STOP_SECONDS + ANSWERS_SECONDS < 25, "service managers kill after thirty seconds"


def test_a_rate_that_is_none_is_bad_usage_and_says_what_was_expected(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_REGISTRY_RATE", "abc")
    assert hall.type(str(hall.folder), "--listen", "127.0.0.1:0") == 2
    assert "error: ROLLOUT_REGISTRY_RATE: expected questions a second" in hall.err.getvalue()
    assert "defect" not in hall.err.getvalue()


def test_a_folder_that_is_missing_empty_or_a_file_is_refused_with_what_to_do(hall: Hall) -> None:
    (hall.folder / "empty").mkdir()
    for name, words in (
        ("nowhere", "does not exist; name the folder"),
        ("empty", "holds no manifest; put one there"),
        ("shop.yaml", "is no folder; name the folder"),
    ):
        assert hall.type(str(hall.folder / name)) == 2
        assert words in hall.err.getvalue()
    assert hall.out.getvalue() == ""


def test_an_address_that_is_none_is_bad_usage(hall: Hall) -> None:
    assert hall.type(str(hall.folder), "--listen", "here") == 2
    assert "expected host:port" in hall.err.getvalue()


def test_a_port_in_use_is_refused_with_what_to_do(hall: Hall) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert hall.type(str(hall.folder), "--listen", f"127.0.0.1:{taken.getsockname()[1]}") == 7
    assert "choose another port" in hall.err.getvalue()


def test_beyond_this_machine_it_does_not_listen_without_a_token(hall: Hall) -> None:
    assert hall.type(str(hall.folder), "--listen", "0.0.0.0:0") == 2
    assert "ROLLOUT_OPERATE_TOKEN" in hall.err.getvalue()


def test_a_variable_file_that_is_missing_is_bad_usage(hall: Hall) -> None:
    assert hall.type(str(hall.folder), "--vars", str(hall.folder / "none.yaml")) == 2
    assert "none.yaml" in hall.err.getvalue()
