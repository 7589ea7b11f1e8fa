"""Where the server listens: read from the settings, and never open beyond this machine without a token."""

from __future__ import annotations

import socket

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.answers import answer
from orchestrator.http.credentials import Scope, Token, UnfitSetting
from orchestrator.http.guard import Guard
from orchestrator.http.listening import CannotListen, place_of
from orchestrator.http.server import Server
from tests.unit.orchestrator.http.serving import Client, serving


async def fine(_request: web.Request) -> web.Response:
    return answer({"fine": True})


ROUTES = [web.get("/", fine)]


def test_a_port_in_use_is_refused_with_the_setting_and_the_remedy() -> None:
    with serving(ROUTES) as client, pytest.raises(CannotListen, match=r"ROLLOUT_LISTEN.*another process") as refused:
        Server(f"127.0.0.1:{client.port}", ROUTES, guard=Guard()).start()
    assert "port 0" in str(refused.value)


def test_an_address_that_this_machine_does_not_have_is_refused_with_the_setting() -> None:
    with pytest.raises(CannotListen, match=r"ROLLOUT_LISTEN 192.0.2.1:0: this machine has no such address"):
        Server("192.0.2.1:0", ROUTES, guard=Guard((Token("ci", Scope.READ, b""),))).start()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "rollout.contoso.com:0"])
def test_beyond_this_machine_an_open_server_refuses_to_start(listen: str) -> None:
    with pytest.raises(UnfitSetting, match="ROLLOUT_OPERATE_TOKEN"):
        Server(listen, ROUTES, guard=Guard()).start()


def test_beyond_this_machine_a_guarded_server_starts() -> None:
    server = Server("0.0.0.0:0", ROUTES, guard=Guard((Token("ci", Scope.READ, b""),)))
    host, port = server.start()
    try:
        assert Client("127.0.0.1", port).ask("GET", "/").status == 200
        assert host == "0.0.0.0"
    finally:
        server.stop()


def test_ipv6_addresses_are_written_in_brackets() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with serving(ROUTES, listen="[::1]:0") as client:
        assert client.host == "[::1]"
        assert client.ask("GET", "/").status == 200


@pytest.mark.parametrize(
    "text", ["", "8090", ":8090", "host", "host:", "host:x", "a:70000", "::1:80", "[a]:1", "a b:1"]
)
def test_what_is_no_address_to_listen_at_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UnfitSetting, match=r"ROLLOUT_LISTEN: expected host:port"):
        place_of(text)


@given(port=st.integers(0, 65535), host=st.sampled_from(["127.0.0.1", "[::1]", "0.0.0.0", "rollout.contoso.com"]))
def test_an_address_to_listen_at_reads_back_as_written(port: int, host: str) -> None:
    assert str(place_of(f"{host}:{port}")) == f"{host}:{port}"
