"""Whatever goes wrong on the way to Prometheus holds, with its reason and in time."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from providers.metrics.http import Caller
from providers.metrics.prometheus import PrometheusMetrics
from providers.metrics.settings import Access, Prometheus
from providers.secrets import LocalSecrets, SecretRef
from tests.unit.providers.metrics.prometheus_stage import (
    CANDIDATE,
    FAILURES,
    REQUESTS,
    RULE,
    healthy,
    holds,
    metrics,
    question,
    read,
)
from tests.unit.providers.metrics.servers import Got, Say, error


def test_nobody_listening_is_no_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    access = {"url": f"http://127.0.0.1:{port}"}
    reading = read(healthy().decide, access=access)
    holds(reading, f"`requests`: http://127.0.0.1:{port} cannot be reached: Connection refused")


def test_a_secret_that_is_not_there_is_no_number_and_nothing_is_sent() -> None:
    access = {"headers": {"Authorization": ("Bearer ", SecretRef("env", "PROM_TOKEN"))}}
    with metrics(healthy().decide, access=access) as (source, server):
        holds(source.read(question()), "the secret ${env:PROM_TOKEN} cannot be resolved")
        assert server.got == []


def test_a_slow_server_costs_one_look_its_time_and_no_more() -> None:
    with metrics(healthy().decide, access={"timeout_seconds": 0.3}) as (source, server):

        def late(_: Got) -> Say:
            server.closing.wait(2)
            return Say()

        server.decide = late
        began = time.monotonic()
        holds(source.read(question()), "did not answer within 0.3 s")
        assert time.monotonic() - began < 1.0
        assert len(server.got) == 1


def test_all_questions_of_a_look_share_one_limit_of_time() -> None:
    data = healthy()
    with metrics(data.decide, access={"timeout_seconds": 0.8}) as (source, server):

        def slowly(got: Got) -> Say:
            if CANDIDATE.revision[:8] in got.asked["query"]:
                server.closing.wait(0.6)
            return data.decide(got)

        server.decide = slowly
        began = time.monotonic()
        reading = source.read(question())
        assert time.monotonic() - began < 1.15
    assert len(reading.stable) == 4
    assert reading.candidate == ()
    assert "candidate: `failures`: " in str(reading.problem)


def test_an_answer_that_trickles_is_cut_off_in_time() -> None:
    with metrics(healthy().decide, access={"timeout_seconds": 0.3}) as (source, server):

        def drops() -> Iterator[bytes]:
            return itertools.takewhile(lambda _: not server.closing.wait(0.05), itertools.repeat(b" "))

        server.decide = lambda _: Say(chunks=drops())
        began = time.monotonic()
        holds(source.read(question()), "`requests`: ")
        assert time.monotonic() - began < 1.0


def test_an_answer_that_begins_late_and_stalls_is_cut_off_in_time() -> None:
    with metrics(healthy().decide, access={"timeout_seconds": 0.6}) as (source, server):

        def drops() -> Iterator[bytes]:
            for seconds in (0.5, 3):
                server.closing.wait(seconds)
                yield b" "

        server.decide = lambda _: Say(chunks=drops())
        began = time.monotonic()
        holds(source.read(question()), "did not answer within 0.6 s")
        assert time.monotonic() - began < 0.95


def test_an_answer_without_end_is_given_up() -> None:
    big = Say(200, "x" * 5_000_000)
    holds(read(lambda _: big), "the answer is longer than 4194304 bytes")


def broken(body: bytes) -> Callable[[Got], Say]:
    return lambda _: Say(raw=body)


@pytest.mark.parametrize(
    "raw",
    [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", b"HTTP/1.1 200 OK\r\n"],
)
def test_an_answer_that_is_broken_off_is_no_number(raw: bytes) -> None:
    holds(read(broken(raw)), "`requests`: ")


def test_the_next_look_is_the_second_attempt() -> None:
    data = healthy()
    with metrics(error(503, "unavailable", "starting")) as (source, server):
        holds(source.read(question()), "starting")
        server.decide = data.decide
        assert len(source.read(question()).stable) == 4


def test_a_server_that_wants_to_be_left_alone_is_left_alone() -> None:
    clock = [100.0]
    data = healthy()
    with metrics(data.decide) as (_, server):
        settings = Prometheus(Access(server.url), REQUESTS, FAILURES)
        caller = Caller(settings.access, LocalSecrets({}), monotonic=lambda: clock[0])
        source = PrometheusMetrics(RULE, settings, caller)
        server.decide = lambda _: Say(429, "slow down", {"Retry-After": "30"})
        holds(source.read(question()), "says 429: slow down")
        server.decide = data.decide
        clock[0] += 29
        holds(source.read(question()), "wants no more questions for 1 s; nothing was sent")
        assert len(server.got) == 1
        clock[0] += 2
        assert len(source.read(question()).stable) == 4
        source.close()
