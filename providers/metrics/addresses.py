"""Which addresses a source may have: any but link-local ones, where a machine hands out its own identity.

What an address is shows only once it is resolved, for there are many ways to write one, and a name may mean another at
each resolution: so what is connected to is the very address that was looked at. Behind a proxy names are resolved by
that proxy, and what it may reach is its own affair; there an address is looked at as far as the URL writes one out.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from providers.errors import Denied

_EMBEDDING = tuple(int(IPv6Address(prefix)) >> 32 for prefix in ("::ffff:0:0", "64:ff9b::", "::"))
"""Prefixes of addresses of IPv6 whose last 32 bits are one of IPv4: mapped, translated (RFC 6052), compatible."""


def is_link_local(address: str) -> bool:
    """Whether a numeric address is link-local, or leads to one of IPv4 that is."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and int(found) >> 32 in _EMBEDDING:
        found = IPv4Address(int(found) & 0xFFFFFFFF)
    return found.is_link_local


def written(host: str) -> tuple[str, ...]:
    """The addresses that a host writes out itself, in any of the ways there are; none for a name. Asks nobody."""
    try:
        return _resolved(host.rstrip("."), None, socket.AF_UNSPEC, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return ()


def allowed(host: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Those of a host's addresses that may be connected to; raises Denied where it has others only."""
    found = tuple(each for each in addresses if not is_link_local(each))
    if addresses and not found:
        said = f"{host} is the link-local address {addresses[0]}, where a machine hands out its own identity"
        raise Denied(f"{said}; nothing was sent: give the source's own address", code="LinkLocal")
    return found


def guarded(pools: Mapping[str, Any]) -> dict[str, Any]:
    """Return these urllib3 pools by scheme with connections that resolve a name once, and look at what it is."""
    from urllib3.exceptions import HTTPError, LocationParseError, NameResolutionError, NewConnectionError
    from urllib3.util.connection import allowed_gai_family

    def connected(connection: Any, connect: Any) -> Any:
        name = connection._dns_host
        try:
            found = allowed(connection.host, _resolved(name, connection.port, allowed_gai_family()))
        except UnicodeError:
            raise LocationParseError(f"'{name}', label empty or too long") from None
        except socket.gaierror as error:
            raise NameResolutionError(connection.host, connection, error) from error
        failure: HTTPError = NewConnectionError(connection, f"{name} has no address")
        for address in found:
            # TLS verifies the name, and Host says it: it stands again before either happens.
            connection._dns_host = address
            try:
                return connect()
            except HTTPError as error:
                failure = error
            finally:
                connection._dns_host = name
        raise failure

    def over(pool: Any) -> Any:
        class Guarded(pool.ConnectionCls):  # type: ignore[misc]
            def _new_conn(self) -> Any:
                return connected(self, super()._new_conn)

        class Pool(pool):  # type: ignore[misc]
            ConnectionCls = Guarded

        return Pool

    return {scheme: over(pool) for scheme, pool in pools.items()}


def _resolved(host: str, port: int | None, family: int, flags: int = 0) -> tuple[str, ...]:
    found = socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM, 0, flags)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
