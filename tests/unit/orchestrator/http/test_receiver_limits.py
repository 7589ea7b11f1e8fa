"""What one sender may send: neither large, slow nor many deliveries keep the others from being heard."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.answers import Refusal
from orchestrator.http.readings import Readings
from orchestrator.http.receiver import Bucket, Limits
from tests.unit.orchestrator.http.hooks import BEARER, SECRET, deliver, listening
from tests.unit.orchestrator.http.serving import Lines, is_closed, read_answer
from tests.unit.watchers.webhook_samples import FROM_GITHUB, GENERIC, PACKAGE, PUSHED, VALIDATION
from watchers.webhooks import Source
from watchers.webhooks.signed import SIGNATURE_HEADERS

LARGE = Limits(body_bytes=1000)


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    with listening(limits=LARGE) as (client, _):
        assert client.ask("POST", "/webhooks/acr", b"x" * 1000, BEARER).status == 400
        assert client.ask("POST", "/webhooks/acr", b"x" * 1001, BEARER).code == "tooLarge"


def test_a_large_body_is_refused_by_what_it_claims_and_by_what_comes_in_chunks() -> None:
    head = f"POST /webhooks/acr HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\n".encode()
    with listening(limits=LARGE) as (client, _):
        claims = client.raw(head + b"Content-Length: 2000000\r\n\r\n")
        chunks = client.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"190\r\n" + b"x" * 400 + b"\r\n" + (
            b"190\r\n" + b"x" * 400 + b"\r\n") * 3)  # fmt: skip
        broken = client.raw(head + b"Transfer-Encoding: chunked\r\n\r\nno number\r\n")
    assert (claims.status, chunks.status, broken.status) == (413, 413, 400)


def test_after_a_body_that_is_too_large_or_too_slow_the_connection_is_closed() -> None:
    head = f"POST /webhooks/acr HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\n".encode()
    with listening(limits=LARGE) as (client, _), client.connect() as connection:
        connection.sendall(head + b"Content-Length: 1001\r\n\r\n" + b"x" * 1001)
        assert read_answer(connection).headers["Connection"] == "close"
        assert is_closed(connection)


def test_a_sender_that_hangs_up_in_the_middle_is_no_mistake_of_ours() -> None:
    head = f"POST /webhooks/acr HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 50\r\n\r\n"
    log = Lines()
    with listening(log=log) as (client, ears):
        for _ in range(3):
            with client.connect() as connection:
                connection.sendall(head.encode() + b"{")
        assert deliver(client, Source.ACR, PUSHED).status == 202
    assert log.said == []
    assert ears.outcomes == [("acr", "taken")]


def test_a_delivery_through_a_tunnel_to_this_machine_is_taken_under_any_name() -> None:
    with listening() as (client, ears):
        assert deliver(client, Source.ACR, PUSHED, {"Host": "tunnel.example"}).status == 202
    assert len(ears.signals) == 1


def test_the_default_limit_is_a_mebibyte() -> None:
    with listening() as (client, _):
        assert client.ask("POST", "/webhooks/acr", b"x" * (1024 * 1024 + 1), BEARER).status == 413


def test_a_packed_body_is_not_unpacked() -> None:
    with listening() as (client, _):
        found = client.ask("POST", "/webhooks/acr", b"x", {**BEARER, "Content-Encoding": "gzip"})
    assert (found.status, found.code) == (415, "packed")


def test_a_body_that_never_comes_is_cut_off_and_the_next_client_is_served_meanwhile() -> None:
    head = f"POST /webhooks/acr HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\nAuthorization: Bearer {SECRET}\r\n\r\n"
    with listening(limits=Limits(body_seconds=0.3)) as (client, ears), client.connect() as slow:
        slow.sendall(head.encode() + b'{"action"')
        assert deliver(client, Source.ACR, PUSHED).status == 202
        found = read_answer(slow)
    assert (found.status, found.code) == (408, "tooSlow")
    assert ears.outcomes == [("acr", "taken"), ("acr", "tooSlow")]


def test_so_many_bodies_are_read_at_once_and_no_more_of_that_source() -> None:
    head = f"POST /webhooks/acr HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nAuthorization: Bearer {SECRET}\r\n\r\n"
    with listening(limits=Limits(bodies=1)) as (client, _), client.connect() as first:
        first.sendall(head.encode() + b"{")
        found = deliver(client, Source.ACR, PUSHED)
        for _ in range(1000):
            if found.status == 429:
                break
            found = deliver(client, Source.ACR, PUSHED)
        assert found.headers["Retry-After"] == "1"
        assert deliver(client, Source.SIGNED, GENERIC).status == 202
        first.sendall(b"}")
        assert read_answer(first).status == 400
        assert deliver(client, Source.ACR, PUSHED).status == 202


def unfinished(source: Source) -> bytes:
    """A head with a signature that anybody can make up, and the first byte of a body."""
    name = SIGNATURE_HEADERS[source]
    made_up = "sha256=" + "0" * 64
    return f"POST /webhooks/{source} HTTP/1.1\r\nHost: a\r\n{name}: {made_up}\r\nContent-Length: 99\r\n\r\n{{".encode()


@pytest.mark.parametrize("source", sorted(SIGNATURE_HEADERS))
def test_strangers_who_begin_bodies_and_never_end_them_keep_no_signed_delivery_out(source: Source) -> None:
    known, headers = (PACKAGE, FROM_GITHUB) if source is Source.GITHUB else (GENERIC, {})
    limits = Limits(bodies=8, unproven_of_one=4, unproven_seconds=60.0)
    with listening(limits=limits) as (client, ears), ExitStack() as stack:
        strangers = [stack.enter_context(client.connect()) for _ in range(30)]
        for each in strangers:
            each.sendall(unfinished(source))
        assert [deliver(client, source, known, headers).status for _ in range(10)] == [202] * 10
        given_way = read_answer(strangers[0])
        assert (given_way.status, given_way.code, given_way.headers["Connection"]) == (408, "tooSlow", "close")
    assert ears.outcomes.count((source.value, "taken")) == 10


def test_a_body_that_no_secret_vouches_for_yet_has_a_short_time() -> None:
    with listening(limits=Limits(unproven_seconds=0.2)) as (client, _), client.connect() as stranger:
        stranger.sendall(unfinished(Source.SIGNED))
        assert read_answer(stranger).code == "tooSlow"


@given(
    peers=st.lists(st.sampled_from("abc"), min_size=1, max_size=12), most=st.integers(1, 6), of_one=st.integers(1, 4)
)
def test_of_all_bodies_being_read_the_slowest_gives_way_of_the_same_address_first(
    peers: list[str], most: int, of_one: int
) -> None:
    expected: list[int] = []
    for number, peer in enumerate(peers):
        same = [each for each in expected if peers[each] == peer]
        if len(same) >= of_one:
            expected.remove(same[0])
        elif len(expected) >= most:
            expected.pop(0)
        expected.append(number)

    async def run() -> list[int]:
        readings, read = Readings(most, of_one), []
        go_on = asyncio.Event()

        async def one(number: int, peer: str) -> None:
            async with readings.of(peer):
                await go_on.wait()
                read.append(number)

        tasks = []
        for number, peer in enumerate(peers):
            tasks.append(asyncio.ensure_future(one(number, peer)))
            for _ in range(3):
                await asyncio.sleep(0)
        await asyncio.sleep(0.002)
        go_on.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, Refusal) for each in ended)
        return read

    assert sorted(asyncio.run(run())) == expected


def test_a_flood_is_turned_away_with_a_time_while_other_sources_and_handshakes_are_not() -> None:
    with listening(limits=Limits(per_second=0.5, burst=2)) as (client, ears):
        assert [deliver(client, Source.EVENTGRID, []).status for _ in range(3)] == [400, 400, 429]
        assert deliver(client, Source.EVENTGRID, []).headers["Retry-After"] == "2"
        assert deliver(client, Source.ACR, PUSHED).status == 202
        validation = {"aeg-event-type": "SubscriptionValidation"}
        assert deliver(client, Source.EVENTGRID, [VALIDATION], validation).status == 200
        assert client.ask("OPTIONS", "/webhooks/eventgrid", headers={"WebHook-Request-Origin": "a.net"}).status == 200
        ears.seconds += 2.0
        assert [deliver(client, Source.EVENTGRID, []).status for _ in range(2)] == [400, 429]


def test_a_large_body_counts_as_the_many_small_ones_that_it_could_have_been() -> None:
    with listening(limits=Limits(per_second=0.5, burst=20)) as (client, _):
        large = b"x" * (10 * 16 * 1024)
        assert [client.ask("POST", "/webhooks/acr", large, BEARER).status for _ in range(2)] == [400, 429]
        assert [deliver(client, Source.ACR, PUSHED).status for _ in range(10)] == [202] * 9 + [429]


def test_a_handshake_with_a_source_that_has_no_secret_is_refused_as_its_deliveries_would_be() -> None:
    with listening({}) as (client, ears):
        greeted = client.ask("OPTIONS", "/webhooks/eventgrid", headers={"WebHook-Request-Origin": "a.net"})
    assert (greeted.status, greeted.code, ears.outcomes) == (401, "noSecret", [("eventgrid", "noSecret")])


def test_who_has_no_secret_cannot_use_up_what_a_source_may_send() -> None:
    with listening(limits=Limits(per_second=0.5, burst=1)) as (client, _):
        for _ in range(5):
            assert deliver(client, Source.ACR, PUSHED, secret="wrong").status == 401
            assert deliver(client, Source.SIGNED, GENERIC, secret="wrong").status == 401
        assert deliver(client, Source.ACR, PUSHED).status == 202
        assert deliver(client, Source.SIGNED, GENERIC).status == 202


def test_a_bucket_never_gives_more_than_its_burst_and_its_rate() -> None:
    now = [0.0]
    bucket = Bucket(10.0, 5, lambda: now[0])
    taken = 0
    for _ in range(1000):
        taken += bucket.take() == 0
        now[0] += 0.01
    assert 5 + 10 * 9.9 <= taken <= 5 + 10 * 10.0 + 1
    assert bucket.take() <= 0.1
