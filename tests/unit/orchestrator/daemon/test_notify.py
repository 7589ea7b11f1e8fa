"""What the service manager hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.daemon.notify import READY, STOPPING, Notify


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(5.0)
        yield path, listening


def test_it_hears_each_word_as_a_datagram(manager: tuple[str, socket.socket]) -> None:
    path, listening = manager
    notify = Notify({"NOTIFY_SOCKET": path})
    notify.say(READY)
    notify.alive(lambda: False)
    notify.alive(lambda: True)
    notify.say(STOPPING)
    assert [listening.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_an_abstract_socket_is_meant_by_an_at_sign() -> None:
    name = f"rollout-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5.0)
        Notify({"NOTIFY_SOCKET": f"@{name}"}).say(READY)
        assert listening.recv(100) == b"READY=1"


def test_nobody_listens_and_nothing_happens(tmp_path: Path) -> None:
    Notify({}).say(READY)
    Notify({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).say(READY)


@pytest.mark.parametrize(
    ("settings", "every"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({}, None),
    ],
)
def test_it_wants_to_hear_twice_within_its_patience(settings: dict[str, str], every: float | None) -> None:
    assert Notify(settings).every_seconds == every
