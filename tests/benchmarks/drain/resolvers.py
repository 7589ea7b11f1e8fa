"""Real caching resolvers in front of the emulator's DNS: found, configured in a folder of their own, started, ended."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

READY_SECONDS = 10.0
UNBOUND = """\
server:
  interface: 127.0.0.1
  port: {port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 1
  chroot: ""
  username: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  qname-minimisation: no
  cache-min-ttl: 0
  prefetch: no
  serve-expired: no
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {host}@{upstream}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A resolver that may be installed: its program, and the command that runs it in the foreground."""

    name: str
    program: str
    command: Callable[[str, Path, int, str], list[str]]

    @property
    def path(self) -> str | None:
        """Where its program is; Debian has servers in a folder that is not on everybody's path."""
        return shutil.which(self.program) or shutil.which(self.program, path="/usr/sbin:/usr/local/sbin")


def _unbound(path: str, folder: Path, port: int, server: str) -> list[str]:
    host, _, upstream = server.rpartition(":")
    config = folder / "unbound.conf"
    config.write_text(UNBOUND.format(port=port, folder=folder, host=host, upstream=upstream), encoding="utf-8")
    return [path, "-d", "-p", "-c", str(config)]


def _dnsmasq(path: str, folder: Path, port: int, server: str) -> list[str]:
    host, _, upstream = server.rpartition(":")
    config = folder / "dnsmasq.conf"
    config.write_text("", encoding="utf-8")
    return [
        path,
        "--keep-in-foreground",
        f"--conf-file={config}",
        "--no-resolv",
        "--no-hosts",
        f"--server={host}#{upstream}",
        f"--port={port}",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--cache-size=2000",
        f"--user={getpass.getuser()}",
        "--pid-file=",
    ]


KINDS = (Kind("unbound", "unbound", _unbound), Kind("dnsmasq", "dnsmasq", _dnsmasq))


class ResolverError(Exception):
    """A resolver that is installed does not answer; the text holds what it said."""


@contextmanager
def running(kind: Kind, folder: Path, server: str, name: str, *, ready_seconds: float = READY_SECONDS) -> Iterator[str]:
    """Run a resolver that asks `server` (`host:port`) for everything; yields its own `host:port` once it has `name`.

    Raises ResolverError when it is not installed, or has no answer within `ready_seconds`.
    """
    path = kind.path
    if path is None:
        raise ResolverError(f"{kind.program} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_udp_port()
    with (folder / "said").open("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            kind.command(path, folder, port, server), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            _until_it_answers(process, port, name, said.name, ready_seconds)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _until_it_answers(process: subprocess.Popen[bytes], port: int, name: str, said: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        query = dns.message.make_query(name, "A")
        with contextlib.suppress(dns.exception.DNSException, OSError):
            answer = dns.query.udp(query, "127.0.0.1", timeout=0.3, port=port)
            if answer.rcode() == dns.rcode.NOERROR and answer.answer:
                return
        time.sleep(0.05)
    raise ResolverError(f"no answer for {name} on port {port}: {Path(said).read_text(encoding='utf-8')[-2000:]}")


def free_udp_port() -> int:
    """A port that is free for UDP and TCP on the loopback address."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            port = int(udp.getsockname()[1])
            try:
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
