"""Where the daemon listens: `ROLLOUT_LISTEN` read, and its socket bound."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from orchestrator.http.credentials import OPERATE_TOKEN, READ_TOKEN, UnfitSetting
from watchers.addresses import is_loopback

LISTEN, DEFAULT_LISTEN = "ROLLOUT_LISTEN", "127.0.0.1:8090"
_BACKLOG = 256
_REASONS = {
    errno.EADDRINUSE: "another process listens there; stop it, choose another port, or port 0 for any free one",
    errno.EACCES: "this port is not ours to take; choose one from 1024",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose one of its own, or 0.0.0.0 for all",
}


class CannotListen(Exception):  # noqa: N818 - reads as what happened
    """The address cannot be had, or may not be used as things are; the sentence names the setting and the remedy."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address to listen at; `host` without brackets, port 0 for any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"{shown(self.host)}:{self.port}"


def place_of(text: str) -> Place:
    """Read `host:port` or `[::1]:port`; raises UnfitSetting."""
    host, _, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    numbered = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536
    if not bare or not numbered or bracketed is not (":" in bare) or any(not "!" <= c <= "~" for c in bare):
        raise UnfitSetting(f"{LISTEN}: expected host:port, as in {DEFAULT_LISTEN} or [::1]:8090; got {text[:80]!r}")
    # One socket cannot be both 127.0.0.1 and ::1; the first is what everybody tries.
    return Place("127.0.0.1" if bare.lower() == "localhost" else bare, int(port))


def check_may_listen(place: Place, open_to_all: bool) -> None:
    """Raise UnfitSetting when others than this machine could connect to what asks nobody for a token."""
    if open_to_all and not place.loopback:
        raise UnfitSetting(
            f"{LISTEN} {place}: beyond this machine a token is demanded; set {OPERATE_TOKEN} (and {READ_TOKEN} for "
            f"those who only look), or ROLLOUT_ENTRA_TENANT and ROLLOUT_ENTRA_AUDIENCE, or listen at {DEFAULT_LISTEN}"
        )


def bind(place: Place) -> socket.socket:
    """Return a listening socket; raises CannotListen."""
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        every = address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(
            (str(address[0]), int(address[1])), family=family, backlog=_BACKLOG, dualstack_ipv6=every
        )
    except (OSError, UnicodeError) as error:
        reason = _REASONS.get(getattr(error, "errno", 0) or 0, f"{error}")
        raise CannotListen(f"{LISTEN} {place}: {reason}") from error


def shown(host: str) -> str:
    """Write a host as addresses have it, IPv6 in brackets."""
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
