"""A client's own resolver: asks one DNS server and keeps every record for the whole of its TTL, as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

LONGEST_CHAIN = 16


class ResolveError(Exception):
    """A name has no address just now; the text says what the server answered."""


class CachingResolver:
    """Resolves names through one server; each record of a chain lives by its own TTL, counted from its arrival.

    `server` is `host:port`; `monotonic` gives seconds. One question is under way at a time: whoever asks meanwhile
    waits for the same answer.
    """

    def __init__(self, server: str, monotonic: Callable[[], float], timeout_seconds: float = 2.0) -> None:
        host, _, port = server.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._monotonic = monotonic
        self._timeout = timeout_seconds
        self._links: dict[dns.name.Name, tuple[dns.name.Name | str, float]] = {}
        self._lock = asyncio.Lock()

    async def address(self, host: str) -> str:
        """Return an address of the host, from the cache while it lasts; raises ResolveError."""
        name = dns.name.from_text(host)
        found = self._cached(name)
        if isinstance(found, str):
            return found
        async with self._lock:
            for _ in range(LONGEST_CHAIN):
                found = self._cached(name)
                if isinstance(found, str):
                    return found
                await self._ask(found)
        raise ResolveError(f"{host}: the chain of aliases has no end")

    def _cached(self, name: dns.name.Name) -> dns.name.Name | str:
        """Follow fresh records from a name; return the address, or the name at which they end."""
        now = self._monotonic()
        for _ in range(LONGEST_CHAIN):
            target, expires = self._links.get(name, ("", 0.0))
            if expires <= now:
                return name
            if isinstance(target, str):
                return target
            name = target
        return name

    async def _ask(self, name: dns.name.Name) -> None:
        query = dns.message.make_query(name, dns.rdatatype.A)
        try:
            response, _ = await dns.asyncquery.udp_with_fallback(query, self._host, self._timeout, self._port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise ResolveError(f"{name}: no answer from {self._host}:{self._port} ({type(error).__name__})") from error
        now = self._monotonic()
        for records in response.answer:
            # A record with TTL 0 serves the question that fetched it, and no other.
            expires = now + max(records.ttl, 0.001)
            if records.rdtype == dns.rdatatype.CNAME:
                self._links[records.name] = (records[0].target, expires)
            elif records.rdtype == dns.rdatatype.A:
                self._links[records.name] = (records[0].address, expires)
        if name not in self._links or self._links[name][1] <= now:
            raise ResolveError(f"{name}: {dns.rcode.to_text(response.rcode())}, no address")
