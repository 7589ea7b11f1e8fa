"""What becomes of a find, against the emulated cloud with the real engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.daemon.heed import Heeded, heed, is_new
from orchestrator.manifest.loader import Loaded
from orchestrator.manifest.problems import ManifestError, Problem
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import Sighting, Suspension
from orchestrator.wish import Refused, Way
from providers.errors import Transient
from tests.unit.orchestrator.daemon.watched_shop import FOLLOW, Shop
from tests.unit.orchestrator.yard import IMAGE, MANIFEST
from watchers.watch import Sight


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_find_is_rolled_out_once_and_says_by_which_rule(shop: Shop) -> None:
    heeded = shop.find("1.4.0")
    said = heeded.sighting
    assert (said.outcome, said.handled, said.tag, heeded.retry) == ("begun", said.digest, "1.4.0", False)
    assert said.rollout in said.message
    assert shop.store.sighting("shop") == said
    (requested,) = [stored.event for stored in shop.store.events("shop") if stored.event.kind == "rollout_requested"]
    assert dict(requested.data)["actor"] == "watcher"
    assert dict(requested.data)["reason"] == f"{IMAGE}:1.4.0 by {shop.watched.policy.text}"
    assert shop.find("1.4.0") == Heeded(said)
    assert shop.finish() == "promoted"
    assert shop.find("1.4.0") == Heeded(said)
    assert shop.rolled_out() == ["1.4.0"]


def test_nothing_is_written_while_nothing_changes(shop: Shop) -> None:
    class Counting(MemoryStore):
        writes = 0

        def keep_sighting(self, sighting: Sighting) -> None:
            self.writes += 1
            super().keep_sighting(sighting)

    shop.store = Counting()
    for version in ("1.4.0", "1.4.0"):
        shop.find(version)
    assert shop.store.writes == 1
    shop.clock.sleep(600.0)
    shop.find("1.4.0")
    assert shop.store.writes == 1
    shop.store.suspend(Suspension("shop", "bo", "sale", shop.clock.now()))
    for _ in range(3):
        shop.find("1.5.0")
        shop.clock.sleep(5.0)
    assert shop.store.writes == 2


def test_another_tag_of_the_same_image_is_nothing_new(shop: Shop) -> None:
    shop.deploy("1.4.0")
    seen = shop.sight("1.4.0")
    heeded = heed(shop.app, shop.watched, shop.load, replace(seen, tag="1.4.1"), shop.store.sighting("shop"))
    assert (heeded.submission, heeded.retry, heeded.sighting.tag) == (None, False, "1.4.1")
    assert shop.rolled_out() == ["1.4.0"]


def test_what_serves_already_when_the_watcher_begins_is_not_rolled_out_again(shop: Shop) -> None:
    shop.release("1.4.0")
    shop.lose_store()
    heeded = shop.find("1.4.0")
    assert (heeded.sighting.outcome, heeded.retry, shop.rolled_out()) == ("nothing", False, [])
    assert "serves already" in heeded.sighting.message


def test_a_newer_find_takes_the_place_of_what_is_under_way_and_begins_when_that_has_ended(shop: Shop) -> None:
    shop.deploy("1.4.0")
    running = shop.find("1.5.0").sighting.rollout
    heeded = shop.find("1.6.0")
    assert (heeded.retry, heeded.sighting.outcome, heeded.sighting.rollout) == (True, "after", running)
    assert is_new(heeded.sighting)
    assert shop.finish() == "superseded"
    assert shop.find("1.6.0").sighting.outcome == "begun"
    assert shop.finish() == "promoted"
    assert shop.rolled_out() == ["1.4.0", "1.5.0", "1.6.0"]


def test_what_was_rolled_back_is_not_tried_again_under_whatever_tag(shop: Shop) -> None:
    shop.deploy("1.4.0")
    shop.find("1.5.0")
    shop.take_back()
    assert shop.find("1.5.0").submission is None
    shop.find("1.4.0")
    again = heed(
        shop.app, shop.watched, shop.load, replace(shop.sight("1.5.0"), tag="1.5.1"), shop.store.sighting("shop")
    )
    assert (again.sighting.outcome, again.retry) == ("rolledBackBefore", False)
    assert "rollout retry shop" in again.sighting.message
    assert shop.rolled_out() == ["1.4.0", "1.5.0"]


def test_a_daemon_that_lost_its_memory_does_not_try_what_was_rolled_back(shop: Shop) -> None:
    shop.deploy("1.4.0")
    shop.find("1.5.0")
    shop.take_back()
    shop.store.forget_watch("shop")
    assert shop.find("1.5.0").sighting.outcome == "rolledBackBefore"
    shop.lose_store()
    assert shop.find("1.5.0").sighting.outcome == "rolledBackBefore"
    assert shop.find("1.5.0").submission is None


def test_a_pardon_makes_a_refused_find_worth_another_look(shop: Shop) -> None:
    shop.deploy("1.4.0")
    shop.find("1.5.0")
    shop.take_back()
    shop.store.forget_watch("shop")
    refused = shop.find("1.5.0").sighting
    assert shop.find("1.5.0").sighting == refused
    answer = shop.submit("1.5.0", retry=True)
    assert answer.way is Way.BEGUN
    assert shop.find("1.5.0").sighting.outcome == "attached"
    assert shop.finish() == "promoted"
    assert shop.rolled_out() == ["1.4.0", "1.5.0", "1.5.0"]


def test_a_version_that_a_person_chose_is_not_fought(shop: Shop) -> None:
    shop.deploy("1.4.0")
    shop.release("hotfix")
    heeded = shop.find("1.4.0")
    assert (heeded.submission, heeded.retry) == (None, False)
    assert shop.rolled_out() == ["1.4.0", "hotfix"]


def test_an_older_tag_is_refused_for_good_unless_the_rule_allows_it(shop: Shop) -> None:
    shop.deploy("1.5.0")
    heeded = shop.find("1.4.0")
    assert (heeded.sighting.outcome, heeded.retry) == ("downgrade", False)
    assert "1.4.0" in heeded.sighting.message
    assert "allowDowngrade" in heeded.sighting.message
    shop.follow = FOLLOW.replace("every", "allowDowngrade: true, every")
    assert shop.find("1.4.0").sighting.outcome == "begun"


def test_a_refusal_that_is_lifted_while_another_rollout_is_under_way_is_not_forgotten(shop: Shop) -> None:
    shop.deploy("1.5.0")
    shop.find("1.4.0")
    shop.under_way("hotfix")
    shop.follow = FOLLOW.replace("every", "allowDowngrade: true, every")
    assert shop.find("1.4.0").sighting.outcome == "after"
    shop.finish()
    assert shop.find("1.4.0").sighting.outcome == "begun"


def test_a_tag_below_what_is_under_way_waits_for_how_that_ends(shop: Shop) -> None:
    shop.deploy("1.4.0")
    running = shop.under_way("1.6.0")
    heeded = shop.find("1.5.0")
    assert (heeded.sighting.outcome, heeded.sighting.rollout, heeded.retry) == ("after", running, True)
    assert shop.said(running) == []
    shop.take_back()
    assert shop.find("1.5.0").sighting.outcome == "begun"


def test_a_suspended_service_waits_and_says_so(shop: Shop) -> None:
    shop.deploy("1.4.0")
    running = shop.under_way("1.5.0")
    shop.store.suspend(Suspension(None, "bo", "stock-taking", shop.clock.now()))
    heeded = shop.find("1.6.0")
    assert heeded.retry
    assert shop.said(running) == []
    assert heeded.sighting.problem == "suspended by bo: stock-taking; `rollout unsuspend --all` lifts it"
    assert heeded.sighting.problem_at == shop.clock.now()
    shop.store.unsuspend(None)
    assert shop.find("1.6.0").sighting.problem == ""
    assert shop.said(running) == ["supersede"]


def test_what_cannot_begin_now_is_told_and_tried_until_it_can(shop: Shop) -> None:
    def bad(error: Exception) -> Callable[[], Loaded]:
        def load() -> Loaded:
            raise error

        return load

    since = shop.clock.now()
    manifest = ManifestError([Problem("shop.yaml", 3, "image", "must be there")])
    for error in (Transient("the cloud is away"), manifest, StoreUnavailable("locked"), Refused("weights", "no")):
        heeded = shop.find("1.4.0", bad(error))
        assert (heeded.retry, heeded.sighting.problem, heeded.sighting.problem_at) == (True, str(error), since)
        assert is_new(heeded.sighting)
        shop.clock.sleep(5.0)
    begun = shop.find("1.4.0").sighting
    assert (begun.outcome, begun.problem, begun.problem_at) == ("begun", "", None)


def test_a_busy_service_that_refuses_others_is_asked_again(shop: Shop) -> None:
    shop.manifest = MANIFEST.replace("whileRunning: replace", "whileRunning: refuse")
    shop.deploy("1.4.0")
    shop.find("1.5.0")
    heeded = shop.find("1.6.0")
    assert heeded.retry
    assert "whileRunning: refuse" in heeded.sighting.problem
    shop.finish()
    assert shop.find("1.6.0").sighting.outcome == "begun"


def test_a_manifest_that_changed_since_the_look_is_not_rolled_out_by_the_old_rule(shop: Shop) -> None:
    watched, sight = shop.watched, shop.sight("1.4.0")
    shop.follow = FOLLOW.replace('"*"', '"<1"')
    heeded = heed(shop.app, watched, shop.load, sight, None)
    assert heeded.retry
    assert "has changed" in heeded.sighting.problem
    assert shop.rolled_out() == []


def test_an_empty_answer_leaves_the_last_good_one_and_acts_on_nothing(shop: Shop) -> None:
    nothing = Sight(None, None)
    first = heed(shop.app, shop.watched, shop.load, nothing, None).sighting
    assert first == Sighting("shop", IMAGE, shop.watched.policy.text)
    shop.store.suspend(Suspension("shop", "bo", "sale", shop.clock.now()))
    waiting = shop.find("1.4.0").sighting
    shop.store.unsuspend("shop")
    gone = heed(shop.app, shop.watched, shop.load, nothing, waiting)
    assert (gone.retry, gone.sighting.tag, gone.submission) == (False, "1.4.0", None)
    assert shop.rolled_out() == []
