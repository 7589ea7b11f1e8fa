"""Who may ask for what: tokens with scopes, everybody on this machine without them, and no page in a browser."""

from __future__ import annotations

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.answers import answer
from orchestrator.http.credentials import Caller, Scope, UnfitSetting, known_token, secrets_of, tokens_of
from orchestrator.http.guard import Guard, actor_of
from orchestrator.http.settings import http_settings
from tests.unit.orchestrator.http.serving import Answer, serving
from watchers.webhooks import Source

SETTINGS = {"ROLLOUT_READ_TOKEN": "board=look-only, anonymous-reader", "ROLLOUT_OPERATE_TOKEN": "ci=do-all,dGVzdA=="}
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._@-]{0,10}\Z")
TOKENS = st.from_regex(r"\A[A-Za-z0-9._~+/-]{1,30}(==)?\Z")


def routes(guard: Guard) -> list[web.RouteDef]:
    async def says_who(request: web.Request) -> web.Response:
        return answer({"actor": actor_of(request)})

    read, operate = guard.require(Scope.READ, says_who), guard.require(Scope.OPERATE, says_who)
    return [web.get("/read", read), *(web.route(method, "/write", operate) for method in ("POST", "PUT", "DELETE"))]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def asked(guard: Guard, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> Answer:
    with serving(routes(guard), guard=guard) as client:
        return client.ask(method, path, body, headers)


@pytest.mark.parametrize(
    ("token", "reads", "operates", "actor"),
    [
        ("look-only", 200, 403, "board"),
        ("anonymous-reader", 200, 403, ""),
        ("do-all", 200, 200, "ci"),
        ("dGVzdA==", 200, 200, ""),
        ("do-al", 401, 401, None),
        ("ci=do-all", 401, 401, None),
        ("board", 401, 401, None),
        ("é\u00ff", 401, 401, None),
    ],
)
def test_a_token_reaches_as_far_as_its_scope_and_names_its_holder(
    token: str, reads: int, operates: int, actor: str | None
) -> None:
    guard = Guard(tokens_of(SETTINGS))
    with serving(routes(guard), guard=guard) as client:
        read = client.ask("GET", "/read", headers=bearer(token))
        operate = client.ask("POST", "/write", headers=bearer(token))
    assert (read.status, operate.status) == (reads, operates)
    if actor is not None:
        assert read.document == {"actor": actor}


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic Y2k6ZG8tYWxs"}, bearer(""), {"Authorization": "do-all"}]
)
def test_without_a_token_the_answer_says_how_to_send_one(headers: dict[str, str]) -> None:
    found = asked(Guard(tokens_of(SETTINGS)), "GET", "/read", headers)
    assert (found.status, found.code, found.headers["WWW-Authenticate"]) == (401, "noToken", 'Bearer realm="rollout"')
    assert "ROLLOUT_TOKEN" in found.document["error"]["message"]


def test_who_may_only_read_is_told_which_scope_is_needed() -> None:
    found = asked(Guard(tokens_of(SETTINGS)), "PUT", "/write", bearer("look-only"))
    assert (found.status, found.code) == (403, "insufficientScope")
    assert found.document["error"]["message"] == "this needs the scope operate; the caller board has only read"
    assert 'scope="operate"' in found.headers["WWW-Authenticate"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8090", "127.9.9.9", "[::1]:8090", "LOCALHOST:1"])
def test_without_tokens_whoever_asks_this_machine_by_its_own_name_may_do_everything(host: str) -> None:
    headers = {"Host": host, "Content-Type": "application/json; charset=utf-8"}
    assert asked(Guard(), "POST", "/write", headers, b"{}").document == {"actor": ""}


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.rebound.example", "10.0.0.1", "", "localhost.evil", "a b"]
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/write"), ("DELETE", "/write")])
def test_without_tokens_a_request_to_another_name_is_refused_with_the_remedy(host: str, method: str, path: str) -> None:
    found = asked(Guard(), method, path, {"Host": host, "Content-Type": "application/json"})
    assert (found.status, found.code) == (403, "foreignHost")
    assert "ROLLOUT_OPERATE_TOKEN" in found.document["error"]["message"]


PROXIED = [
    ("Forwarded", "for=203.0.113.7"),
    ("x-forwarded-for", "203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-FORWARDED-HOST", "localhost"),
    ("Via", "1.1 front"),
    ("X-Real-IP", ""),
]


@pytest.mark.parametrize(("name", "value"), PROXIED)
@pytest.mark.parametrize(("method", "path"), [("GET", "/read"), ("POST", "/write")])
def test_without_tokens_what_came_through_a_proxy_is_refused_though_it_names_this_machine(
    name: str, value: str, method: str, path: str
) -> None:
    found = asked(Guard(), method, path, {"Host": "localhost", "Content-Type": "application/json", name: value})
    assert (found.status, found.code) == (403, "throughProxy")
    assert "ROLLOUT_OPERATE_TOKEN" in found.document["error"]["message"]


@pytest.mark.parametrize(("name", "value"), PROXIED)
def test_with_tokens_a_proxy_may_stand_in_between(name: str, value: str) -> None:
    assert asked(Guard(tokens_of(SETTINGS)), "GET", "/read", {name: value, **bearer("do-all")}).status == 200


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("POST", "text/plain", b"{}", 415),
        ("POST", "application/x-www-form-urlencoded", b"{}", 415),
        ("POST", None, None, 415),
        ("POST", "application/json", None, 200),
        ("PUT", "text/plain", b"{}", 415),
        ("PUT", None, None, 200),
        ("DELETE", None, None, 200),
    ],
)
def test_without_tokens_a_form_of_a_page_is_not_taken_for_a_write(
    method: str, kind: str | None, body: bytes | None, status: int
) -> None:
    assert asked(Guard(), method, "/write", {"Content-Type": kind} if kind else {}, body).status == status


def test_with_tokens_any_host_may_be_asked_for() -> None:
    guard = Guard(tokens_of(SETTINGS))
    assert asked(guard, "GET", "/read", {"Host": "rollout.contoso.com", **bearer("do-all")}).status == 200


def test_a_caller_whom_somebody_else_vouches_for_is_let_in_as_far_as_they_say() -> None:
    class Vouches:
        async def verify(self, token: str) -> Caller | None:
            return {"ada": Caller("ada", Scope.READ), "bob": Caller("bob", None)}.get(token)

    guard = Guard(tokens_of(SETTINGS), Vouches())
    with serving(routes(guard), guard=guard) as client:
        assert client.ask("GET", "/read", headers=bearer("ada")).document == {"actor": "ada"}
        assert client.ask("POST", "/write", headers=bearer("ada")).status == 403
        assert "no role" in client.ask("GET", "/read", headers=bearer("bob")).document["error"]["message"]
        assert client.ask("GET", "/read", headers=bearer("eve")).status == 401
        assert client.ask("GET", "/read", headers=bearer("do-all")).document == {"actor": "ci"}


def test_nobody_is_vouched_for_where_only_a_verifier_is_set_and_no_token() -> None:
    class Nobody:
        async def verify(self, token: str) -> Caller | None:
            return None

    guard = Guard((), Nobody())
    assert not guard.open
    assert asked(guard, "GET", "/read", bearer("x")).status == 401


@given(named=st.dictionaries(NAMES, TOKENS, min_size=1, max_size=4), plain=st.lists(TOKENS, max_size=3))
def test_every_token_of_the_settings_is_known_and_none_can_be_seen(named: dict[str, str], plain: list[str]) -> None:
    written = [*(f"{name}={text}" for name, text in named.items() if text.strip("=")), *plain]
    tokens = tokens_of({"ROLLOUT_OPERATE_TOKEN": ", ".join(written)})
    assert len(tokens) == len(written)
    for text in (*named.values(), *plain):
        caller = known_token(tokens, text)
        assert caller is not None
        assert caller.scope is Scope.OPERATE
    assert known_token(tokens, "another token altogether!") is None
    assert "digest" not in repr(tokens)


def test_a_token_with_two_scopes_has_the_wider_one() -> None:
    tokens = tokens_of({"ROLLOUT_READ_TOKEN": "a=both", "ROLLOUT_OPERATE_TOKEN": "b=both"})
    assert known_token(tokens, "both") == Caller("b", Scope.OPERATE)


@pytest.mark.parametrize("text", ["a,,b", "x,", "a, ", "two words", "tab\tbed", "ümlaut", "ctrl\x01"])
@pytest.mark.parametrize("name", ["ROLLOUT_READ_TOKEN", "ROLLOUT_OPERATE_TOKEN", "ROLLOUT_WEBHOOK_SECRET"])
def test_a_setting_that_cannot_be_meant_is_refused_by_name_and_never_shown(name: str, text: str) -> None:
    with pytest.raises(UnfitSetting, match=f"{name}: expected") as refused:
        http_settings({name: text})
    assert text not in str(refused.value)


def test_no_settings_mean_an_open_guard_on_this_machine_and_no_secrets() -> None:
    found = http_settings({"ROLLOUT_READ_TOKEN": "", "ROLLOUT_WEBHOOK_SECRET": " "})
    assert (found.listen, found.guard.open) == ("127.0.0.1:8090", True)
    assert all(found.secrets.of(source) == () for source in Source)


def test_an_option_goes_before_the_setting_of_where_to_listen() -> None:
    assert http_settings({"ROLLOUT_LISTEN": "[::1]:1"}, listen="127.0.0.1:0").listen == "127.0.0.1:0"
    assert http_settings({"ROLLOUT_LISTEN": "[::1]:1"}).listen == "[::1]:1"


def test_a_sources_own_secrets_stand_in_place_of_the_shared_ones() -> None:
    secrets = secrets_of({"ROLLOUT_WEBHOOK_SECRET": "old,new", "ROLLOUT_WEBHOOK_SECRET_GITHUB": "theirs"})
    assert secrets.of(Source.GITHUB) == (b"theirs",)
    assert secrets.of(Source.ACR) == (b"old", b"new")
    assert "theirs" not in repr(secrets)


def test_a_secret_for_a_source_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UnfitSetting, match=r"ROLLOUT_WEBHOOK_SECRET_GHCR: .*ROLLOUT_WEBHOOK_SECRET_GITHUB"):
        secrets_of({"ROLLOUT_WEBHOOK_SECRET_GHCR": "x"})


def test_a_request_without_a_host_is_not_one_to_this_machine() -> None:
    guard = Guard()
    with serving(routes(guard), guard=guard) as client:
        assert client.raw(b"GET /read HTTP/1.0\r\n\r\n").code == "foreignHost"


@pytest.mark.parametrize("setting", ["ci=", "=secret-of-nobody", "good=enough,ci="])
def test_a_name_without_its_token_is_a_mistake_and_no_token_itself(setting: str) -> None:
    with pytest.raises(UnfitSetting, match="expected name=token"):
        tokens_of({"ROLLOUT_OPERATE_TOKEN": setting})
