"""When the next decision falls, as far as time alone decides it, and which limits have been passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.cli.evidence_lines import asked_in
from orchestrator.cli.findings import findings
from orchestrator.lease import this_process
from orchestrator.outlook import asks_at, decides_at, next_decision
from orchestrator.result import phase_of
from strategies.evidence import Evidence
from strategies.gates import MetricKind, MetricRule
from strategies.model import Reason, Rollout
from strategies.phases import Phase
from strategies.plan import Target
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk


def ahead(rollout: Rollout) -> float | None:
    at = decides_at(rollout, rollout.targets[0])
    return None if at is None else (at - states.NOW).total_seconds()


def test_a_hold_ends_when_its_time_is_over_unless_a_person_waived_it() -> None:
    assert ahead(states.holding()) == 18
    assert ahead(states.holding(waived=1)) is None
    assert ahead(replace(states.holding(), full=True)) is None


def test_while_paused_or_waiting_for_a_person_time_decides_nothing() -> None:
    assert ahead(replace(states.holding(), paused=Reason("pause", "x"))) is None
    assert ahead(states.holding(asks_person=True)) is None


def test_a_confirmed_shift_is_in_force_after_propagation_and_ttl() -> None:
    rollout = states.holding(phase=Phase.SHIFTING, ttl_shift=10)
    assert ahead(rollout) == -88 + 60 + 10
    unconfirmed = states.asked(rollout, 50.0, confirmed=False)
    assert ahead(states.on(rollout, asked=unconfirmed)) is None


def test_a_drain_ends_with_the_last_answer_that_names_the_old_side_and_the_margin() -> None:
    rollout = states.holding(100.0, phase=Phase.DRAINING, ttl_shift=10, expires_at=states.NOW)
    assert ahead(rollout) == 60 + 10


def untold(since_confirmed: float, **changes: Any) -> Rollout:
    """A drain whose time is over, with a source that is five minutes late and has told nothing of the side yet."""
    logs = MetricRule("logs", MetricKind.QUIET, interval_seconds=60.0, lag_seconds=300.0)
    unheard = Evidence("logs", rate_before=0.0)
    rollout = states.judged(unheard, rules=(logs,), phase=Phase.DRAINING, step=3, share=100.0, **changes)
    confirmed = states.ago(since_confirmed)
    rollout = states.on(rollout, ttl_shift=10, expires_at=confirmed + timedelta(seconds=10))
    asked = states.asked(rollout, 100.0)
    return states.on(rollout, asked=replace(asked, at=confirmed, confirmed_at=confirmed))


def test_a_drain_that_a_late_source_may_still_speak_of_ends_when_it_has_had_its_time() -> None:
    rollout = untold(200)
    found = {each.rule: each for each in findings(rollout, states.NOW)}
    assert ahead(rollout) == 3 * 60 + 300 - 200
    assert (found["drain.told"].waits, found["drain.told"].value, found["drain.told"].limit) == (True, 200, 480)
    assert found["drain.told"].says == (
        "the sources have told nothing of it yet; without a word of them it may go 12:04:40 UTC, in 4 m 40 s"
    )
    assert "drain.most" not in found


@pytest.mark.parametrize("rollout", [untold(481), states.draining()], ids=["had its time", "has told"])
def test_a_source_that_has_told_or_had_its_time_is_waited_for_no_longer(rollout: Rollout) -> None:
    assert "drain.told" not in {each.rule for each in findings(rollout, states.NOW)}


def test_a_person_who_agreed_that_the_side_goes_is_not_asked_again() -> None:
    loud = states.draining(expires_at=states.ago(2000))
    assert loud.targets[0].asked is not None
    asked = replace(loud.targets[0].asked, at=states.ago(2000), confirmed_at=states.ago(2000))
    rules = {
        approved: {each.rule for each in findings(states.on(loud, asked=asked, approved=approved), states.NOW)}
        for approved in (-1, 4)
    }
    assert ("drain.most" in rules[-1], "drain.most" in rules[4]) == (True, False)


def test_the_next_decision_is_the_earliest_of_all_targets() -> None:
    both = states.service(Target("westeurope", states.PLAN), Target("northeurope", states.PLAN))
    rollout = states.holding(rollout=states.fresh(both))
    state = rollout.target("westeurope")
    earlier = replace(state, name="northeurope", since=state.since - timedelta(seconds=5))
    rollout = replace(rollout, targets=(state, earlier))
    assert next_decision(rollout) == states.NOW + timedelta(seconds=13)


def test_one_target_on_its_way_back_outweighs_another_that_is_earlier_in_the_table() -> None:
    both = states.service(Target("westeurope", states.PLAN), Target("northeurope", states.PLAN))
    rollout = states.on(states.holding(rollout=states.fresh(both)), "northeurope", phase=Phase.RETURNING)
    assert phase_of(rollout) is Phase.RETURNING


def test_a_deadline_that_was_passed_is_a_breach() -> None:
    fine = {each.rule: each.breached for each in findings(states.holding(), states.NOW)}
    late = {each.rule: each.breached for each in findings(replace(states.holding(), wave_seconds=21601.0), states.NOW)}
    assert (fine["deadline.wave"], late["deadline.wave"], late["deadline.total"]) == (False, True, False)


def test_a_lease_that_has_run_out_on_another_host_is_no_engine(desk: Desk) -> None:
    rollout, elsewhere = desk.put(states.holding()), replace(this_process(), host="elsewhere")
    held = desk.store.lease_of(rollout.service.name)
    desk.store.lease_take(rollout.service.name, elsewhere, desk.clock.now() + timedelta(hours=1), seen=held)
    assert desk.type("status", "storefront", "-o", "json") == 0
    assert desk.document["engine"] == "daemon"
    desk.clock.at += timedelta(hours=2)
    assert desk.type("status", "storefront", "-o", "json") == 0
    assert desk.document["engine"] == "none"


def flapping(**changes: Any) -> Rollout:
    """Beyond its hold, its counts good, and its last probe failed."""
    rollout = states.judged(note="storefront: the last 1 probes failed", since=states.ago(200), **changes)
    slots = states.candidate(rollout.target("westeurope"), ready=False, failed=1, clean=0, failing_why="HTTP 503")
    return states.on(rollout, candidate=slots)


def test_a_step_beyond_its_hold_is_not_decided_by_time_and_says_when_a_person_is_asked() -> None:
    rollout = flapping()
    assert ahead(rollout) is None
    assert asks_at(rollout, rollout.targets[0]) == states.NOW + timedelta(seconds=1600)
    assert asked_in(rollout, states.NOW) == 1600
    said = {each.rule: each.says for each in findings(rollout, states.NOW)}
    assert said["undecided"] == "the candidate or its routing is in doubt; a person is asked in 26 m 40 s"


@pytest.mark.parametrize(
    "rollout",
    [states.judged(), flapping(asks_person=True), replace(flapping(), paused=Reason("pause", "x")), states.draining()],
    ids=["within its hold", "asked", "paused", "no step"],
)
def test_nobody_is_said_to_be_asked_where_that_is_not_what_comes_next(rollout: Rollout) -> None:
    assert asks_at(rollout, rollout.targets[0]) is None
    assert asked_in(rollout, states.NOW) is None
