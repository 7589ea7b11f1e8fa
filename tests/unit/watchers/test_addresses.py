"""Where a registry may send us."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchers.addresses import Site, is_loopback
from watchers.errors import Malformed


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("contoso.azurecr.io", "https://contoso.azurecr.io"),
        ("docker.io", "https://registry-1.docker.io"),
        ("nginx.example:5000", "https://nginx.example:5000"),
        ("127.0.0.1:8088", "http://127.0.0.1:8088"),
        ("127.20.3.4:8088", "http://127.20.3.4:8088"),
        ("localhost:5000", "http://localhost:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("localhost:443", "https://localhost:443"),
        ("128.0.0.1:5000", "https://128.0.0.1:5000"),
        ("localhost.example:5000", "https://localhost.example:5000"),
    ],
)
def test_plain_http_is_spoken_to_this_machine_only(host: str, base: str) -> None:
    assert Site(host).base == base


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("contoso.azurecr.io", "/v2/x/tags/list?last=v1&n=2&orderby="),
        ("contoso.azurecr.io", "https://contoso.azurecr.io/oauth2/token"),
        ("contoso.azurecr.io", "https://CONTOSO.azurecr.io/oauth2/token"),
        ("contoso.azurecr.io", "https://westeurope.contoso.azurecr.io/x"),
        ("docker.io", "https://auth.docker.io/token"),
        ("127.0.0.1:5000", "http://127.0.0.1:5001/token"),
        ("[::1]:5000", "http://[::1]:5000/token"),
        ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
    ],
)
def test_a_site_may_send_us_to_itself_and_below(host: str, location: str) -> None:
    assert urlsplit(Site(host).realm(location)).hostname


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("contoso.azurecr.io", "https://fabrikam.azurecr.io/oauth2/token"),
        ("contoso.azurecr.io", "https://azurecr.io/oauth2/token"),
        ("contoso.azurecr.io", "https://evilcontoso.azurecr.io/"),
        ("contoso.azurecr.io", "https://contoso.azurecr.io.evil.example/"),
        ("contoso.azurecr.io", "https://contoso.azurecr.io@evil.example/"),
        ("contoso.azurecr.io", "https://evil.example\\@contoso.azurecr.io/"),
        ("contoso.azurecr.io", "https://user:word@contoso.azurecr.io/"),
        ("contoso.azurecr.io", "http://contoso.azurecr.io/oauth2/token"),
        ("contoso.azurecr.io", "//evil.example/token"),
        ("contoso.azurecr.io", "file:///etc/passwd"),
        ("contoso.azurecr.io", "https://169.254.169.254/metadata"),
        ("contoso.azurecr.io", "https://contoso.azurecr.io:99999/"),
        ("contoso.azurecr.io", "https://contoso.azurecr.io:0/"),
        ("contoso.azurecr.io", "https://contoso.azurecr.io/\r\nHost: evil.example"),
        ("docker.io", "https://docker.io.evil.example/token"),
        ("127.0.0.1:5000", "http://127.0.0.2:5000/token"),
        ("127.0.0.1:5000", "http://1.127.0.0.1/token"),
        ("localhost:5000", "http://evil.localhost/token"),
        ("registry.gitlab.com", "http://gitlab.com/jwt/auth"),
        ("registry.gitlab.com", "https://:word@gitlab.com/jwt/auth"),
    ],
)
def test_a_site_may_not_send_us_elsewhere_nor_off_https(host: str, location: str) -> None:
    site = Site(host)
    with pytest.raises(Malformed) as refused:
        site.realm(location)
    assert f"{host}: its token service leads to" in str(refused.value)
    with pytest.raises(Malformed):
        site.follow(site.base, location, "next page")


@given(text=st.text(max_size=80) | st.text("htps:/.@azurecrontosi\\%#?[]0", max_size=60))
def test_whatever_address_is_followed_is_of_the_site_and_encrypted(text: str) -> None:
    try:
        address = Site("contoso.azurecr.io").follow("https://contoso.azurecr.io/v2/", text, "next page")
    except Malformed:
        return
    parts = urlsplit(address)
    host = parts.hostname or ""
    assert host == "contoso.azurecr.io" or host.endswith(".contoso.azurecr.io")
    assert parts.scheme == "https" and parts.username is None


def test_a_foreign_token_service_is_refused_with_the_setting_that_would_allow_it() -> None:
    realm = "https://login.example/auth"
    with pytest.raises(
        Malformed, match=r"if login\.example shall get credentials, name it in ROLLOUT_REGISTRY_REALM_HOSTS"
    ):
        Site("registry.example").realm(realm)
    assert Site("registry.example", ["LOGIN.example"]).realm(realm) == realm
    with pytest.raises(Malformed):
        Site("registry.example", ["login.example"]).follow("https://registry.example/", realm, "next page")


@pytest.mark.parametrize(
    ("host", "here"), [("localhost", True), ("LocalHost", True), ("127.9.9.9", True), ("::1", True)]
)
def test_this_machine_has_its_names(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@given(address=st.ip_addresses())
def test_an_address_is_this_machines_exactly_when_it_is_a_loopback_address(address: object) -> None:
    assert is_loopback(str(address)) is bool(getattr(address, "is_loopback", None))
