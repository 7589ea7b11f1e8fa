"""The wanted split as a value, and whether a read shows it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import traffic
from strategies.model import Side, TargetState
from strategies.phases import Phase
from strategies.plan import Step
from strategies.seen import EndpointSeen, Monitor, TrafficSeen
from tests.unit.strategies.build import at, in_force, in_phase, rollout, shown, state_of, target

WEST = target()
FOREIGN = EndpointSeen("other", "other.example.com", 300, True)


def state(**more: object) -> TargetState:
    return replace(state_of(in_phase(rollout(), Phase.HOLDING)), **more)  # type: ignore[arg-type]


@given(st.sampled_from([0.0, 1.0, 10.0, 50.0, 100.0]), st.booleans())
def test_what_was_written_is_what_a_read_shows(share: float, exposed: bool) -> None:
    intent = traffic.at_step(state(exposed=exposed), WEST, Step(share), "r2")
    assert traffic.shows(shown(intent, 1, extra=[FOREIGN]), intent, "shop.west")


def test_a_candidate_without_traffic_stands_nowhere_in_the_routing() -> None:
    intent = traffic.at_step(state(), WEST, Step(0), "r2")
    assert [member.endpoint for member in intent.members] == [slot.endpoint for slot in state().stable]


def test_a_candidate_that_had_traffic_stays_switched_off_until_it_is_drained() -> None:
    intent = traffic.at_step(state(exposed=True), WEST, Step(0), "r2")
    assert [member.weight for member in intent.members] == [1000, 0]


def test_every_difference_of_ours_is_seen() -> None:
    intent = traffic.at_step(state(exposed=True), WEST, Step(10), "r2")
    good = shown(intent, 1)
    first, *rest = good.endpoints
    for other in (
        replace(good, endpoints=tuple(rest)),
        replace(good, endpoints=(replace(first, weight=1), *rest)),
        replace(good, endpoints=(replace(first, enabled=False), *rest)),
        replace(good, endpoints=(replace(first, address="elsewhere.example.com"), *rest)),
        replace(good, active=()),
        replace(good, exists=False),
    ):
        assert not traffic.shows(other, intent, "shop.west")


@given(st.integers(1, 1000), st.booleans())
def test_foreign_endpoints_do_not_matter(weight: int, enabled: bool) -> None:
    intent = traffic.at_step(state(), WEST, Step(10), "r2")
    other = replace(FOREIGN, weight=weight, enabled=enabled)
    assert traffic.shows(shown(intent, 1, extra=[other]), intent, "shop.west")


def test_the_ttl_is_lowered_with_the_original_kept_beside_it() -> None:
    intent = traffic.at_step(state(ttl_original=40), target(ttl_during=5), Step(10), "r2")
    assert (intent.ttl_seconds, intent.ttl_original) == (5, 40)


def test_an_original_ttl_that_another_service_noted_is_kept_by_one_that_lowers_nothing() -> None:
    """Its next write took the note away while the TTL was low, and an empty store took the low one for the original."""
    intent = traffic.at_step(state(ttl_original=40), WEST, Step(10), "r2")
    assert (intent.ttl_seconds, intent.ttl_original) == (None, 40)


@pytest.mark.parametrize("leaving", list(Side))
def test_who_leaves_is_gone_and_who_stays_has_everything(leaving: Side) -> None:
    of = state(exposed=True, ttl_original=40)
    intent = traffic.left(of, target(ttl_during=5), leaving, others_active=False, rolled_back="01234567")
    gone = of.stable if leaving is Side.STABLE else of.candidate
    assert intent.absent == tuple(slot.endpoint for slot in gone)
    assert sum(member.weight for member in intent.members) == 1000
    assert (intent.active, intent.ttl_seconds) == (None, 40)
    assert intent.rolled_back == (None if leaving is Side.STABLE else "01234567")


def test_the_same_wish_again_changes_nothing() -> None:
    of = state_of(in_force(in_phase(rollout(), Phase.SHIFTING, step=1), 10))
    assert of.asked is not None
    assert traffic.ask(of, of.asked.intent, 10, at(99)) is of


def test_the_observed_share_is_that_of_our_enabled_weights() -> None:
    of = state(exposed=True)
    seen = shown(traffic.at_step(of, WEST, Step(10), "r2"), 1, extra=[FOREIGN])
    assert traffic.share_in(seen, of) == pytest.approx(10.0)
    assert traffic.share_in(TrafficSeen(at(1), True, (FOREIGN,)), of) is None


@pytest.mark.parametrize(
    ("monitor", "well"),
    [(Monitor.ONLINE, True), (Monitor.UNMONITORED, True), (Monitor.CHECKING, False), (Monitor.DEGRADED, False)],
)
def test_only_what_the_routing_layer_takes_for_healthy_is_online(monitor: Monitor, well: bool) -> None:
    of = state()
    slot = of.candidate[0]
    seen = TrafficSeen(at(1), True, (EndpointSeen(slot.endpoint, "x", 1, True, monitor),))
    assert traffic.online(seen, of.candidate) is well


def test_a_ttl_that_another_rollout_lowers_while_we_leave_is_not_our_drift() -> None:
    """The one that had left raised it again under the other one's feet."""
    intent = traffic.left(state(ttl_original=40), WEST, Side.CANDIDATE, others_active=False, rolled_back=None)
    lowered = replace(shown(intent, 1), ttl_seconds=2, active=(("mail.west", "r9"),))
    assert traffic.shows(lowered, intent, "shop.west")
    assert not traffic.shows(replace(lowered, active=()), intent, "shop.west")
