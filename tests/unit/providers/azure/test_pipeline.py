"""A request leaves in time or not at all, and what never left is told from what may have been taken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from providers.azure.clients import Clients, read_profile
from providers.azure.credentials import Credentials, Endpoint
from providers.azure.pipeline import timeouts
from providers.emulator.faults import Fault
from providers.errors import NotSent, ProviderError, Throttled, Transient
from providers.retry import Retry
from tests.unit.providers.azure.values import MARK, Azure

NAME = "storefront-aaaaaaaa-3-0"
GROUP = "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerInstance/"


class Time:
    """A time that passes only when something says how long it took."""

    def __init__(self) -> None:
        self.now = 0.0

    def take(self, seconds: float) -> None:
        self.now += seconds

    def retry(self, **more: Any) -> Retry:
        return Retry(sleep=self.take, monotonic=lambda: self.now, **more)


class SlowIdentity:
    """A credential whose first token takes long."""

    def __init__(self, time: Time, seconds: float, error: Exception | None = None) -> None:
        self.time, self.seconds, self.error = time, seconds, error

    def get_token_info(self, *_scopes: str, **_more: Any) -> Any:
        self.time.take(self.seconds)
        if self.error is not None:
            raise self.error
        return SimpleNamespace(token="t", expires_on=4_102_444_800, token_type="Bearer", refresh_on=None)


def delete(clients: Clients) -> None:
    groups = clients.containers("s").container_groups
    clients.write("deleting x", groups.begin_delete, "g", "x", polling=False)


@contextmanager
def server(
    answer: bytes = b"HTTP/1.1 204 No Content\r\n\r\n", stall: bool = False
) -> Iterator[tuple[Clients, list[str]]]:
    """Clients of a server on this machine that answers every request with `answer`, and which requests it got."""
    got: list[str] = []
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            got.append(self.path)
            self.wfile.write(answer)
            self.wfile.flush()
            if stall:
                closing.wait(10)

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    clients = Clients(
        Credentials(Endpoint.parse(f"http://localhost:{listening.server_port}")), Retry(budget_seconds=0.8)
    )
    try:
        yield clients, got
    finally:
        closing.set()
        clients.close()
        listening.shutdown()
        serving.join()
        listening.server_close()


@given(st.floats(0.01, 60))
def test_connecting_and_reading_together_stay_within_the_time(seconds: float) -> None:
    assert sum(timeouts(seconds).values()) <= seconds * (1 + 1e-9)
    assert min(timeouts(seconds).values()) > 0


def test_a_write_whose_token_came_too_late_is_not_sent_and_the_next_one_is() -> None:
    time = Time()
    identity = SlowIdentity(time, 40)
    clients = Clients(Credentials(Endpoint(), identity), time.retry())
    with responses.RequestsMock() as http:
        with pytest.raises(NotSent, match="nothing was sent"):
            delete(clients)
        assert len(http.calls) == 0
        http.delete(f"{GROUP}containerGroups/x", status=204)
        delete(clients)
        assert len(http.calls) == 1
    clients.close()


def test_a_token_that_took_part_of_the_time_leaves_the_request_the_rest() -> None:
    time = Time()
    clients = Clients(Credentials(Endpoint(), SlowIdentity(time, 8)), time.retry())
    with responses.RequestsMock() as http:
        http.delete(f"{GROUP}containerGroups/x", status=204)
        delete(clients)
        assert sum(http.calls[0].request.req_kwargs["timeout"]) == pytest.approx(2)  # type: ignore[attr-defined]
    clients.close()


def test_a_write_whose_names_were_found_too_late_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    find = socket.getaddrinfo

    def slowly(*args: Any, **more: Any) -> Any:
        time.take(40)
        return find(*args, **more)

    with server() as (real, got):
        clients = Clients(real.credentials, time.retry())
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", slowly)
            with pytest.raises(NotSent, match="nothing was sent"):
                delete(clients)
        assert got == []
        delete(clients)
        assert len(got) == 1
        clients.close()


def test_a_write_that_found_nobody_listening_was_not_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        clients = Clients(Credentials(Endpoint.parse(f"http://127.0.0.1:{port}")))
        with pytest.raises(NotSent, match=r"deleting x: .*nothing was sent"):
            delete(clients)
        clients.close()


@pytest.mark.parametrize(
    ("answer", "stall"),
    [(b"", False), (b"", True), (b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\n{", True)],
    ids=["connection closed", "no answer", "half an answer"],
)
def test_a_write_that_left_may_have_been_taken_however_its_answer_got_lost(answer: bytes, stall: bool) -> None:
    with server(answer, stall) as (clients, got):
        with pytest.raises(Transient) as caught:
            delete(clients)
        assert type(caught.value) is Transient
        assert len(got) == 1


def test_a_read_that_found_nobody_listening_is_tried_again() -> None:
    time = Time()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = Endpoint.parse(f"http://127.0.0.1:{free.getsockname()[1]}")
        clients = Clients(Credentials(endpoint), time.retry(jitter=lambda: 1.0))
        with pytest.raises(Transient) as caught:
            read_profile(clients, "s", "g", "p")
        assert type(caught.value) is Transient
        assert time.now == 0.25 + 0.5 + 1.0
        clients.close()


def test_a_write_for_which_no_token_could_be_fetched_was_not_sent() -> None:
    from azure.core.exceptions import ServiceResponseError

    time = Time()
    identity = SlowIdentity(time, 1, ServiceResponseError("the sign-in service did not answer"))
    clients = Clients(Credentials(Endpoint(), identity), time.retry())
    with pytest.raises(NotSent, match="the sign-in service did not answer; nothing was sent"):
        delete(clients)
    clients.close()


def test_a_create_before_which_nothing_could_be_read_was_not_sent(azure: Azure) -> None:
    azure.world.faults.add(Fault.from_json({"method": "GET", "path": NAME, "status": 503, "times": None}))
    with pytest.raises(NotSent, match="the group was not created"):
        azure.groups().ensure(NAME, MARK)
    assert azure.writes() == []


@pytest.fixture
def throttled() -> Iterator[tuple[Clients, Time, responses.RequestsMock]]:
    """Clients with a virtual time whose answers the test gives."""
    time = Time()
    retry = time.retry(attempts=1)
    wall = datetime(2026, 1, 1, tzinfo=UTC)
    clients = Clients(Credentials(Endpoint(), SlowIdentity(time, 0)), retry, now=lambda: wall)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield clients, time, http
    clients.close()


@pytest.mark.parametrize(("status", "first"), [(429, Throttled), (503, Transient)])
def test_a_service_that_says_when_to_come_back_is_left_alone_until_then(
    throttled: tuple[Clients, Time, responses.RequestsMock], status: int, first: type[ProviderError]
) -> None:
    clients, time, http = throttled
    http.delete(f"{GROUP}containerGroups/x", status=status, headers={"Retry-After": "90"})
    with pytest.raises(first):
        delete(clients)
    time.take(89)
    clients.close()
    with pytest.raises(
        NotSent, match=r"Microsoft\.ContainerInstance .* subscription s until 2026-01-01T00:01:30Z"
    ) as caught:
        delete(clients)
    assert caught.value.retry_after == 1
    assert len(http.calls) == 1
    time.take(1)
    http.replace("DELETE", f"{GROUP}containerGroups/x", status=204)
    delete(clients)
    assert len(http.calls) == 2


def test_another_subscription_and_another_provider_stay_open(
    throttled: tuple[Clients, Time, responses.RequestsMock],
) -> None:
    clients, _, http = throttled
    http.delete(f"{GROUP}containerGroups/x", status=429, headers={"Retry-After": "90"})
    with pytest.raises(Throttled):
        delete(clients)
    http.get(
        "https://management.azure.com/subscriptions/s/resourceGroups/g/providers/"
        "Microsoft.Network/trafficmanagerprofiles/p",
        json={"name": "p"},
    )
    assert read_profile(clients, "s", "g", "p") == {"name": "p"}
    http.delete(f"{GROUP.replace('/s/', '/t/')}containerGroups/x", status=204)
    clients.write("x", clients.containers("t").container_groups.begin_delete, "g", "x", polling=False)
    assert len(http.calls) == 3


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {}), (500, {"Retry-After": "90"}), (429, {"Retry-After": "inf"})]
)
def test_an_answer_that_says_nothing_of_later_calls_closes_nothing(
    throttled: tuple[Clients, Time, responses.RequestsMock], status: int, headers: dict[str, str]
) -> None:
    clients, _, http = throttled
    http.delete(f"{GROUP}containerGroups/x", status=status, headers=headers)
    for _ in range(2):
        with pytest.raises(Transient) as caught:
            delete(clients)
        assert type(caught.value) is not NotSent
    assert len(http.calls) == 2
