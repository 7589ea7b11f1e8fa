"""Where Azure is, who we are to it, and how secrets come from a key vault."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import responses
from azure.core.credentials import AccessToken

from providers.azure.clients import Clients, read_profile
from providers.azure.credentials import Credentials, Endpoint, is_loopback
from providers.azure.keyvault import KeyVault
from providers.emulator.loopback import LoopbackEmulator
from providers.errors import Invalid, NotSent
from providers.retry import Retry
from providers.secrets import LocalSecrets, SecretRef


class Given:
    """A credential that answers every scope and remembers it."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_more: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken("t0ken", 4_102_444_800)

    def get_token_info(self, *scopes: str, options: Any = None) -> Any:
        self.scopes += scopes
        return SimpleNamespace(token="t0ken", expires_on=4_102_444_800, token_type="Bearer", refresh_on=None)


@pytest.mark.parametrize(
    ("text", "url", "scope", "emulated"),
    [
        (None, "https://management.azure.com", "https://management.azure.com/.default", False),
        ("", "https://management.azure.com", "https://management.azure.com/.default", False),
        (
            "https://management.chinacloudapi.cn/",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            False,
        ),
        (
            "https://management.usgovcloudapi.net",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            False,
        ),
        ("http://127.0.0.1:8088/", "http://127.0.0.1:8088", "https://127.0.0.1/.default", True),
        ("http://localhost:1", "http://localhost:1", "https://localhost/.default", True),
        ("http://[::1]:8088", "http://[::1]:8088", "https://::1/.default", True),
    ],
)
def test_an_endpoint_is_the_public_cloud_a_sovereign_one_or_this_machine(
    text: str | None, url: str, scope: str, emulated: bool
) -> None:
    found = Endpoint.parse(text)
    assert (found.url, found.scope, found.emulated) == (url, scope, emulated)


@pytest.mark.parametrize("text", ["http://10.0.0.4:8088", "http://management.azure.com", "http://localhost.evil.org"])
def test_plain_http_beyond_this_machine_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(Invalid, match=r"ROLLOUT_AZURE_ENDPOINT: .* is not this machine.*use https://"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    "text", ["management.azure.com", "ftp://x", "https://", "http://127.0.0.1:x", "https://u@h/", "https://["]
)
def test_an_endpoint_that_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="ROLLOUT_AZURE_ENDPOINT: expected an address like"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("host", "answer"), [("127.9.9.9", True), ("LOCALHOST", True), ("8.8.8.8", False), ("a.b", False)]
)
def test_loopback_is_told_from_the_rest(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


def test_an_emulated_endpoint_needs_no_identity() -> None:
    credentials = Credentials(Endpoint.parse("http://127.0.0.1:8088"))
    assert credentials.token("any/.default") == "emulator"
    assert credentials.check() > 4_000_000_000
    credentials.close()


def test_each_subscription_has_one_client_that_asks_for_the_clouds_own_scope() -> None:
    given = Given()
    clients = Clients(Credentials(Endpoint.parse("https://management.chinacloudapi.cn"), given))
    assert clients.containers("S") is clients.containers("s")
    assert clients.traffic("a") is not clients.traffic("b")
    with responses.RequestsMock() as http:
        url = "https://management.chinacloudapi.cn/subscriptions/S/resourceGroups/g/providers/"
        http.get(f"{url}Microsoft.ContainerInstance/containerGroups/x", json={"name": "x"})
        clients.read("reading x", clients.containers("s").container_groups.get, "g", "x")
        assert http.calls[0].request.headers["Authorization"] == "Bearer t0ken"
    assert set(given.scopes) == {"https://management.chinacloudapi.cn/.default"}
    clients.close()


def test_a_proxy_of_the_environment_does_not_stand_between_us_and_an_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with LoopbackEmulator() as emulator:
        clients = Clients(Credentials(Endpoint.parse(emulator.url)), Retry(attempts=1))
        assert read_profile(clients, "s", "shop", "absent") is None
        clients.close()


def vault(given: Given | None = None) -> KeyVault:
    return KeyVault(Credentials(Endpoint(), given or Given()), Retry(sleep=lambda _: None))


def test_a_key_vault_secret_is_read_with_the_vaults_own_scope() -> None:
    given = Given()
    with responses.RequestsMock() as http:
        http.get("https://shop.vault.azure.net/secrets/token/v1?api-version=7.4", json={"value": "s3cret"})
        secrets = LocalSecrets({}, {"keyVault": vault(given).resolve})
        assert secrets.resolve(SecretRef("keyVault", "shop/token@v1")) == "s3cret"
    assert set(given.scopes) == {"https://vault.azure.net/.default"}


@pytest.mark.parametrize(
    ("status", "body"), [(403, {"error": {"code": "Forbidden", "message": "no"}}), (404, {}), (200, {}), (500, {})]
)
def test_a_key_vault_that_does_not_give_the_secret_leaves_everything_waiting(status: int, body: Any) -> None:
    with responses.RequestsMock() as http:
        http.get("https://shop.vault.azure.net/secrets/token", status=status, json=body)
        with pytest.raises(NotSent, match=r"the secret \$\{keyVault:shop/token\} cannot be resolved"):
            vault().resolve(SecretRef("keyVault", "shop/token"))


def test_beside_an_emulator_no_real_vault_is_asked() -> None:
    emulated = KeyVault(Credentials(Endpoint.parse("http://127.0.0.1:8088")))
    with pytest.raises(NotSent, match="the emulator has no key vault"):
        emulated.resolve(SecretRef("keyVault", "shop/token"))


@pytest.mark.parametrize("name", ["shop", "evil.org/x", "shop/a/b", "shop/a@", "-x/a"])
def test_a_key_vault_reference_that_is_none_goes_nowhere(name: str) -> None:
    with pytest.raises(NotSent, match="expected vault/secret or vault/secret@version"):
        vault().resolve(SecretRef("keyVault", name))
