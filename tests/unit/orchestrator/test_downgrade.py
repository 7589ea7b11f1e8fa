"""What the watcher found is not rolled out when it ranks below what serves or is under way."""

from __future__ import annotations

import pytest

from orchestrator.submit import submit
from orchestrator.wish import Refused, Way, Wish
from strategies.model import CommandKind, Outcome
from tests.unit.orchestrator.yard import Yard
from watchers.policies import policy_of

SEMVER = policy_of({"semver": "1.x"})


@pytest.fixture
def yard() -> Yard:
    return Yard()


def found(yard: Yard, version: str, **more: object) -> Wish:
    """The wish of a watcher that follows 1.x."""
    return yard.wish(version, older=SEMVER.older, actor="watcher", **more)


def serving(yard: Yard, version: str) -> None:
    assert yard.release(version).rollout.outcome is Outcome.PROMOTED


def refusal(yard: Yard, version: str) -> Refused:
    with pytest.raises(Refused) as error:
        submit(yard.app, found(yard, version))
    return error.value


def test_a_tag_below_the_one_that_serves_is_refused_with_both_names_and_the_way_out(yard: Yard) -> None:
    serving(yard, "1.5.0")
    refused = refusal(yard, "1.4.9")
    assert refused.code == "downgrade"
    assert refused.message.startswith("1.4.9 ranks below 1.5.0, which serves; `allowDowngrade: true`")
    assert yard.store.active("shop") is None


def test_a_tag_above_the_one_that_serves_is_rolled_out(yard: Yard) -> None:
    serving(yard, "1.5.0")
    assert submit(yard.app, found(yard, "1.10.0")).way is Way.BEGUN


def test_a_tag_below_is_rolled_out_where_the_policy_allows_it(yard: Yard) -> None:
    serving(yard, "1.5.0")
    assert submit(yard.app, found(yard, "1.4.0", allow_older=True)).way is Way.BEGUN


def test_a_person_who_names_an_older_tag_is_not_held_to_the_watchers_order(yard: Yard) -> None:
    serving(yard, "1.5.0")
    assert yard.submit("1.4.0").way is Way.BEGUN


def test_a_running_newer_rollout_is_not_superseded_by_an_older_tag(yard: Yard) -> None:
    serving(yard, "1.3.0")
    running = yard.under_way("1.5.0", 30.0)
    refused = refusal(yard, "1.4.0")
    assert (refused.code, "which is under way" in refused.message) == ("downgrade", True)
    assert yard.said(running) == []


def test_what_serves_counts_beside_a_person_going_back(yard: Yard) -> None:
    serving(yard, "1.5.0")
    running = yard.under_way("1.3.0", 30.0)
    assert "1.4.0 ranks below 1.5.0, which serves" in refusal(yard, "1.4.0").message
    assert yard.said(running) == []


def test_a_newer_tag_still_supersedes_an_older_rollout_under_way(yard: Yard) -> None:
    serving(yard, "1.3.0")
    running = yard.under_way("1.4.0", 30.0)
    assert submit(yard.app, found(yard, "1.5.0")).way is Way.AFTER
    assert yard.said(running) == ["supersede"]


def test_a_rollout_that_is_being_taken_back_holds_nobody_below_it_back(yard: Yard) -> None:
    serving(yard, "1.3.0")
    running = yard.under_way("1.5.0", 30.0)
    yard.store.command(running, CommandKind.ABORT, "ana", at=yard.clock.now())
    assert submit(yard.app, found(yard, "1.4.0")).way is Way.AFTER
    yard.drive(running)
    assert submit(yard.app, found(yard, "1.4.0")).way is Way.BEGUN


def test_the_running_revision_itself_is_attached_to_whatever_its_rank(yard: Yard) -> None:
    serving(yard, "1.5.0")
    yard.under_way("1.4.0", 30.0)
    assert submit(yard.app, found(yard, "1.4.0")).way is Way.ATTACHED


def test_another_tag_of_the_digest_that_serves_is_no_downgrade(yard: Yard) -> None:
    serving(yard, "1.5.0")
    same = yard.store.promoted("shop")[-1][1].digest
    wish = Wish(yard.wish(None, flavour="other").loaded, same, "1.4.0", older=SEMVER.older, actor="watcher")
    assert submit(yard.app, wish).way is Way.BEGUN


@pytest.mark.parametrize(("serves", "wanted"), [("nightly", "1.0.0"), ("1.5.0", "nightly")])
def test_tags_that_the_rule_cannot_order_are_not_guarded(yard: Yard, serves: str, wanted: str) -> None:
    serving(yard, serves)
    assert submit(yard.app, found(yard, wanted)).way is Way.BEGUN


def test_the_guard_holds_for_an_empty_store_by_the_tag_in_the_marks(yard: Yard) -> None:
    serving(yard, "1.5.0")
    yard.lose_store()
    assert refusal(yard, "1.4.0").code == "downgrade"


def test_a_version_outside_a_range_that_was_narrowed_still_ranks_above(yard: Yard) -> None:
    serving(yard, "2.0.0")
    assert refusal(yard, "1.9.0").code == "downgrade"
