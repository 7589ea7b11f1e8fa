"""What systemd wants to hear of a service: that it is ready, that it stops, that it is alive; a datagram each."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
EXTEND_SECONDS = 60
"""How much more time to begin with is asked for at once, and twice within it: only who is alive goes on asking."""
BEGINNING = f"EXTEND_TIMEOUT_USEC={EXTEND_SECONDS * 1_000_000}"


class Notify:
    """Tells the service manager that the environment names (NOTIFY_SOCKET); nobody, where it names none."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Read the settings; nothing is opened, and nothing is sent yet."""
        settings = os.environ if environment is None else environment
        address = settings.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with an @, and begins with a null byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.every_seconds = _watchdog(settings)
        """How often it wants to hear that we are alive; None where it does not."""

    def say(self, word: str) -> None:
        """Send one word; a manager that does not listen is no reason to fail."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(word.encode(), self._address)
            except OSError:
                return

    def alive(self, is_alive: Callable[[], bool]) -> None:
        """Send the watchdog's word if it holds; silence makes the manager restart us."""
        if is_alive():
            self.say(ALIVE)


def _watchdog(settings: Mapping[str, str]) -> float | None:
    if settings.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = settings.get("WATCHDOG_USEC", "")
    # Twice within the time that the manager allows, as its manual asks for.
    return int(text) / 2e6 if text.isdecimal() and int(text) > 0 else None
