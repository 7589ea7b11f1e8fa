"""What becomes of a wish beside a rollout under way: nothing gives way to what will be refused, or came earlier."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.desk import LocalDesk
from orchestrator.store.records import Suspension
from orchestrator.submit import submit
from orchestrator.undo import way_back
from orchestrator.wish import Refused, Way
from strategies.model import CommandKind, Outcome
from tests.unit.orchestrator.yard import Yard
from watchers.policies import policy_of

SEMVER = policy_of({"semver": "*"})


@pytest.fixture
def yard() -> Yard:
    yard = Yard()
    for version in ("1.0.0", "1.1.0"):
        assert yard.release(version).rollout.outcome is Outcome.PROMOTED
    return yard


def refused(yard: Yard, version: str, **more: object) -> str:
    with pytest.raises(Refused) as error:
        yard.submit(version, **more)
    return error.value.code


def test_a_retried_job_of_a_version_that_was_rolled_back_leaves_the_newer_rollout_alone(yard: Yard) -> None:
    bad = yard.under_way("1.2.0", 30.0)
    yard.store.command(bad, CommandKind.ABORT, "ana", at=yard.clock.now())
    yard.drive(bad)
    running = yard.under_way("1.3.0", 30.0)
    assert refused(yard, "1.2.0") == "rolledBackBefore"
    assert yard.said(running) == []


def test_a_suspension_leaves_the_rollout_under_way_alone(yard: Yard) -> None:
    running = yard.under_way("1.2.0", 30.0)
    yard.store.suspend(Suspension("shop", "bo", "frozen", yard.clock.now()))
    assert refused(yard, "1.3.0") == "suspended"
    assert yard.said(running) == []


def test_a_version_of_the_past_does_not_take_the_place_of_a_rollout_by_accident(yard: Yard) -> None:
    running = yard.under_way("1.2.0", 30.0)
    assert refused(yard, "1.0.0") == "olderRevision"
    assert yard.said(running) == []


def test_a_find_does_not_take_the_place_of_an_undo(yard: Yard) -> None:
    begun = submit(yard.app, way_back(yard.app, "shop", None, steps=True, actor="ana", reason="it is bad").wish)
    assert begun.rollout is not None
    answer = submit(yard.app, yard.wish("1.2.0", older=SEMVER.older, actor="watcher"))
    assert (answer.way, yard.said(begun.rollout.id)) == (Way.AFTER, [])
    assert "held to be bad" in answer.message


def test_a_find_does_not_take_the_place_of_an_emergency_and_a_person_may(yard: Yard) -> None:
    urgent = yard.submit("1.2.0", emergency=True, reason="the site is down").rollout
    assert urgent is not None
    answer = submit(yard.app, yard.wish("1.3.0", older=SEMVER.older, actor="watcher"))
    assert (answer.way, yard.said(urgent.id)) == (Way.AFTER, [])
    assert yard.submit("1.3.0").way is Way.AFTER
    assert yard.said(urgent.id) == ["supersede"]


def test_a_find_waits_for_a_rollout_that_a_person_has_paused(yard: Yard) -> None:
    running = yard.under_way("1.2.0", 30.0)
    yard.store.command(running, CommandKind.PAUSE, "ana", at=yard.clock.now())
    yard.drive(running, timeout_seconds=5.0)
    assert submit(yard.app, yard.wish("1.3.0", older=SEMVER.older, actor="watcher")).way is Way.AFTER
    assert yard.store.load(running).superseded_by is None


def test_who_waited_gives_way_to_what_began_meanwhile(yard: Yard) -> None:
    first = yard.under_way("1.2.0", 30.0)
    waits = yard.submit("1.3.0")
    assert waits.way is Way.AFTER
    yard.drive(first)
    newer = yard.under_way("1.4.0")
    assert refused(yard, "1.3.0", behind=first) == "superseded"
    assert yard.said(newer) == []


def test_the_word_to_give_way_is_said_once(yard: Yard) -> None:
    running = yard.under_way("1.2.0", 30.0)
    for _ in range(3):
        assert yard.submit("1.3.0").way is Way.AFTER
    assert yard.said(running) == ["supersede"]


def test_what_waits_is_kept_for_a_daemon_and_let_go_once_it_has_begun(yard: Yard) -> None:
    from orchestrator.daemon.presence import Presence

    desk = LocalDesk(yard.app)
    running = yard.under_way("1.2.0", 30.0)
    assert desk.submit(yard.wish("1.3.0")).way is Way.AFTER
    assert yard.store.next_wish("shop") is None, "without a daemon nobody would begin it"
    Presence(yard.store, yard.clock).keep()
    wish = yard.wish("1.3.0", actor="ana", reason="a fix")
    assert desk.submit(wish).way is Way.AFTER
    kept = yard.store.next_wish("shop")
    assert kept is not None
    assert (kept.digest, kept.actor, kept.reason, kept.behind) == (wish.digest, "ana", "a fix", running)
    yard.drive(running)
    assert desk.submit(replace(wish, behind=running)).way is Way.BEGUN
    assert yard.store.next_wish("shop") is None
