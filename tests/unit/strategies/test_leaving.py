"""Leaving the routing: endpoints first, the TTL by the last to finish, then the groups."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.missing import Remove, Shift, missing
from strategies.model import CommandKind, Outcome, Rollout, Slot, Stage, with_target
from strategies.phases import Phase
from strategies.seen import Seen, TargetSeen
from tests.unit.strategies.build import (
    at,
    in_force,
    in_phase,
    look,
    rollout,
    shown,
    state_of,
    tick,
    told,
)


def leaving(others: bool) -> tuple[Rollout, TargetSeen]:
    of = in_force(in_phase(rollout(), Phase.RETIRING, step=2, ttl_original=40, drained_at=at(0)), 100)
    asked = of.targets[0].asked
    assert asked is not None
    seen = shown(asked.intent, 2)
    active = (*seen.active, *((("mail.west", "r9"),) if others else ()))
    return of, look(of, 2, traffic=replace(seen, active=active))


@pytest.mark.parametrize(("others", "ttl"), [(True, None), (False, 40)])
def test_the_last_service_to_finish_on_a_profile_restores_the_ttl(others: bool, ttl: int | None) -> None:
    of, looked = leaving(others)
    asked = state_of(tick(of, 2, looked)).asked
    assert asked is not None
    assert asked.intent.ttl_seconds == ttl


def test_who_is_the_last_is_asked_again_until_the_leaving_is_confirmed() -> None:
    """Two services that left at once each took the other for active, and neither restored the TTL."""
    of, looked = leaving(True)
    of = tick(of, 2, looked)
    assert looked.traffic is not None
    alone = look(of, 4, traffic=replace(looked.traffic, at=at(4), active=(("shop.west", "r2"),)))
    asked = state_of(tick(of, 4, alone)).asked
    assert asked is not None
    assert asked.intent.ttl_seconds == 40


def test_the_ttl_is_not_restored_when_nobody_could_see_whether_another_needs_it() -> None:
    of, _ = leaving(True)
    asked = state_of(tick(of, 2, look(of, 2, traffic=None, problem="routing: timed out"))).asked
    assert asked is not None
    assert asked.intent.active == "r2"


def test_the_endpoint_leaves_before_the_group_is_deleted() -> None:
    of, looked = leaving(False)
    of = tick(of, 2, looked)
    assert looked.traffic is not None
    assert [type(a) for a in missing(of, Seen((looked,)))] == [Shift]
    of = tick(of, 4)
    of = tick(of, 6)
    assert [type(a) for a in missing(of, Seen((look(of, 6),)))] == [Remove]


def test_a_hand_made_change_does_not_stop_a_deletion_that_has_begun() -> None:
    of, looked = leaving(False)
    of = tick(tick(tick(of, 2, looked), 4), 6)
    drifted = look(of, 8, traffic=shown(None, 8), groups=())
    gone: tuple[Slot, ...] = tuple(replace(slot, stage=Stage.GONE) for slot in of.targets[0].stable)
    of = with_target(of, replace(of.targets[0], stable=gone))
    assert tick(of, 8, drifted).outcome is Outcome.PROMOTED


def test_a_settled_leaving_is_asked_anew_and_not_sent_as_it_was() -> None:
    """It would have raised the TTL under another service's rollout that began meanwhile."""
    of, looked = leaving(False)
    of = tick(of, 2, looked)
    left = state_of(of).asked
    assert left is not None
    assert left.intent.ttl_seconds == 40
    of = with_target(of, replace(of.targets[0], phase=Phase.STUCK))
    after = state_of(tick(told(of, CommandKind.SETTLE, "candidate"), 4, look(of, 4, traffic=None)))
    assert after.asked is not None
    assert (after.asked.intent.ttl_seconds, after.asked.intent.active) == (None, "r2")
