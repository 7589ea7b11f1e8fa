"""Health and metrics: told however busy the rest is, and only to those who may know."""

from __future__ import annotations

import threading

import pytest

from orchestrator.http import health as module
from orchestrator.http.credentials import tokens_of
from orchestrator.http.guard import Guard
from orchestrator.http.health import State, health
from orchestrator.http.scrape import metrics
from tests.unit.orchestrator.http.serving import Client, serving

GUARDED = {"ROLLOUT_READ_TOKEN": "prometheus=scrape-it"}
FINE: State = (True, ())


class Standing:
    def __init__(self, alive: State = FINE, ready: State = FINE) -> None:
        self._alive, self._ready = alive, ready

    def alive(self) -> State:
        return self._alive

    def ready(self) -> State:
        return self._ready


def test_a_daemon_that_is_well_is_alive_and_ready() -> None:
    with serving(health(Standing())) as client:
        for path, word in (("/healthz", "alive"), ("/readyz", "ready")):
            found = client.ask("GET", path)
            assert (found.status, found.document) == (200, {"status": word, "reasons": []})
            assert client.ask("HEAD", path).status == 200


def test_what_is_wrong_is_said_with_its_reasons() -> None:
    standing = Standing((False, ("the loop has not turned for 40 s",)), (False, ("the store does not answer",)))
    with serving(health(standing)) as client:
        stuck, not_ready = client.ask("GET", "/healthz"), client.ask("GET", "/readyz")
    assert (stuck.status, stuck.document["reasons"]) == (503, ["the loop has not turned for 40 s"])
    assert (not_ready.status, not_ready.document["reasons"]) == (503, ["the store does not answer"])


def test_a_question_that_fails_is_why_the_daemon_is_not_ready() -> None:
    class Fails(Standing):
        def ready(self) -> State:
            raise OSError("postgresql://user:hunter2@db")

    with serving(health(Fails())) as client:
        found = client.ask("GET", "/readyz")
    assert (found.status, found.document["reasons"]) == (503, ["the question failed: OSError"])


def test_a_store_that_hangs_is_asked_once_and_everybody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_READY_SECONDS", 0.05)
    go_on = threading.Event()
    asked = []

    class Hangs(Standing):
        def ready(self) -> State:
            asked.append(1)
            go_on.wait(10)
            return FINE

    with serving(health(Hangs())) as client:
        for _ in range(3):
            found = client.ask("GET", "/readyz")
            assert (found.status, found.document["reasons"]) == (503, ["no answer came within 0.05 s"])
        assert client.ask("GET", "/healthz").status == 200
        assert len(asked) == 1
        go_on.set()
        assert any(client.ask("GET", "/readyz").status == 200 for _ in range(100))


def scraped(guard: Guard, listen: str, headers: dict[str, str]) -> int:
    with serving(metrics(lambda: b"rollout_up 1\n", guard), guard=guard, listen=listen) as client:
        return Client("127.0.0.1", client.port).ask("GET", "/metrics", headers=headers).status


@pytest.mark.parametrize(
    ("settings", "listen", "host", "token", "status"),
    [
        ({}, "127.0.0.1:0", "localhost", "", 200),
        ({}, "127.0.0.1:0", "rebound.example", "", 403),
        (GUARDED, "127.0.0.1:0", "localhost", "", 200),
        (GUARDED, "127.0.0.1:0", "rollout.contoso.com", "", 401),
        (GUARDED, "127.0.0.1:0", "rollout.contoso.com", "scrape-it", 200),
        (GUARDED, "0.0.0.0:0", "localhost", "", 401),
        (GUARDED, "0.0.0.0:0", "localhost", "scrape-it", 200),
    ],
)
def test_metrics_are_open_to_this_machine_and_else_for_who_may_read(
    settings: dict[str, str], listen: str, host: str, token: str, status: int
) -> None:
    headers = {"Host": host, **({"Authorization": f"Bearer {token}"} if token else {})}
    assert scraped(Guard(tokens_of(settings)), listen, headers) == status


@pytest.mark.parametrize(
    ("settings", "token", "status"), [({}, "", 403), (GUARDED, "", 401), (GUARDED, "scrape-it", 200)]
)
def test_metrics_are_not_open_to_those_for_whom_a_proxy_on_this_machine_asks(
    settings: dict[str, str], token: str, status: int
) -> None:
    headers = {"Host": "localhost", "X-Forwarded-For": "203.0.113.7"} | (
        {"Authorization": f"Bearer {token}"} if token else {}
    )
    assert scraped(Guard(tokens_of(settings)), "127.0.0.1:0", headers) == status


def test_metrics_are_prometheus_text() -> None:
    with serving(metrics(lambda: b"rollout_up 1\n", Guard())) as client:
        found = client.ask("GET", "/metrics")
    assert found.body == b"rollout_up 1\n"
    assert found.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
