"""What generated worlds have shown of counts and drains: the smallest cases, one sentence each."""

from __future__ import annotations

from dataclasses import replace

from strategies.counting import latest_seconds
from strategies.drain import Drain, drain, turned_quiet, with_rates
from strategies.evidence import Evidence, renewed
from strategies.gates import MetricKind, MetricRule
from strategies.model import Rollout, Side, TargetState, with_target
from strategies.phases import Phase
from strategies.plan import AfterMost, DrainRule, Quiet
from strategies.seen import Tally
from strategies.steps import step
from tests.unit.strategies.build import at, in_force, in_phase, look, rollout, service, state_of, target, tick
from tests.unit.strategies.sources import RULE, after, judged, reading, seen

RULES = DrainRule(propagation_seconds=6.0, quiet_seconds=10.0, most_seconds=100.0)
GOOD, BAD = (100, 0), (100, 80)
SLOW = replace(RULE, interval_seconds=20.0, lag_seconds=30.0)


def draining(*rules: MetricRule, quiet: Quiet = Quiet.AUTO) -> TargetState:
    """A stable side that begins to drain at second 0, with a TTL of 5 s, before any source has told of it."""
    west = target(metrics=rules, drain=replace(RULES, quiet=quiet))
    of = in_force(in_phase(rollout(service(west)), Phase.DRAINING, step=2), 100, ttl=5)
    return with_rates(state_of(of), Side.STABLE, west)


def heard(state: TargetState, *requests: int, since: float) -> TargetState:
    """The same after the source has told of so many requests in each ten seconds."""
    spans = [(at(since + 10 * n), at(since + 10 * n + 10), number) for n, number in enumerate(requests)]
    tallies = tuple(Tally(begin, end, number) for begin, end, number in spans)
    return replace(state, metrics=tuple(turned_quiet(each, tallies) for each in state.metrics))


def judge(state: TargetState, when: float, *, quiet: Quiet = Quiet.AUTO, **more: object) -> Drain:
    """The drain of that side at a time."""
    late = latest_seconds(target(metrics=(SLOW,)))
    rule = replace(RULES, quiet=quiet, **more)  # type: ignore[arg-type]
    return drain(state, rule, at(when), named=True, agreed=False, late_seconds=late)


def test_a_side_that_left_before_a_slow_source_told_of_it_is_waited_for_once_it_tells() -> None:
    state = heard(draining(SLOW), 400, 300, since=-20)
    assert state.metrics[0].rate_before == 40.0
    assert not judge(state, 200, then=AfterMost.EXTEND).done
    quiet = heard(state, 0, 0, since=0)
    assert judge(quiet, 200).done


def test_a_slow_source_has_its_time_to_tell_before_time_alone_decides() -> None:
    state = draining(SLOW)
    assert not judge(state, 60).done
    assert "sources" in judge(state, 60).note
    assert judge(state, 91).done
    assert "no source counts" in judge(state, 91).note


def test_a_source_that_tells_of_the_time_after_and_of_no_request_needs_no_more_time() -> None:
    assert judge(heard(draining(SLOW), 0, 0, since=-5), 60).done


def test_a_counter_that_began_anew_has_not_told_that_nobody_came() -> None:
    anew = (Tally(at(-5), at(15), 0, reset=True),)
    state = draining(SLOW)
    state = replace(state, metrics=tuple(turned_quiet(each, anew) for each in state.metrics))
    assert not judge(state, 60).done
    assert judge(heard(state, 0, since=15), 60).done


def test_a_source_that_tells_of_the_time_before_alone_has_not_told_yet() -> None:
    assert not judge(heard(draining(SLOW), 0, 0, since=-21), 60).done


def test_the_slowest_source_that_the_drain_asks_says_how_long_one_waits_for_them() -> None:
    edge = replace(SLOW, name="edge", kind=MetricKind.QUIET, lag_seconds=40.0)
    unasked = (
        replace(SLOW, name="dry", lag_seconds=900.0, dry_run=True),
        replace(SLOW, name="own", lag_seconds=900.0, own=True),
        replace(SLOW, name="smoke", lag_seconds=900.0, kind=MetricKind.CHECK),
    )
    assert latest_seconds(target(metrics=(RULE, edge, SLOW, *unasked))) == 3 * 20.0 + 40.0
    assert latest_seconds(target(metrics=unasked)) == 0.0


def test_where_nothing_must_be_quiet_no_source_is_waited_for() -> None:
    assert judge(draining(SLOW, quiet=Quiet.NONE), 30, quiet=Quiet.NONE).done


def test_a_drain_under_way_waits_for_what_a_slow_source_tells_of_it() -> None:
    for rules, goes_to in (((), Phase.DRAINED), ((SLOW,), Phase.DRAINING)):
        west = target(metrics=rules, drain=RULES)
        of = in_force(in_phase(rollout(service(west)), Phase.DRAINING, step=2), 100, ttl=5)
        of = with_target(of, with_rates(state_of(of), Side.STABLE, west))
        assert step(of, state_of(of), look(of, 60), at(60)).phase is goes_to


def test_where_quiet_is_required_a_side_that_never_had_a_request_is_quiet_once_that_is_told() -> None:
    state = draining(SLOW, quiet=Quiet.REQUIRED)
    assert not judge(state, 60, quiet=Quiet.REQUIRED).done
    assert judge(heard(state, 0, since=20), 60, quiet=Quiet.REQUIRED).done
    assert not judge(heard(state, 0, 1, since=20), 60, quiet=Quiet.REQUIRED).done


def test_what_only_reports_and_our_own_probes_are_not_waited_for() -> None:
    state = draining(replace(SLOW, dry_run=True), MetricRule("probes", own=True))
    assert [each.rate_before for each in state.metrics] == [None] * len(state.metrics)
    assert judge(state, 60).done


def test_a_source_of_requests_only_is_waited_for_though_it_bears_on_no_test() -> None:
    state = draining(MetricRule("edge", MetricKind.QUIET))
    loud = heard(state, 50, since=0)
    assert not judge(loud, 60).done


def test_a_person_who_agrees_ends_a_drain_that_would_be_extended_for_ever() -> None:
    state = heard(draining(SLOW), 400, since=0)
    rule = replace(RULES, then=AfterMost.EXTEND)
    assert not drain(state, rule, at(101), named=True, agreed=False).done
    assert not drain(state, rule, at(99), named=True, agreed=True).done
    assert drain(state, rule, at(101), named=True, agreed=True).done


def test_who_settles_on_the_stable_side_has_agreed_that_the_candidate_goes() -> None:
    west = target(metrics=(SLOW,), drain=replace(RULES, quiet=Quiet.REQUIRED, then=AfterMost.EXTEND))
    of = in_force(in_phase(rollout(service(west)), Phase.CLEARING, step=1, exposed=True), 0)
    for settled, goes_to in ((False, Phase.CLEARING), (True, Phase.REMOVING)):
        state = replace(state_of(of), settled=settled)
        assert step(of, state, look(of, 200), at(200)).phase is goes_to


def test_a_retry_in_a_drain_forgets_nobody_who_is_waited_for() -> None:
    known = replace(Evidence("errors"), rate_before=4.0, quiet_since=at(1), quiet_until=at(9), candidate_requests=7)
    again = renewed(known)
    assert (again.rate_before, again.quiet_since, again.quiet_until) == (4.0, at(1), at(9))
    assert again.candidate_requests == 0


def at_the_switch() -> Rollout:
    """A candidate that has just been given everything, after half a minute beside a stable side that was well."""
    of = after(judged(), 30, GOOD, GOOD)
    return replace(of, targets=(replace(state_of(of), step=3, share=100.0),))


def test_what_the_stable_side_did_before_the_switch_is_no_control_of_what_fails_after_it() -> None:
    of = at_the_switch()
    # Four of five requests fail, everybody's; of the last probes one side's was clean by chance.
    for when, probes in ((35, "both"), (40, "well"), (45, "candidate")):
        of = tick(of, when, seen(of, when, reading((0, 0), BAD, since=when - 5, until=when), probes=probes))
    assert of.failure is None


def test_many_workloads_that_fail_at_once_after_the_switch_are_no_proof_by_themselves() -> None:
    of = at_the_switch()
    said = reading((0, 0), BAD, since=30, until=35)
    said = replace(said, candidate=tuple(replace(tally, instances=3) for tally in said.candidate))
    of = tick(of, 35, seen(of, 35, said))
    assert of.failure is None


def test_a_side_is_waited_for_though_none_of_its_requests_could_be_compared() -> None:
    west = target(metrics=(RULE,), drain=RULES)
    of = after(in_force(in_phase(rollout(service(west)), Phase.HOLDING, step=1), 10), 20, (7, 0), None)
    state = with_rates(state_of(of), Side.STABLE, west)
    assert state.metrics[0].stable_requests == 0
    assert state.metrics[0].rate_before == 1.4


def test_what_is_told_again_is_no_more_requests() -> None:
    west = target(metrics=(RULE,), drain=RULES)
    of = in_force(in_phase(rollout(service(west)), Phase.HOLDING, step=1), 10)
    for when in (21, 22, 23):
        of = tick(of, when, seen(of, when, reading((7, 0), None, since=0, until=20)))
    assert state_of(of).metrics[0].told_stable == (28, 20.0)
