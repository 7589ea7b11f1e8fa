"""What a reviewer found about counts: each once went wrong, in a way that a person would have paid for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from strategies.counting import to_ask, to_check
from strategies.drain import drain
from strategies.evidence import ALPHA, Evidence, begin_step, e_value, update
from strategies.gates import MetricRule
from strategies.lately import broken
from strategies.model import CommandKind, Rollout, Side, with_target
from strategies.phases import Phase
from strategies.plan import DrainRule, OnFailure
from strategies.proof import e_of
from strategies.seen import CheckState, Counts, Reading, Tally
from tests.unit.strategies.build import at, in_force, in_phase, phases, rollout, state_of, tick, told
from tests.unit.strategies.sources import RULE, SMOKE, after, check, judged, reading, seen

GOOD, BAD = (100, 0), (100, 60)
SAMPLED = replace(RULE, sampled=True)


def scraped(since: int, until: int, *, stable_at: int, candidate_at: int, incident: int) -> Iterator[tuple[Tally, ...]]:
    """What counters of both sides say each second, scraped every thirty at other seconds; at `incident` 30 % fail."""
    for rate, offset in ((900, stable_at), (100, candidate_at)):
        tallies = []
        for second in range(since, until):
            requests = failures = 0
            if second % 30 == offset:
                past = range(second - 29, second + 1)
                requests = rate * 30 // 10
                failures = sum(rate * 3 // 100 if each >= incident else rate // 1000 for each in past)
            tallies.append(Tally(at(second), at(second + 1), requests, min(failures, requests)))
        yield tuple(tallies)


@pytest.mark.parametrize(("stable_at", "candidate_at"), [(12, 5), (5, 12), (29, 0), (0, 29)])
def test_an_incident_that_sampling_shows_on_one_side_first_takes_nobody_back(stable_at: int, candidate_at: int) -> None:
    for incident in range(60, 90, 3):
        of = judged(SAMPLED)
        stable, candidate = scraped(0, 240, stable_at=stable_at, candidate_at=candidate_at, incident=incident)
        for when in range(2, 240, 2):
            said = Reading("errors", at(when), stable[:when], candidate[:when])
            of = tick(of, when, seen(of, when, said))
        assert of.failure is None, incident


def test_a_sampled_candidate_that_is_bad_for_good_is_still_taken_back() -> None:
    of = after(judged(SAMPLED), 40, GOOD, BAD)
    assert of.failure is not None
    assert of.failure.code == "countsWorse"


def test_requests_of_a_side_from_before_the_other_had_any_are_not_held_against_it() -> None:
    of = judged()
    for when in range(5, 60, 5):
        of = tick(of, when, seen(of, when, reading((25, 0), (0, 0), since=when - 5, until=when)))
    of = tick(of, 60, seen(of, 60, reading((25, 10), (8, 4), since=55, until=60)))
    assert e_of(state_of(of), of.service.targets[0]) < 10


def test_a_candidate_that_never_had_a_series_is_not_lost_because_one_probe_failed() -> None:
    of = after(judged(), 40, GOOD, None)
    of = tick(of, 41, seen(of, 41, probes="candidate"))
    assert of.failure is None


def paused_by(of: Rollout) -> Rollout:
    return replace(of, service=replace(of.service, on_failure=OnFailure.PAUSE))


@pytest.mark.parametrize("share", [10.0, 50.0])
def test_what_was_paused_against_proof_goes_no_further_on_a_mere_resume(share: float) -> None:
    of = after(paused_by(judged(share=share)), 20, GOOD, BAD)
    assert of.paused is not None
    of = after(told(of, CommandKind.RESUME), 60, GOOD, BAD, start=20)
    assert phases(of) == {"west": Phase.HOLDING}
    assert state_of(of).asks_person
    assert "rollout retry" in state_of(of).note


def test_an_old_side_is_not_deleted_against_proof_either() -> None:
    of = paused_by(judged(share=100.0))
    proven = after(judged(), 20, GOOD, BAD).targets[0].metrics
    of = with_target(of, replace(state_of(of), phase=Phase.DRAINING, metrics=proven))
    of = tick(of, 21, seen(of, 21))
    assert of.paused is not None
    of = tick(told(of, CommandKind.RESUME), 400, seen(of, 400))
    assert phases(of) == {"west": Phase.DRAINING}
    assert state_of(of).asks_person


def test_quiet_from_before_the_answers_expired_is_not_quiet_after_it() -> None:
    state = state_of(in_force(in_phase(rollout(), Phase.DRAINING, step=2), 100))
    quiet = Evidence("errors", rate_before=5.0, quiet_since=at(5), quiet_until=at(75))
    state = replace(state, metrics=(quiet,), expires_at=at(4000))
    rule = DrainRule(propagation_seconds=0.0, quiet_seconds=60.0, most_seconds=1e6)
    assert not drain(state, rule, at(5000), named=True, agreed=False).done


def test_counts_of_the_candidate_that_come_late_in_a_drain_are_asked_for_again() -> None:
    of = judged(share=100.0)
    state = replace(state_of(of), phase=Phase.DRAINING)
    known = replace(state.metrics[0], rate_before=5.0, until=at(5), quiet_until=at(20), asked_at=at(15))
    (asking,) = to_ask(replace(state, metrics=(known,)), of.service.targets[0], at(25))
    assert (asking.since, asking.leaving) == (at(5), Side.STABLE)


def test_before_any_traffic_a_source_is_asked_only_for_what_is_new() -> None:
    of = judged(share=0.0)
    of = tick(of, 5, seen(of, 5, reading(GOOD, None, since=0, until=5)))
    (asking,) = to_ask(state_of(of), of.service.targets[0], at(12))
    assert asking.since == at(5)


def test_one_request_of_the_stable_side_does_not_show_that_it_is_well() -> None:
    few = Counts(at(0), at(5), 1, 0, 60, 45)
    seen = update(begin_step(Evidence()), few)
    assert broken(seen.recent, (seen.stable_requests, seen.stable_failures)) is None


def test_a_check_without_a_result_is_made_again_less_and_less_often() -> None:
    of, made = judged(SMOKE, share=0.0), []
    for when in range(5, 7200, 5):
        due = to_check(state_of(of), of.service.targets[0], at(when))
        if due:
            made.append(when)
            unknown = replace(check("smoke", CheckState.UNKNOWN, when, step=0), attempt=due[0].attempt)
            of = with_target(of, replace(state_of(of), checks=(unknown,)))
    pauses = [later - sooner for sooner, later in pairwise(made)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 60
    assert max(pauses) <= 1800
    assert len(made) < 12


def test_a_check_that_comes_to_no_result_for_days_is_still_made_every_half_hour() -> None:
    of = judged(SMOKE, share=0.0)
    unknown = replace(check("smoke", CheckState.UNKNOWN, 0, step=0), attempt=500)
    of = with_target(of, replace(state_of(of), checks=(unknown,)))
    assert [bool(to_check(state_of(of), of.service.targets[0], at(when))) for when in (1799, 1800)] == [False, True]


def test_a_target_that_cannot_turn_back_shields_no_other() -> None:
    of = judged(names=("west", "north"))
    proven = after(judged(), 20, GOOD, BAD).targets[0].metrics
    worse = tuple(replace(each, against=(900.0,) * 8) for each in proven)
    gone = replace(of.target("north"), phase=Phase.PROMOTED, metrics=worse)
    bad = replace(of.target("west"), metrics=proven)
    of = tick(with_target(with_target(of, gone), bad), 21)
    assert of.failure is not None


def test_a_candidate_that_clears_is_asked_about_from_where_its_quiet_is_known_to_and_not_from_the_abort() -> None:
    of = told(after(judged(), 20, GOOD, GOOD), CommandKind.ABORT)
    for when in range(25, 300, 5):
        asked = [asking.since for asking in to_ask(state_of(of), of.service.targets[0], at(when))]
        since = (asked[0] - at(0)).total_seconds() if asked else when - 5
        of = tick(of, when, seen(of, when, reading((200, 0), (1, 0), since=since, until=when)))
        assert state_of(of).phase in (Phase.RETURNING, Phase.CLEARING)
    assert state_of(of).phase is Phase.CLEARING
    (asking,) = to_ask(state_of(of), of.service.targets[0], at(300))
    assert asking.since == at(295)


def test_who_still_talks_is_not_forgotten_for_a_source_that_does_not_say() -> None:
    rules = (RULE, MetricRule("gateway", interval_seconds=5.0))
    of = judged(*rules, share=100.0)
    of = with_target(of, replace(state_of(of), phase=Phase.DRAINING))
    named = replace(reading((5, 0), GOOD, since=0, until=5), talkers=(("10.0.0.7", 1.0),))
    other = reading((5, 0), GOOD, since=0, until=5, metric="gateway")
    assert state_of(tick(of, 5, seen(of, 5, named, other))).talkers == (("10.0.0.7", 1.0),)


def test_one_sample_alone_never_condemns() -> None:
    counted = update(begin_step(Evidence()), Counts(at(0), at(30), 13000, 400, 1500, 900), ttl=5.0)
    assert e_value(counted, 4) < 1 / ALPHA


def test_what_comes_late_of_the_step_before_does_not_try_this_one() -> None:
    of = judged()
    of = with_target(of, replace(state_of(of), since=at(20)))
    of = tick(of, 26, seen(of, 26, reading(GOOD, GOOD, since=0, until=25)))
    known = state_of(of).metrics[0]
    assert (known.candidate_requests, known.step_candidate) == (500, 100)


def test_a_candidate_that_is_seconds_old_is_not_said_to_be_lost() -> None:
    of = after(judged(), 10, GOOD, None)
    doubt = state_of(of).doubt
    assert doubt is not None
    assert (doubt.code, doubt.message) == ("tooFew", "errors: nothing is counted of the candidate yet")
    later = state_of(after(of, 20, GOOD, None, start=10)).doubt
    assert later is not None
    assert later.code == "telemetryLost"
