"""A routing layer takes its time: what was written is not in force at once, and that is no failure of a look."""

from __future__ import annotations

from dataclasses import replace

from strategies.journal import Event, explain
from strategies.model import Rollout
from strategies.phases import Phase
from strategies.seen import TargetSeen
from strategies.verdict import Health, judge
from tests.unit.strategies.build import at, in_force, in_phase, look, rollout, shown, state_of, target, tick

WHY = "HTTPRoute shop/web: Gateway edge has not answered for generation 7"


def late(of: Rollout, when: float) -> TargetSeen:
    """A look that shows the split as it was asked for, which the routing layer has not taken yet."""
    asked = state_of(of).asked
    seen = shown(asked.intent if asked else None, when)
    return look(of, when, traffic=replace(seen, taken=False, why=WHY))


def holding() -> Rollout:
    """A rollout that holds at its first step, which is in force."""
    return in_force(in_phase(rollout(), Phase.HOLDING, step=1), 10.0)


def told(before: Rollout, after: Rollout, when: float) -> list[Event]:
    """What the journal says of one tick, phases and probes left out."""
    return [each for each in explain(before, after, at(when)) if each.kind not in ("phase_changed", "group_ready")]


def test_a_shift_that_is_being_taken_is_told_as_nothing_but_its_confirmation() -> None:
    of = in_phase(rollout(), Phase.HOLDING)
    asked = tick(of, 1)
    waiting = tick(asked, 2, late(asked, 2))
    assert (state_of(waiting).phase, state_of(waiting).lags, state_of(waiting).problem) == (Phase.SHIFTING, WHY, None)
    assert told(asked, waiting, 2) == []
    seen_again = tick(waiting, 3)
    done = tick(seen_again, 4)
    assert state_of(done).lags is None
    assert [each.kind for each in (*told(waiting, seen_again, 3), *told(seen_again, done, 4))] == ["weight_confirmed"]


def test_a_split_that_is_no_longer_in_force_holds_the_rollout_and_is_told_with_its_end() -> None:
    of = holding()
    lost = tick(of, 1, late(of, 1))
    verdict = judge(state_of(lost), target())
    assert verdict.health is Health.UNDECIDED
    assert verdict.reason is not None
    assert (verdict.reason.code, verdict.reason.message) == ("notInForce", f"the routing is not as asked: {WHY}")
    assert [(each.kind, dict(each.data)) for each in told(of, lost, 1)] == [("routing_lags", {"why": WHY})]
    back = tick(lost, 2)
    assert [each.kind for each in told(lost, back, 2) if each.kind.startswith("routing")] == ["routing_caught_up"]


def test_a_look_that_fails_says_nothing_about_what_was_in_force() -> None:
    of = holding()
    lost = tick(of, 1, late(of, 1))
    blind = tick(lost, 2, look(lost, 2, traffic=None, problem="routing: timed out"))
    assert (state_of(blind).lags, state_of(blind).problem) == (WHY, "routing: timed out")
    assert [each.kind for each in told(lost, blind, 2)] == ["look_failed"]


def test_a_step_that_never_comes_into_force_says_why() -> None:
    of = in_phase(rollout(), Phase.HOLDING)
    of = tick(of, 1)
    for second in range(2, 200):
        if state_of(of).phase is not Phase.SHIFTING:
            break
        of = tick(of, second, late(of, second))
    assert of.failure is not None
    assert WHY in of.failure.message
