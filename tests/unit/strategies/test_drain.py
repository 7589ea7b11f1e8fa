"""When a side may be retired: never before its last possible client has gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.drain import drain, expiry, margin_seconds, quiet_seconds, settle_seconds, turned_quiet
from strategies.evidence import Evidence
from strategies.model import TargetState
from strategies.phases import Phase
from strategies.plan import AfterMost, DrainRule, Quiet
from strategies.seen import Tally
from tests.unit.strategies.build import at, in_force, in_phase, rollout, state_of

RULE = DrainRule(propagation_seconds=6.0)
ttls = st.integers(0, 3600)


def draining(ttl: int = 20, **more: object) -> TargetState:
    return replace(state_of(in_force(in_phase(rollout(), Phase.DRAINING, step=2), 100, ttl=ttl)), **more)  # type: ignore[arg-type]


@given(ttls, st.floats(0, 600), st.one_of(st.none(), st.floats(0, 600)))
def test_nothing_is_done_before_ttl_propagation_and_margin_have_passed(
    ttl: int, propagation: float, margin: float | None
) -> None:
    rule = DrainRule(propagation_seconds=propagation, margin_seconds=margin)
    whole = ttl + propagation + (margin if margin is not None else max(10.0, ttl / 2))
    assert not drain(draining(ttl), rule, at(whole - 0.01), named=True, agreed=True).done
    assert drain(draining(ttl), rule, at(whole + 0.01), named=True, agreed=False).done


@given(ttls, ttls, st.floats(0, 5000))
def test_a_lowered_ttl_counts_from_its_confirmation_and_never_shortens_what_was_given_before(
    before: int, now: int, later: float
) -> None:
    latest = expiry(at(later), now, at(0), before)
    assert latest >= at(before)
    assert latest >= at(later + now)
    assert latest in (at(before), at(later + now))


def test_an_unconfirmed_shift_is_never_drained() -> None:
    state = draining()
    assert state.asked is not None
    state = replace(state, asked=replace(state.asked, confirmed_at=None))
    assert not drain(state, RULE, at(10_000), named=True, agreed=True).done


def test_a_side_that_nothing_ever_named_needs_no_drain() -> None:
    assert drain(draining(), RULE, at(0), named=False, agreed=False).done


def test_the_sum_is_explained_in_words() -> None:
    note = drain(draining(20), RULE, at(1), named=True, agreed=False).note
    assert note == "answers expire 00:00:20, + 6 s propagation + 10 s margin = 00:00:36 UTC"


def test_where_nobody_counts_time_alone_decides_and_the_note_says_so() -> None:
    assert "no source counts" in drain(draining(), RULE, at(60), named=True, agreed=False).note


COUNTED = replace(RULE, quiet_seconds=10.0, most_seconds=100.0)


def counted(since: float | None = None, until: float | None = None, metric: str = "requests") -> Evidence:
    """A source that counted five requests a second before, and none from `since` to `until`."""
    quiet = (None if since is None else at(since), None if until is None else at(until))
    return Evidence(metric, rate_before=5.0, quiet_since=quiet[0], quiet_until=quiet[1])


def is_done(*metrics: Evidence, when: float = 60) -> bool:
    return drain(draining(metrics=metrics), COUNTED, at(when), named=True, agreed=False).done


@pytest.mark.parametrize(("ttl", "configured", "wanted"), [(10, None, 60), (60, None, 120), (60, 5.0, 5)])
def test_quiet_lasts_as_configured_else_two_ttls_and_a_minute_at_least(
    ttl: int, configured: float | None, wanted: int
) -> None:
    rule = replace(RULE, quiet_seconds=configured)
    assert quiet_seconds(rule, ttl) == wanted
    for quiet, done in ((wanted - 0.01, False), (wanted, True)):
        state = draining(ttl, metrics=(counted(ttl, ttl + quiet),))
        assert drain(state, rule, at(1000), named=True, agreed=False).done is done


def test_where_a_source_counts_the_side_must_be_quiet_as_well() -> None:
    assert not is_done(counted())
    assert not is_done(counted(45, 54.9))
    assert is_done(counted(45, 55))


def test_a_lull_from_before_the_side_left_the_split_is_no_quiet_of_after_it() -> None:
    state = draining(ttl=0, metrics=(counted(-60, 5),))
    rule = replace(COUNTED, propagation_seconds=0.0, margin_seconds=0.0)
    assert not drain(state, rule, at(20), named=True, agreed=False).done
    state = replace(state, metrics=(counted(-60, 10),))
    assert drain(state, rule, at(20), named=True, agreed=False).done


def test_a_source_that_falls_silent_proves_no_quiet_however_long_one_waits() -> None:
    assert not is_done(counted(45, 50), when=90)


def test_every_source_must_have_seen_it_quiet() -> None:
    assert not is_done(counted(45, 58), counted(52, 58, "gateway"))
    assert is_done(counted(45, 58), counted(47, 58, "gateway"))


def test_quiet_never_shortens_the_time() -> None:
    assert not is_done(counted(0, 35), when=35)


@pytest.mark.parametrize(
    ("then", "agreed", "done", "asks"),
    [
        (AfterMost.ASK, False, False, True),
        (AfterMost.ASK, True, True, False),
        (AfterMost.FORCE, False, True, False),
        (AfterMost.EXTEND, False, False, False),
    ],
)
def test_a_side_that_is_never_quiet_ends_as_the_rule_says(
    then: AfterMost, agreed: bool, done: bool, asks: bool
) -> None:
    found = drain(draining(metrics=(counted(),)), replace(COUNTED, then=then), at(101), named=True, agreed=agreed)
    assert (found.done, found.asks) == (done, asks)


def test_quiet_none_never_waits_for_quiet() -> None:
    state = draining(metrics=(counted(),))
    assert drain(state, replace(COUNTED, quiet=Quiet.NONE), at(60), named=True, agreed=False).done


@given(ttls)
def test_the_automatic_margin_is_half_the_ttl_and_at_least_ten_seconds(ttl: int) -> None:
    assert margin_seconds(RULE, ttl) == max(10.0, ttl / 2)
    assert settle_seconds(RULE, ttl) == 6.0 + ttl


def tallies(*requests: int | None, since: float = 0.0) -> tuple[Tally, ...]:
    """Intervals of ten seconds with so many requests; None: nobody knows."""
    spans = [(at(since + 10 * n), at(since + 10 * n + 10), number) for n, number in enumerate(requests)]
    return tuple(Tally(begin, end, number) for begin, end, number in spans if number is not None)


def test_quiet_begins_with_the_first_interval_without_requests_and_ends_with_one_that_has_some() -> None:
    quiet = turned_quiet(counted(), tallies(7, 0, 0))
    assert (quiet.quiet_since, quiet.quiet_until) == (at(10), at(30))
    loud = turned_quiet(quiet, tallies(1, since=30))
    assert (loud.quiet_since, loud.quiet_until) == (None, at(40))


def test_an_interval_that_nobody_knows_breaks_the_quiet() -> None:
    seen = turned_quiet(counted(), tallies(0, None, 0))
    assert (seen.quiet_since, seen.quiet_until) == (at(20), at(30))


def test_a_counter_that_begins_anew_is_not_quiet() -> None:
    seen = turned_quiet(counted(), (Tally(at(0), at(10), 0, reset=True),))
    assert seen.quiet_since is None


def test_an_interval_is_heard_once() -> None:
    seen = turned_quiet(counted(), tallies(0, 0))
    assert turned_quiet(seen, tallies(9, 9)) == seen
