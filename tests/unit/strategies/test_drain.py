"""When a side may be retired: never before its last possible client has gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.drain import drain, expiry, margin_seconds, settle_seconds
from strategies.model import TargetState
from strategies.phases import Phase
from strategies.plan import AfterMost, DrainRule, Quiet
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


def test_where_a_source_counts_the_side_must_be_quiet_as_well() -> None:
    busy = draining(rate_before=5.0)
    assert not drain(busy, COUNTED, at(60), named=True, agreed=False).done
    quiet = replace(busy, quiet_since=at(45))
    assert not drain(quiet, COUNTED, at(54), named=True, agreed=False).done
    assert drain(quiet, COUNTED, at(55), named=True, agreed=False).done


def test_quiet_never_shortens_the_time() -> None:
    state = draining(rate_before=5.0, quiet_since=at(0))
    assert not drain(state, COUNTED, at(35), named=True, agreed=False).done


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
    found = drain(draining(rate_before=5.0), replace(COUNTED, then=then), at(101), named=True, agreed=agreed)
    assert (found.done, found.asks) == (done, asks)


def test_quiet_none_never_waits_for_quiet() -> None:
    state = draining(rate_before=5.0)
    assert drain(state, replace(COUNTED, quiet=Quiet.NONE), at(60), named=True, agreed=False).done


@given(ttls)
def test_the_automatic_margin_is_half_the_ttl_and_at_least_ten_seconds(ttl: int) -> None:
    assert margin_seconds(RULE, ttl) == max(10.0, ttl / 2)
    assert settle_seconds(RULE, ttl) == 6.0 + ttl
