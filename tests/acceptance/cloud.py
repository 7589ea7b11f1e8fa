"""One emulated Azure for many tests, and a tap on its call log that can act between a write and its answer."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self

from providers.emulator.calls import WRITES, Call, CallLog
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.monitor import Monitor, Profile

DELETE_SECONDS = 0.1
MONITOR_SECONDS = 0.2


class TappedCalls(CallLog):
    """A call log that tells its listeners of each call, on the emulator's thread and before the caller is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: dict[str, Callable[[Call], None]] = {}

    def record(self, method: str, path: str, status: int, at: datetime) -> None:
        """Add one ARM call and tell whoever listens to its subscription."""
        super().record(method, path, status, at)
        for subscription, listener in list(self.listeners.items()):
            if subscription in path:
                listener(self.arm[-1])


class QuickMonitor(Monitor):
    """Traffic Manager's own checks, every 0.2 s where the real ones come every 10 s at best."""

    def _interval(self, profile: Profile) -> timedelta:
        return timedelta(seconds=MONITOR_SECONDS)


class Cloud:
    """A loopback emulator in a thread of this process; every shop in it has a subscription of its own."""

    def __init__(self) -> None:
        self.emulator = LoopbackEmulator()
        self.calls = TappedCalls()
        self.port = free_port()
        self.alone = threading.Lock()
        """Held by whoever changes this process's environment."""
        self._lock, self._shops = threading.Lock(), 0

    def __enter__(self) -> Self:
        self.emulator.__enter__()
        self.emulator.call(self._prepare)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.emulator.__exit__(kind, error, trace)

    def _prepare(self) -> None:
        world = self.emulator.world
        world.calls = self.calls
        world.profiles.monitor = QuickMonitor(world)
        world.settings.delete_seconds = DELETE_SECONDS

    def number(self) -> int:
        """A number that no other shop of this cloud has."""
        with self._lock:
            self._shops += 1
            return self._shops

    def calls_of(self, subscription: str) -> list[Call]:
        """Every ARM call for a subscription so far, in order."""
        return self.emulator.call(lambda: [call for call in self.calls.arm if subscription in call.path])

    def writes_of(self, subscription: str) -> list[Call]:
        """Every ARM call for a subscription so far that would change something, refused ones included."""
        return [call for call in self.calls_of(subscription) if call.method in WRITES]

    def listen(self, subscription: str, listener: Callable[[Call], None] | None) -> None:
        """Tell `listener` of every further call for a subscription; None ends it."""

        def change() -> None:
            if listener is None:
                self.calls.listeners.pop(subscription, None)
            else:
                self.calls.listeners[subscription] = listener

        self.emulator.call(change)

    def resources(self, kind: str, subscription: str) -> list[dict[str, Any]]:
        """All `groups` or `profiles` of a subscription, as ARM shows them."""
        world = self.emulator.world

        def read() -> list[dict[str, Any]]:
            world.tick()
            return world.groups.state() if kind == "groups" else world.profiles.state()

        return [item for item in self.emulator.call(read) if subscription in item["id"]]


def free_port() -> int:
    """A TCP port that is free on all addresses, below those out of which the system picks its own."""
    for port in random.SystemRandom().sample(range(30100, 32700), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("none of 50 ports between 30100 and 32700 is free")
