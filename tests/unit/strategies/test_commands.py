"""What people say to a rollout, and what it makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.commands import FAILED, take
from strategies.evidence import Evidence, begin_step, renewed, update
from strategies.model import CommandKind, Reason, Rollout, with_target
from strategies.phases import FORWARD, Phase
from strategies.plan import Plan, Step
from strategies.seen import Counts
from tests.unit.strategies.build import at, in_force, in_phase, phases, rollout, service, state_of, target, told

APPROVED = Plan((Step(0), Step(10, 1000, approve=True), Step(100)))


def holding() -> Rollout:
    return in_force(in_phase(rollout(service(target(plan=APPROVED))), Phase.HOLDING, step=1), 10)


def said(of: Rollout, kind: CommandKind, argument: str = "") -> Rollout:
    return take(told(of, kind, argument))


kinds = st.sampled_from([kind for kind in CommandKind if kind is not CommandKind.SETTLE])


@given(st.lists(kinds, max_size=6))
def test_every_command_is_handled_once_and_in_order(given_kinds: list[CommandKind]) -> None:
    of = holding()
    for kind in given_kinds:
        of = told(of, kind)
    after = take(of)
    assert after.handled == len(given_kinds)
    assert take(after) == after


@given(st.lists(kinds, max_size=6))
def test_no_command_but_settle_moves_a_target_by_itself(given_kinds: list[CommandKind]) -> None:
    of = holding()
    for kind in given_kinds:
        of = said(of, kind)
    assert phases(of) == {"west": Phase.HOLDING}


def test_pause_and_resume_undo_each_other() -> None:
    paused = said(holding(), CommandKind.PAUSE)
    assert paused.paused is not None
    assert paused.paused.message == "pause by a person"
    assert said(paused, CommandKind.RESUME).paused is None


def test_approve_agrees_to_the_present_step_and_waives_no_hold() -> None:
    state = state_of(said(holding(), CommandKind.APPROVE))
    assert (state.approved, state.waived) == (1, -1)


def test_promote_waives_hold_and_approval_of_the_present_step() -> None:
    state = state_of(said(holding(), CommandKind.PROMOTE))
    assert (state.approved, state.waived) == (1, 1)


def test_promote_full_skips_the_rest_and_ends_a_pause() -> None:
    after = said(said(holding(), CommandKind.PAUSE), CommandKind.PROMOTE_FULL)
    assert after.full
    assert after.paused is None


def test_the_first_abort_is_the_one_that_is_remembered() -> None:
    once = said(holding(), CommandKind.ABORT)
    assert said(once, CommandKind.ABORT).aborted == once.aborted


@pytest.mark.parametrize("phase", [Phase.RETIRING, Phase.PROMOTED])
def test_an_abort_changes_nothing_once_the_old_side_is_going(phase: Phase) -> None:
    of = in_force(in_phase(rollout(), phase, step=2), 100)
    assert said(of, CommandKind.ABORT).aborted is None


@pytest.mark.parametrize("phase", sorted(FORWARD))
def test_an_abort_is_taken_in_every_phase_before(phase: Phase) -> None:
    assert said(in_phase(rollout(), phase), CommandKind.ABORT).aborted is not None


def condemning() -> Evidence:
    return update(begin_step(Evidence("errors")), Counts(at(0), at(5), 100, 0, 100, 90))


def test_retry_judges_anew_after_a_failure_that_paused() -> None:
    of = replace(holding(), paused=Reason(FAILED, "would roll back"))
    slots = tuple(replace(slot, failed=5, fault="crash loop", crashes=3) for slot in of.targets[0].candidate)
    of = with_target(of, replace(of.targets[0], candidate=slots, metrics=(condemning(),)))
    after = said(of, CommandKind.RETRY)
    slot = state_of(after).candidate[0]
    assert after.paused is None
    assert (slot.failed, slot.fault, slot.crashes, slot.clean) == (0, None, 0, 0)
    assert state_of(after).metrics == (renewed(condemning()),)


def test_retry_judges_anew_what_failed_and_was_resumed() -> None:
    why = Reason("probesFailed", "it failed its probes")
    of = holding()
    slots = tuple(replace(slot, failed=5) for slot in of.targets[0].candidate)
    of = with_target(of, replace(of.targets[0], candidate=slots, failure=why))
    again = state_of(said(of, CommandKind.RETRY))
    assert (again.failure, again.candidate[0].failed) == (None, 0)
    taken_back = replace(of, failure=why)
    assert said(taken_back, CommandKind.RETRY).targets == taken_back.targets


def test_retry_forgets_nothing_of_what_no_verdict_has_stopped() -> None:
    of = with_target(holding(), replace(state_of(holding()), metrics=(condemning(),)))
    assert said(of, CommandKind.RETRY).targets == of.targets


def test_retry_does_not_end_a_pause_that_a_person_asked_for() -> None:
    paused = said(holding(), CommandKind.PAUSE)
    assert said(paused, CommandKind.RETRY).paused == paused.paused


def test_a_newer_release_takes_the_place_of_one_in_mid_steps() -> None:
    after = said(holding(), CommandKind.SUPERSEDE, "newer")
    assert after.superseded_by == "newer"
    assert after.aborted is not None


def test_a_candidate_that_already_has_everything_is_let_finish_before_a_newer_one() -> None:
    of = in_force(in_phase(rollout(), Phase.DRAINING, step=2), 100)
    assert said(of, CommandKind.SUPERSEDE, "newer").aborted is None


@pytest.mark.parametrize(("side", "after"), [("candidate", Phase.RETIRING), ("stable", Phase.RETURNING)])
def test_settle_says_who_serves_and_forgets_what_was_refused(side: str, after: Phase) -> None:
    of = in_force(in_phase(rollout(), Phase.STUCK, step=1, refused=Reason("shiftRefused", "403")), 10)
    of = replace(said(of, CommandKind.SETTLE, side), ticked_at=at(9))
    assert phases(of) == {"west": after}
    assert state_of(of).refused is None
    assert state_of(of).failure is None


def test_settle_means_nothing_to_what_is_not_stuck() -> None:
    of = holding()
    assert said(of, CommandKind.SETTLE, "candidate").targets == of.targets
