"""Every rule for data that is missing, late or wrong: that is no evidence, either way; and how often one asks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from strategies.counting import to_ask
from strategies.drain import with_rates
from strategies.evidence import BETA, proof
from strategies.gates import MetricRule
from strategies.model import Rollout, Side
from strategies.phases import Phase
from strategies.plan import ProbeRule
from strategies.proof import LEAST_REQUESTS
from strategies.seen import Reading
from strategies.wake import wake
from tests.unit.strategies.build import at, phases, state_of, tick
from tests.unit.strategies.sources import RULE, after, judged, reading, seen, tallies

GOOD, BAD, FEW = (100, 0), (100, 50), (1, 0)
SECOND = MetricRule("gateway", interval_seconds=5.0)


def phase(of: Rollout) -> Phase:
    return phases(of)["west"]


def code(of: Rollout) -> str:
    """Why the target is not sure, as a code; empty when it is."""
    doubt = state_of(of).doubt
    return doubt.code if doubt is not None else ""


# Rule 1: advancing needs both sides, and of late.


def test_without_new_counts_of_both_sides_a_step_holds_and_says_so() -> None:
    of = after(judged(), 25, GOOD, GOOD)
    held = tick(of, 46, seen(of, 46))
    assert (phase(held), code(held)) == (Phase.HOLDING, "metricGone")
    assert "errors" in state_of(held).note


@pytest.mark.parametrize("side", ["stable", "candidate"])
def test_a_side_that_is_late_holds_the_step(side: str) -> None:
    of = after(judged(), 15, GOOD, GOOD)
    of = after(of, 40, GOOD if side == "candidate" else None, GOOD if side == "stable" else None, start=15)
    assert (phase(of), code(of)) == (Phase.HOLDING, "telemetryLost")
    assert of.failure is None


def test_a_step_that_hardly_anybody_tried_is_not_left_though_its_time_is_over() -> None:
    of = after(judged(share=10.0), 40, GOOD, FEW)
    assert (phase(of), code(of)) == (Phase.HOLDING, "tooFew")
    assert state_of(of).metrics[0].step_candidate < LEAST_REQUESTS
    assert phase(after(of, 15, GOOD, FEW, start=40)) is Phase.SHIFTING


def test_everything_is_not_given_before_it_is_proven_and_a_smaller_step_is() -> None:
    last = after(judged(), 35, (20, 0), (20, 0))
    assert (phase(last), code(last)) == (Phase.HOLDING, "notProven")
    assert proof(state_of(last).metrics[0]) < 1 / BETA
    assert phase(after(judged(share=10.0), 35, (20, 0), (20, 0))) is Phase.SHIFTING


# Rule 2: only intervals that both sides have; late ones later; a reset drops its interval.


def test_intervals_of_one_side_alone_are_no_evidence() -> None:
    of = judged()
    stable = tallies(100, since=0, until=10)
    candidate = tallies(100, 100, since=5, until=10)
    of = tick(of, 10, seen(of, 10, Reading("errors", at(10), stable, candidate)))
    assert state_of(of).metrics[0].candidate_requests == 0


def test_late_intervals_are_counted_when_they_come() -> None:
    of = judged()
    of = tick(of, 5, seen(of, 5, reading(GOOD, None, since=0, until=5)))
    of = tick(of, 10, seen(of, 10, reading(GOOD, BAD, since=0, until=10)))
    assert state_of(of).metrics[0].candidate_failures == 100


def test_a_counter_that_began_anew_drops_its_interval() -> None:
    of = judged()
    stable = tallies(100, since=0, until=10)
    candidate = tallies(100, since=0, until=10)
    candidate = (candidate[0], replace(candidate[1], requests=0, reset=True))
    of = tick(of, 10, seen(of, 10, Reading("errors", at(10), stable, candidate)))
    assert state_of(of).metrics[0].stable_requests == 100


def test_an_interval_is_counted_once_though_two_looks_show_it() -> None:
    of = judged()
    for when in (10, 12):
        of = tick(of, when, seen(of, when, reading(GOOD, GOOD, since=0, until=10)))
    assert state_of(of).metrics[0].stable_requests == 200


# Rule 3: a scrape that failed is not "no errors".


def test_a_source_that_fails_holds_with_its_own_words_and_takes_nobody_back() -> None:
    of = judged()
    for when in range(5, 100, 5):
        of = tick(of, when, seen(of, when, Reading("errors", at(when), problem="HTTP 503: try later")))
    assert (phase(of), code(of), of.failure) == (Phase.HOLDING, "metricGone", None)
    assert "HTTP 503: try later" in state_of(of).note


# Rule 4: the candidate's telemetry is gone while the stable side's is there.


def test_a_candidate_that_tells_nothing_and_fails_two_probes_in_a_row_is_taken_back() -> None:
    of = after(judged(probe=ProbeRule(2.0, 2, 3)), 15, GOOD, GOOD)
    of = after(of, 40, GOOD, None, start=15)
    of = tick(of, 56, seen(of, 56, reading(GOOD, None, since=50, until=55), probes="candidate"))
    assert of.failure is None
    of = tick(of, 58, seen(of, 58, probes="candidate"))
    assert of.failure is not None
    assert of.failure.code == "silent"


def test_a_source_that_may_be_late_is_not_said_to_be_silent_sooner_than_it_may_be() -> None:
    slow = replace(RULE, interval_seconds=20.0)
    of = after(after(judged(slow, probe=ProbeRule(2.0, 2, 3)), 15, GOOD, GOOD), 70, GOOD, None, start=15)
    for when in (86, 88):
        of = tick(of, when, seen(of, when, reading(GOOD, None, since=80, until=85), probes="candidate"))
    assert of.failure is not None
    assert "nothing was counted of the candidate for 60 s, though the stable side was" in of.failure.message


def test_a_candidate_that_tells_nothing_but_answers_its_probes_is_held_and_told_of() -> None:
    of = after(after(judged(), 15, GOOD, GOOD), 100, GOOD, None, start=15)
    assert (phase(of), code(of), of.failure) == (Phase.HOLDING, "telemetryLost", None)


def test_one_failed_probe_within_thirty_seconds_of_silence_takes_nobody_back() -> None:
    of = after(after(judged(), 15, GOOD, GOOD), 20, GOOD, None, start=15)
    of = tick(of, 36, seen(of, 36, probes="candidate"))
    assert of.failure is None


# Rule 5: both are gone.


def test_when_nothing_is_told_of_either_side_even_failing_probes_need_their_own_limit() -> None:
    of = after(after(judged(), 15, GOOD, GOOD), 60, None, None, start=15)
    assert (code(of), of.failure) == ("metricGone", None)
    of = tick(of, 80, seen(of, 80, probes="candidate"))
    assert of.failure is None


# Rule 6: refused connections are counted at the probe: our own probes are a source.


def test_our_own_probes_count_as_requests_of_both_sides() -> None:
    of = judged(MetricRule("probes", own=True, interval_seconds=2.0))
    for when in range(2, 42, 2):
        of = tick(of, when, seen(of, when))
    counted = state_of(of).metrics[0]
    assert counted.stable_requests == counted.candidate_requests > 15
    assert counted.candidate_failures == 0


def test_probes_that_fail_now_and_then_are_proof_in_the_end() -> None:
    of = judged(MetricRule("probes", own=True, interval_seconds=2.0), probe=judged().service.targets[0].probe)
    of = replace(of, service=replace(of.service, deadlines=replace(of.service.deadlines, wave_seconds=9000.0)))
    for when in range(2, 600, 2):
        of = tick(of, when, seen(of, when, probes="candidate" if when % 4 else "well"))
        if of.failure is not None:
            break
    assert of.failure is not None
    assert of.failure.code == "countsWorse"


# Rule 7: what can never be answered is the manifest's fault.


def test_a_question_that_can_never_be_answered_holds_and_says_so_even_beside_old_counts() -> None:
    of = after(judged(), 15, GOOD, GOOD)
    wrong = Reading("errors", at(16), problem="bad_data: parse error", mistaken=True)
    of = tick(of, 16, seen(of, 16, wrong))
    of = tick(of, 34, seen(of, 34))
    assert (phase(of), code(of)) == (Phase.HOLDING, "metricMistaken")
    assert "parse error" in state_of(of).note


def test_a_source_that_does_not_answer_is_asked_less_and_less_often_and_the_probes_go_on() -> None:
    of, asked = judged(), []
    for when in range(1, 120):
        if to_ask(state_of(of), of.service.targets[0], at(when)):
            asked.append(when)
            of = tick(of, when, seen(of, when, Reading("errors", at(when), problem="timed out")))
        else:
            of = tick(of, when, seen(of, when))
    pauses = [later - sooner for sooner, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert max(pauses) <= 30
    assert len(asked) < 12


def test_a_source_that_times_out_is_asked_less_often_though_it_has_not_answered_yet_at_every_other_look() -> None:
    of, asked, open_since, told = judged(), [], None, []
    for when in range(2, 900, 2):
        said = []
        if to_ask(state_of(of), of.service.targets[0], at(when)):
            if open_since is None:
                asked.append(when)
            answered = open_since is not None and when - open_since >= 5
            problem = "did not answer within 5 s" if answered else None
            said = [Reading("errors", at(open_since if answered else when), problem=problem)]
            open_since = None if answered else open_since or when
        of = tick(of, when, seen(of, when, *said))
        told.append(state_of(of).metrics[0].problem)
    assert len(asked) <= 900 / 30 + 5
    assert set(told[told.index("did not answer within 5 s") :]) == {"did not answer within 5 s"}


def test_a_source_that_answers_again_is_asked_as_often_as_before() -> None:
    of = judged()
    for when in (2, 10, 30, 60):
        of = tick(of, when, seen(of, when, Reading("errors", at(when), problem="timed out")))
    of = tick(of, 90, seen(of, 90, reading(GOOD, GOOD, since=0, until=90)))
    assert to_ask(state_of(of), of.service.targets[0], at(95))


def test_in_the_first_minute_of_a_step_one_looks_every_second_and_later_as_the_source_counts() -> None:
    of = judged()
    for when in (0.5, 59.0):
        assert wake(replace(of, ticked_at=at(when - 5)), at(when)) == at(when + 1)
        (asking,) = to_ask(state_of(of), of.service.targets[0], at(when))
        assert asking.step_seconds == 1.0
    assert wake(replace(of, ticked_at=at(55)), at(61)) == at(63)
    (asking,) = to_ask(state_of(of), of.service.targets[0], at(61))
    assert asking.step_seconds == 5.0


def test_a_source_with_coarse_intervals_is_not_asked_every_second() -> None:
    of = judged(MetricRule("platform", interval_seconds=60.0, lag_seconds=180.0))
    of = tick(of, 1, seen(of, 1, reading(GOOD, GOOD, since=-60, until=0, metric="platform")))
    assert not to_ask(state_of(of), of.service.targets[0], at(10))
    assert to_ask(state_of(of), of.service.targets[0], at(16))


def test_a_stable_side_that_is_left_at_one_stroke_has_the_rate_it_had_before() -> None:
    of = judged(share=0.0)
    of = tick(of, 5, seen(of, 5, reading((50, 0), None, since=0, until=5)))
    assert with_rates(state_of(of), Side.STABLE, of.service.targets[0]).metrics[0].rate_before == 10.0
