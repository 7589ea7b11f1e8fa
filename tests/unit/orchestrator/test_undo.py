"""Going back while the old side is still warm: the rollout under way is taken back, at once and for good."""

from __future__ import annotations

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.result import outcome_of
from orchestrator.store.records import Suspension
from orchestrator.wish import Refused, Submission, Way
from strategies.model import Outcome, Rollout
from strategies.phases import RETURNING_HOME, Phase
from tests.unit.orchestrator.yard import MANIFEST, Yard

SLOW = MANIFEST.replace("steps: [50], hold: 60s", "steps: [50, {share: 100, hold: 60s}], hold: 20s")
SLOW = SLOW.replace("margin: 1s", "margin: 300s")


@pytest.fixture
def yard() -> Yard:
    """v1 and v2 were promoted, quickly; what comes now holds at 100 % for a minute and drains for five."""
    yard = Yard()
    for version in ("v1", "v2"):
        assert yard.release(version).rollout.outcome is Outcome.PROMOTED
    yard.manifest = SLOW
    return yard


def undo(yard: Yard, to: str | None = None, *, steps: bool = False) -> Submission:
    return LocalDesk(yard.app).undo("shop", to, steps=steps, actor="ana", reason="it is slow")


def until(yard: Yard, phase: Phase, share: float = 100.0) -> Rollout:
    """v3, driven until it is in this phase at this share."""
    rollout_id = yard.under_way("v3", 1.0)
    for _ in range(200):
        state = yard.store.load(rollout_id).target("west")
        if state.phase is phase and state.asked is not None and state.asked.share == share:
            return yard.store.load(rollout_id)
        yard.drive(rollout_id, timeout_seconds=2.0)
    raise AssertionError(f"never {phase} at {share}")


WARM = [Phase.HOLDING, Phase.DRAINING]


@pytest.mark.parametrize("phase", WARM)
def test_while_the_old_side_is_warm_the_rollout_under_way_turns_back_within_one_tick(yard: Yard, phase: Phase) -> None:
    running = until(yard, phase)
    answer = undo(yard)
    assert (answer.way, answer.revision) == (Way.RETURNING, running.previous)
    assert answer.rollout is not None and answer.rollout.id == running.id
    began = yard.clock.now()
    yard.drive(running.id, timeout_seconds=1.0)
    assert yard.store.load(running.id).target("west").phase in RETURNING_HOME
    assert (yard.clock.now() - began).total_seconds() <= 1.0
    ended = yard.drive(running.id).rollout
    assert outcome_of(ended) == "rolledBack"
    (only,) = yard.groups()
    assert running.previous is not None and only.mark is not None
    assert only.mark.revision == running.previous.id


@pytest.mark.parametrize("phase", WARM)
def test_what_it_leaves_is_held_back_from_the_watcher_at_once_and_afterwards(yard: Yard, phase: Phase) -> None:
    running = until(yard, phase)
    undo(yard)
    assert yard.store.poisoned("shop") == {running.revision.id: "undone by ana: it is slow"}
    yard.drive(running.id)
    with pytest.raises(Refused, match="rolled back before"):
        yard.submit("v3")


def test_the_journal_says_who_turned_it_back_and_why(yard: Yard) -> None:
    running = until(yard, Phase.DRAINING)
    undo(yard)
    yard.drive(running.id, timeout_seconds=1.0)
    (taken,) = [s.event for s in yard.store.events(rollout=running.id) if s.event.kind == "command_taken"]
    data = dict(taken.data)
    assert (data["command"], data["actor"], data["reason"]) == ("abort", "ana", "it is slow")


def test_asked_for_again_it_attaches_and_does_not_go_back_further(yard: Yard) -> None:
    running = until(yard, Phase.DRAINING)
    undo(yard)
    assert undo(yard).way is Way.RETURNING, "before the engine has read it"
    yard.drive(running.id, timeout_seconds=2.0)
    again = undo(yard)
    assert (again.way, again.revision) == (Way.RETURNING, running.previous)
    assert yard.said(running.id) == []
    assert outcome_of(yard.drive(running.id).rollout) == "rolledBack"


@pytest.mark.parametrize("to", ["v2", "digest"])
def test_to_the_revision_before_it_goes_back_from_any_share(yard: Yard, to: str) -> None:
    running = until(yard, Phase.HOLDING, 50.0)
    assert running.previous is not None
    answer = undo(yard, running.previous.digest if to == "digest" else to)
    assert (answer.way, answer.revision) == (Way.RETURNING, running.previous)
    assert yard.said(running.id) == ["abort"]


def test_to_an_older_revision_it_is_a_rollout_of_its_own(yard: Yard) -> None:
    until(yard, Phase.DRAINING)
    answer = undo(yard, "v1")
    assert answer.way is Way.AFTER
    assert answer.revision is not None and answer.revision.tag == "v1"


def test_to_an_older_revision_what_gives_way_to_it_is_held_back_as_well(yard: Yard) -> None:
    running = until(yard, Phase.HOLDING, 50.0)
    answer = undo(yard, "v1")
    assert (answer.way, answer.revision and answer.revision.tag) == (Way.AFTER, "v1")
    assert yard.said(running.id) == ["supersede"]
    assert set(yard.store.poisoned("shop")) == {running.revision.id}


def test_by_steps_it_is_a_rollout_of_its_own_to_what_served_before_once_the_candidate_has_everything(
    yard: Yard,
) -> None:
    running = until(yard, Phase.DRAINING)
    answer = undo(yard, steps=True)
    assert (answer.way, answer.revision) == (Way.AFTER, running.previous)
    assert yard.said(running.id) == []
    assert yard.store.poisoned("shop") == {}


def test_an_undo_that_is_itself_warm_is_not_undone_by_a_second_one(yard: Yard) -> None:
    left = yard.store.promoted("shop")[-1][1]
    first = undo(yard)
    assert first.way is Way.BEGUN and first.rollout is not None
    for _ in range(100):
        yard.drive(first.rollout.id, timeout_seconds=2.0)
        if yard.store.load(first.rollout.id).target("west").phase is Phase.DRAINING:
            break
    again = undo(yard)
    assert (again.way, again.rollout and again.rollout.id) == (Way.ATTACHED, first.rollout.id)
    back = undo(yard, "v2")
    assert (back.way, back.revision) == (Way.RETURNING, left)
    assert not yard.store.is_poisoned("shop", left.id), "a person asked for it by name"
    assert yard.store.is_poisoned("shop", first.rollout.revision.id)


def test_once_the_old_side_is_on_its_way_out_a_new_rollout_leads_back_to_what_was_retained(yard: Yard) -> None:
    yard.manifest = SLOW.replace("margin: 300s", "margin: 1s") + "retain: 10m\n"
    running = until(yard, Phase.RETIRING)
    assert undo(yard).way is Way.AFTER
    assert yard.said(running.id) == []
    yard.drive(running.id)
    begun = undo(yard)
    assert begun.way is Way.BEGUN and begun.rollout is not None
    warm, new = running.target("west").stable, begun.rollout.target("west").candidate
    assert [slot.name for slot in new] == [slot.name for slot in warm]


def test_a_suspension_does_not_keep_anybody_from_going_back(yard: Yard) -> None:
    until(yard, Phase.DRAINING)
    yard.store.suspend(Suspension("shop", "bo", "frozen", yard.clock.now()))
    assert undo(yard).way is Way.RETURNING


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    yard = Yard(manifest=SLOW)
    yard.under_way("v1", 3.0)
    with pytest.raises(Refused) as error:
        undo(yard)
    assert error.value.code == "nothingToUndo"
