"""The emulator's authoritative DNS server, over UDP and TCP on one port of an asyncio loop.

`respond` is a function from query bytes to response bytes, `DnsServer` only carries them. What a name means is asked of
the world one link at a time, so a chain profile -> profile -> group -> address comes out whole in one answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from providers.emulator.loopback_server import settle, stop_listening
from providers.emulator.values import DnsAnswer

Resolve = Callable[[str], DnsAnswer]
LONGEST_CHAIN = 16
# A resolver remembers for so long that a name is missing; short, because groups appear and vanish all the time here.
NEGATIVE_TTL_SECONDS = 1
TCP_IDLE_SECONDS = 10.0
_UDP_WITHOUT_EDNS = 512
_PORT_ATTEMPTS = 20
_RCODES = {"NOERROR": dns.rcode.NOERROR, "NXDOMAIN": dns.rcode.NXDOMAIN, "REFUSED": dns.rcode.REFUSED}


def respond(wire: bytes, resolve: Resolve, *, udp: bool) -> bytes | None:
    """Answer one DNS message; None for bytes that are no query, which deserve no answer.

    Names are asked of `resolve` in lower case without the final dot. Over UDP an answer that is too large for what the
    client takes is sent empty with the TC flag, so that it comes back by TCP.
    """
    try:
        query = dns.message.from_wire(wire)
    except dns.message.ShortHeader:
        return None
    except dns.exception.DNSException:
        return _refuse_unreadable(wire)
    if query.flags & dns.flags.QR:
        return None
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    if query.opcode() != dns.opcode.QUERY:
        response.set_rcode(dns.rcode.NOTIMP)
    elif len(query.question) != 1:
        response.set_rcode(dns.rcode.FORMERR)
    elif query.question[0].rdclass != dns.rdataclass.IN:
        response.set_rcode(dns.rcode.REFUSED)
    else:
        _answer(response, query.question[0], resolve)
    most = max(query.payload, _UDP_WITHOUT_EDNS) if udp else 65535
    try:
        return response.to_wire(max_size=most)
    except dns.exception.TooBig:
        for section in (response.answer, response.authority):
            section.clear()
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=most)


def _answer(response: dns.message.Message, question: dns.rrset.RRset, resolve: Resolve) -> None:
    """Follow the chain of aliases from the question's name and write every link of it into the answer."""
    owner, wanted = question.name, question.rdtype
    for _ in range(LONGEST_CHAIN):
        link = resolve(owner.to_text(omit_final_dot=True).lower())
        if link.cname is not None:
            alias = dns.name.from_text(link.cname)
            _add(response, owner, link.ttl_seconds, dns.rdatatype.CNAME, alias.to_text())
            if wanted in (dns.rdatatype.CNAME, dns.rdatatype.ANY):
                return
            owner = alias
            continue
        if link.address is not None and wanted in (_kind(link.address), dns.rdatatype.ANY):
            _add(response, owner, link.ttl_seconds, _kind(link.address), link.address)
            return
        # An alias that leads out of our zones ends here: its last name is for the resolver to ask elsewhere.
        if link.code == "REFUSED" and response.answer:
            return
        response.set_rcode(_RCODES[link.code])
        if link.code == "REFUSED":
            response.flags &= ~dns.flags.AA
        else:
            _add_soa(response, owner)
        return
    response.answer.clear()
    response.set_rcode(dns.rcode.SERVFAIL)


def _kind(address: str) -> dns.rdatatype.RdataType:
    return dns.rdatatype.AAAA if ":" in address else dns.rdatatype.A


def _add(
    response: dns.message.Message, owner: dns.name.Name, ttl: int, kind: dns.rdatatype.RdataType, text: str
) -> None:
    response.answer.append(dns.rrset.from_text(owner, ttl, dns.rdataclass.IN, kind, text))


def _add_soa(response: dns.message.Message, owner: dns.name.Name) -> None:
    """Say how long the absence of a record may be remembered."""
    if owner == dns.name.root:
        return
    zone = dns.name.Name(owner.labels[-3:])
    text = f"ns.{zone} hostmaster.{zone} 1 900 300 604800 {NEGATIVE_TTL_SECONDS}"
    soa = dns.rrset.from_text(zone, NEGATIVE_TTL_SECONDS, dns.rdataclass.IN, dns.rdatatype.SOA, text)
    response.authority.append(soa)


def _refuse_unreadable(wire: bytes) -> bytes | None:
    """Answer FORMERR to what has the header of a query; None to what has that of an answer."""
    identity, flags = struct.unpack("!HH", wire[:4])
    if flags & dns.flags.QR:
        return None
    kept = flags & (0x7800 | dns.flags.RD)
    return struct.pack("!HHHHHH", identity, dns.flags.QR | kept | dns.rcode.FORMERR, 0, 0, 0, 0)


class DnsServer:
    """Serves `resolve` on one port by UDP and TCP; start and stop it on the loop that shall carry it."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()
        self.host = ""
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Open both sockets; port 0 picks one that is free for UDP and TCP alike. Raises OSError when it is taken."""
        attempts = 1 if port else _PORT_ATTEMPTS
        for attempt in range(attempts):
            try:
                await self._open(host, port)
            except OSError:
                # A port that is free for TCP may be taken for UDP; only a port we picked ourselves may be changed.
                if attempt + 1 == attempts:
                    raise
            else:
                return

    async def _open(self, host: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        tcp = await asyncio.start_server(self._accept, host, port)
        bound = tcp.sockets[0].getsockname()[1]
        try:
            self._udp, _ = await loop.create_datagram_endpoint(
                lambda: _UdpDoor(self._resolve),
                (host, bound),
                family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            )
        except OSError:
            tcp.close()
            await tcp.wait_closed()
            raise
        self._tcp, self.host, self.port = tcp, host, bound

    async def stop(self) -> None:
        """Close both sockets and every conversation, and wait until they are closed."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            await stop_listening([self._tcp])
        for task in list(self._conversations):
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)
        if self._tcp is not None:
            await self._tcp.wait_closed()
        self._udp = self._tcp = None
        await settle()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._conversations.add(task)
            task.add_done_callback(self._conversations.discard)
        try:
            # The client ends a conversation by closing it, or by silence.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            async with asyncio.timeout(TCP_IDLE_SECONDS):
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                wire = await reader.readexactly(length)
            response = respond(wire, self._resolve, udp=False)
            if response is None:
                return
            writer.write(struct.pack("!H", len(response)) + response)
            await writer.drain()


class _UdpDoor(asyncio.DatagramProtocol):
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own datagram transport does not derive from DatagramTransport, so it cannot be asked.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | bytes, int]) -> None:
        response = respond(data, self._resolve, udp=True)
        if response is not None and self._transport is not None:
            self._transport.sendto(response, addr)
