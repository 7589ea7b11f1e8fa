"""Names to addresses, anew each time: by the system, or by the server that `ROLLOUT_DNS` names.

Nothing is cached here, because a container group's address may change at any restart.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from providers.errors import Invalid

VARIABLE = "ROLLOUT_DNS"
_MOST_ALIASES = 12

Resolve = Callable[[str, int, float], list[str]]
"""(host name, port, seconds at most) -> addresses, first choice first; raises OSError naming what went wrong."""


def from_environment() -> Resolve:
    """Return the resolver that `ROLLOUT_DNS=host:port` asks for, or the system's; raises Invalid for a bad value."""
    text = os.environ.get(VARIABLE, "")
    return by_server(text) if text else by_system


def by_system(host: str, port: int, _seconds: float) -> list[str]:
    """Ask the system; it keeps its own time, so the caller must not depend on its return."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host!r} is not a host name") from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def by_server(server: str) -> Resolve:
    """Return a resolver that asks one DNS server, `host:port` (port 53 when left out), and follows aliases itself."""
    address, port = parse_server(server)

    def resolve(host: str, _port: int, seconds: float) -> list[str]:
        if _is_address(host):
            return [host]
        try:
            found = _ask(address, port, host, time.monotonic() + seconds)
        except _dns().exception.DNSException as error:
            raise OSError(f"{host} was not resolved by {server}: {str(error) or type(error).__name__}") from error
        if not found[1]:
            raise OSError(f"{host} has no address at {server}")
        return found[1]

    return resolve


def parse_server(text: str) -> tuple[str, int]:
    """Read `host:port`, `[v6]:port` or a host alone; raises Invalid with what was expected."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port or 53
        if not host or parts.path or "@" in text:
            raise ValueError(text)
        if not _is_address(host):
            host = str(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4][0])
    except (ValueError, OSError):
        raise Invalid(f"{VARIABLE}: expected a DNS server as host:port, like 127.0.0.1:5354; got {text!r}") from None
    return host, port


def canonical_names(name: str, seconds: float = 3.0) -> list[str] | None:
    """Return the aliases that a name leads through (lower case, no final dot), or None when it is not resolved."""
    import dns.exception
    import dns.resolver

    text = os.environ.get(VARIABLE, "")
    try:
        if text:
            return _ask(*parse_server(text), name, time.monotonic() + seconds)[0]
        answer = dns.resolver.resolve(name, "A", lifetime=seconds, raise_on_no_answer=False)
    except (dns.exception.DNSException, OSError):
        return None
    return _aliases(answer.response)


def _ask(server: str, port: int, host: str, deadline: float) -> tuple[list[str], list[str]]:
    """Follow a name's aliases through one server: the aliases in order, then the addresses of the last."""
    import dns.resolver

    asked = dns.resolver.Resolver(configure=False)
    asked.nameservers, asked.port, asked.cache = [server], port, None
    aliases: list[str] = []
    name = host
    while len(aliases) <= _MOST_ALIASES:
        found: list[str] = []
        heard: list[str] = []
        for kind in ("A", "AAAA"):
            left = max(deadline - time.monotonic(), 0.001)
            answer = asked.resolve(name, kind, lifetime=left, search=False, raise_on_no_answer=False)
            heard = _aliases(answer.response)
            found = [item.address for item in answer.rrset or ()]
            if found or heard:
                break
        if found or not heard:
            return aliases + heard, found
        if set(heard) & {*aliases, host.lower()}:
            raise OSError(f"{host} leads in a circle: {' -> '.join(aliases + heard)}")
        aliases += heard
        name = heard[-1]
    raise OSError(f"{host} leads through more than {_MOST_ALIASES} aliases")


def _aliases(response: Any) -> list[str]:
    import dns.rdatatype

    sets = [item for item in response.answer if item.rdtype == dns.rdatatype.CNAME]
    return [str(record.target).rstrip(".").lower() for item in sets for record in item]


def _dns() -> Any:
    import dns.exception

    return dns


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
