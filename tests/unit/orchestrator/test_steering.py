"""One rollout under its lease: who may tick it, when, and what stops an act from beginning."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.lease import LEASE_SECONDS, Lease, this_process
from orchestrator.runner import Driver, Ending, Patience
from orchestrator.steering import Steering
from orchestrator.store.errors import StoreUnavailable
from strategies.model import CommandKind, Outcome
from tests.unit.orchestrator.yard import Yard


@pytest.fixture
def yard() -> Yard:
    return Yard()


def begun(yard: Yard, version: str = "v1") -> str:
    answer = yard.submit(version)
    assert answer.rollout is not None
    return answer.rollout.id


def steering(yard: Yard, rollout_id: str, **more: Any) -> Steering:
    return Steering(yard.store, yard.clock, yard.app.engine(), rollout_id, **more)


def elsewhere(yard: Yard) -> Lease:
    """The lease of another process on another host."""
    return Lease(yard.store, "shop", yard.clock, replace(this_process(), host="elsewhere"))


def test_each_call_ticks_once_when_it_is_time_and_only_reads_when_it_is_not(yard: Yard) -> None:
    wheel = steering(yard, begun(yard))
    first = wheel.once()
    assert wheel.held
    assert wheel.due is not None
    assert wheel.once().version == first.version
    yard.clock.sleep((wheel.due - yard.clock.now()).total_seconds())
    assert wheel.once().version > first.version


def test_a_command_is_taken_though_it_is_not_time_yet(yard: Yard) -> None:
    rollout_id = begun(yard)
    wheel = steering(yard, rollout_id)
    wheel.once()
    yard.store.command(rollout_id, CommandKind.PAUSE, "ana", at=yard.clock.now())
    assert wheel.once().paused is not None


def test_while_another_process_holds_the_lease_it_is_only_read(yard: Yard) -> None:
    rollout_id = begun(yard)
    other = elsewhere(yard)
    assert other.acquire()
    wheel = steering(yard, rollout_id)
    assert wheel.once().version == 0
    assert (wheel.held, wheel.due) == (False, None)
    other.release()
    assert wheel.once().version > 0


def test_a_free_lease_may_be_left_to_others(yard: Yard) -> None:
    wheel = steering(yard, begun(yard))
    assert wheel.once(take=False).version == 0
    assert not wheel.held
    wheel.once()
    assert wheel.held
    yard.clock.sleep(1.0)
    assert wheel.once(take=False).version > 1


def test_without_an_engine_the_lease_is_never_taken(yard: Yard) -> None:
    wheel = Steering(yard.store, yard.clock, None, begun(yard))
    for _ in range(5):
        assert wheel.once().version == 0
        yard.clock.sleep(LEASE_SECONDS)
    assert not wheel.held


def test_a_lease_that_was_lost_meanwhile_is_noticed_and_nothing_is_saved(yard: Yard) -> None:
    wheel = steering(yard, begun(yard))
    version = wheel.once().version
    other = elsewhere(yard)
    other.acquire()
    yard.clock.sleep(LEASE_SECONDS + 1.0)
    assert other.acquire()
    assert wheel.once().version == version
    assert not wheel.held


def test_when_it_is_not_to_go_on_the_state_is_saved_and_no_act_begins(yard: Yard) -> None:
    going = [False]
    wheel = steering(yard, begun(yard), goes_on=lambda: going[0])
    for _ in range(5):
        wheel.once()
        yard.clock.sleep(1.0)
    assert yard.world.calls.writes() == []
    going[0] = True
    for _ in range(5):
        wheel.once()
        yard.clock.sleep(1.0)
    assert yard.world.calls.writes()


def test_an_ended_rollout_takes_no_more_ticks(yard: Yard) -> None:
    rollout_id = begun(yard)
    wheel = steering(yard, rollout_id)
    while not wheel.ended:
        wheel.once()
        yard.clock.sleep(1.0)
    version = wheel.rollout.version
    assert wheel.once().version == version
    assert wheel.rollout.outcome is Outcome.PROMOTED
    wheel.release()
    wheel.release()
    assert not wheel.held


def test_a_store_that_did_not_answer_makes_the_next_tick_due_at_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = steering(yard, begun(yard))
    version = wheel.once().version
    real = yard.store.load
    monkeypatch.setattr(yard.store, "load", lambda _id: (_ for _ in ()).throw(StoreUnavailable("down")))
    with pytest.raises(StoreUnavailable):
        wheel.once()
    monkeypatch.setattr(yard.store, "load", real)
    assert wheel.due is None
    assert wheel.once().version > version


def test_a_driver_without_an_engine_follows_until_its_patience_ends(yard: Yard) -> None:
    driver = Driver(yard.store, yard.clock, None, begun(yard), Patience(timeout_seconds=60.0))
    left = driver.run()
    assert (left.ending, left.engine, left.rollout.version) == (Ending.TIMED_OUT, "none", 0)


def test_a_driver_without_an_engine_sees_the_end_that_another_brings_about(yard: Yard) -> None:
    rollout_id = begun(yard)
    engine = steering(yard, rollout_id)
    seen: list[int] = []

    def meanwhile(state: Any, driving: bool) -> None:
        assert not driving
        seen.append(state.version)
        engine.once()

    left = Driver(yard.store, yard.clock, None, rollout_id, Patience()).run(meanwhile)
    assert (left.ending, left.rollout.outcome) == (Ending.ENDED, Outcome.PROMOTED)
    assert len(set(seen)) > 5


def test_a_driver_leaves_a_free_lease_to_a_daemon_for_a_while_and_then_takes_it(yard: Yard) -> None:
    rollout_id = begun(yard)
    since = yard.clock.monotonic()
    driven: list[float] = []

    def note(_state: Any, driving: bool) -> None:
        if driving:
            driven.append(yard.clock.monotonic() - since)

    engine = yard.app.engine()
    driver = Driver(yard.store, yard.clock, engine, rollout_id, Patience(), yields_seconds=5.0)
    assert driver.run(note).rollout.outcome is Outcome.PROMOTED
    assert 5.0 <= driven[0] <= 5.5
