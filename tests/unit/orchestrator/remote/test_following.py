"""Following a rollout that a daemon drives: through the API, or through a store that both share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote

import pytest

from orchestrator.cli.session import Session
from orchestrator.desk import LocalDesk
from orchestrator.holder import PRESENCE
from orchestrator.http.api import Api
from orchestrator.http.guard import Guard
from orchestrator.http.server import Server
from orchestrator.lease import this_process
from orchestrator.manifest.loader import from_snapshot
from orchestrator.manifest.problems import ManifestError
from orchestrator.store.records import Owner, Snapshot
from orchestrator.wiring import App
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli import test_follow as near
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import Far, ask
from tests.unit.orchestrator.yard import MANIFEST


def at(seconds: float, desk: Desk, happens: Callable[[], object]) -> None:
    """Let something happen once that much of the desk's time has passed."""
    due, before = desk.clock.now() + timedelta(seconds=seconds), desk.clock.meanwhile
    done: list[bool] = []

    def meanwhile() -> None:
        before()
        if not done and desk.clock.now() >= due:
            done.append(True)
            happens()

    desk.clock.meanwhile = meanwhile


def test_a_server_that_is_gone_is_asked_again_for_a_minute_and_then_left_to_go_on(desk: Far) -> None:
    rollout = desk.put(states.holding())
    guard = Guard()
    server = Server("127.0.0.1:0", Api(LocalDesk(App(desk.store, desk.clock)), guard, desk.clock).routes(), guard=guard)
    host, port = server.start()
    desk.server = f"http://{host}:{port}"
    at(5.0, desk, server.stop)
    began = desk.clock.now()
    assert desk.type("approve", "storefront", "--follow", "-o", "json") == 5
    assert 60 <= (desk.clock.now() - began).total_seconds() <= 75
    assert (desk.document["outcome"], desk.document["engine"]) == ("timedOut", "daemon")
    assert desk.document["rollout"] == rollout.id
    assert "what a daemon has begun it goes on with" in desk.document["reason"]["message"]
    assert "another process goes on" in desk.told


def test_a_server_that_comes_back_within_the_minute_is_followed_on(desk: Far) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout)
    guard = Guard()
    routes = Api(LocalDesk(App(desk.store, desk.clock)), guard, desk.clock).routes()
    first = Server("127.0.0.1:0", routes, guard=guard)
    host, port = first.start()
    again = Server(f"{host}:{port}", routes, guard=guard)
    desk.server = f"http://{host}:{port}"
    at(2.0, desk, first.stop)
    at(20.0, desk, again.start)
    try:
        assert desk.type("pause", "storefront", "--follow", "--timeout", "50s", "-o", "json") == 4
    finally:
        first.stop()
        again.stop()
    assert (desk.document["outcome"], desk.document["engine"]) == ("waiting", "daemon")


def presence(desk: Desk, owner: Owner | None = None) -> None:
    """Hold the row of a store's daemon, as a process on another host does, which nobody here can see die."""
    elsewhere = owner or Owner("another host", "boot", 7, "then")
    expires = desk.clock.now() + timedelta(hours=1)
    assert desk.store.lease_take(PRESENCE, elsewhere, expires, seen=desk.store.lease_of(PRESENCE)) is not None


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with a store that a daemon shares."""
    monkeypatch.delenv("ROLLOUT_SERVER", raising=False)
    return Desk()


def test_what_is_submitted_to_a_shared_store_is_left_to_the_daemon_that_lives_there(
    shared: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = shared.put(states.holding())
    presence(shared)
    monkeypatch.setattr(Session, "desk", near.App(shared, near.ended))
    taken: list[float] = []
    began = shared.clock.monotonic()

    def take() -> None:
        taken.append(shared.clock.monotonic() - began)
        shared.engine_elsewhere(rollout)

    at(0.5, shared, take)
    assert shared.type("pause", "storefront", "-o", "json") == 0
    assert taken
    assert shared.document["engine"] == "daemon"
    assert shared.store.load(rollout.id).paused is not None


def test_a_daemon_that_takes_nothing_for_five_seconds_is_not_waited_for(
    shared: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = shared.put(states.holding())
    presence(shared)
    monkeypatch.setattr(Session, "desk", near.App(shared, near.ended))
    began = shared.clock.monotonic()
    assert shared.type("approve", "storefront", "--follow", "-o", "json") == 0
    assert 5.0 <= shared.clock.monotonic() - began < 7.0
    assert (shared.document["outcome"], shared.document["engine"]) == ("promoted", "self")
    assert shared.store.load(rollout.id).handled == 1


def test_a_word_that_the_daemon_does_not_take_is_taken_by_this_process(
    shared: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = shared.put(states.holding())
    presence(shared)
    monkeypatch.setattr(Session, "desk", near.App(shared, near.ended))
    assert shared.type("promote", "storefront", "-o", "json") == 0
    assert shared.document["outcome"] == "promoted"
    assert shared.store.load(rollout.id).handled == 1


def test_with_a_log_format_the_daemons_events_are_logged_here(desk: Far) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout)
    words = ("pause", "storefront", "--follow", "--timeout", "3s", "--log-format", "json")
    assert desk.type(*words) == 4
    logged = [json.loads(text) for text in desk.told.splitlines() if text.startswith("{")]
    assert [each["event"] for each in logged[:2]] == ["command_taken", "rollout_paused"]


def test_without_a_daemon_nobody_is_waited_for(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shared.put(states.holding())
    monkeypatch.setattr(Session, "desk", near.App(shared, near.ended))
    began = shared.clock.monotonic()
    assert shared.type("approve", "storefront", "--follow") == 0
    assert shared.clock.monotonic() - began < 1.0


def test_a_daemon_that_died_on_this_host_is_no_daemon(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    shared.put(states.holding())
    presence(shared, Owner(me.host, me.boot, 2**22 - 3, "1"))
    monkeypatch.setattr(Session, "desk", near.App(shared, near.ended))
    assert shared.type("abort", "storefront", "--no-wait") == 7
    assert "--no-wait needs an engine" in shared.told


def test_with_a_daemon_on_the_store_nobody_has_to_wait(shared: Desk) -> None:
    rollout = shared.put(states.holding())
    presence(shared)
    assert shared.type("abort", "storefront", "--no-wait", "-o", "json") == 0
    assert shared.document["engine"] == "daemon"
    assert [said.kind.value for said in shared.store.load(rollout.id).commands] == ["abort"]


def test_the_daemons_row_can_be_no_services_lease(desk: Far) -> None:
    assert ask(desk.server, "GET", f"/api/v1/services/{quote(PRESENCE, safe='')}").status == 404
    with pytest.raises(ManifestError, match="service"):
        from_snapshot(Snapshot(MANIFEST.replace("service: shop", f"service: {PRESENCE}"), "x.yaml"), strict=True)
