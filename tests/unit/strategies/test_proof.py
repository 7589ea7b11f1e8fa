"""What the sources prove, for and against the candidate, and what a person may go on without."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.counting import to_check
from strategies.evidence import ALPHA
from strategies.gates import MetricKind, MetricRule, When
from strategies.model import CommandKind, Outcome, Rollout
from strategies.phases import FORWARD, RETURNING_HOME, Phase
from strategies.plan import OnFailure, ProbeRule, Scope, WaveRule
from strategies.proof import e_of, e_of_rollout
from strategies.seen import CheckState, Reading
from tests.unit.strategies.build import at, phases, state_of, tick, told
from tests.unit.strategies.sources import RULE, SMOKE, after, check, judged, reading, seen

GOOD, BAD, FEW = (100, 0), (100, 50), (1, 0)
SECOND = MetricRule("gateway", interval_seconds=5.0)


def phase(of: Rollout) -> Phase:
    return phases(of)["west"]


def code(of: Rollout) -> str:
    """Why the target is not sure, as a code; empty when it is."""
    doubt = state_of(of).doubt
    return doubt.code if doubt is not None else ""


def test_counts_that_prove_the_candidate_worse_take_it_back_and_say_by_which_numbers() -> None:
    of = after(judged(), 15, GOOD, BAD)
    assert phase(of) in (Phase.RETURNING, Phase.CLEARING)
    assert of.failure is not None
    assert of.failure.code == "countsWorse"
    numbers = dict(of.failure.evidence)
    assert numbers["candidateFailures"] == 50
    assert numbers["stableRequests"] == 100
    assert float(numbers["e"] or 0) >= float(numbers["limit"] or 0)


def test_a_good_candidate_gets_everything_once_its_counts_prove_it() -> None:
    assert phase(after(judged(), 45, GOOD, GOOD)) is Phase.SHIFTING


def test_an_incident_that_both_sides_share_takes_nobody_back() -> None:
    of = after(judged(), 200, (100, 60), (100, 60))
    assert of.failure is None


# Undecided for long: a person is asked.


def test_what_stays_undecided_asks_a_person_and_an_approval_goes_on() -> None:
    of = judged()
    of = tick(of, 299, seen(of, 299))
    assert not state_of(of).asks_person
    of = tick(of, 301, seen(of, 301))
    assert state_of(of).asks_person
    assert "rollout approve" in state_of(of).note
    on = tick(told(of, CommandKind.APPROVE), 302, seen(of, 302))
    assert phase(on) is Phase.SHIFTING


def test_an_approval_given_before_anything_was_in_doubt_does_not_stand_for_proof() -> None:
    early = tick(told(judged(), CommandKind.APPROVE), 2, seen(judged(), 2))
    later = tick(early, 40, seen(early, 40))
    assert (phase(later), code(later)) == (Phase.HOLDING, "metricGone")


def test_a_promotion_by_a_person_goes_on_without_proof_but_never_against_it() -> None:
    assert phase(tick(told(judged(), CommandKind.PROMOTE), 5, seen(judged(), 5))) is Phase.SHIFTING
    of = after(told(judged(), CommandKind.PROMOTE_FULL), 5, GOOD, BAD)
    of = after(of, 20, GOOD, BAD, start=5)
    assert of.failure is not None


# Several sources, several targets, and those that only report.


def test_a_source_that_only_reports_decides_nothing() -> None:
    dry = replace(RULE, dry_run=True)
    of = after(judged(dry), 30, GOOD, (100, 100))
    assert of.failure is None
    assert state_of(of).metrics[0].candidate_failures > 0
    assert phase(after(of, 10, None, None, start=30)) is Phase.SHIFTING


def test_the_evidence_of_several_sources_is_their_weighted_mean() -> None:
    of = after(judged(replace(RULE, weight=3.0), SECOND), 5, GOOD, (100, 9))
    alone = after(judged(), 5, GOOD, (100, 9))
    target = of.service.targets[0]
    wanted = (3 * e_of(state_of(alone), alone.service.targets[0]) + 1) / 4
    assert e_of(state_of(of), target) == pytest.approx(wanted)


def test_every_deciding_source_must_prove_the_candidate_good() -> None:
    of = after(judged(RULE, SECOND), 45, GOOD, GOOD)
    assert (phase(of), code(of)) == (Phase.HOLDING, "metricGone")


def test_the_evidence_of_a_rollout_is_the_mean_over_its_targets() -> None:
    of = judged(names=("west", "north"))
    said = reading(GOOD, (100, 12), since=0, until=5)
    of = tick(of, 5, seen(of, 5, said), seen(of, 5, name="north"))
    alone = e_of(of.target("west"), of.service.target("west"))
    assert e_of_rollout(of) == pytest.approx((alone + 1) / 2)


def test_one_bad_target_takes_the_rollout_back_and_is_the_one_that_is_named() -> None:
    of = judged(names=("west", "north"))
    for when in (5, 10):
        north = reading(GOOD, GOOD, since=when - 5, until=when)
        west = reading(GOOD, BAD, since=when - 5, until=when)
        of = tick(of, when, seen(of, when, west), seen(of, when, north, name="north"))
    assert of.failure is not None
    assert of.target("west").failure == of.failure
    assert of.outcome is Outcome.RUNNING


def test_most_requests_failing_beside_failing_probes_needs_no_proof_where_dns_carries_the_split() -> None:
    of = judged(by_resolver=True, probe=ProbeRule(2.0, 2, 3))
    of = after(of, 5, GOOD, (30, 30))
    assert of.failure is None
    of = tick(of, 6, seen(of, 6, probes="candidate"))
    assert of.failure is None, "one failed probe may be an accident on the way"
    of = tick(of, 8, seen(of, 8, probes="candidate"))
    assert of.failure is not None
    assert of.failure.code == "broken"


def test_our_own_probes_go_by_no_resolver_so_each_is_a_witness_where_dns_carries_the_split() -> None:
    probes = MetricRule("probes", interval_seconds=1.0, own=True)
    found = set()
    for by_resolver in (True, False):
        of, when = judged(probes, by_resolver=by_resolver, probe=ProbeRule(1.0, 2, 3)), 0
        while of.failure is None and when < 200:
            when += 1
            of = tick(of, when, seen(of, when, probes="well" if when % 3 == 0 else "candidate"))
        found.add((when, of.failure.code if of.failure else None))
    assert len(found) == 1
    assert next(iter(found))[1] == "countsWorse"


def test_counts_of_long_ago_take_nobody_back_when_probes_begin_to_fail() -> None:
    of = after(judged(by_resolver=True, probe=ProbeRule(2.0, 2, 5)), 5, GOOD, (30, 30))
    for when in (200, 205, 210):
        gone = Reading("errors", at(when), problem="connection refused")
        of = tick(of, when, seen(of, when, gone, probes="candidate"))
    assert (of.failure, phase(of)) == (None, Phase.HOLDING)


def test_what_was_said_against_a_target_that_is_judged_is_not_held_against_the_others() -> None:
    """Wave two is bad, and goes back alone; wave one serves well, and goes on."""
    of = judged(names=("west", "north"))
    targets = tuple(replace(each, wave=1 + number) for number, each in enumerate(of.service.targets))
    of = replace(of, service=replace(of.service, targets=targets, waves=WaveRule(on_failure=Scope.WAVE)))
    for when in range(5, 40, 5):
        said = reading(GOOD, GOOD, since=when - 5, until=when), reading(GOOD, BAD, since=when - 5, until=when)
        of = tick(of, when, seen(of, when, said[0]), seen(of, when, said[1], name="north"))
    assert of.target("north").phase in RETURNING_HOME
    assert (of.target("west").failure, of.target("west").phase in FORWARD) == (None, True)


def test_a_pause_marks_the_target_that_failed_and_no_other() -> None:
    of = judged(names=("west", "north"))
    of = replace(of, service=replace(of.service, on_failure=OnFailure.PAUSE))
    for when in range(5, 40, 5):
        said = reading(GOOD, GOOD, since=when - 5, until=when), reading(GOOD, BAD, since=when - 5, until=when)
        of = tick(of, when, seen(of, when, said[0]), seen(of, when, said[1], name="north"))
    assert of.paused is not None
    assert (of.target("west").failure, of.target("north").failure is None) == (None, False)


def test_most_requests_of_one_population_failing_is_no_proof_where_dns_carries_the_split() -> None:
    of = judged(by_resolver=True)
    of = replace(of, targets=(replace(state_of(of), ttl_shift=60),))
    of = after(of, 20, GOOD, (30, 30))
    assert of.failure is None
    assert e_of(state_of(of), of.service.targets[0]) < 1 / ALPHA


# After the switch, and before it.


def test_a_version_that_breaks_when_it_has_everything_is_taken_back_while_the_old_side_is_warm() -> None:
    of = after(judged(share=50.0, probe=ProbeRule(2.0, 2, 3)), 20, GOOD, GOOD)
    whole = replace(state_of(of), step=3, share=100.0)
    of = replace(of, targets=(whole,))
    for when in range(25, 60, 5):
        said = reading((0, 0), (100, 100), since=when - 5, until=when)
        of = tick(of, when, seen(of, when, said, probes="candidate" if when > 45 else "well"))
    assert of.failure is not None
    assert of.failure.code == "broken"


def test_a_source_asked_for_before_any_traffic_must_know_the_stable_side_first() -> None:
    of = judged(replace(RULE, when=(When.BEFORE, When.DURING)), share=0.0)
    held = tick(of, 20, seen(of, 20))
    assert (phase(held), code(held)) == (Phase.HOLDING, "metricGone")
    on = tick(of, 20, seen(of, 20, reading(GOOD, None, since=10, until=20)))
    assert phase(on) is Phase.SHIFTING


# Checks.


def test_a_check_must_pass_before_the_step_is_left() -> None:
    of = judged(SMOKE, share=0.0)
    waits = tick(of, 5, seen(of, 5))
    assert (phase(waits), code(waits)) == (Phase.HOLDING, "checkRunning")
    runs = tick(waits, 7, replace(seen(of, 7), checks=(check("smoke", CheckState.RUNNING, 7, step=0),)))
    assert phase(runs) is Phase.HOLDING
    on = tick(runs, 9, replace(seen(of, 9), checks=(check("smoke", CheckState.PASSED, 9, step=0),)))
    assert phase(on) is Phase.SHIFTING


def test_a_check_that_fails_takes_the_candidate_back_with_what_it_said() -> None:
    of = judged(SMOKE, share=0.0)
    failed = check("smoke", CheckState.FAILED, 5, step=0, why="3 of 40 cases")
    of = tick(of, 5, replace(seen(of, 5), checks=(failed,)))
    assert of.failure is not None
    assert (of.failure.code, "3 of 40 cases" in of.failure.message) == ("checkFailed", True)


def test_a_check_without_a_result_holds_and_asks_in_the_end() -> None:
    of = judged(SMOKE, share=0.0)
    unknown = check("smoke", CheckState.UNKNOWN, 5, step=0, why="no such program")
    of = tick(of, 5, replace(seen(of, 5), checks=(unknown,)))
    assert (phase(of), code(of), of.failure) == (Phase.HOLDING, "checkUnknown", None)
    of = tick(of, 305, seen(of, 305))
    assert state_of(of).asks_person


def test_a_check_that_only_reports_decides_nothing() -> None:
    of = judged(replace(SMOKE, dry_run=True), share=0.0)
    of = tick(of, 5, replace(seen(of, 5), checks=(check("smoke", CheckState.FAILED, 5, step=0),)))
    assert phase(of) is Phase.SHIFTING


def test_a_check_that_only_reports_is_followed_to_its_end_though_its_step_is_over() -> None:
    of = judged(replace(SMOKE, dry_run=True), share=0.0)
    of = tick(of, 5, replace(seen(of, 5), checks=(check("smoke", CheckState.RUNNING, 5, step=0),)))
    assert (phase(of), state_of(of).step) == (Phase.SHIFTING, 1)
    (trial,) = to_check(state_of(of), of.service.targets[0], at(6))
    assert (trial.step, trial.attempt) == (0, 0)
    failed = check("smoke", CheckState.FAILED, 6, step=0, why="3 of 40 cases")
    of = tick(of, 6, replace(seen(of, 6), checks=(failed,)))
    assert (of.failure, state_of(of).checks) == (None, (failed,))
    assert to_check(state_of(of), of.service.targets[0], at(7)) == ()


def test_a_source_that_counts_requests_only_decides_nothing_about_the_candidate() -> None:
    of = judged(MetricRule("queries", MetricKind.QUIET))
    assert phase(tick(of, 40, seen(of, 40))) is Phase.SHIFTING
