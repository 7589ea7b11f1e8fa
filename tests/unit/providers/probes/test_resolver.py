"""Names are resolved anew each time, by the server that ROLLOUT_DNS names or by the system."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from providers.errors import Invalid
from providers.probes.http import HttpProbes
from providers.probes.resolver import by_server, by_system, canonical_names, from_environment, parse_server
from providers.probes.settings import ProbeSettings

Zone = dict[str, list[tuple[str, str]]]


@contextmanager
def dns_server(zone: Zone) -> Iterator[str]:
    """An authoritative server that gives one link of a chain at a time."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                wire, client = listener.recvfrom(4096)
                if not wire:
                    return
                query = dns.message.from_wire(wire)
                name = query.question[0].name
                kind = query.question[0].rdtype.name
                answer = dns.message.make_response(query)
                answer.flags |= dns.flags.AA
                found = zone.get(str(name).rstrip("."))
                if found is None:
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                for type_, value in found or []:
                    if type_ in (kind, "CNAME"):
                        answer.answer.append(dns.rrset.from_text(name, 0, "IN", type_, value))
                listener.sendto(answer.to_wire(), client)

    thread = threading.Thread(target=serve)
    thread.start()
    port = listener.getsockname()[1]
    try:
        yield f"127.0.0.1:{port}"
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
            stop.sendto(b"", ("127.0.0.1", port))
        thread.join()
        listener.close()


ZONE: Zone = {
    "www.contoso.com": [("CNAME", "contoso-shop.trafficmanager.net.")],
    "contoso-shop.trafficmanager.net": [("CNAME", "shop-1.westeurope.azurecontainer.io.")],
    "shop-1.westeurope.azurecontainer.io": [("A", "127.20.0.1")],
    "six.example.org": [("AAAA", "::1")],
    "empty.example.org": [],
    "round.example.org": [("CNAME", "round2.example.org.")],
    "round2.example.org": [("CNAME", "round.example.org.")],
}


def test_a_chain_of_aliases_is_followed_to_its_address_one_link_at_a_time() -> None:
    with dns_server(ZONE) as server:
        assert by_server(server)("www.contoso.com", 80, 2.0) == ["127.20.0.1"]


def test_an_address_that_changes_is_seen_at_once() -> None:
    zone = dict(ZONE)
    with dns_server(zone) as server:
        resolve = by_server(server)
        assert resolve("shop-1.westeurope.azurecontainer.io", 80, 2.0) == ["127.20.0.1"]
        zone["shop-1.westeurope.azurecontainer.io"] = [("A", "127.20.0.9")]
        assert resolve("shop-1.westeurope.azurecontainer.io", 80, 2.0) == ["127.20.0.9"]


def test_a_name_with_an_ipv6_address_only_is_resolved() -> None:
    with dns_server(ZONE) as server:
        assert by_server(server)("six.example.org", 80, 2.0) == ["::1"]


@pytest.mark.parametrize("name", ["absent.example.org", "empty.example.org", "round.example.org"])
def test_a_name_that_leads_nowhere_is_an_os_error_that_names_it(name: str) -> None:
    with dns_server(ZONE) as server, pytest.raises(OSError, match=name):
        by_server(server)(name, 80, 2.0)


def test_a_server_that_does_not_answer_costs_no_more_than_the_time_given() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        settings = ProbeSettings(timeout_seconds=0.3)
        (seen,) = HttpProbes(settings, resolve=by_server(server)).sample({"e": "shop.example.org"})
    assert not seen.ok
    assert seen.seconds < 0.6


def test_an_address_needs_no_server() -> None:
    assert by_server("127.0.0.1:9")("127.20.0.3", 80, 1.0) == ["127.20.0.3"]


def test_aliases_are_listed_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with dns_server(ZONE) as server:
        monkeypatch.setenv("ROLLOUT_DNS", server)
        assert canonical_names("www.contoso.com") == [
            "contoso-shop.trafficmanager.net",
            "shop-1.westeurope.azurecontainer.io",
        ]
        assert canonical_names("shop-1.westeurope.azurecontainer.io") == []
        assert canonical_names("absent.example.org") is None


def test_the_environment_chooses_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLOUT_DNS", raising=False)
    assert from_environment() is by_system
    with dns_server(ZONE) as server:
        monkeypatch.setenv("ROLLOUT_DNS", server)
        assert from_environment()("six.example.org", 80, 2.0) == ["::1"]


def test_the_system_resolves_addresses_and_localhost() -> None:
    assert by_system("127.0.0.1", 80, 1.0) == ["127.0.0.1"]
    with pytest.raises(OSError, match=r"."):
        by_system("a" * 300, 80, 1.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [("127.0.0.1:5354", ("127.0.0.1", 5354)), ("127.0.0.1", ("127.0.0.1", 53)), ("[::1]:5354", ("::1", 5354))],
)
def test_a_dns_server_is_read_as_host_and_port(text: str, found: tuple[str, int]) -> None:
    assert parse_server(text) == found


@pytest.mark.parametrize("text", [":53", "127.0.0.1:x", "127.0.0.1:99999", "127.0.0.1/x", "u@127.0.0.1", "[::1"])
def test_a_dns_server_that_is_none_says_what_was_expected(text: str) -> None:
    with pytest.raises(Invalid, match="ROLLOUT_DNS: expected a DNS server as host:port"):
        parse_server(text)
