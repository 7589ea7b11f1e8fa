"""An undo takes back what was released last: at every step, in every plight, and nothing besides it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.result import outcome_of
from orchestrator.wish import Refused, Submission, Way
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import RETURNING_HOME, Phase
from tests.unit.orchestrator.hybrid import HYBRID, HybridYard
from tests.unit.orchestrator.sourced import adopting
from tests.unit.orchestrator.test_hybrid_waves import until as until_there
from tests.unit.orchestrator.yard import MANIFEST, Yard

ASKS = MANIFEST.replace("steps: [50], hold: 60s", "steps: [20, {share: 50, approve: true}], hold: 20s")


def undo(yard: Yard, to: str | None = None, *, steps: bool = False) -> Submission:
    return LocalDesk(yard.app).undo("shop", to, steps=steps, actor="ana", reason="it is bad")


def until(yard: Yard, holds: Callable[[Rollout], bool], manifest: str = ASKS) -> Rollout:
    """v7, driven until it stands like this."""
    yard.manifest = manifest
    begun = yard.submit("v7").rollout
    assert begun is not None
    for _ in range(300):
        if holds(yard.store.load(begun.id)):
            return yard.store.load(begun.id)
        yard.drive(begun.id, timeout_seconds=0.5)
    raise AssertionError("never stood like this")


def serving(*versions: str) -> Yard:
    yard = Yard()
    for version in versions:
        assert yard.release(version).rollout.outcome is Outcome.PROMOTED
    return yard


def phase(wanted: Phase, share: float | None = None) -> Callable[[Rollout], bool]:
    def stands(rollout: Rollout) -> bool:
        (state,) = rollout.targets
        return state.phase is wanted and (share is None or (state.asked is not None and state.asked.share == share))

    return stands


def said(yard: Yard, rollout: Rollout, kind: CommandKind) -> Rollout:
    yard.store.command(rollout.id, kind, "bo", at=yard.clock.now())
    yard.drive(rollout.id, timeout_seconds=0.5)
    return yard.store.load(rollout.id)


def break_candidate(yard: Yard, rollout: Rollout) -> None:
    """Delete the candidate's group by hand, which condemns it."""
    (slot,) = rollout.target("west").candidate
    yard.app.hands(yard.wish(None).loaded)["west"].workloads.retire(slot.name)


def fresh(yard: Yard) -> Rollout:
    return until(yard, phase(Phase.PENDING))


def preparing(yard: Yard) -> Rollout:
    return until(yard, phase(Phase.PREPARING))


def shifting(yard: Yard) -> Rollout:
    return until(yard, phase(Phase.SHIFTING, 20.0))


def holding(yard: Yard) -> Rollout:
    return until(yard, phase(Phase.HOLDING, 20.0))


def paused(yard: Yard) -> Rollout:
    rollout = said(yard, holding(yard), CommandKind.PAUSE)
    assert rollout.paused is not None
    return rollout


def waiting(yard: Yard) -> Rollout:
    """It waits for an approval."""
    return until(yard, lambda rollout: rollout.targets[0].asks_person)


def condemned(yard: Yard) -> Rollout:
    """A verdict has paused it."""
    rollout = until(yard, phase(Phase.HOLDING, 50.0), ASKS + "onFailure: pause\n")
    break_candidate(yard, rollout)
    yard.drive(rollout.id, timeout_seconds=60.0)
    rollout = yard.store.load(rollout.id)
    assert rollout.paused is not None
    return rollout


def failed(yard: Yard) -> Rollout:
    """A verdict takes it back already."""
    rollout = holding(yard)
    break_candidate(yard, rollout)
    for _ in range(100):
        yard.drive(rollout.id, timeout_seconds=0.5)
        found = yard.store.load(rollout.id)
        if found.failure is not None and found.targets[0].phase in RETURNING_HOME:
            return found
    raise AssertionError("never failed")


def aborted(yard: Yard) -> Rollout:
    """Somebody else takes it back already."""
    rollout = said(yard, holding(yard), CommandKind.ABORT)
    assert rollout.aborted is not None
    return rollout


@pytest.mark.parametrize("history", [("v1",), ("v1", "v2")], ids=["one before", "two before"])
@pytest.mark.parametrize(
    "plight",
    [fresh, preparing, shifting, holding, paused, waiting, condemned, failed, aborted],
    ids=lambda p: p.__name__,
)
def test_it_takes_back_the_rollout_under_way_and_leaves_what_serves(
    plight: Callable[[Yard], Rollout], history: tuple[str, ...]
) -> None:
    yard = serving(*history)
    running = plight(yard)
    answer = undo(yard)
    assert (answer.way, answer.revision) == (Way.RETURNING, running.previous)
    assert answer.rollout is not None and answer.rollout.id == running.id
    assert set(yard.store.poisoned("shop")) == {running.revision.id}
    assert undo(yard).way is Way.RETURNING, "asked again it goes no further back"
    assert outcome_of(yard.drive(running.id).rollout) == "rolledBack"
    (only,) = yard.groups()
    assert only.mark is not None and only.mark.tag == history[-1]
    assert yard.store.active("shop") is None
    assert set(yard.store.poisoned("shop")) == {running.revision.id}


def test_by_steps_it_takes_back_at_once_what_has_not_got_everything() -> None:
    yard = serving("v1", "v2")
    running = holding(yard)
    assert undo(yard, steps=True).way is Way.RETURNING
    assert yard.said(running.id) == ["abort"]


def test_where_the_old_side_is_going_already_a_new_rollout_leads_back_to_it_and_not_past_it() -> None:
    yard = serving("v1", "v2")
    running = until(yard, phase(Phase.RETIRING), MANIFEST)
    answer = undo(yard)
    assert (answer.way, answer.revision) == (Way.AFTER, running.previous)
    assert yard.store.poisoned("shop") == {}, "it has not begun"
    assert yard.drive(running.id).rollout.outcome is Outcome.PROMOTED
    assert answer.revision is not None
    begun = undo(yard, answer.revision.id)
    assert (begun.way, begun.revision) == (Way.BEGUN, running.previous)
    assert set(yard.store.poisoned("shop")) == {running.revision.id}


def test_one_that_gives_way_to_a_newer_one_is_left_for_what_served_before_both() -> None:
    yard = serving("v1", "v2")
    running = holding(yard)
    assert yard.submit("v8").way is Way.AFTER
    answer = undo(yard)
    assert (answer.way, answer.revision) == (Way.AFTER, running.previous)
    assert yard.said(running.id) == ["supersede"]
    yard.drive(running.id)
    assert answer.revision is not None
    assert undo(yard, answer.revision.id).way is Way.NOTHING
    newer = yard.under_way("v8", 30.0)
    assert undo(yard, answer.revision.id).way is Way.RETURNING
    assert outcome_of(yard.drive(newer).rollout) == "rolledBack"


def test_new_groups_of_the_revision_that_serves_are_taken_back_and_it_is_not_held_to_be_bad() -> None:
    yard = serving("v1", "v2")
    yard.manifest = ASKS
    running = yard.under_way("v2", 30.0, redeploy=True)
    for _ in range(2):
        assert undo(yard).way is Way.RETURNING
    assert yard.store.poisoned("shop") == {}
    assert yard.said(running) == ["abort"]


def test_a_first_release_beside_what_was_adopted_gives_way_to_it() -> None:
    bench = adopting(500)
    running = bench.submit("v7").rollout
    assert running is not None
    answer = LocalDesk(bench.app).undo("shop", None, steps=False, actor="ana", reason="it is bad")
    assert (answer.way, answer.revision) == (Way.RETURNING, None)
    assert "what was adopted still runs beside v7" in answer.message
    assert bench.said(running.id) == ["abort"]


def test_a_first_release_alone_is_refused_with_the_word_that_takes_it_away() -> None:
    yard = Yard()
    yard.under_way("v1", 3.0)
    with pytest.raises(Refused, match="`rollout abort shop` takes away what is under way") as error:
        undo(yard)
    assert error.value.code == "nothingToUndo"


def test_to_what_serves_there_is_nothing_to_do() -> None:
    yard = serving("v1", "v2")
    assert undo(yard, "v2").way is Way.NOTHING
    assert yard.store.poisoned("shop") == {}


def test_where_one_wave_has_no_old_side_left_the_other_goes_no_further_and_a_rollout_brings_the_first_back() -> None:
    yard = HybridYard(manifest=HYBRID.replace("{bake: 15s}", "{bake: 15s, retire: perWave}"))
    for version in ("v1", "v2"):
        assert yard.release(version).rollout.outcome is Outcome.PROMOTED
    begun = yard.submit("v7").rollout
    assert begun is not None
    running = until_there(yard, begun.id, "onprem", Phase.HOLDING)
    assert running.target("west").phase is Phase.PROMOTED
    desk = LocalDesk(yard.app)
    answer = desk.undo("shop", None, steps=False, actor="ana", reason="it is bad")
    assert (answer.way, answer.revision) == (Way.AFTER, running.previous)
    assert set(yard.store.poisoned("shop")) == {running.revision.id}
    ended = yard.drive(running.id).rollout
    assert ended.target("onprem").phase is Phase.ROLLED_BACK
    assert answer.revision is not None
    back = desk.undo("shop", answer.revision.id, steps=False, actor="ana", reason="it is bad")
    assert (back.way, back.revision) == (Way.BEGUN, running.previous)
    assert back.rollout is not None
    assert yard.drive(back.rollout.id).rollout.outcome is Outcome.PROMOTED
    assert set(yard.store.poisoned("shop")) == {running.revision.id}
