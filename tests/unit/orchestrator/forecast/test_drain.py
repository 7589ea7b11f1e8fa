"""How long a drain takes, as a plan says it: by the rule, and by what the last drain has shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.forecast_drain import draining, last_pinned
from orchestrator.forecast_entries import Entry, Kind
from strategies.gates import MetricRule
from strategies.model import Revision, Rollout, TargetState
from strategies.phases import Phase
from strategies.plan import AfterMost, DrainRule, Quiet, Service, Target, canary
from strategies.seen import Tally
from strategies.tail import Pinned, Tail, measured, pinned
from tests.unit.orchestrator.forecast.dice import START

TARGET = Target("west", canary(()), drain=DrainRule(60.0), metrics=(MetricRule("errors"),))
ENTRIES = [
    Entry(10.0, Kind.SHIFT, "west", share=100, ttl_seconds=60),
    Entry(130.0, Kind.DRAIN, "west", names=("old",), lasts_seconds=30.0),
]


@settings(deadline=None)
@given(st.floats(0.0011, 1.0), st.floats(1.0, 5000.0), st.integers(0, 300), st.floats(0.0, 300.0))
def test_no_more_than_the_rest_comes_when_clients_are_said_to_have_left(
    part: float, hold: float, ttl: int, propagation: float
) -> None:
    target = replace(TARGET, drain=DrainRule(propagation))
    entries = [replace(ENTRIES[0], ttl_seconds=ttl), ENTRIES[1]]
    found = draining(target, Pinned(part, hold), entries)
    assert found is not None
    for rest, seconds in found.left:
        gone = seconds - propagation - ttl
        assert part * exp(-gone / hold) <= rest * (1 + 1e-9) or gone == 0
        assert gone == pytest.approx(max(hold * log(part / rest), 0.0))


def test_the_formula_agrees_with_a_simulation_of_caching_resolvers() -> None:
    """At TTL 60, with 5 % pinned for 300 s, 99 % had left after 510 s and 99.9 % after 1,255 s, beside propagation."""
    found = draining(replace(TARGET, drain=DrainRule(0.0)), Pinned(0.05, 300.0), ENTRIES)
    assert found is not None
    assert [seconds for _, seconds in found.left] == pytest.approx([510, 1255], rel=0.07)


def test_without_a_measured_drain_only_the_rule_is_told() -> None:
    found = draining(TARGET, None, ENTRIES)
    assert found is not None
    assert (found.left, found.pinned) == ((), None)
    assert found.rule_seconds == 60 + 60 + 30


def test_quiet_and_its_longest_time_are_told_where_a_source_counts() -> None:
    found = draining(TARGET, None, ENTRIES)
    assert found is not None
    assert (found.quiet_seconds, found.counted, found.most_seconds, found.then) == (120.0, True, 1800.0, AfterMost.ASK)
    alone = draining(replace(TARGET, metrics=()), None, ENTRIES)
    assert alone is not None
    assert (alone.quiet_seconds, alone.most_seconds) == (None, None)
    required = draining(replace(TARGET, metrics=(), drain=DrainRule(quiet=Quiet.REQUIRED)), None, ENTRIES)
    assert required is not None
    assert (required.counted, required.most_seconds) == (False, 1800.0)


def test_where_nothing_leaves_nothing_is_told() -> None:
    assert draining(TARGET, None, []) is None
    assert draining(TARGET, None, [ENTRIES[0], replace(ENTRIES[1], names=())]) is None


def _tail(part: float, hold: float) -> Tail:
    tail: Tail | None = None
    for number in range(40):
        since = START + timedelta(seconds=10 * number)
        requests = round(100000 * part * exp(-(10 * number + 5) / hold))
        tail = measured(tail, 10000.0, (Tally(since, since + timedelta(seconds=10), requests),), START)
    assert tail is not None
    return tail


def _ended(number: int, phase: Phase, tail: Tail | None, name: str = "west") -> Rollout:
    service = Service("shop", "image", (replace(TARGET, name=name),))
    state = TargetState(name, START, phase, tail=tail)
    return Rollout(f"r{number}", service, number, Revision("d", "t", "i"), START, START, (state,))


def test_the_newest_drain_that_showed_a_tail_is_the_measure() -> None:
    history = [
        _ended(5, Phase.DRAINING, _tail(0.5, 10.0)),
        _ended(4, Phase.PROMOTED, None),
        _ended(3, Phase.PROMOTED, _tail(0.2, 100.0), "north"),
        _ended(2, Phase.ROLLED_BACK, _tail(0.05, 80.0)),
        _ended(1, Phase.PROMOTED, _tail(0.3, 60.0)),
    ]
    found = last_pinned(history, "west")
    assert found is not None
    assert found == pinned(history[3].targets[0].tail)
    assert (round(found.part, 2), round(found.hold_seconds)) == (0.05, 80)
    assert last_pinned([], "west") is None
    assert last_pinned(history, "south") is None
