"""Every verb works through a daemon as it works here: the verbs' own tests, typed with `--server`."""

from __future__ import annotations

import os

import pytest

from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.test_hold import *  # noqa: F403
from tests.unit.orchestrator.cli.test_people import *  # noqa: F403 - all of them, also those that are yet to be written
from tests.unit.orchestrator.cli.test_readers import *  # noqa: F403
from tests.unit.orchestrator.remote.far import ACTS, LOOKS, Far, far

ONLY_HERE = {
    "test_no_wait_is_refused_and_nothing_recorded_when_no_engine_runs": "a daemon is an engine",
    "test_status_names_the_engine_that_runs_the_rollout_or_says_that_none_does": "a daemon is an engine",
    "test_an_unexpected_error_is_one_short_line_and_a_traceback_only_on_demand": "it breaks the store in this process",
    "test_the_schema_is_one_json_document_that_names_its_dialect": "the verb runs here",
    "test_validate_lists_every_problem_at_once_and_touches_nothing": "the verb runs here",
}
for _name in ONLY_HERE:
    del globals()[_name]


@pytest.mark.parametrize("verb", ["validate", "schema", "emulator", "demo", "daemon"])
def test_a_verb_that_runs_here_refuses_a_server_that_was_typed(desk: Far, verb: str) -> None:
    assert desk.type(verb, *(["x.yaml"] if verb in ("validate", "daemon") else [])) == 2
    assert f"`rollout {verb}` runs here" in desk.told


def test_a_verb_that_runs_here_leaves_the_server_of_the_environment_alone(
    desk: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_SERVER", "http://127.0.0.1:1")
    assert super(Far, desk).type("schema") == 0


def test_a_server_of_the_environment_is_asked_like_one_that_was_typed(
    desk: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put(states.holding())
    monkeypatch.setenv("ROLLOUT_SERVER", desk.server)
    assert super(Far, desk).type("status", "storefront", "-o", "json") == 0
    assert desk.document["engine"] == "daemon"


def test_a_store_that_was_typed_wins_over_the_servers_environment_and_both_typed_are_refused(
    desk: Far, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    desk.put(states.holding())
    monkeypatch.setenv("ROLLOUT_SERVER", desk.server)
    url = f"sqlite:///{tmp_path}/own.db"
    assert super(Far, desk).type("status", "storefront", "--store", url, "-o", "json") == 0
    assert desk.document["rollout"] is None
    assert desk.type("status", "--store", url) == 2
    assert "name two memories" in desk.told


def test_a_word_without_a_waiting_engine_is_left_to_the_daemon(desk: Far) -> None:
    rollout = desk.put(states.holding())
    assert desk.type("abort", "storefront", "--no-wait", "-o", "json") == 0
    assert desk.document["engine"] == "daemon"
    (command,) = desk.store.load(rollout.id).commands
    assert command.kind.value == "abort"


def test_who_spoke_is_recorded_with_the_name_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_TOKEN", ACTS)
    with far(Far(), tokens=True) as desk:
        rollout = desk.put(states.holding())
        assert desk.type("promote", "storefront", "--no-wait", "--actor", "ana") == 0
        assert [said.actor for said in desk.store.load(rollout.id).commands] == ["ana via ci"]
        assert desk.type("suspend", "storefront", "--reason", "freeze", "--actor", "ana") == 0
        held = desk.store.suspended("storefront", desk.clock.now())
        assert held is not None
        assert held.actor == "ana via ci"
        assert desk.type("unsuspend", "storefront", "--actor", "bo") == 0
        last = desk.store.events("storefront")[-1].event
        assert (last.kind, dict(last.data)["actor"]) == ("service_unsuspended", "bo via ci")


def test_who_may_only_look_sees_everything_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_TOKEN", LOOKS)
    with far(Far(), tokens=True) as desk:
        rollout = desk.put(states.holding())
        for words in (("status",), ("why", "storefront"), ("events", "storefront"), ("history",)):
            assert desk.type(*words) == 0, desk.told
        for words in (("abort", "storefront"), ("suspend", "--all", "--reason", "x"), ("undo", "storefront")):
            assert desk.type(*words) == 7, words
            assert "this needs the scope operate" in desk.told
        assert desk.store.load(rollout.id).commands == ()
        assert desk.store.suspended("storefront", desk.clock.now()) is None


@pytest.mark.parametrize("token", [None, "something-else"])
def test_without_a_good_token_nothing_is_told_and_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    monkeypatch.delenv("ROLLOUT_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("ROLLOUT_TOKEN", token)
    with far(Far(), tokens=True) as desk:
        desk.put(states.holding())
        assert desk.type("status", "storefront") == 7
        assert "ROLLOUT_TOKEN" in desk.told
        assert "something-else" not in desk.told
        assert "1.5.0" not in desk.said
