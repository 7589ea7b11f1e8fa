"""What comes back from where a daemon should be: each answer that is none says what it is and what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from aiohttp import web

from orchestrator.http.guard import Guard
from orchestrator.http.server import Server
from orchestrator.remote.calls import CALLS, VERSION_HEADER, WIRE_HEADER
from orchestrator.remote.errors import NoDaemon, ServerDenied, ServerSilent, VersionSkew
from orchestrator.remote.wire import Wire
from orchestrator.store.errors import StoreUnavailable
from strategies.model import CommandKind


@dataclass
class Odd:
    """A server that answers everything alike, and remembers what it was sent."""

    status: int = 200
    body: bytes = b"[]"
    headers: Mapping[str, str] = field(default_factory=dict)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append({**request.headers, "path": request.path})
        self.connections.add(request.transport)
        await request.read()
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def error(self, status: int, code: str, message: str, **facts: object) -> None:
        """Answer as a daemon refuses."""
        self.status, self.headers = status, {VERSION_HEADER: "9.9.9"}
        self.body = json.dumps({"error": {"code": code, "message": message, **facts}}).encode()


@pytest.fixture
def odd() -> Iterator[Odd]:
    with opened() as found:
        yield found


@contextmanager
def opened() -> Iterator[Odd]:
    odd = Odd(headers={VERSION_HEADER: "0.1.0"})
    guard = Guard()
    server = Server("127.0.0.1:0", [web.route("*", "/{tail:.*}", odd.answer)], guard=guard)
    host, port = server.start()
    odd.url = f"http://{host}:{port}"
    try:
        yield odd
    finally:
        server.stop(1.0)


def services(odd: Odd, token: str | None = None) -> object:
    wire = Wire(odd.url, token)
    try:
        return wire.ask(CALLS["services"], (), {})
    finally:
        wire.close()


@pytest.mark.parametrize(
    "server",
    [
        "http://rollout.contoso.com",
        "http://10.0.0.7:8090",
        "ftp://127.0.0.1",
        "127.0.0.1:8090",
        "https://",
        "https://x:99999",
        "https://user:hunter2@h",
        "https://h/?token=hunter2",
        "https://h/#x",
        "",
        "https://[::1",
    ],
)
def test_an_address_that_can_never_work_is_refused_before_anything_is_sent(server: str) -> None:
    with pytest.raises(NoDaemon, match="expected") as caught:
        Wire(server, "token")
    assert "hunter2" not in str(caught.value)


def test_a_token_goes_beyond_this_machine_by_https_alone() -> None:
    with pytest.raises(NoDaemon, match="must not cross a network in the clear"):
        Wire("http://rollout.contoso.com", "token")
    assert Wire("https://rollout.contoso.com/", "token").server == "https://rollout.contoso.com"
    assert Wire("http://[::1]:8090/behind/a/path/", None).server == "http://[::1]:8090/behind/a/path"


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(NoDaemon, match="ROLLOUT_TOKEN") as caught:
        Wire("http://127.0.0.1:1", token)
    assert token not in str(caught.value)


def test_a_call_carries_the_token_and_the_wires_number_and_keeps_its_connection(odd: Odd) -> None:
    wire = Wire(odd.url, " secret-token ")
    assert wire.ask(CALLS["services"], (), {}) == []
    assert wire.ask(CALLS["services"], (), {}) == []
    wire.close()
    assert {each["Authorization"] for each in odd.seen} == {"Bearer secret-token"}
    assert {each[WIRE_HEADER] for each in odd.seen} == {"1"}
    assert len(odd.connections) == 1
    assert "secret-token" not in repr(wire)


def test_what_must_not_be_said_twice_goes_over_a_connection_of_its_own(odd: Odd) -> None:
    wire = Wire(odd.url, None)
    wire.ask(CALLS["services"], (), {})
    odd.error(409, "endedRollout", "it has ended", rollout="r1", outcome="promoted")
    with pytest.raises(Exception, match="has ended"):
        wire.ask(CALLS["command"], ("r1", CommandKind.PROMOTE, "ana"), {"at": datetime(2026, 1, 1, tzinfo=UTC)})
    wire.close()
    assert len(odd.connections) == 2


def test_a_server_that_is_not_there_is_silent_for_now() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        wire = Wire(f"http://127.0.0.1:{bound.getsockname()[1]}", None)
        with pytest.raises(ServerSilent, match="connection refused") as caught:
            wire.ask(CALLS["services"], (), {})
    assert isinstance(caught.value, StoreUnavailable)
    assert "--server (ROLLOUT_SERVER)" in str(caught.value)
    assert "registry" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, b"<html>hello</html>"),
        (404, {}, b"not found"),
        (404, {}, b'{"error": {"code": "NotFound", "message": "somebody else\'s API"}}'),
        (405, {}, b""),
        (401, {"WWW-Authenticate": 'Basic realm="somebody else"'}, b""),
        (403, {}, b'{"error": {"code": "forbidden", "message": "somebody else\'s API"}}'),
        (302, {"Location": "https://login.contoso.com/"}, b""),
    ],
)
def test_something_else_at_the_address_is_told_apart_from_a_daemon(
    odd: Odd, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    odd.status, odd.headers, odd.body = status, headers, body
    with pytest.raises(NoDaemon, match=r"no rollout daemon|sends us on to"):
        services(odd)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_proxy_that_answers_in_the_daemons_place_is_silence_for_now(odd: Odd, status: int) -> None:
    odd.status, odd.headers, odd.body = status, {}, b"<html>Bad Gateway</html>"
    with pytest.raises(ServerSilent, match=str(status)):
        services(odd)


def test_a_missing_token_and_a_scope_that_reaches_less_far_are_told_apart(odd: Odd) -> None:
    odd.status, odd.headers, odd.body = 401, {VERSION_HEADER: "0.1.0"}, b""
    with pytest.raises(ServerDenied, match="ROLLOUT_TOKEN"):
        services(odd)
    odd.status = 403
    with pytest.raises(ServerDenied, match="scope read"):
        services(odd)


def test_a_token_that_runs_out_on_the_way_is_silence_because_the_daemon_goes_on(odd: Odd) -> None:
    wire = Wire(odd.url, "short-lived")
    wire.ask(CALLS["services"], (), {})
    odd.status = 401
    with pytest.raises(ServerSilent, match="the daemon goes on without us"):
        wire.ask(CALLS["services"], (), {})
    wire.close()


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"", b"[[[[", b"\xff"])
def test_an_answer_of_another_version_says_both_versions_and_what_to_do(odd: Odd, body: bytes) -> None:
    odd.headers, odd.body = {VERSION_HEADER: "9.9.9"}, body
    with pytest.raises(VersionSkew, match=r"the daemon is rollout 9\.9\.9, this is rollout .* do not understand"):
        services(odd)


def test_a_daemon_that_is_replaced_under_way_by_another_version_is_silence_because_it_goes_on(odd: Odd) -> None:
    wire = Wire(odd.url, None)
    wire.ask(CALLS["services"], (), {})
    odd.error(400, "versionSkew", "this daemon speaks wire 2")
    with pytest.raises(ServerSilent, match="do not understand") as caught:
        wire.ask(CALLS["services"], (), {})
    assert caught.value.known
    wire.close()


@pytest.mark.parametrize(("status", "code"), [(400, "versionSkew"), (404, "unknownCall")])
def test_a_daemon_that_does_not_know_the_call_is_of_another_version(odd: Odd, status: int, code: str) -> None:
    odd.error(status, code, "this daemon knows no such call")
    with pytest.raises(VersionSkew, match=r"9\.9\.9"):
        services(odd)


def test_a_refusal_that_only_a_newer_daemon_knows_is_still_a_sentence(odd: Odd) -> None:
    odd.error(418, "teapot", "short and stout")
    with pytest.raises(ServerDenied, match=r"418: short and stout"):
        services(odd)


def test_a_store_that_does_not_answer_behind_the_daemon_is_the_stores_own_error(odd: Odd) -> None:
    odd.error(503, "storeUnavailable", "postgresql://db: connection refused")
    with pytest.raises(StoreUnavailable, match="postgresql://db"):
        services(odd)


def test_a_manifest_larger_than_a_daemon_takes_is_not_sent(odd: Odd) -> None:
    wire = Wire(odd.url, None)
    with pytest.raises(ServerDenied, match="at most 4 MiB"):
        wire.ask(CALLS["latest"], ("x" * (5 << 20),), {})
    assert odd.seen == []
