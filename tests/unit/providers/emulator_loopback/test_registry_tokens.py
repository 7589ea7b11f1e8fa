"""The tokens of a registry that demands them."""

from __future__ import annotations

import json
from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.emulator.behaviour import Behaviour
from providers.emulator.clock import ManualClock
from providers.emulator.registry import Registry
from providers.emulator.registry_auth import NULL_USER, TokenService
from tests.unit.providers.emulator_loopback.registry_client import (
    NAME,
    ask,
)


def locked(clock: ManualClock, anonymous: bool = False) -> Registry:
    registry = Registry(clock, tokens=TokenService(clock, required=True, anonymous=anonymous))
    registry.register(NAME, "v1", Behaviour())
    return registry


def token_for(registry: Registry, scope: str, refresh: str) -> str:
    form = f"grant_type=refresh_token&service=r&scope={scope}&refresh_token={refresh}"
    return str(json.loads(ask(registry, "POST", "/oauth2/token", form).body)["access_token"])


def refresh_token(registry: Registry) -> str:
    form = "grant_type=access_token&service=r&tenant=t&access_token=entra"
    return str(json.loads(ask(registry, "POST", "/oauth2/exchange", form).body)["refresh_token"])


def test_a_locked_registry_sends_its_caller_for_a_token_and_takes_it_for_its_scope_only(clock: ManualClock) -> None:
    registry = locked(clock)
    answer = ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1")
    assert answer.status == 401
    challenge = answer.headers["Www-Authenticate"]
    assert f'scope="repository:{NAME}:pull"' in challenge and "http://127.0.0.1:8088/oauth2/token" in challenge
    token = token_for(registry, f"repository:{NAME}:pull", refresh_token(registry))
    bearer = {"Authorization": f"Bearer {token}"}
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers=bearer).status == 200
    refused = ask(registry, "DELETE", f"/v2/{NAME}/manifests/v1", headers=bearer)
    assert refused.status == 401 and "insufficient_scope" in refused.headers["Www-Authenticate"]
    assert ask(registry, "GET", f"/acr/v1/{NAME}/_tags", headers=bearer).status == 401


def test_tokens_end_with_their_lifetime(clock: ManualClock) -> None:
    registry = locked(clock)
    refresh = refresh_token(registry)
    bearer = {"Authorization": f"Bearer {token_for(registry, f'repository:{NAME}:pull', refresh)}"}
    clock.advance(74 * 60)
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers=bearer).status == 200
    clock.advance(2 * 60)
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers=bearer).status == 401
    clock.advance(2 * 3600)
    form = f"grant_type=refresh_token&service=r&scope=x&refresh_token={refresh}"
    assert ask(registry, "POST", "/oauth2/token", form).status == 401


@settings(deadline=None)
@given(text=st.text(st.characters(), max_size=40))
def test_no_made_up_token_opens_a_locked_registry(text: str) -> None:
    registry = locked(ManualClock())
    for kind in ("Bearer", "Basic"):
        answer = ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers={"Authorization": f"{kind} {text}"})
        assert answer.status == 401 or kind == "Basic"
    assert (
        ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers={"Authorization": f"Bearer {text}.e30.x"}).status
        == 401
    )


def test_a_caller_without_a_name_may_read_where_that_is_allowed_and_no_more(clock: ManualClock) -> None:
    scope = f"repository:{NAME}:pull,push"
    assert ask(locked(clock), "GET", f"/oauth2/token?service=r&scope={scope}").status == 401
    registry = locked(clock, anonymous=True)
    token = json.loads(ask(registry, "GET", f"/oauth2/token?service=r&scope={scope}").body)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert ask(registry, "HEAD", f"/v2/{NAME}/manifests/v1", headers=bearer).status == 200
    assert ask(registry, "POST", f"/v2/{NAME}/blobs/uploads/", headers=bearer).status == 401


def test_a_user_and_password_or_the_null_user_with_a_refresh_token_get_a_token(clock: ManualClock) -> None:
    registry = locked(clock)
    pairs = {f"{NULL_USER}:{refresh_token(registry)}": 200, "someone:secret": 200, f"{NULL_USER}:forged": 401}
    for pair, status in pairs.items():
        headers = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
        assert ask(registry, "GET", "/oauth2/token?scope=x", headers=headers).status == status


def test_an_exchange_without_a_token_or_of_an_unknown_kind_is_refused(registry: Registry) -> None:
    assert ask(registry, "POST", "/oauth2/exchange", "grant_type=access_token").status == 401
    assert ask(registry, "POST", "/oauth2/exchange", "grant_type=magic").status == 400
