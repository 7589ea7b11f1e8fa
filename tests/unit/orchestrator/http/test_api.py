"""The API as a tool of somebody's own uses it: what it may, what comes of it, and what it can never disturb."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.http.api import Api
from orchestrator.http.api_asked import signed
from orchestrator.http.api_routes import ROUTES
from orchestrator.http.api_work import Crew, Waiting
from orchestrator.http.guard import Guard
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.memory import MemoryStore
from orchestrator.wiring import App
from strategies.model import CommandKind, Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import ACTS, LOOKS, Answered, Far, ask, far, serving

SERVICE = "/api/v1/services/storefront"


@pytest.fixture
def desk() -> Iterator[Far]:
    """A daemon with one rollout under way, for those who have a token."""
    here = Desk()
    here.put(states.holding())
    with far(here, tokens=True) as opened:
        yield opened


def say(desk: Far, token: str = ACTS, **body: Any) -> Answered:
    return ask(desk.server, "POST", f"{SERVICE}/commands", body, token=token)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_each_path_asks_for_its_scope_and_refuses_without_it_before_it_reads_anything(desk: Far, route: Any) -> None:
    path = f"/api/v1{route.path.replace('{service}', 'storefront')}"
    assert ask(desk.server, route.method, path, b"{").status == 401
    assert ask(desk.server, route.method, path, b"{", token="unknown").status == 401
    looking = ask(desk.server, route.method, path, None if route.method == "GET" else b"{", token=LOOKS)
    assert looking.status == (200 if route.scope == "read" else 403)


def test_a_command_is_recorded_for_the_rollout_under_way_and_its_number_is_told(desk: Far) -> None:
    answer = say(desk, kind="promoteFull", reason="it is good", actor="ana")
    assert (answer.status, answer.document["command"]) == (200, 1)
    (command,) = desk.store.load(answer.document["rollout"]).commands
    assert (command.kind, command.actor, command.reason) == (CommandKind.PROMOTE_FULL, "ana via ci", "it is good")


def test_a_command_that_would_be_passed_over_is_refused_with_its_reason_and_not_recorded(desk: Far) -> None:
    answer = say(desk, kind="resume")
    assert (answer.status, answer.document["outcome"]) == (409, "refused")
    assert answer.document["reason"]["code"] == "notPaused"
    assert desk.store.load(answer.document["rollout"]).commands == ()


def test_what_stands_in_a_command_that_cannot_be_meant_is_told_at_once(desk: Far) -> None:
    answer = say(desk, kind="supersede", reason=5, extra=True)
    assert answer.status == 400
    assert [each["path"] for each in answer.document["error"]["problems"]] == ["kind", "reason", "extra"]
    assert [p["path"] for p in say(desk, kind="settle").document["error"]["problems"]] == ["argument", "reason"]
    assert [p["path"] for p in say(desk, kind="pause", argument="x").document["error"]["problems"]] == ["argument"]


@pytest.mark.parametrize("name", ["nobody", "Storefront", "..", "a" * 41, "x%2Fy"])
def test_a_service_that_nobody_knows_is_not_found(desk: Far, name: str) -> None:
    for path in ("", "/why", "/events", "/history"):
        answer = ask(desk.server, "GET", f"/api/v1/services/{name}{path}", token=LOOKS)
        assert answer.status == 404, answer.body


@pytest.mark.parametrize(
    ("said", "token", "recorded"),
    [
        ("ana", "ci", "ana via ci"),
        ("ana via admin", "ci", "ana via admin via ci"),
        ("", "ci", "ci"),
        ("ci", "ci", "ci"),
        ("ana", "", "ana"),
        ("ana via admin", "", "ana by way of admin"),
        ("", "", "api"),
        ("a\n b\tc", "", "a b c"),
        ("x" * 500, "", "x" * 200),
    ],
)
def test_nobody_poses_as_another_in_silence(said: str, token: str, recorded: str) -> None:
    assert signed(said, token) == recorded


def test_a_large_body_is_refused_and_one_that_just_fits_is_read(desk: Far) -> None:
    assert ask(desk.server, "POST", "/api/v1/plan", b"x" * ((4 << 20) + 1), token=ACTS).status == 413
    assert ask(desk.server, "POST", "/api/v1/plan", b" " * (4 << 20), token=ACTS).status == 400


def test_a_store_that_does_not_answer_is_503_with_its_reason(desk: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_self: object, _service: str) -> Rollout | None:
        raise StoreUnavailable("postgresql://db: connection refused")

    monkeypatch.setattr(MemoryStore, "latest", silent)
    answer = ask(desk.server, "GET", SERVICE, token=LOOKS)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert answer.document["error"]["code"] == "storeUnavailable"


def test_a_mistake_of_ours_is_told_vaguely(desk: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _service: str) -> Rollout | None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(MemoryStore, "latest", broken)
    answer = ask(desk.server, "GET", SERVICE, token=LOOKS)
    assert answer.status == 500
    assert b"hunter2" not in answer.body


def test_waiting_for_an_event_ends_with_the_event(desk: Far) -> None:
    known = ask(desk.server, "GET", f"{SERVICE}/events", token=LOOKS).document["next"]
    found: list[Answered] = []
    path = f"{SERVICE}/events?after={known}&wait=30"
    waiting = threading.Thread(target=lambda: found.append(ask(desk.server, "GET", path, token=LOOKS)))
    waiting.start()
    time.sleep(0.1)
    assert found == []
    rollout = desk.store.latest("storefront")
    assert rollout is not None
    desk.put(replace(states.holding(), id="2" * 12, service=replace(rollout.service, name="other")))
    desk.store.record(rollout.id, _events(desk)[:1])
    waiting.join()
    assert [each["seq"] for each in found[0].document["events"]] == [known + 1]


def _events(desk: Far) -> list[Any]:
    return [stored.event for stored in desk.store.events("storefront")]


def test_waiting_without_an_event_ends_in_time_and_never_outlasts_the_server(desk: Far) -> None:
    known = ask(desk.server, "GET", f"{SERVICE}/events", token=LOOKS).document["next"]
    answer = ask(desk.server, "GET", f"{SERVICE}/events?after={known}&wait=1", token=LOOKS)
    assert (answer.status, answer.document["events"], answer.document["next"]) == (200, [], known)
    assert ask(desk.server, "GET", f"{SERVICE}/events?wait=31", token=LOOKS).status == 400


def test_a_server_that_stops_answers_those_who_wait_and_leaves_nobody_behind() -> None:
    here = Desk()
    here.put(states.holding())
    before = threading.active_count()
    found: list[Answered] = []
    with far(here) as desk:
        path = f"{SERVICE}/events?after=1000&wait=30"
        waiting = threading.Thread(target=lambda: found.append(ask(desk.server, "GET", path)))
        waiting.start()
        time.sleep(0.3)
    waiting.join()
    assert found[0].document["events"] == []
    assert threading.active_count() <= before


def test_those_who_wait_are_bounded_in_number() -> None:
    here = Desk()
    here.put(states.holding())
    api = Api(LocalDesk(App(here.store, here.clock)), Guard(), here.clock, waiting=Waiting(0))
    with serving(api) as url:
        answer = ask(url, "GET", f"{SERVICE}/events?after=1000&wait=5")
        assert (answer.status, answer.headers["retry-after"]) == (429, "2")
        assert ask(url, "GET", f"{SERVICE}/events").status == 200


class Slow(LocalDesk):
    """A desk whose registry answers only when it is let."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.let, self.asked = threading.Event(), threading.Semaphore(0)

    def digest(self, image: Any) -> str:
        self.asked.release()
        self.let.wait(20)
        return "sha256:" + "a" * 64


def test_a_slow_registry_takes_the_few_places_it_has_and_holds_up_nobody_else() -> None:
    here = Desk()
    here.put(states.holding())
    desk = Slow(App(here.store, here.clock))
    api = Api(desk, Guard(), here.clock, slow=Crew(2, 20.0, 0.2))
    answers: list[int] = []
    with serving(api) as url:

        def resolve() -> None:
            answers.append(ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"}).status)

        threads = [threading.Thread(target=resolve) for _ in range(2)]
        for each in threads:
            each.start()
            desk.asked.acquire()
        crowded = ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"})
        assert (crowded.status, crowded.document["error"]["code"]) == (503, "busy")
        assert ask(url, "GET", SERVICE).status == 200
        desk.let.set()
        for each in threads:
            each.join()
        assert answers == [200, 200]
        assert ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"}).status == 200


def test_work_that_takes_too_long_is_given_up_and_keeps_its_place_until_it_is_over() -> None:
    desk = Slow(App(MemoryStore()))
    api = Api(desk, Guard(), slow=Crew(1, 0.2, 0.1))
    with serving(api) as url:
        late = ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"})
        assert (late.status, late.document["error"]["code"]) == (504, "tooSlow")
        assert ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"}).status == 503
        desk.let.set()
        for _ in range(100):
            if ask(url, "POST", "/api/v1/resolve", {"image": "h.io/x:1"}).status == 200:
                break
        else:
            pytest.fail("the place was never free again")
