"""`rollout undo` while the old side is still warm: its words, its exit code, and what its reports say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strategies.model import Reason, Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


def ends_as(desk: Desk, ending: Callable[[], Rollout], began: Rollout | None = None) -> None:
    """Let an engine elsewhere bring a rollout, which drains unless it is given, to this end while we sleep."""
    rollout = desk.put(began or states.draining())
    desk.engine_elsewhere(rollout, works=False)

    def end() -> None:
        desk.clock.meanwhile = lambda: None
        before = desk.store.load(rollout.id)
        handled = max((each.seq for each in before.commands), default=0)
        desk._save(before, replace(ending(), service=before.service, handled=handled))

    desk.clock.meanwhile = end


def test_an_undo_that_takes_the_rollout_back_is_a_success_and_says_what_it_did(desk: Desk) -> None:
    ends_as(desk, states.rolled_back)
    assert desk.type("undo", "storefront", "--reason", "it is slow", "--actor", "ana") == 0
    assert "1.4.2 (1da3a277) still runs beside 1.5.0 (e9112b87), which is taken back now" in desk.told
    assert "1.4.2 serves" in desk.said
    (said,) = [each.event for each in desk.store.events("storefront") if each.event.kind == "command_taken"]
    assert dict(said.data) == {"command": "abort", "actor": "ana", "reason": "it is slow", "argument": ""}


@pytest.mark.parametrize(
    "stands",
    [states.holding(), states.asking(), replace(states.holding(), paused=Reason("pause", "pause by bo"))],
    ids=["holding", "waiting for a person", "paused"],
)
def test_at_a_step_it_is_the_abort_of_that_rollout_and_a_success(desk: Desk, stands: Rollout) -> None:
    ends_as(desk, states.rolled_back, stands)
    assert desk.type("undo", "storefront", "--reason", "it is slow") == 0
    assert "1.5.0 (e9112b87), which is taken back now" in desk.told
    assert set(desk.store.poisoned("storefront")) == {stands.revision.id}


def test_its_document_tells_the_rollouts_own_outcome(desk: Desk) -> None:
    ends_as(desk, states.rolled_back)
    assert desk.type("undo", "storefront", "-o", "json") == 0
    assert (desk.document["outcome"], desk.document["phase"]) == ("rolledBack", "rolledBack")


def test_its_reports_hold_no_failure(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ends_as(desk, states.rolled_back)
    assert desk.type("undo", "storefront", "--junit", "junit.xml", "--summary", "summary.md") == 0
    report = Path("junit.xml").read_text()
    assert 'failures="0"' in report and 'errors="0"' in report
    assert ": undone\n" in Path("summary.md").read_text()


def test_where_the_engine_had_gone_too_far_by_then_it_asks_for_a_rollout_that_leads_back(desk: Desk) -> None:
    ends_as(desk, states.promoted)
    # This store knows of no rollout that promoted the version before, so there is nothing to begin one from.
    assert desk.type("undo", "storefront", "-o", "json") == 7
    assert desk.document["reason"]["code"] == "nothingToUndo"


def test_an_impatient_undo_leaves_the_rollout_on_its_way_back(desk: Desk) -> None:
    rollout = desk.put(states.draining())
    desk.engine_elsewhere(rollout)
    assert desk.type("undo", "storefront", "--timeout", "5s", "-o", "json") == 5
    assert desk.document["reason"]["code"] == "abort"
    assert desk.store.load(rollout.id).aborted is not None
