"""Ports that a container group may have and that nobody on this machine has taken."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Return a TCP port free on all addresses, and not one of those that the container service keeps for itself.

    Below the range out of which the system picks ports for connections, so that no test running beside takes it.
    """
    for port in random.SystemRandom().sample(range(30100, 32700), 50):
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("none of 50 ports between 30100 and 32700 is free")
