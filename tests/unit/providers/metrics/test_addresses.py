"""A machine hands out its own identity at link-local addresses: however one is written or named, no source is there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from providers.errors import Denied, ProviderError, Transient
from providers.metrics.addresses import is_link_local
from providers.metrics.http import Caller, Request
from providers.metrics.settings import Access
from providers.secrets import LocalSecrets
from tests.unit.providers.kubernetes.servers import Authority
from tests.unit.providers.metrics.servers import Got, Say, serving

METADATA = "169.254.169.254"
SPELLINGS = [
    METADATA,
    f"{METADATA}.",
    "2852039166",
    "0xA9FEA9FE",
    "0251.0376.0251.0376",
    "169.254.43518",
    f"[::ffff:{METADATA}]",
    "[64:ff9b::a9fe:a9fe]",
    "[fe80::1]",
]


def named(monkeypatch: pytest.MonkeyPatch, *answers: str | list[str]) -> list[str]:
    """Let `prometheus.contoso.com` mean these addresses, one answer after the other; returns what was looked up."""
    asked, real, rest = [], socket.getaddrinfo, list(answers)

    def resolve(host: Any, port: Any, *more: Any, **others: Any) -> Any:
        if host != "prometheus.contoso.com":
            return real(host, port, *more, **others)
        if len(more) > 3 and more[3] & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        asked.append(host)
        answer = rest.pop(0)
        addresses = [answer] if isinstance(answer, str) else answer
        return [found for address in addresses for found in real(address, port, *more, **others)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


def caller(url: str, **access: Any) -> Caller:
    return Caller(Access(url, **access), LocalSecrets({}))


def refused(asking: Caller) -> ProviderError:
    with pytest.raises(ProviderError) as told:
        asking.ask(Request(), "asking")
    asking.close()
    return told.value


def fine(_: Got) -> Say:
    return Say(body="fine")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", SPELLINGS)
def test_a_link_local_address_is_refused_in_every_spelling(host: str, scheme: str) -> None:
    error = refused(caller(f"{scheme}://{host}/metadata"))
    assert (type(error), error.code) == (Denied, "LinkLocal")
    assert "a machine hands out its own identity; nothing was sent" in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_means_a_link_local_address_is_refused(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    named(monkeypatch, METADATA)
    error = refused(caller(f"{scheme}://prometheus.contoso.com"))
    assert (type(error), error.code) == (Denied, "LinkLocal")
    assert f"prometheus.contoso.com is the link-local address {METADATA}" in str(error)


def test_what_is_connected_to_is_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as server:
        asked = named(monkeypatch, "127.0.0.1", METADATA)
        asking = caller(server.url.replace("127.0.0.1", "prometheus.contoso.com"))
        assert asking.ask(Request(), "asking").body == b"fine"
        asking.close()
    assert asked == ["prometheus.contoso.com"]
    assert server.got[0].headers["Host"].startswith("prometheus.contoso.com:")


def test_every_new_connection_looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as server:
        named(monkeypatch, "127.0.0.1", METADATA)
        asking = caller(server.url.replace("127.0.0.1", "prometheus.contoso.com"))
        asking.ask(Request(), "asking")
        asking.close()
        assert refused(asking).code == "LinkLocal"
        assert len(server.got) == 1


def test_a_name_with_another_address_beside_is_asked_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as server:
        named(monkeypatch, [METADATA, "127.0.0.1"])
        asking = caller(server.url.replace("127.0.0.1", "prometheus.contoso.com"))
        assert asking.ask(Request(), "asking").body == b"fine"
        asking.close()


def test_an_address_where_nobody_listens_is_followed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as server:
        named(monkeypatch, ["127.0.0.2", "127.0.0.1"], ["127.0.0.2", "127.0.0.3"])
        asking = caller(server.url.replace("127.0.0.1", "prometheus.contoso.com"))
        assert asking.ask(Request(), "asking").body == b"fine"
        asking.close()
        error = refused(asking)
    assert type(error) is Transient
    assert "cannot be reached: Connection refused" in str(error)


def test_tls_verifies_the_name_and_not_the_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    with serving(fine, authority.server(tmp_path, "prometheus.contoso.com")) as server:
        named(monkeypatch, "127.0.0.1")
        url = server.url.replace("127.0.0.1", "prometheus.contoso.com")
        asking = caller(url, ca=str(tmp_path / "ca.pem"))
        assert asking.ask(Request(), "asking").body == b"fine"
        asking.close()
        assert "TLS with" in str(refused(caller(server.url, ca=str(tmp_path / "ca.pem"))))


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_proxy_is_asked_for_a_link_local_address(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with serving(fine) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert refused(caller(f"http://{host}/metadata")).code == "LinkLocal"
        assert proxy.got == []


def test_behind_a_proxy_names_are_the_proxys_to_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(fine) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        asked = named(monkeypatch)
        asking = caller("http://prometheus.contoso.com/x")
        assert asking.ask(Request(), "asking").body == b"fine"
        asking.close()
    assert asked == []
    assert proxy.got[0].path == "http://prometheus.contoso.com/x"


def test_a_name_too_long_to_be_one_can_never_be_asked() -> None:
    assert "cannot be asked" in str(refused(caller(f"http://{'a' * 64}.contoso.com")))


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("127.0.0.1", False),
        ("10.0.0.4", False),
        ("192.168.1.1", False),
        ("fd00:ec2::254", False),
        ("::1", False),
        ("::ffff:10.0.0.4", False),
        ("2001:db8::a9fe:a9fe", False),
        ("169.254.0.1", True),
        ("fe80::1%eth0", True),
        ("::a9fe:a9fe", True),
    ],
)
def test_loopback_and_private_addresses_are_no_link_local_ones(address: str, is_one: bool) -> None:
    assert is_link_local(address) is is_one


def test_nothing_is_resolved_to_tell_a_name_from_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Callable[..., Any]] = []
    real = socket.getaddrinfo

    def resolve(*asked: Any) -> Any:
        looked.append(asked[-1])
        return real(*asked)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert refused(caller("http://2852039166")).code == "LinkLocal"
    assert looked == [socket.AI_NUMERICHOST]
