"""The DNS server: its answers as a function, and its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import warnings
from collections import Counter

import dns.asyncquery
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.dns import NEGATIVE_TTL_SECONDS, DnsServer, Resolve, respond
from providers.emulator.values import DnsAnswer
from tests.unit.providers.emulator_loopback.ports import free_port

RECORDS = {
    "shop.trafficmanager.net": DnsAnswer("NOERROR", cname="blue.westeurope.azurecontainer.io", ttl_seconds=30),
    "blue.westeurope.azurecontainer.io": DnsAnswer("NOERROR", address="127.20.0.1", ttl_seconds=10),
    "stopped.westeurope.azurecontainer.io": DnsAnswer("NOERROR"),
    "foreign.trafficmanager.net": DnsAnswer("NOERROR", cname="www.contoso.com", ttl_seconds=30),
    "broken.trafficmanager.net": DnsAnswer("NOERROR", cname="gone.westeurope.azurecontainer.io", ttl_seconds=5),
    "loop.trafficmanager.net": DnsAnswer("NOERROR", cname="loop.trafficmanager.net", ttl_seconds=5),
}


def lookup(name: str) -> DnsAnswer:
    if name in RECORDS:
        return RECORDS[name]
    return DnsAnswer("NXDOMAIN" if name.endswith((".trafficmanager.net", ".azurecontainer.io")) else "REFUSED")


def ask(name: str, kind: str = "A", resolve: Resolve = lookup) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    wire = respond(query.to_wire(), resolve, udp=True)
    assert wire is not None
    answer = dns.message.from_wire(wire)
    assert query.is_response(answer)
    return answer


def lines(answer: dns.message.Message) -> list[str]:
    return [line for records in answer.answer for line in records.to_text().split("\n")]


def test_a_profile_name_is_answered_with_the_whole_chain_each_link_by_its_own_ttl() -> None:
    answer = ask("shop.trafficmanager.net")
    assert lines(answer) == [
        "shop.trafficmanager.net. 30 IN CNAME blue.westeurope.azurecontainer.io.",
        "blue.westeurope.azurecontainer.io. 10 IN A 127.20.0.1",
    ]
    assert answer.flags & dns.flags.AA and answer.rcode() == dns.rcode.NOERROR


def test_a_question_for_the_alias_itself_is_not_followed() -> None:
    assert [line.split()[3] for line in lines(ask("shop.trafficmanager.net", "CNAME"))] == ["CNAME"]


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=23, max_size=23))
def test_letter_case_makes_no_difference_and_comes_back_as_it_was_asked(upper: list[bool]) -> None:
    name = "".join(c.upper() if up else c for c, up in zip("shop.trafficmanager.net", upper, strict=True))
    answer = ask(name)
    assert answer.question[0].name.to_text() == f"{name}."
    assert answer.answer[-1][0].to_text() == "127.20.0.1"


@pytest.mark.parametrize("kind", ["AAAA", "TXT", "MX"])
def test_another_kind_of_record_gives_the_aliases_and_an_empty_end_that_may_be_remembered_briefly(kind: str) -> None:
    answer = ask("shop.trafficmanager.net", kind)
    assert answer.rcode() == dns.rcode.NOERROR
    assert [records.rdtype for records in answer.answer] == [dns.rdatatype.CNAME]
    assert answer.authority[0].name.to_text() == "azurecontainer.io."
    assert answer.authority[0][0].minimum == NEGATIVE_TTL_SECONDS


@pytest.mark.parametrize(
    ("name", "code", "links"),
    [
        ("nobody.trafficmanager.net", "NXDOMAIN", 0),
        ("broken.trafficmanager.net", "NXDOMAIN", 1),
        ("stopped.westeurope.azurecontainer.io", "NOERROR", 0),
        ("foreign.trafficmanager.net", "NOERROR", 1),
        ("www.contoso.com", "REFUSED", 0),
        (".", "REFUSED", 0),
        ("loop.trafficmanager.net", "SERVFAIL", 0),
    ],
)
def test_a_name_without_an_address_says_why(name: str, code: str, links: int) -> None:
    answer = ask(name)
    assert (dns.rcode.to_text(answer.rcode()), len(answer.answer)) == (code, links)
    assert bool(answer.flags & dns.flags.AA) == (code != "REFUSED")


def test_what_is_no_plain_question_is_refused_in_the_words_of_the_protocol() -> None:
    update = dns.message.make_query("shop.trafficmanager.net", "A")
    update.set_opcode(dns.opcode.STATUS)
    chaos = dns.message.make_query("version.bind", "TXT", rdclass="CH")
    empty = dns.message.Message()
    for query, code in ((update, "NOTIMP"), (chaos, "REFUSED"), (empty, "FORMERR")):
        wire = respond(query.to_wire(), lookup, udp=True)
        assert wire is not None
        assert dns.rcode.to_text(dns.message.from_wire(wire).rcode()) == code


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_make_the_server_fail(wire: bytes) -> None:
    answer = respond(wire, lookup, udp=True)
    assert answer is None or answer[:2] == wire[:2]


def test_an_answer_is_never_answered() -> None:
    query = dns.message.make_query("shop.trafficmanager.net", "A")
    reply = dns.message.make_response(query).to_wire()
    assert respond(reply, lookup, udp=True) is None
    assert respond(reply[:12] + b"\xff", lookup, udp=True) is None


def test_an_answer_too_large_for_udp_is_marked_as_cut_off_and_comes_whole_by_tcp() -> None:
    def long(name: str) -> DnsAnswer:
        depth = int(name.partition(".")[0][1:])
        if depth == 9:
            return DnsAnswer("NOERROR", address="127.20.0.9", ttl_seconds=5)
        return DnsAnswer("NOERROR", cname=f"n{depth + 1}.{'abcdefghij'[depth] * 60}.io", ttl_seconds=5)

    wire = dns.message.make_query("n0.io", "A").to_wire()
    short, whole = respond(wire, long, udp=True), respond(wire, long, udp=False)
    assert short is not None and whole is not None and len(short) <= 512
    cut = dns.message.from_wire(short, ignore_trailing=True)
    assert cut.flags & dns.flags.TC and not cut.answer
    assert dns.message.from_wire(whole).answer[-1][0].to_text() == "127.20.0.9"


@settings(max_examples=20, derandomize=True, deadline=None)
@given(weights=st.tuples(st.integers(1, 1000), st.integers(1, 1000)), seed=st.integers(0, 2**32 - 1))
def test_the_aliases_given_follow_the_weights(weights: tuple[int, int], seed: int) -> None:
    """The count over 400 answers stays within five standard deviations of its mean, and one answer."""
    rng = random.Random(seed)

    def weighted(name: str) -> DnsAnswer:
        return DnsAnswer("NOERROR", cname=rng.choices(["blue.io", "green.io"], weights)[0], ttl_seconds=1)

    wire = dns.message.make_query("shop.trafficmanager.net", "CNAME").to_wire()
    seen: Counter[bytes] = Counter()
    for _ in range(400):
        answer = respond(wire, weighted, udp=True)
        assert answer is not None
        seen[b"green" if b"green" in answer else b"blue"] += 1
    share = weights[0] / sum(weights)
    assert abs(seen[b"blue"] - 400 * share) <= 5 * (400 * share * (1 - share)) ** 0.5 + 1


def test_udp_and_tcp_answer_on_one_port_that_was_free() -> None:
    async def scenario() -> None:
        server = DnsServer(lookup)
        await server.start("127.0.0.1", 0)
        query = dns.message.make_query("shop.trafficmanager.net", "A")
        by_udp = await dns.asyncquery.udp(query, "127.0.0.1", 2, server.port)
        by_tcp = await dns.asyncquery.tcp(query, "127.0.0.1", 2, server.port)
        assert lines(by_udp) == lines(by_tcp) and len(by_udp.answer) == 2
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)

    asyncio.run(scenario())


def test_one_tcp_connection_takes_several_questions_and_ends_on_nonsense() -> None:
    async def scenario() -> None:
        server = DnsServer(lookup)
        await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for kind in ("A", "AAAA"):
            wire = dns.message.make_query("shop.trafficmanager.net", kind).to_wire()
            writer.write(struct.pack("!H", len(wire)) + wire)
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            assert dns.message.from_wire(await reader.readexactly(length)).answer
        writer.write(b"\x00\x02ab")
        assert await reader.read() == b""
        writer.close()
        await server.stop()

    asyncio.run(scenario())


def test_stopping_closes_conversations_that_are_still_open() -> None:
    async def scenario() -> None:
        server = DnsServer(lookup)
        await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x00")
        await asyncio.sleep(0.01)
        await server.stop()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(scenario())


@pytest.mark.parametrize("turns", range(7))
def test_a_conversation_that_is_just_being_accepted_does_not_outlive_the_server(turns: int) -> None:
    async def scenario() -> None:
        server = DnsServer(lookup)
        await server.start("127.0.0.1", 0)
        with socket.create_connection(("127.0.0.1", server.port)) as arriving:
            arriving.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await server.stop()
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(2):
                    assert await asyncio.get_running_loop().sock_recv(arriving, 1) == b""

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_an_error_and_leaves_no_socket_open() -> None:
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with pytest.raises(OSError, match="in use"):
            asyncio.run(DnsServer(lookup).start("127.0.0.1", port))
        with socket.socket() as free:
            free.bind(("127.0.0.1", port))
