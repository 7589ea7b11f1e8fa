"""Clients of the emulated shop: each asks DNS once a second, and meanwhile opens one of two pages again and again.

When they are ended (SIGTERM) they tell what each version answered them.
"""

import http.client
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections import Counter
from itertools import cycle

CLIENTS, PAUSE_SECONDS = 16, 0.2
PAGES = ("/", "/basket")

Seen = Counter[tuple[str, bool]]


def address(name: str, server: str) -> str:
    """Ask a name server (`host:port`) for an address; without one the name itself will do."""
    if not server:
        return name
    host, _, port = server.rpartition(":")
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(2)
        asking.connect((host, int(port)))
        asking.send(struct.pack(">6H", 1, 0, 1, 0, 0, 0) + labels + struct.pack(">x2H", 1, 1))
        # The address to which all aliases lead stands last.
        return socket.inet_ntoa(asking.recv(512)[-4:])


def visit(name: str, server: str, seen: Seen) -> None:
    """One client."""
    place, asked = "", 0.0
    for page in cycle(PAGES):
        version, failed = "nobody", True
        try:
            if time.monotonic() > asked + 1:
                place, asked = address(name, server), time.monotonic()
            shop = http.client.HTTPConnection(place, 8080, timeout=5)
            shop.request("GET", page)
            answer = shop.getresponse()
            version, failed = answer.headers["X-Version"], answer.status >= 500
            shop.close()
        except (OSError, http.client.HTTPException):
            pass
        seen[version, failed] += 1
        time.sleep(PAUSE_SECONDS)


def tell(seen: Seen) -> None:
    """Say what came of all requests, by the version that answered."""
    for version in sorted({version for version, _ in tuple(seen)}):
        failed = seen[version, True]
        sys.stdout.write(f"{version}  {failed + seen[version, False]:,} requests, {failed} failed\n")


if __name__ == "__main__":
    seen: Seen = Counter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(tell(seen)))
    for _ in range(CLIENTS):
        threading.Thread(target=visit, args=(sys.argv[1], os.environ["ROLLOUT_DNS"], seen), daemon=True).start()
    signal.pause()
