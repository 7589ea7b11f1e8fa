"""The load generator, against emulators and single servers on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.dns import DnsServer
from providers.emulator.load import LoadGenerator, LoadPlan
from providers.emulator.load_counts import BUCKET_SECONDS, Counts, LoadCounts
from providers.emulator.load_dns import CachingResolver, ResolveError
from providers.emulator.loopback import LoopbackEmulator
from providers.emulator.values import DnsAnswer
from tests.unit.providers.emulator_loopback.azure_calls import GROUPS, Azure
from tests.unit.providers.emulator_loopback.ports import free_port

Scenario = Callable[[LoopbackEmulator, Azure], Awaitable[None]]
START = datetime(2026, 1, 1, tzinfo=UTC)


def run(scenario: Scenario) -> None:
    async def whole() -> None:
        async with LoopbackEmulator() as emulator, aiohttp.ClientSession() as session:
            await scenario(emulator, Azure(emulator, session))

    asyncio.run(whole())


def plan(emulator: LoopbackEmulator, port: int, **changes: float) -> LoadPlan:
    return LoadPlan(f"http://shop.trafficmanager.net:{port}/", emulator.dns, rate=200, clients=8, **changes)


def test_constant_load_is_spread_over_both_versions_and_all_of_it_is_counted() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure) -> None:
        port = free_port()
        fqdns = [await azure.group(tag, await azure.image(tag), port) for tag in ("v1", "v2")]
        await azure.profile(dict.fromkeys(fqdns, 500), port, ttl=0)
        begun = asyncio.get_running_loop().time()
        told = await LoadGenerator(plan(emulator, port)).run(0.6)
        elapsed = asyncio.get_running_loop().time() - begun
        assert told.total.failed == 0 and told.reasons == {}
        assert set(told.by_version) == {"v1", "v2"}
        assert 20 <= told.total.requests <= 200 * elapsed + 1
        assert sum(counts.requests for counts in told.by_version.values()) == told.total.requests
        served = emulator.world.state()["calls"]["requests"]
        assert served["v1"] >= told.by_version["v1"].requests

    run(scenario)


def test_failures_are_counted_by_version_with_their_reason() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure) -> None:
        port = free_port()
        fqdn = await azure.group("bad", await azure.image("bad", errorRate=0.5), port)
        await azure.profile({fqdn: 1}, port)
        told = await LoadGenerator(plan(emulator, port)).run(0.5)
        bad = told.by_version["bad"]
        assert 0 < bad.failed < bad.requests
        assert told.reasons == {"status 500": bad.failed}
        assert told.first_at["bad"] <= told.first_failed_at["bad"]

    run(scenario)


def test_requests_to_a_group_whose_deletion_began_are_told_apart() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure) -> None:
        port = free_port()
        fqdn = await azure.group("v1", await azure.image("v1"), port)
        await azure.profile({fqdn: 1}, port, ttl=60)
        addresses = emulator.world.addresses
        load = LoadGenerator(plan(emulator, port), lambda address: addresses.retired_at(address) is not None)
        await load.start()
        await asyncio.sleep(0.2)
        assert load.snapshot().to_retired == 0
        await azure.call("DELETE", f"{GROUPS}/v1")
        deleted_at = datetime.now(UTC)
        await asyncio.sleep(0.3)
        await load.stop()
        told = load.snapshot()
        assert told.to_retired > 0
        assert told.total.failed >= told.to_retired
        # Nobody answers any more: the failures go to the version that this address told last.
        assert set(told.by_version) == {"v1"}
        later = load.counts(deleted_at + timedelta(seconds=BUCKET_SECONDS))["v1"]
        assert later.failed == later.requests > 0

    run(scenario)


def test_clients_keep_an_answer_for_its_whole_ttl_and_then_ask_again() -> None:
    asked: list[str] = []
    clock = [0.0]

    def resolve(name: str) -> DnsAnswer:
        asked.append(name)
        if name == "shop.io":
            return DnsAnswer("NOERROR", cname=f"group{len(asked)}.io", ttl_seconds=30)
        return DnsAnswer("NOERROR", address="127.20.0.1", ttl_seconds=10)

    async def scenario() -> None:
        server = DnsServer(resolve)
        await server.start("127.0.0.1", 0)
        resolver = CachingResolver(f"127.0.0.1:{server.port}", lambda: clock[0])
        assert {await resolver.address("shop.io") for _ in range(5)} == {"127.20.0.1"}
        assert asked == ["shop.io", "group1.io"]
        clock[0] = 10.1
        await resolver.address("SHOP.io")
        assert asked[2:] == ["group1.io"]
        clock[0] = 29.9
        await resolver.address("shop.io")
        assert asked[3:] == ["group1.io"]
        clock[0] = 30.1
        await resolver.address("shop.io")
        assert asked[4:] == ["shop.io", "group5.io"]
        await server.stop()

    asyncio.run(scenario())


def test_many_requests_at_once_of_one_client_ask_only_once() -> None:
    asked: list[str] = []

    def resolve(name: str) -> DnsAnswer:
        asked.append(name)
        return DnsAnswer("NOERROR", address="127.20.0.1", ttl_seconds=10)

    async def scenario() -> None:
        server = DnsServer(resolve)
        await server.start("127.0.0.1", 0)
        resolver = CachingResolver(f"127.0.0.1:{server.port}", lambda: 0.0)
        assert set(await asyncio.gather(*(resolver.address("shop.io") for _ in range(20)))) == {"127.20.0.1"}
        assert len(asked) == 1
        await server.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (DnsAnswer("NXDOMAIN"), "NXDOMAIN"),
        (DnsAnswer("NOERROR"), "NOERROR, no address"),
        (DnsAnswer("NOERROR", cname="shop.io", ttl_seconds=5), "SERVFAIL"),
    ],
)
def test_a_name_without_an_address_is_a_failure_that_says_what_the_server_answered(
    answer: DnsAnswer, told: str
) -> None:
    async def scenario() -> None:
        server = DnsServer(lambda name: answer)
        await server.start("127.0.0.1", 0)
        with pytest.raises(ResolveError, match=told):
            await CachingResolver(f"127.0.0.1:{server.port}", lambda: 0.0).address("shop.io")
        load = LoadGenerator(LoadPlan("http://shop.io:1/", f"127.0.0.1:{server.port}", rate=100))
        snapshot = await load.run(0.05)
        assert snapshot.total.failed == snapshot.total.requests > 0
        assert all(reason.startswith("DNS: ") for reason in snapshot.reasons)
        await server.stop()

    asyncio.run(scenario())


def test_a_server_that_never_answers_is_a_failure_and_does_not_slow_the_load() -> None:
    async def scenario(emulator: LoopbackEmulator, azure: Azure) -> None:
        port = free_port()
        fqdn = await azure.group("slow", await azure.image("slow", latencySeconds=30), port)
        await azure.profile({fqdn: 1}, port)
        told = await LoadGenerator(plan(emulator, port, timeout_seconds=0.2)).run(0.5)
        assert told.total.requests == told.total.failed > 20
        assert told.reasons == {"no answer within 0.2 s": told.total.failed}

    run(scenario)


def test_clients_with_keep_alive_share_few_connections_and_the_others_open_one_each_time() -> None:
    async def connections(keep_alive: float) -> tuple[int, int]:
        opened = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal opened
            opened += 1
            while (await reader.readline()).startswith(b"GET"):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        dns = DnsServer(lambda name: DnsAnswer("NOERROR", address="127.0.0.1", ttl_seconds=60))
        await dns.start("127.0.0.1", 0)
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            target = LoadPlan(
                f"http://shop.io:{port}/", f"127.0.0.1:{dns.port}", rate=100, clients=4, keep_alive=keep_alive
            )
            told = await LoadGenerator(target).run(0.3)
        await dns.stop()
        assert told.total.failed == 0
        return opened, told.total.requests

    opened, requests = asyncio.run(connections(0.0))
    assert opened == requests
    opened, requests = asyncio.run(connections(1.0))
    assert opened <= requests / 2


def test_in_a_thread_of_its_own_it_counts_while_it_is_read_and_ends_with_its_block() -> None:
    threads = threading.active_count()
    with LoopbackEmulator() as emulator:
        load = LoadGenerator(plan(emulator, 1))
        with load:
            while load.snapshot().total.requests < 10:
                assert load.counts(datetime.now(UTC) - timedelta(hours=1)) is not None
        ended = load.snapshot()
        assert ended.total.requests >= 10
        assert load.snapshot() == ended
    assert threading.active_count() == threads


@settings(deadline=None)
@given(
    requests=st.lists(
        st.tuples(st.floats(0, 5), st.sampled_from(["v1", "v2"]), st.sampled_from([None, "status 500"]), st.booleans()),
        max_size=60,
    ),
    since=st.floats(0, 5),
)
def test_counts_of_any_requests_add_up_however_they_are_asked_for(
    requests: list[tuple[float, str, str | None, bool]], since: float
) -> None:
    counts = LoadCounts()
    for offset, version, failure, retired in requests:
        counts.record(START + timedelta(seconds=offset), version, failure, retired)
    told = counts.snapshot()
    assert told.total == Counts(len(requests), sum(failure is not None for _, _, failure, _ in requests))
    assert told.to_retired == sum(retired for _, _, _, retired in requests)
    by_second = Counts()
    for versions in counts.per_second().values():
        for one in versions.values():
            by_second = by_second.plus(one)
    assert by_second == told.total
    later = sum(one.requests for one in counts.since(START + timedelta(seconds=since)).values())
    surely = sum(offset >= since for offset, *_ in requests)
    possibly = sum(offset >= since - BUCKET_SECONDS for offset, *_ in requests)
    assert surely <= later <= possibly


@pytest.mark.parametrize(("rate", "clients"), [(0, 5), (-1, 5), (10, 0)])
def test_a_load_of_nothing_is_refused(rate: float, clients: int) -> None:
    with pytest.raises(ValueError, match="rate and clients must exceed 0"):
        LoadGenerator(LoadPlan("http://shop.io/", "127.0.0.1:53", rate=rate, clients=clients))
