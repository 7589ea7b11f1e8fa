"""Probes against real sockets of this machine: every answer in time, and exactly why it was not a good one."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from typing import Any

import pytest

from providers.probes.http import HttpProbes
from providers.probes.settings import ProbeSettings
from tests.unit.providers.probes.servers import answer, probe, raw, serving


def test_a_good_answer_is_ok_with_its_time_and_duration() -> None:
    with serving(answer(204, b"")) as port:
        seen = probe(port)
    assert (seen.slot, seen.ok, seen.why) == ("e", True, "")
    assert 0 < seen.seconds < 2
    assert seen.at.tzinfo is not None


@pytest.mark.parametrize("status", [300, 404, 500, 503])
def test_a_status_outside_the_ranges_is_named_with_what_was_expected(status: int) -> None:
    with serving(answer(status)) as port:
        seen = probe(port, expect=((200, 299), (418, 418)))
    assert seen.why == f"status {status}, expected 200-299, 418"


def test_a_redirect_is_a_failure_unless_it_is_listed_and_is_never_followed() -> None:
    asked: list[str] = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        answer(302, b"", Location="https://login.contoso.com/")(request)

    with serving(handle) as port:
        seen = probe(port)
        assert probe(port, expect=((200, 299), (302, 302))).ok
    assert seen.why == "status 302 (redirect to https://login.contoso.com/), expected 200-299"
    assert asked == ["/healthz", "/healthz"]


def test_the_request_carries_the_endpoints_own_name_or_the_host_and_headers_that_were_set() -> None:
    heard: list[dict[str, str]] = []

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        heard.append(dict(request.headers.items()))
        answer(200)(request)

    with serving(handle) as port:
        assert probe(port, "shop.example.org", resolve=lambda *_: ["127.0.0.1"]).ok
        settings = ProbeSettings(port=port, host="www.contoso.com", headers=(("X-Probe", "1"),))
        assert HttpProbes(settings).sample({"e": "127.0.0.1"})[0].ok
    assert heard[0]["Host"] == f"shop.example.org:{port}"
    assert (heard[1]["Host"], heard[1]["X-Probe"]) == ("www.contoso.com", "1")


def test_a_closed_port_says_that_the_connection_was_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert probe(port).why == f"connection refused by 127.0.0.1:{port}"


def test_the_next_address_is_tried_when_the_first_refuses() -> None:
    with serving(answer(200)) as port:
        assert probe(port, "shop.example.org", resolve=lambda *_: ["127.0.0.2", "127.0.0.1"]).ok


def test_silence_ends_with_the_timeout_and_says_what_was_waited_for() -> None:
    with raw(lambda client: time.sleep(0.6)) as port:
        seen = probe(port, timeout_seconds=0.3)
    assert seen.why == "timed out after 0.3 s while waiting for the answer"
    assert seen.seconds < 0.5


@pytest.mark.parametrize("drip", [b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_only_drips_ends_with_the_timeout_as_well(drip: bytes) -> None:
    def talk(client: socket.socket) -> None:
        client.sendall(drip)
        for _ in range(12):
            client.sendall(b"x")
            time.sleep(0.05)

    began = time.monotonic()
    with raw(talk) as port:
        seen = probe(port, timeout_seconds=0.3)
        assert time.monotonic() - began < 0.5
    assert seen.why.startswith("timed out after 0.3 s while ")


def test_a_resolver_that_hangs_does_not_hold_the_others_up() -> None:
    waiting = threading.Event()

    def resolve(host: str, *_: Any) -> list[str]:
        if host == "slow.example.org":
            waiting.wait(2)
        return ["127.0.0.1"]

    with serving(answer(200)) as port:
        settings = ProbeSettings(port=port, timeout_seconds=0.3)
        began = time.monotonic()
        slow, fast = HttpProbes(settings, resolve=resolve).sample({"a": "slow.example.org", "b": "fast.example.org"})
        assert time.monotonic() - began < 0.5
        waiting.set()
    assert (slow.slot, slow.why) == ("a", "timed out after 0.3 s while resolving")
    assert (fast.slot, fast.ok) == ("b", True)


def test_all_endpoints_are_probed_at_the_same_time() -> None:
    barrier = threading.Barrier(4, timeout=2)

    def handle(request: http.server.BaseHTTPRequestHandler) -> None:
        barrier.wait()
        answer(200)(request)

    with serving(handle) as port:
        seen = HttpProbes(ProbeSettings(port=port)).sample(dict.fromkeys("abcd", "127.0.0.1"))
    assert [(item.slot, item.ok) for item in seen] == [(name, True) for name in "abcd"]


@pytest.mark.parametrize(
    ("bytes_", "why"),
    [
        (b"", "connection closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n", "not an HTTP answer: BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "the answer ended 5 bytes early"),
    ],
)
def test_what_is_no_whole_http_answer_is_named(bytes_: bytes, why: str) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(bytes_)

    with raw(talk) as port:
        assert probe(port).why == why


def test_a_huge_answer_is_read_only_in_part() -> None:
    sent: list[int] = []

    def talk(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2000):
            client.sendall(b"x" * 65536)
            sent.append(1)

    with raw(talk) as port:
        assert probe(port).ok
    assert len(sent) < 2000


def test_a_name_without_an_address_is_said() -> None:
    def gone(*_: Any) -> list[str]:
        raise OSError("shop.example.org was not resolved by 127.0.0.1:53: the name does not exist")

    assert probe(1, "shop.example.org", resolve=gone).why.startswith("shop.example.org was not resolved by")
    assert probe(1, "shop.example.org", resolve=lambda *_: []).why == "name shop.example.org has no address"


@pytest.mark.parametrize("host", ["", "a" * 300, "shop..example", "\x00", "пример\n"])
def test_a_host_that_is_none_is_an_answer_and_no_crash(host: str) -> None:
    assert not probe(1, host, timeout_seconds=1.0).ok


def test_nothing_to_probe_is_nothing() -> None:
    assert HttpProbes(ProbeSettings()).sample({}) == ()
