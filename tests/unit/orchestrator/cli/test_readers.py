"""The verbs that only read: status, why, events, history, and the checks of a manifest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.cli.verbs import VERBS
from strategies.journal import event
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


def test_status_of_a_service_nobody_knows_is_none_and_says_how_to_begin(desk: Desk) -> None:
    assert desk.type("status", "storefront", "-o", "json") == 0
    assert (desk.document["outcome"], desk.document["rollout"]) == ("none", None)
    assert desk.type("status", "storefront") == 0
    assert "`rollout start FILE` begins" in desk.said


def test_status_of_everything_is_a_table_and_in_json_a_list(desk: Desk) -> None:
    desk.put(states.holding())
    other = replace(states.service(), name="basket")
    desk.put(states.holding(rollout=states.fresh(other, rollout_id="b1")))
    assert desk.type("status") == 0
    assert [line.split()[1] for line in desk.said.splitlines()[1:]] == ["basket", "storefront"]
    assert desk.type("status", "-o", "json") == 0
    assert [entry["service"] for entry in desk.document["services"]] == ["basket", "storefront"]


@pytest.mark.parametrize(
    ("rollout", "code"),
    [
        (states.promoted(), 0),
        (states.rolled_back(), 3),
        (states.holding(asks_person=True), 4),
        (states.holding(), 5),
        (states.stuck(), 8),
    ],
    ids=["promoted", "rolledBack", "waiting", "running", "stuck"],
)
def test_status_leaves_with_zero_unless_the_outcomes_code_is_asked_for(desk: Desk, rollout, code: int) -> None:  # type: ignore[no-untyped-def]
    desk.put(rollout)
    assert desk.type("status", "storefront") == 0
    assert desk.type("status", "storefront", "--exit-code") == code


def test_status_names_the_engine_that_runs_the_rollout_or_says_that_none_does(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    desk.type("status", "storefront", "-o", "json")
    assert desk.document["engine"] == "none"
    desk.type("status", "storefront")
    assert "engine     none: nothing moves until `rollout start` is run again" in desk.said
    desk.engine_elsewhere(rollout)
    desk.type("status", "storefront", "-o", "json")
    assert desk.document["engine"] == "daemon"


def test_watching_without_a_terminal_prints_changes_line_by_line_until_the_end(desk: Desk) -> None:
    rollout = desk.put(states.holding())

    def promote() -> None:
        desk.store.record(rollout.id, [event(desk.clock.now(), "weight_confirmed", "westeurope", share=50.0)])
        desk._save(desk.store.load(rollout.id), states.promoted())
        desk.clock.meanwhile = lambda: None

    desk.clock.meanwhile = promote
    assert desk.type("status", "storefront", "--watch") == 0
    lines = desk.said.split("\n\n")[-1].splitlines()
    assert any("weight_confirmed" in line and "share=50" in line for line in lines)
    assert any("rollout_ended" in line and "outcome=promoted" in line for line in lines)
    assert "\x1b" not in desk.said


def test_watching_in_a_terminal_redraws_in_place_and_the_last_picture_stays(desk: Desk) -> None:
    desk.out.terminal = True
    rollout = desk.put(states.holding())

    def promote() -> None:
        desk._save(desk.store.load(rollout.id), states.promoted())
        desk.clock.meanwhile = lambda: None

    desk.clock.meanwhile = promote
    assert desk.type("status", "storefront", "--watch") == 0
    assert desk.said.count("storefront") > 1
    assert "1.5.0 serves" in desk.said.split("holding")[-1]


def test_colours_are_for_terminals_and_no_color_turns_them_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(states.holding())
    desk.type("status", "storefront")
    assert "\x1b[" not in desk.said
    desk.out.terminal = True
    desk.type("status", "storefront")
    assert "\x1b[" in desk.said
    desk.type("status", "storefront", "--no-color")
    assert "\x1b[" not in desk.said
    monkeypatch.setenv("NO_COLOR", "1")
    desk.type("status", "storefront")
    assert "\x1b[" not in desk.said


def test_why_gives_rule_numbers_limits_and_the_lines_to_type(desk: Desk) -> None:
    desk.put(states.rolled_back())
    assert desk.type("why", "storefront") == 0
    assert "storefront-x failed 3 probes in a row (limit 3): status 500" in desk.said
    assert "rollout retry storefront" in desk.said
    assert desk.type("why", "storefront", "-o", "json") == 0
    document = desk.document
    assert document["reason"]["evidence"]["limit"] == 3
    assert document["rules"]
    assert document["commands"][0]["command"] == "rollout retry storefront"


def test_why_of_a_service_nobody_knows_says_how_to_begin(desk: Desk) -> None:
    assert desk.type("why", "storefront", "-o", "json") == 0
    assert desk.document["outcome"] == "none"


def test_events_are_shown_in_order_with_their_numbers(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    assert desk.type("events", "storefront", "-o", "json") == 0
    kinds = [entry["kind"] for entry in desk.document["events"]]
    assert kinds[0] == "rollout_submitted"
    assert "phase_changed" in kinds
    assert [entry["seq"] for entry in desk.document["events"]] == list(range(1, len(kinds) + 1))
    assert desk.type("events", "storefront", "--rollout", rollout.id) == 0
    assert len(desk.said.splitlines()) == len(kinds)
    assert "tag=1.5.0" in desk.said


def test_events_of_a_rollout_nobody_knows_are_bad_usage(desk: Desk) -> None:
    assert desk.type("events", "storefront", "--rollout", "nope") == 2
    assert "no rollout has the id 'nope'" in desk.told


def test_followed_events_of_a_rollout_end_with_it_and_are_one_json_document(desk: Desk) -> None:
    rollout = desk.put(states.holding())

    def end() -> None:
        desk._save(desk.store.load(rollout.id), states.promoted())
        desk.clock.meanwhile = lambda: None

    desk.clock.meanwhile = end
    assert desk.type("events", "storefront", "--follow", "--rollout", rollout.id, "-o", "json") == 0
    kinds = [entry["kind"] for entry in desk.document["events"]]
    assert (kinds[0], kinds.count("rollout_submitted"), "rollout_ended" in kinds) == ("rollout_submitted", 1, True)


def test_an_interrupt_ends_a_followed_document_properly(desk: Desk) -> None:
    desk.put(states.holding())

    def interrupt() -> None:
        raise KeyboardInterrupt

    desk.clock.meanwhile = interrupt
    assert desk.type("events", "storefront", "--follow", "-o", "json") == 130
    assert desk.document["events"]


def test_history_shows_the_newest_first_with_outcome_and_reason(desk: Desk) -> None:
    desk.put(replace(states.promoted(), id="one"))
    desk.put(replace(states.rolled_back(), id="two"))
    assert desk.type("history", "storefront", "-o", "json") == 0
    assert [entry["outcome"] for entry in desk.document["rollouts"]] == ["rolledBack", "promoted"]
    assert desk.type("history", "--limit", "1") == 0
    assert "two" in desk.said
    assert "status 500" in desk.said
    assert "one" not in desk.said.split()


def test_an_unexpected_error_is_one_short_line_and_a_traceback_only_on_demand(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_service: str) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(desk.store, "latest", broken)
    assert desk.type("status", "storefront", "-o", "json") == 1
    assert desk.document["error"]["code"] == 1
    assert desk.told.startswith("error: unexpected ZeroDivisionError: oh; ")
    assert "Traceback" not in desk.told
    desk.type("status", "storefront", "--debug")
    assert desk.told.startswith("Traceback (most recent call last)")
    assert "\nerror: unexpected ZeroDivisionError: oh; " in desk.told


def test_the_schema_is_one_json_document_that_names_its_dialect(desk: Desk) -> None:
    assert desk.type("schema") == 0
    assert "2020-12" in json.loads(desk.said)["$schema"]


def test_validate_lists_every_problem_at_once_and_touches_nothing(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("service: Storefront\nimage: contoso.azurecr.io/shop/storefront:1\nnonsense: 1\n")
    assert desk.type("validate", str(file)) == 2
    problems = [line for line in desk.told.splitlines() if line.startswith(f"{file}:")]
    assert len(problems) >= 3
    assert desk.type("validate", str(file), "-o", "json") == 2
    assert desk.document["valid"] is False
    assert len(desk.document["problems"]) == len(problems)
    assert set(desk.document["problems"][0]) == {"file", "line", "path", "message"}


def test_a_verb_that_cannot_be_loaded_is_an_unexpected_error_without_a_traceback(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = VERBS["status"]._replace(home="orchestrator.cli.no_such_module:status")
    monkeypatch.setitem(VERBS, "status", broken)
    assert desk.type("status", "-o", "json") == 1
    assert "ModuleNotFoundError" in desk.document["error"]["message"]
    assert "Traceback" not in desk.told
