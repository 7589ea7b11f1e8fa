"""What becomes of a wish: begun, attached to, put off or refused, and what that leaves behind."""

from __future__ import annotations

import pytest

from orchestrator.result import outcome_of, reason_of
from orchestrator.store.records import Suspension
from orchestrator.submit import submit
from orchestrator.undo import way_back
from orchestrator.wish import Refused, Way
from strategies.model import CommandKind, Outcome
from strategies.phases import Phase
from tests.unit.orchestrator.yard import MANIFEST, Yard


@pytest.fixture
def yard() -> Yard:
    return Yard()


def serving(yard: Yard, *versions: str) -> None:
    for version in versions:
        assert yard.release(version).rollout.outcome is Outcome.PROMOTED


def rolled_back(yard: Yard, version: str) -> str:
    """Take a version back by a person's word, after it had traffic."""
    rollout_id = yard.under_way(version, 30.0)
    assert yard.store.load(rollout_id).target("west").phase is Phase.HOLDING
    yard.store.command(rollout_id, CommandKind.ABORT, "ana", at=yard.clock.now())
    assert outcome_of(yard.drive(rollout_id).rollout) == "rolledBack"
    return rollout_id


def refused(yard: Yard, version: str | None, **more: object) -> str:
    with pytest.raises(Refused) as error:
        yard.submit(version, **more)
    return error.value.code


def test_an_undo_that_is_refused_bans_nothing(yard: Yard) -> None:
    serving(yard, "v1", "v2")
    left = yard.store.promoted("shop")[-1][1]
    yard.store.suspend(Suspension("shop", "bo", "frozen", yard.clock.now()))
    way = way_back(yard.app, "shop", None, steps=False, actor="ana", reason="")
    with pytest.raises(Refused):
        submit(yard.app, way.wish)
    assert not yard.store.is_poisoned("shop", left.id)


def test_an_undo_that_must_wait_bans_nothing_until_it_begins(yard: Yard) -> None:
    serving(yard, "v1", "v2")
    left = yard.store.promoted("shop")[-1][1]
    running = yard.under_way("v3")
    way = way_back(yard.app, "shop", "v1", steps=False, actor="ana", reason="")
    assert submit(yard.app, way.wish).way is Way.AFTER
    assert not yard.store.is_poisoned("shop", left.id)
    yard.drive(running)
    assert submit(yard.app, way.wish).way is Way.BEGUN
    assert yard.store.is_poisoned("shop", left.id)


def test_a_second_undo_does_not_go_back_to_what_the_first_one_left(yard: Yard) -> None:
    serving(yard, "v1", "v2")
    begun = submit(yard.app, way_back(yard.app, "shop", None, steps=False, actor="ana", reason="").wish)
    assert begun.rollout is not None
    yard.drive(begun.rollout.id)
    with pytest.raises(Refused, match="--to goes there"):
        way_back(yard.app, "shop", None, steps=False, actor="ana", reason="")
    assert way_back(yard.app, "shop", "v2", steps=False, actor="ana", reason="").wish.tag == "v2"


def test_a_pardon_counts_only_once_its_wish_has_begun(yard: Yard) -> None:
    serving(yard, "v1")
    bad = yard.store.load(rolled_back(yard, "v2")).revision.id
    running = yard.under_way("v3")
    assert yard.submit("v2", retry=True).way is Way.AFTER
    assert yard.store.is_poisoned("shop", bad)
    yard.drive(running)
    assert yard.submit("v2", retry=True).way is Way.BEGUN
    assert not yard.store.is_poisoned("shop", bad)


def test_the_mark_of_a_revision_taken_back_counts_in_a_store_with_other_memories(yard: Yard) -> None:
    serving(yard, "v1")
    own = yard.store
    yard.lose_store()
    rolled_back(yard, "v2")
    yard.store = own
    assert refused(yard, "v2") == "rolledBackBefore"


def test_a_recorded_pardon_outweighs_the_mark_after_another_interruption(yard: Yard) -> None:
    serving(yard, "v1")
    rolled_back(yard, "v2")
    begun = yard.submit("v2", retry=True)
    assert begun.rollout is not None
    yard.store.command(begun.rollout.id, CommandKind.SUPERSEDE, "ana", at=yard.clock.now(), argument="f" * 64)
    assert yard.drive(begun.rollout.id).rollout.outcome is Outcome.SUPERSEDED
    assert yard.submit("v2").way is Way.BEGUN


def test_a_revision_taken_back_again_after_its_pardon_is_refused_again(yard: Yard) -> None:
    serving(yard, "v1")
    rolled_back(yard, "v2")
    begun = yard.submit("v2", retry=True)
    assert begun.rollout is not None
    yard.drive(begun.rollout.id, timeout_seconds=30.0)
    yard.store.command(begun.rollout.id, CommandKind.ABORT, "ana", at=yard.clock.now())
    yard.drive(begun.rollout.id)
    assert refused(yard, "v2") == "rolledBackBefore"


def test_a_retained_group_that_may_not_be_deleted_stays_listed_and_stops_nobody(yard: Yard) -> None:
    yard.manifest = MANIFEST + "retain: 60s\n"
    serving(yard, "v1", "v2")
    (kept,) = yard.store.retained("shop")
    yard.clock.sleep(120.0)
    yard.locked = True
    begun = yard.submit("v3")
    assert begun.way is Way.BEGUN
    assert [entry.name for entry in yard.store.retained("shop")] == [kept.name]
    assert any(kept.name in note and "a lock forbids it" in note for note in begun.notes)


def test_a_leftover_of_an_ended_rollout_is_deleted_by_the_next_start_and_never_taken_for_who_serves(
    yard: Yard,
) -> None:
    serving(yard, "v1")
    (old,) = yard.groups()
    yard.locked = True
    serving(yard, "v2")
    assert old.name in {group.name for group in yard.groups()}
    yard.locked = False
    begun = yard.submit("v3")
    assert begun.rollout is not None
    assert begun.rollout.previous is not None
    assert begun.rollout.previous.tag == "v2"
    assert old.name not in {group.name for group in yard.groups()}
    assert begun.spare == ()


def test_a_leftover_that_may_still_not_be_deleted_is_listed_with_the_command_that_does_it(yard: Yard) -> None:
    serving(yard, "v1")
    (old,) = yard.groups()
    yard.locked = True
    serving(yard, "v2")
    begun = yard.submit("v3")
    (spare,) = begun.spare
    assert (spare.name, spare.remedy) == (old.name, f"az container delete --resource-group shop --name {old.name}")
    assert "a lock forbids it" in spare.sentence


def test_nothing_to_do_deletes_no_leftover_and_names_it(yard: Yard) -> None:
    serving(yard, "v1")
    (old,) = yard.groups()
    yard.locked = True
    serving(yard, "v2")
    yard.locked = False
    answer = yard.submit("v2")
    assert answer.way is Way.NOTHING
    assert [spare.name for spare in answer.spare] == [old.name]
    assert old.name in {group.name for group in yard.groups()}


def test_a_group_whose_routing_somebody_deleted_by_hand_is_not_deleted_as_a_leftover(yard: Yard) -> None:
    serving(yard, "v1")
    (only,) = yard.groups()
    yard.lose_profile()
    assert yard.submit("v2").way is Way.BEGUN
    assert [group.name for group in yard.groups()] == [only.name]


def test_a_resumed_rollout_whose_template_is_lost_is_aborted_at_once(yard: Yard) -> None:
    yard.manifest = MANIFEST.replace("template: t.yaml\n", "template: t.yaml\n      replicas: 2\n")
    serving(yard, "v1")
    rollout_id = yard.under_way("v2", 1.0)
    first = yard.app.hands(yard.wish(None).loaded)["west"].workloads
    second = [group.name for group in first.discover() if group.mark and group.mark.rollout == rollout_id][-1]
    first.retire(second)
    yard.clock.sleep(30.0)
    yard.lose_store()
    answer = yard.submit("v2", flavour="other")
    assert answer.way is Way.AFTER
    assert yard.said(rollout_id) == ["abort"]
    ended = yard.drive(rollout_id).rollout
    assert "template is lost" in reason_of(ended).message


def test_a_resumed_rollout_of_which_everything_stands_goes_on_whatever_the_template(yard: Yard) -> None:
    serving(yard, "v1")
    rollout_id = yard.under_way("v2", 30.0)
    yard.lose_store()
    yard.manifest = MANIFEST.replace("whileRunning: replace", "whileRunning: queue")
    assert yard.submit("v2", flavour="other").way is Way.AFTER
    assert yard.said(rollout_id) == []


def test_without_an_image_the_same_template_attaches_and_another_one_is_a_newer_revision(yard: Yard) -> None:
    serving(yard, "v1")
    rollout_id = yard.under_way("v2")
    assert yard.submit(None).way is Way.ATTACHED
    other = yard.submit(None, flavour="other")
    running = yard.store.load(rollout_id)
    assert other.way is Way.AFTER
    assert other.revision is not None
    assert other.revision.digest == running.revision.digest
    assert other.revision.id != running.revision.id
    assert yard.said(rollout_id) == ["supersede"]


def test_a_superseded_rollout_names_the_newer_revision_by_its_eight_digits(yard: Yard) -> None:
    serving(yard, "v1")
    rollout_id = yard.under_way("v2")
    newer = yard.submit("v3").revision
    assert newer is not None
    message = reason_of(yard.drive(rollout_id).rollout).message
    assert message == f"superseded by newer revision {newer.short}"


def test_an_emergency_for_the_revision_under_way_promotes_it_in_full_with_the_reason(yard: Yard) -> None:
    serving(yard, "v1")
    rollout_id = yard.under_way("v2", 30.0)
    answer = yard.submit("v2", emergency=True, reason="the shop is down")
    assert answer.way is Way.ATTACHED
    (said,) = yard.store.load(rollout_id).commands
    assert (said.kind, said.reason) == (CommandKind.PROMOTE_FULL, "the shop is down")


def test_a_plain_attach_says_nothing_to_the_rollout(yard: Yard) -> None:
    serving(yard, "v1")
    rollout_id = yard.under_way("v2", 30.0)
    assert yard.submit("v2").way is Way.ATTACHED
    assert yard.said(rollout_id) == []
