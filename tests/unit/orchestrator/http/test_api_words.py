"""The command line's wire and the paths for tools refuse the same words, and both write down who did what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.clock import Clock
from orchestrator.desk import LocalDesk
from orchestrator.http.api import Api
from orchestrator.http.credentials import tokens_of
from orchestrator.http.guard import Guard
from orchestrator.remote.calls import VERSION_HEADER, WIRE_HEADER
from orchestrator.store.memory import MemoryStore
from orchestrator.wiring import App
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.remote.far import ACTS, TOKENS, Answered, ask, serving
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE


class Heard:
    """A log that remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, /, **keys: str | int | float | bool | None) -> None:
        self.said.append((event, dict(keys)))

    warning = info


class Office:
    """A daemon's API over a desk's store."""

    def __init__(self, desk: Desk, log: Heard, url: str) -> None:
        self.desk, self.log, self.url = desk, log, url
        self.store: MemoryStore = desk.store
        self.clock: Clock = desk.clock

    def call(self, name: str, **arguments: Any) -> Answered:
        """Ask as the command line does."""
        return ask(self.url, "POST", f"/api/v1/calls/{name}", arguments, token=ACTS, **{WIRE_HEADER: "1"})

    def rest(self, method: str, path: str, **body: Any) -> Answered:
        """Ask as a tool does."""
        return ask(self.url, method, f"/api/v1{path}", body or None, token=ACTS)


@pytest.fixture
def office() -> Iterator[Office]:
    desk, log = Desk(), Heard()
    local = LocalDesk(App(desk.store, desk.clock), log=log)
    with serving(Api(local, Guard(tokens_of(TOKENS)), desk.clock)) as url:
        yield Office(desk, log, url)


def held(**more: Any) -> dict[str, Any]:
    """A suspension as the command line sends it."""
    return {
        "service": "storefront",
        "actor": "ana",
        "reason": "freeze",
        "at": "2026-03-04T12:00:00Z",
        "until": None,
        **more,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"reason": "a\x1b[2Jb"},
        {"reason": "a\x00b"},
        {"reason": "x" * 100_000},
        {"reason": " "},
        {"actor": "\x1b[31mred"},
        {"actor": "x" * 300},
        {"until": "2026-03-04T11:00:00Z"},
        {"until": "2030-01-31T18:00:00"},
        {"until": "9999-12-31T23:59:59-12:00"},
    ],
)
def test_what_one_door_refuses_of_a_suspension_the_other_refuses_too(office: Office, more: dict[str, Any]) -> None:
    office.desk.put(states.promoted())
    over_wire = office.call("suspend", suspension=held(**more))
    by_path = office.rest("PUT", "/services/storefront/suspension", **{"reason": "freeze", **more})
    for answer in (over_wire, by_path):
        assert (answer.status, answer.document["error"]["code"]) == (400, "badRequest"), answer.body
        assert b"\\u001b" not in answer.body
    assert office.store.suspended("storefront", office.clock.now()) is None
    assert [e.event.kind for e in office.store.events("storefront") if "suspended" in e.event.kind] == []


@pytest.mark.parametrize("name", ["Bad Name!", "x\x1b[2J", "*", "x" * 100_000])
def test_no_call_takes_a_name_that_no_service_can_have(office: Office, name: str) -> None:
    asked: dict[str, dict[str, Any]] = {
        "suspend": {"suspension": held(service=name)},
        "unsuspend": {"service": name, "actor": "ana", "reason": ""},
        "latest": {"service": name},
        "undo": {"service": name, "to": None, "steps": False, "actor": "a", "reason": ""},
    }
    for call, arguments in asked.items():
        assert office.call(call, **arguments).status == 400, call
    assert office.store.suspended(name, office.clock.now()) is None


def test_a_time_without_its_zone_is_refused_wherever_it_stands(office: Office) -> None:
    answer = office.call("suspended", service="storefront", now="2030-01-31T18:00:00")
    assert (answer.status, answer.document["error"]["problems"][0]["path"]) == (400, "now")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("supersede", {}),
        ("settle", {"argument": "stable"}),
        ("settle", {"argument": "both", "reason": "x"}),
        ("pause", {"reason": "a\x1bb"}),
        ("pause", {"argument": "stable"}),
    ],
)
def test_a_word_that_makes_no_sense_is_recorded_by_neither_door(
    office: Office, kind: str, more: dict[str, str]
) -> None:
    rollout = office.desk.put(states.holding())
    said = {"rollout_id": rollout.id, "kind": kind, "actor": "ana", "at": "2026-03-04T12:00:00Z", **more}
    assert office.call("command", **said).status == 400
    assert office.rest("POST", "/services/storefront/commands", kind=kind, **more).status == 400
    assert office.store.load(rollout.id).commands == ()


def test_an_emergency_without_a_reason_is_begun_by_neither_door(office: Office) -> None:
    snapshot = {"manifest": MANIFEST, "file": "x.yaml", "templates": [["t.yaml", TEMPLATE]], "variables": []}
    wish = {"snapshot": snapshot, "emergency": True, "actor": "ana", "reason": ""}
    over_wire = office.call("submit", wish=wish)
    by_path = office.rest(
        "POST", "/rollouts", manifest=MANIFEST, templates={"t.yaml": TEMPLATE}, emergency=True, actor="ana"
    )
    for answer in (over_wire, by_path):
        assert (answer.status, answer.document["error"]["problems"][0]["path"]) == (400, "reason"), answer.body
    assert office.store.services() == []


@pytest.mark.parametrize("value", ["{value: hunter2}", "[hunter2]"])
def test_a_secret_of_several_values_stays_with_its_sender_by_either_door(office: Office, value: str) -> None:
    secure = f"environmentVariables: [{{name: K, secureValue: {value}}}]"
    text = TEMPLATE.replace("environmentVariables: [{name: FLAVOUR, value: FLAVOUR_OF_TODAY}]", secure)
    snapshot = {"manifest": MANIFEST, "file": "x.yaml", "templates": [["t.yaml", text]], "variables": []}
    for answer in (
        office.call("submit", wish={"snapshot": snapshot, "actor": "ana", "reason": ""}),
        office.rest("POST", "/rollouts", manifest=MANIFEST, templates={"t.yaml": text}),
    ):
        assert (answer.status, answer.document["error"]["code"]) == (400, "manifest"), answer.body
        assert b"must be one text or number" in answer.body
        assert b"hunter2" not in answer.body
    assert office.store.services() == []


def test_lifting_a_suspension_by_path_says_who_and_why_in_the_journal_and_in_the_log(office: Office) -> None:
    office.desk.put(states.promoted())
    path = "/services/storefront/suspension"
    assert office.rest("PUT", path, reason="freeze", actor="ana").document["known"] is True
    lifted = office.rest("DELETE", f"{path}?reason=over&actor=bo")
    assert (lifted.status, lifted.document["suspended"], lifted.document["known"]) == (200, False, True)
    last = office.store.events("storefront")[-1].event
    assert (last.kind, dict(last.data)) == (
        "service_unsuspended",
        {"actor": "bo via ci", "reason": "over", "all": False},
    )
    assert ("service_unsuspended", {"service": "storefront", "actor": "bo via ci", "reason": "over"}) in office.log.said


def test_of_a_service_without_a_journal_the_log_says_who_held_it_back_and_let_it_go(office: Office) -> None:
    path = "/services/storefornt/suspension"
    assert office.rest("PUT", path, reason="freeze", actor="ana").document["known"] is False
    assert office.rest("DELETE", f"{path}?actor=bo").document["known"] is False
    said = [(event, keys["service"], keys["actor"]) for event, keys in office.log.said]
    assert said == [
        ("service_suspended", "storefornt", "ana via ci"),
        ("service_unsuspended", "storefornt", "bo via ci"),
    ]


def test_the_same_suspension_sent_again_is_written_once(office: Office) -> None:
    office.desk.put(states.promoted())
    for _ in range(2):
        assert office.call("suspend", suspension=held()).status == 200
    assert [e.event.kind for e in office.store.events("storefront")].count("service_suspended") == 1


def test_a_refusal_for_want_of_a_token_says_that_a_daemon_refuses(office: Office) -> None:
    for token in (None, "something-else"):
        answer = ask(office.url, "POST", "/api/v1/calls/services", {}, token=token)
        assert (answer.status, VERSION_HEADER.lower() in answer.headers) == (401, True)
