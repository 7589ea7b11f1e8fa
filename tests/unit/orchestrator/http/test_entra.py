"""Tokens of Entra ID: believed when the tenant's own keys signed them for us, and of nobody else."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orchestrator.http.answers import Refusal, answer
from orchestrator.http.credentials import Caller, Scope, UnfitSetting
from orchestrator.http.entra import Entra, entra_of
from orchestrator.http.guard import Guard, actor_of
from tests.unit.orchestrator.http.serving import Lines, serving
from watchers.errors import Unreachable

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "api://rollout"
ISSUER = f"https://login.microsoftonline.com/{TENANT}/v2.0"
FIRST_ISSUER = f"https://sts.windows.net/{TENANT}/"
OURS, THEIRS = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def key_set(**keys: rsa.RSAPrivateKey) -> bytes:
    listed = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": name, "use": "sig"}
        for name, key in keys.items()
    ]
    return json.dumps({"keys": [*listed, {"kty": "EC", "kid": "other"}, {"kty": "RSA", "kid": "bad"}, 5]}).encode()


@dataclass
class Tenant:
    """The tenant's published keys; it counts how often it is asked, and may be out of order."""

    published: bytes = key_set(one=OURS)
    asked: list[str] = field(default_factory=list)
    problem: Exception | None = None
    seconds: float = 0.0
    log: Lines = field(default_factory=Lines)

    def fetch(self, address: str) -> bytes:
        self.asked.append(address)
        if self.problem is not None:
            raise self.problem
        return self.published

    def verifier(self) -> Entra:
        return Entra(TENANT, (AUDIENCE, "other"), fetch=self.fetch, monotonic=lambda: self.seconds, log=self.log)


def token(key: Any = OURS, kid: str | None = "one", algorithm: str = "RS256", drop: str = "", **claims: Any) -> str:
    now = int(time.time())
    said = {
        "aud": AUDIENCE, "iss": ISSUER, "tid": TENANT, "iat": now, "nbf": now, "exp": now + 600,
        "roles": ["Rollout.Operate"], "preferred_username": "ada@contoso.com", **claims,
    }  # fmt: skip
    said.pop(drop, None)
    return jwt.encode(said, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def verified(text: str, tenant: Tenant | None = None) -> Caller | None:
    return asyncio.run((tenant or Tenant()).verifier().verify(text))


def test_a_token_of_the_tenant_for_us_names_its_holder_and_how_far_it_reaches() -> None:
    assert verified(token()) == Caller("ada@contoso.com", Scope.OPERATE)
    assert verified(token(roles=["Rollout.Read", "Other"])) == Caller("ada@contoso.com", Scope.READ)
    assert verified(token(aud="other")) == Caller("ada@contoso.com", Scope.OPERATE)


def test_tokens_of_both_versions_and_of_applications_are_believed() -> None:
    assert verified(token(iss=FIRST_ISSUER, preferred_username=None, appid="app-1")) == Caller("app-1", Scope.OPERATE)
    assert verified(token(drop="preferred_username", azp="app-2")) == Caller("app-2", Scope.OPERATE)


@pytest.mark.parametrize("roles", [None, [], "Rollout.Operate", ["rollout.operate"], {"Rollout.Operate": 1}])
def test_a_token_without_one_of_our_roles_reaches_nowhere(roles: Any) -> None:
    assert verified(token(roles=roles)) == Caller("ada@contoso.com", None)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "api://another"},
        {"iss": "https://login.microsoftonline.com/99999999-2222-3333-4444-555555555555/v2.0"},
        {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0/"},
        {"tid": "99999999-2222-3333-4444-555555555555"},
        {"exp": int(time.time()) - 120},
        {"nbf": int(time.time()) + 600},
        {"drop": "exp"},
        {"drop": "aud"},
        {"drop": "iss"},
        {"exp": "soon"},
        {"key": THEIRS},
        {"kid": None},
        {"kid": "unknown"},
        {"kid": "bad"},
    ],
)
def test_a_token_that_is_not_for_us_not_of_the_tenant_or_over_is_not_believed(claims: dict[str, Any]) -> None:
    assert verified(token(**claims)) is None


def test_a_clock_that_is_a_little_off_is_forgiven() -> None:
    assert verified(token(exp=int(time.time()) - 20)) is not None
    assert verified(token(nbf=int(time.time()) + 20, iat=int(time.time()) + 20)) is not None


def forged(algorithm: str, key: bytes | None) -> str:
    """A token that names its own way of being checked, made by hand, as no library would."""
    _, claims, _ = token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "one"}).encode()).decode().rstrip("=")
    signature = hmac.digest(key, f"{head}.{claims}".encode(), "sha256") if key else b""
    return f"{head}.{claims}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_a_token_cannot_choose_to_be_unsigned_or_signed_with_the_public_key(encoding: serialization.Encoding) -> None:
    public = OURS.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert verified(forged("none", None)) is None
    assert verified(forged("None", None)) is None
    assert verified(forged("HS256", public)) is None
    assert verified(forged("RS256", public)) is None
    assert verified(token(algorithm="RS512")) is None


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "é.é.é", "..", "a" * 5000])
def test_what_is_no_token_is_not_believed_and_nobody_is_asked(text: str) -> None:
    tenant = Tenant()
    assert verified(text, tenant) is None
    assert tenant.asked == []


def test_keys_are_asked_for_once_at_the_tenants_own_address() -> None:
    tenant = Tenant()
    verifier = tenant.verifier()
    for _ in range(3):
        assert asyncio.run(verifier.verify(token())) is not None
    assert tenant.asked == [f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys"]


def test_unknown_key_names_cannot_make_the_tenant_be_asked_more_than_once_a_minute() -> None:
    tenant = Tenant()
    verifier = tenant.verifier()
    for number in range(50):
        assert asyncio.run(verifier.verify(token(kid=f"made-up-{number}"))) is None
    assert len(tenant.asked) == 1
    tenant.seconds += 61
    tenant.published = key_set(one=OURS, two=THEIRS)
    assert asyncio.run(verifier.verify(token(THEIRS, kid="two"))) is not None
    assert len(tenant.asked) == 2


def test_a_key_that_the_tenant_withdrew_is_good_for_a_day_at_most() -> None:
    tenant = Tenant()
    verifier = tenant.verifier()
    assert asyncio.run(verifier.verify(token())) is not None
    tenant.published = key_set(two=THEIRS)
    tenant.seconds += 24 * 3600
    assert asyncio.run(verifier.verify(token())) is None


def test_a_tenant_that_cannot_be_asked_keeps_its_last_keys_and_is_said_in_the_log() -> None:
    tenant = Tenant()
    verifier = tenant.verifier()
    assert asyncio.run(verifier.verify(token())) is not None
    tenant.problem, tenant.seconds = OSError("no route"), 25 * 3600
    assert asyncio.run(verifier.verify(token())) is not None
    assert [event for event, _ in tenant.log.said] == ["entra_keys_unavailable"]


@pytest.mark.parametrize("published", [b"", b"{}", b'{"keys": {}}', b'{"keys": [{"kty": "oct", "kid": "one"}]}', b"[]"])
def test_without_any_key_the_answer_is_to_try_again_and_not_that_the_token_is_bad(published: bytes) -> None:
    tenant = Tenant(published)
    with pytest.raises(Refusal) as refused:
        verified(token(), tenant)
    assert (refused.value.status, refused.value.code) == (503, "keysUnavailable")
    assert "Retry-After" in refused.value.headers


def test_a_tenant_that_does_not_answer_holds_up_nobody_else() -> None:
    go_on, asked = threading.Event(), threading.Event()

    def fetch(_address: str) -> bytes:
        asked.set()
        go_on.wait(10)
        return key_set(one=OURS)

    async def says_who(request: Any) -> Any:
        return answer({"actor": actor_of(request)})

    async def fine(_request: Any) -> Any:
        return answer({})

    from aiohttp import web

    guard = Guard((), Entra(TENANT, (AUDIENCE,), fetch=fetch))
    routes = [web.get("/", guard.require(Scope.READ, says_who)), web.get("/fine", fine)]
    with serving(routes, guard=guard) as client, client.connect() as waiting:
        waiting.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token()}\r\n\r\n".encode())
        assert asked.wait(10)
        assert client.ask("GET", "/fine").status == 200
        go_on.set()
        assert b"ada@contoso.com" in waiting.recv(10_000)


def test_a_tenant_that_cannot_be_reached_is_said_in_the_log_and_no_mistake_of_ours() -> None:
    tenant = Tenant()
    tenant.problem = Unreachable("login.example: connection refused")
    with pytest.raises(Refusal) as refused:
        verified(token(), tenant)
    assert refused.value.code == "keysUnavailable"
    assert tenant.log.said[0][1]["error"] == "Unreachable"


def test_the_settings_make_a_verifier_or_are_refused_by_name() -> None:
    assert entra_of({}) is None
    assert entra_of({"ROLLOUT_ENTRA_TENANT": TENANT.upper(), "ROLLOUT_ENTRA_AUDIENCE": "a, b"}) is not None
    for settings, name in (
        ({"ROLLOUT_ENTRA_TENANT": TENANT}, "ROLLOUT_ENTRA_AUDIENCE"),
        ({"ROLLOUT_ENTRA_AUDIENCE": "a"}, "ROLLOUT_ENTRA_TENANT"),
        ({"ROLLOUT_ENTRA_TENANT": "common", "ROLLOUT_ENTRA_AUDIENCE": "a"}, "ROLLOUT_ENTRA_TENANT"),
        ({"ROLLOUT_ENTRA_TENANT": TENANT, "ROLLOUT_ENTRA_AUDIENCE": "a", "AZURE_AUTHORITY_HOST": "a/b"}, "AZURE_AUTH"),
    ):
        with pytest.raises(UnfitSetting, match=name):
            entra_of(settings)
