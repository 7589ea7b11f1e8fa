"""What people say to a rollout: recorded with who and why, refused where it cannot apply, followed until taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.cli.actor import actor
from strategies.commands import FAILED
from strategies.model import CommandKind, Reason
from strategies.phases import Phase
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


def test_a_pause_waits_until_the_other_process_has_taken_it_and_shows_where_it_stands(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout)
    assert desk.type("pause", "storefront", "--actor", "ana", "--reason", "lunch") == 0
    paused = desk.store.load(rollout.id).paused
    assert paused == Reason("pause", "pause by ana: lunch", (("actor", "ana"),))
    assert "paused" in desk.said
    assert "pause recorded for rollout" in desk.told


def test_with_json_output_there_is_one_document_and_progress_goes_to_standard_error(desk: Desk) -> None:
    desk.engine_elsewhere(desk.put(states.holding()))
    assert desk.type("--output", "json", "pause", "storefront") == 0
    assert (desk.document["outcome"], desk.document["engine"]) == ("waiting", "daemon")
    assert desk.told.startswith("pause recorded")


def test_quiet_leaves_only_the_result(desk: Desk) -> None:
    desk.engine_elsewhere(desk.put(states.holding()))
    assert desk.type("pause", "storefront", "-q") == 0
    assert desk.told == ""
    assert desk.said.startswith("● storefront")


def test_no_wait_records_and_leaves_when_an_engine_runs(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout, works=False)
    assert desk.type("promote", "storefront", "--full", "--no-wait") == 0
    (command,) = desk.store.load(rollout.id).commands
    assert command.kind is CommandKind.PROMOTE_FULL


def test_no_wait_is_refused_and_nothing_recorded_when_no_engine_runs(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    assert desk.type("abort", "storefront", "--no-wait", "-o", "json") == 7
    assert desk.document["outcome"] == "refused"
    assert desk.document["reason"]["code"] == "noEngine"
    assert desk.store.load(rollout.id).commands == ()


def test_a_word_that_nobody_takes_in_time_stays_recorded_and_says_so(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout, works=False)
    assert desk.type("pause", "storefront", "--timeout", "3s", "-o", "json") == 5
    assert desk.document["outcome"] == "timedOut"
    assert len(desk.store.load(rollout.id).commands) == 1
    assert "not taken within 3 s" in desk.told


def test_an_abort_with_nothing_under_way_is_no_error(desk: Desk) -> None:
    assert desk.type("abort", "storefront", "-o", "json") == 0
    assert desk.document["outcome"] == "none"
    desk.put(states.promoted())
    assert desk.type("abort", "storefront", "-o", "json") == 0
    assert (desk.document["outcome"], desk.document["reason"]["code"]) == ("promoted", "nothingUnderWay")


@pytest.mark.parametrize("words", [("pause",), ("resume",), ("approve",), ("promote", "--full")])
def test_every_other_word_with_nothing_under_way_is_refused_and_says_what_to_run(
    desk: Desk, words: tuple[str, ...]
) -> None:
    assert desk.type(*words, "storefront") == 7
    assert desk.told.startswith("error: nothing is under way for storefront")
    assert "`rollout start FILE`" in desk.told


def test_an_abort_that_comes_too_late_is_refused_and_says_how_to_go_back(desk: Desk) -> None:
    rollout = desk.put(states.holding(100.0, phase=Phase.RETIRING))
    assert desk.type("abort", "storefront") == 7
    assert "too late to abort storefront" in desk.told
    assert "`rollout undo storefront`" in desk.told
    assert desk.store.load(rollout.id).commands == ()


def test_what_would_be_passed_over_in_silence_is_refused_before_it_is_recorded(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    for words, code in (
        (("resume", "storefront"), "notPaused"),
        (("retry", "storefront"), "nothingToRetry"),
        (("settle", "storefront", "--serving", "stable", "--reason", "x"), "notStuck"),
    ):
        assert desk.type(*words, "-o", "json") == 7
        assert desk.document["reason"]["code"] == code
        assert desk.document["rollout"] == rollout.id
    assert desk.store.load(rollout.id).commands == ()


def test_retry_forgets_a_verdict_that_paused_the_rollout(desk: Desk) -> None:
    rollout = desk.put(replace(states.holding(), paused=Reason(FAILED, "would roll back: 3 probes failed")))
    desk.engine_elsewhere(rollout)
    assert desk.type("retry", "storefront") == 0
    assert desk.store.load(rollout.id).paused is None


def test_retry_judges_anew_what_was_resumed_against_its_verdict(desk: Desk) -> None:
    rollout = desk.put(states.holding(failure=Reason("probesFailed", "3 probes failed")))
    desk.engine_elsewhere(rollout)
    assert desk.type("retry", "storefront") == 0
    assert desk.store.load(rollout.id).targets[0].failure is None


def test_retry_after_a_rollback_pardons_the_revision_and_says_to_run_start(desk: Desk) -> None:
    rollout = desk.put(states.rolled_back())
    assert desk.store.is_poisoned("storefront", rollout.revision.id)
    assert desk.type("retry", "storefront", "--actor", "ana") == 0
    assert not desk.store.is_poisoned("storefront", rollout.revision.id)
    assert "run `rollout start FILE`" in desk.said
    assert [e.event.kind for e in desk.store.events("storefront")][-1] == "revision_pardoned"
    assert desk.type("retry", "storefront") == 7


def test_settle_says_which_side_serves_and_demands_a_reason(desk: Desk) -> None:
    rollout = desk.put(states.stuck())
    desk.engine_elsewhere(rollout)
    assert desk.type("settle", "storefront", "--serving", "stable") == 2
    assert desk.type("settle", "storefront", "--serving", "stable", "--reason", "it is fine again") == 0
    assert desk.store.load(rollout.id).targets[0].phase is Phase.RETURNING


def test_the_actor_is_the_one_named_then_the_cis_then_the_machines_user() -> None:
    assert actor("ana", {"GITHUB_ACTOR": "bot"}) == "ana"
    assert actor(None, {"GITHUB_ACTOR": "bot"}) == "bot"
    assert actor(None, {"BUILD_REQUESTEDFOREMAIL": "ana@contoso.com"}) == "ana@contoso.com"
    assert "@" in actor(None, {})


def test_the_actor_of_the_environment_is_recorded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLOUT_ACTOR", "release-bot")
    rollout = desk.put(states.holding())
    desk.engine_elsewhere(rollout, works=False)
    assert desk.type("approve", "storefront", "--no-wait") == 0
    assert desk.store.load(rollout.id).commands[0].actor == "release-bot"


def test_suspending_one_service_or_all_is_seen_in_status_and_lifted_each_by_itself(desk: Desk) -> None:
    desk.put(states.promoted())
    assert desk.type("suspend", "--all", "--reason", "freeze", "--until", "2h", "--actor", "ana") == 0
    assert desk.type("status", "storefront") == 0
    assert "suspended  by ana until 2026-03-04 14:00 UTC: freeze" in desk.said
    assert desk.type("unsuspend", "storefront") == 0
    assert "stays held back by the suspension of all" in desk.said
    assert desk.type("unsuspend", "--all") == 0
    assert desk.store.suspended("storefront", states.NOW) is None


@pytest.mark.parametrize(
    "words",
    [
        ("suspend", "--reason", "x"),
        ("suspend", "storefront", "--all", "--reason", "x"),
        ("suspend", "storefront"),
        ("suspend", "storefront", "--reason", "x", "--until", "yesterday"),
        ("suspend", "storefront", "--reason", "x", "--until", "2020-01-01T00:00Z"),
        ("unsuspend",),
        ("promote", "storefront", "--timeout", "soon"),
    ],
)
def test_a_word_that_makes_no_sense_is_bad_usage_and_changes_nothing(desk: Desk, words: tuple[str, ...]) -> None:
    desk.put(states.promoted())
    assert desk.type(*words) == 2
    assert desk.told.startswith("error: ")
    assert desk.store.suspended("storefront", states.NOW) is None
