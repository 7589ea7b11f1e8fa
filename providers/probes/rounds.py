"""One round of probes: every attempt at the same time, each over within the timeout whatever the other side does."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from strategies.seen import ProbeSeen


class Attempt(Protocol):
    """One probe of one address."""

    def why(self) -> str | None:
        """Make the request and return why it failed, an empty text when all was well; never raises.

        None: it could not be made for a reason that says nothing about the address, so there is no answer.
        """
        ...

    def timed_out(self) -> str:
        """Say what was being done when the time was over."""
        ...

    def cut(self) -> None:
        """End it from another thread, as far as that can be done."""
        ...


Make = Callable[[str, float], Attempt]
"""(address, monotonic time at which it must be over) -> an attempt that has not begun."""


def at_once(
    addresses: Mapping[str, str], make: Make, timeout_seconds: float, now: Callable[[], datetime]
) -> tuple[ProbeSeen, ...]:
    """Probe every address (endpoint name -> address) once and at the same time; never raises, never overstays."""
    began = time.monotonic()
    deadline = began + timeout_seconds
    answers: queue.SimpleQueue[tuple[str, ProbeSeen | None]] = queue.SimpleQueue()
    running = {name: make(address, deadline) for name, address in addresses.items()}

    def run(name: str) -> None:
        why = running[name].why()
        seconds = time.monotonic() - began
        answers.put((name, None if why is None else ProbeSeen(name, now(), not why, why, seconds)))

    for name in running:
        # Daemons, because the system's resolver cannot be interrupted and must not keep the process alive.
        threading.Thread(target=run, args=(name,), name=f"probe {name}", daemon=True).start()
    found: dict[str, ProbeSeen | None] = {}
    with suppress(queue.Empty):
        while len(found) < len(running):
            name, answer = answers.get(timeout=max(deadline - time.monotonic(), 0.001))
            found[name] = answer
    for name in running.keys() - found.keys():
        running[name].cut()
        found[name] = ProbeSeen(name, now(), False, running[name].timed_out(), timeout_seconds)
    return tuple(seen for name in addresses if (seen := found[name]) is not None)


def in_turn(
    addresses: Mapping[str, str], make: Make, _timeout_seconds: float, now: Callable[[], datetime]
) -> tuple[ProbeSeen, ...]:
    """Probe every address once, one after the other, in a world without sockets, where time does not pass by itself."""
    found = []
    for name, address in addresses.items():
        why = make(address, math.inf).why()
        found += [] if why is None else [ProbeSeen(name, now(), not why, why)]
    return tuple(found)
