"""How a registry is shown who asks."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.watchers.fakes import (
    ACR,
    DIGEST,
    NAME,
    Entra,
    FakeTransport,
    Reply,
    Request,
    Time,
    basic,
    challenge,
    document,
    environment_of,
    manifest,
    problem,
    registry_of,
)
from tests.unit.watchers.locked import KEYS, SECRET, Locked, jwt
from watchers.docker_config import Keychain
from watchers.errors import Denied, Malformed, RegistryError, Throttled, Unreachable
from watchers.registry import Registry


def opened(
    locked: Locked, keychain: Keychain | None = None, tokens: Entra | None = None
) -> tuple[Registry, FakeTransport]:
    return registry_of(locked, keychain=keychain or Keychain({}), tokens=tokens, time=locked.time)


def test_a_public_repository_needs_nobody() -> None:
    locked = Locked(Time(), public=True)
    registry, _ = opened(locked)
    assert registry.identity == "nobody"
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert registry.identity == "no credential"


def test_a_user_and_password_open_what_they_may() -> None:
    registry, _ = opened(Locked(Time()), KEYS)
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert registry.identity == "ROLLOUT_REGISTRY_USER"


def test_an_entra_identity_opens_azures_registry() -> None:
    registry, transport = registry_of(Locked(Time()), tokens=Entra(), tenant="a-tenant")
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert registry.identity == "Entra ID"
    (exchange,) = [request for request in transport.requests if request.path == "/oauth2/exchange"]
    assert exchange.form["tenant"] == "a-tenant" and exchange.form["service"] == ACR


def test_an_identity_token_of_dockers_login_is_a_refresh_token(tmp_path: object) -> None:
    folder = str(tmp_path)
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump({"auths": {ACR: {"identitytoken": "refresh-token"}}}, file)
    registry, _ = opened(Locked(Time()), Keychain({"DOCKER_CONFIG": folder}))
    assert registry.digest(NAME, "v1").digest == DIGEST


def test_one_credential_that_is_refused_does_not_hide_another() -> None:
    locked = Locked(Time(), secret="changed since")
    registry, _ = opened(locked, KEYS, Entra())
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert registry.identity == "Entra ID"
    broken = Keychain({"ROLLOUT_REGISTRY_USER": "half"})
    assert opened(Locked(Time(), public=True), broken)[0].digest(NAME, "v1").digest == DIGEST


def test_when_nothing_opens_the_error_names_all_that_was_tried_and_no_secret() -> None:
    locked = Locked(Time(), secret="changed since")
    registry, _ = opened(locked, KEYS, Entra("other-entra-token"))
    with pytest.raises(Denied) as refused:
        registry.digest(NAME, "v1")
    text = str(refused.value)
    assert text.startswith(
        f"{ACR}/{NAME}:v1: access denied (ROLLOUT_REGISTRY_USER: {ACR}: its token service: access denied"
    )
    assert "Entra ID: " in text and "no credential: " in text and "AcrPull" in text
    assert not any(
        secret in text + repr(refused.value) for secret in (SECRET, "other-entra-token", basic("robot", SECRET))
    )


def test_a_token_is_kept_for_its_scope_until_shortly_before_it_ends() -> None:
    locked = Locked(Time())
    registry, transport = opened(locked, KEYS)
    for _ in range(3):
        registry.digest(NAME, "v1")
    assert locked.issued == 1
    assert len(transport.requests) == 3 + 2
    locked.time.seconds += 250
    registry.digest(NAME, "v1")
    assert locked.issued == 2


def test_a_token_that_is_refused_early_is_replaced() -> None:
    locked = Locked(Time())
    registry, _ = opened(locked, KEYS)
    registry.digest(NAME, "v1")
    locked.tokens.clear()
    assert registry.digest(NAME, "v1").digest == DIGEST


def test_a_refresh_token_is_kept_and_a_refused_one_is_exchanged_anew() -> None:
    locked = Locked(Time(), life=10, alive=10, refresh=jwt(iat=10_000, exp=20_000))
    registry, transport = opened(locked, tokens=Entra())

    def exchanges() -> int:
        return sum(request.path == "/oauth2/exchange" for request in transport.requests)

    for _ in range(3):
        registry.digest(NAME, "v1")
        locked.time.seconds += 60
    assert (exchanges(), locked.issued) == (1, 3)
    locked.refresh = jwt(iat=10_000, exp=20_001)
    assert registry.digest(NAME, "v1").digest == DIGEST
    assert exchanges() == 2
    locked.time.seconds += 10_000
    registry.digest(NAME, "v1")
    assert exchanges() == 3


@given(life=st.floats(1, 1e6), ahead=st.floats(-1e6, 1e6))
def test_a_tokens_life_does_not_depend_on_whose_clock_is_right(life: float, ahead: float) -> None:
    time = Time(1000.0)
    issued: list[str] = []

    def answer(request: Request) -> Reply:
        if request.path == "/oauth2/token":
            issued.append(jwt(iat=2e6 + ahead, exp=2e6 + ahead + life))
            return document({"token": issued[-1]})
        return manifest() if request.authorization else challenge()

    registry, _ = registry_of(answer, time=time)
    registry.digest(NAME, "v1")
    time.seconds += life * 0.75 if life < 240 else life - 61
    registry.digest(NAME, "v1")
    assert len(issued) == 1
    time.seconds = 1000.0 + life
    registry.digest(NAME, "v1")
    assert len(issued) == 2


@pytest.mark.parametrize("life", [None, 0, -5, "300", True, [], 60])
def test_a_token_without_a_stated_life_is_used_for_less_than_a_minute(life: object) -> None:
    locked = Locked(Time(), life=life, alive=1e9)
    registry, _ = opened(locked, KEYS)
    registry.digest(NAME, "v1")
    locked.time.seconds += 60
    registry.digest(NAME, "v1")
    assert locked.issued == 2


def test_basic_is_shown_where_basic_is_asked_and_nowhere_else() -> None:
    def answer(request: Request) -> Reply:
        if request.authorization == basic("robot", SECRET):
            return manifest()
        return problem(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="registry"')

    registry, transport = registry_of(answer, "registry.example", keychain=KEYS)
    assert registry.digest(NAME, "v1").digest == DIGEST
    registry.digest(NAME, "v2")
    assert len(transport.requests) == 3
    with pytest.raises(Denied, match="no credential: a user and password are asked for"):
        registry_of(answer, "registry.example")[0].digest(NAME, "v1")
    with pytest.raises(Denied, match="ROLLOUT_REGISTRY_USER: refused with 401 UNAUTHORIZED"):
        registry_of(answer, "registry.example", keychain=environment_of("robot", "x"))[0].tags(NAME)


def test_nothing_is_shown_to_who_does_not_ask() -> None:
    registry, transport = registry_of(lambda _: manifest(), keychain=KEYS, tokens=Entra())
    registry.digest(NAME, "v1")
    assert transport.requests[0].authorization is None


@pytest.mark.parametrize(
    "realm", ["https://evil.example/token", f"http://{ACR}/oauth2/token", "https://azurecr.io/token"]
)
def test_no_credential_goes_to_a_token_service_elsewhere(realm: str) -> None:
    registry, transport = registry_of(lambda _: challenge(realm), keychain=KEYS, tokens=Entra())
    with pytest.raises(Malformed, match="its token service leads to"):
        registry.digest(NAME, "v1")
    assert [(request.host, request.authorization) for request in transport.requests] == [(ACR, None)]


def test_a_token_service_that_was_named_as_trusted_is_used() -> None:
    def answer(request: Request) -> Reply:
        if request.host == "login.example":
            return document({"token": "t"}) if request.authorization == basic("robot", SECRET) else problem(401, "X")
        return manifest() if request.authorization == "Bearer t" else challenge("https://login.example/auth?a=b")

    registry, transport = registry_of(answer, "registry.example", keychain=KEYS, realm_hosts=("login.example",))
    assert registry.digest(NAME, "v1").digest == DIGEST
    (asked,) = [request for request in transport.requests if request.host == "login.example"]
    assert asked.query["a"] == "b" and asked.query["scope"] == f"repository:{NAME}:pull"


def test_an_entra_token_goes_to_azures_registries_only() -> None:
    def answer(request: Request) -> Reply:
        return problem(401, "X") if request.path == "/token" else challenge("https://registry.example/token")

    registry, transport = registry_of(answer, "registry.example", tokens=Entra())
    with pytest.raises(Denied):
        registry.digest(NAME, "v1")
    assert not any("entra-token" in str(request) for request in transport.requests)


def test_a_redirect_to_another_host_of_the_site_does_not_get_the_credential() -> None:
    def answer(request: Request) -> Reply:
        if request.host != ACR:
            return manifest() if request.authorization is None else problem(400, "LEAKED")
        if request.path == "/oauth2/token":
            return document({"token": "t"})
        return (307, {"Location": f"https://data.{ACR}/x"}, b"") if request.authorization else challenge()

    assert registry_of(answer)[0].digest(NAME, "v1").digest == DIGEST


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (problem(429, "TOOMANYREQUESTS", Retry_After="7"), Throttled),
        (problem(503, "UNAVAILABLE"), Unreachable),
        ((200, {}, b'{"token": "t'), Malformed),
        ((200, {}, b"[]"), Malformed),
        (document({}), Malformed),
        (document({"token": 7}), Malformed),
        (document({"token": "a\r\nHost: evil.example"}), Malformed),
        (problem(400, "invalid_grant"), Denied),
        (document({"error": "invalid_grant", "error_description": "ended"}, 400), Denied),
        (problem(403, "DENIED"), Denied),
        ((302, {"Location": "https://evil.example"}, b""), Malformed),
    ],
)
def test_a_token_service_that_fails_is_told_apart_from_one_that_refuses(
    reply: Reply, kind: type[RegistryError]
) -> None:
    registry, _ = registry_of(lambda request: reply if request.path == "/oauth2/token" else challenge(), keychain=KEYS)
    with pytest.raises(kind):
        registry.digest(NAME, "v1")


@pytest.mark.parametrize("header", ["", "Negotiate", "Bearer service=x", 'Digest realm="r"'])
def test_a_way_in_that_is_not_spoken_here_is_said(header: str) -> None:
    registry, _ = registry_of(lambda _: problem(401, "X", WWW_Authenticate=header), keychain=KEYS)
    with pytest.raises(Denied, match="401, no way in is named that is spoken here"):
        registry.digest(NAME, "v1")


def test_a_registry_that_repeats_what_it_was_shown_does_not_get_it_into_an_error() -> None:
    def echo(request: Request) -> Reply:
        shown = f"{request.authorization} {request.body!r} {SECRET} {basic('robot', SECRET)}"
        if request.path == "/oauth2/token" and request.form.get("refresh_token"):
            return document({"token": "access-t0ken"})
        if request.path == "/oauth2/exchange":
            return document({"refresh_token": "refresh-t0ken"})
        if request.authorization is None and request.path.startswith("/v2/"):
            return challenge()
        return problem(403, "DENIED", shown)

    registry, _ = registry_of(echo, keychain=KEYS, tokens=Entra("entra-t0ken"))
    with pytest.raises(Denied) as refused:
        registry.digest(NAME, "v1")
    planted = (SECRET, "access-t0ken", "refresh-t0ken", "entra-t0ken", basic("robot", SECRET).split()[1])
    assert "***" in str(refused.value)
    assert not any(secret in str(refused.value) + repr(refused.value) for secret in planted)


def test_many_who_need_the_refresh_token_at_once_exchange_it_once() -> None:
    at_once = threading.Barrier(8)
    counted: list[str] = []
    locked = Locked(Time(), refresh=jwt(iat=10_000, exp=20_000))

    def answer(request: Request) -> Reply:
        counted.append(request.path)
        return locked(request)

    registry, _ = registry_of(answer, tokens=Entra())

    def ask(_: int) -> str:
        at_once.wait(10)
        return registry.digest(NAME, "v1").digest

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {DIGEST}
    assert counted.count("/oauth2/exchange") == 1
