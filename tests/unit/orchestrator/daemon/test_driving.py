"""Rollouts as the daemon drives them: in their turn, under their lease, and with nothing kept of what has ended."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.daemon.driving import HELD_ELSEWHERE_SECONDS, REFUSED_SECONDS, Driving
from orchestrator.daemon.presence import Presence
from orchestrator.engine import Engine
from orchestrator.holder import PRESENCE
from orchestrator.lease import LEASE_SECONDS, Lease, this_process
from orchestrator.steering import Steering
from orchestrator.store.errors import StoreUnavailable
from strategies.model import CommandKind, Outcome
from strategies.phases import Phase
from tests.unit.orchestrator.daemon.parts import Kept, jobs_on, run
from tests.unit.orchestrator.yard import MANIFEST, Yard, YardApp


class Bay:
    """A yard with a daemon's driving in it."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.clock, self.log = yard, yard.clock, Kept()
        self.app: YardApp = yard.app
        self.jobs = jobs_on(self.clock, self.log)
        self.ended: list[str] = []
        self.goes_on = True
        self.driving = Driving(
            self.app,
            self.jobs,
            self.log,
            goes_on=lambda: self.goes_on,
            ended=self.ended.append,
        )
        self.driving.begin()

    def run(self, seconds: float) -> None:
        run(self.jobs, self.clock, seconds)

    def begin(self, version: str, **more: Any) -> str:
        answer = self.yard.submit(version, **more)
        assert answer.rollout is not None
        return answer.rollout.id

    def outcome(self, rollout_id: str) -> Outcome:
        return self.yard.store.load(rollout_id).outcome


@pytest.fixture
def yard() -> Yard:
    return Yard()


@pytest.fixture
def bay(yard: Yard) -> Bay:
    return Bay(yard)


def test_a_rollout_that_somebody_submits_is_noticed_and_driven_to_its_end(bay: Bay) -> None:
    bay.run(10.0)
    begun = bay.begin("v1")
    bay.run(0.5)
    assert bay.yard.store.load(begun).ticked_at is not None
    assert bay.driving.active == bay.driving.held == 1
    bay.run(300.0)
    assert bay.outcome(begun) is Outcome.PROMOTED
    assert bay.ended == ["shop"]


def test_a_command_takes_effect_within_half_a_second_however_far_the_next_tick_is(bay: Bay) -> None:
    bay.yard.manifest = MANIFEST.replace("interval: 1s", "interval: 30s")
    begun = bay.begin("v1")
    bay.run(40.0)
    bay.yard.store.command(begun, CommandKind.PAUSE, "ana", at=bay.clock.now())
    bay.run(0.5)
    assert bay.yard.store.load(begun).paused is not None


def test_the_lease_is_kept_between_two_ticks_that_lie_far_apart(bay: Bay) -> None:
    bay.yard.manifest = MANIFEST.replace("interval: 1s", "interval: 60s")
    begun = bay.begin("v1")
    bay.run(3.0)
    service = bay.yard.store.load(begun).service.name
    for _ in range(60):
        bay.run(1.0)
        record = bay.yard.store.lease_of(service)
        assert record is not None
        assert record.expires_at > bay.clock.now() + timedelta(seconds=LEASE_SECONDS - 10.5)


def test_nothing_is_kept_of_a_rollout_that_has_ended(bay: Bay) -> None:
    def kept() -> list[object]:
        gc.collect()
        return [each for each in gc.get_objects() if isinstance(each, Engine | Steering)]

    before = len(kept())
    jobs = len(bay.jobs)
    for number in range(4):
        bay.begin(f"v{number + 1}")
        bay.run(300.0)
    assert len(bay.yard.store.history("shop")) == 4
    assert bay.app._hands == {}
    assert len(kept()) == before
    assert len(bay.jobs) == jobs
    assert bay.driving.active == bay.driving.held == 0
    record = bay.yard.store.lease_of("shop")
    assert record is not None
    assert record.owner is None


def test_a_rollout_held_elsewhere_is_taken_over_when_its_holder_lets_go(bay: Bay) -> None:
    begun = bay.begin("v1")
    other = Lease(bay.yard.store, "shop", bay.clock, replace(this_process(), host="elsewhere"))
    assert other.acquire()
    for _ in range(20):
        bay.run(1.0)
        other.keep()
    assert bay.driving.held == 0
    assert bay.yard.store.load(begun).version == 0
    other.release()
    bay.run(HELD_ELSEWHERE_SECONDS + 0.1)
    assert bay.driving.held == 1
    assert bay.yard.store.load(begun).version > 0


def test_a_rollout_whose_holder_died_elsewhere_is_taken_over_after_one_lease_period(bay: Bay) -> None:
    bay.begin("v1")
    assert Lease(bay.yard.store, "shop", bay.clock, replace(this_process(), host="elsewhere")).acquire()
    bay.run(LEASE_SECONDS - 1.0)
    assert bay.driving.held == 0
    bay.run(3.0)
    assert bay.driving.held == 1


def test_two_daemons_on_one_store_end_a_rollout_once(yard: Yard) -> None:
    one, two = Bay(yard), Bay(yard)
    begun = one.begin("v1")
    for _ in range(300):
        run(one.jobs, yard.clock, 0.5)
        run(two.jobs, yard.clock, 0.5)
    assert one.outcome(begun) is Outcome.PROMOTED
    assert set(one.ended) == set(two.ended) == {"shop"}
    kinds = [stored.event.kind for stored in yard.store.events("shop")]
    assert kinds.count("rollout_ended") == 1
    assert len(yard.groups()) == 1


def test_when_it_is_to_stop_no_other_act_begins_and_the_state_is_saved(bay: Bay) -> None:
    begun = bay.begin("v1")
    bay.goes_on = False
    bay.run(60.0)
    assert bay.yard.groups() == ()
    assert bay.yard.store.load(begun).version > 0
    bay.driving.release()
    record = bay.yard.store.lease_of("shop")
    assert record is not None
    assert record.owner is None
    again = Bay(bay.yard)
    again.run(300.0)
    assert again.outcome(begun) is Outcome.PROMOTED


def test_a_retained_group_goes_when_its_time_is_over_and_not_before(bay: Bay) -> None:
    bay.yard.manifest = MANIFEST + "retain: 90s\n"
    for version in ("v1", "v2"):
        bay.begin(version)
        bay.run(200.0 if version == "v1" else 100.0)
    (kept,) = bay.yard.store.retained("shop")
    left = (kept.until - bay.clock.now()).total_seconds()
    bay.run(left - 1.0)
    assert [entry.name for entry in bay.yard.store.retained("shop")] == [kept.name]
    bay.run(10.0)
    assert bay.yard.store.retained("shop") == []
    assert kept.name not in {group.name for group in bay.yard.groups()}
    assert bay.log.of("retained_deleted") == [{"service": "shop", "target": "west"}]
    jobs = len(bay.jobs)
    bay.run(60.0)
    assert len(bay.jobs) == jobs


def test_a_retained_group_that_may_not_be_deleted_is_told_and_tried_again(bay: Bay) -> None:
    bay.yard.manifest = MANIFEST + "retain: 30s\n"
    for version in ("v1", "v2"):
        bay.begin(version)
        bay.run(100.0)
    # Retained again by hand, so that the deletion comes up anew behind a lock.
    bay.begin("v3")
    bay.yard.locked = True
    bay.run(300.0)
    refused = bay.log.of("retained_not_deleted")
    assert refused
    assert "a lock forbids it" in refused[0]["message"]
    assert len(refused) <= 2 + 300.0 / REFUSED_SECONDS
    bay.yard.locked = False
    bay.run(REFUSED_SECONDS + 10.0)
    assert bay.yard.store.retained("shop") == []


def test_a_retained_group_is_left_alone_while_a_rollout_runs(bay: Bay) -> None:
    bay.yard.manifest = MANIFEST + "retain: 90s\n"
    for version in ("v1", "v2"):
        bay.begin(version)
        bay.run(200.0 if version == "v1" else 100.0)
    begun = bay.begin("v3")
    bay.yard.store.command(begun, CommandKind.PAUSE, "ana", at=bay.clock.now())
    bay.run(300.0)
    assert bay.outcome(begun) is Outcome.RUNNING
    assert bay.log.of("retained_deleted") == []
    bay.yard.store.command(begun, CommandKind.ABORT, "ana", at=bay.clock.now())
    bay.run(200.0)
    assert bay.yard.store.retained("shop") == []


@pytest.fixture
def silence(bay: Bay, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """The store does not answer while the list holds True."""
    silent = [False]
    for name in ("stirrings", "load", "save", "lease_of", "lease_renew", "retained_due"):
        real = getattr(bay.yard.store, name)

        def answer(*args: Any, _real: Any = real, **more: Any) -> Any:
            if silent[0]:
                raise StoreUnavailable("the database is down")
            return _real(*args, **more)

        monkeypatch.setattr(bay.yard.store, name, answer)
    yield silent
    silent[0] = False


def test_while_the_store_is_silent_nothing_moves_and_afterwards_everything_goes_on(
    bay: Bay, silence: list[bool]
) -> None:
    begun = bay.begin("v1")
    bay.run(20.0)
    assert bay.yard.store.load(begun).target("west").phase is not Phase.PENDING
    writes = len(bay.yard.world.calls.writes())
    silence[0] = True
    bay.run(120.0)
    assert len(bay.yard.world.calls.writes()) == writes
    silence[0] = False
    bay.run(300.0)
    assert bay.outcome(begun) is Outcome.PROMOTED
    assert len(bay.log.of("store_unavailable")) == len(bay.log.of("store_back")) == 1
    assert bay.log.of("job_failed") == []


def test_one_of_several_daemons_is_seen_and_another_takes_over_when_it_goes(yard: Yard) -> None:
    one, two = Presence(yard.store, yard.clock), Presence(yard.store, yard.clock)
    one.keep()
    two.keep()
    assert (one.held, two.held) == (True, False)
    for _ in range(100):
        yard.clock.sleep(min(one.keep(), two.keep()))
    assert (one.held, two.held) == (True, False)
    one.release()
    two.keep()
    assert two.held
    record = yard.store.lease_of(PRESENCE)
    assert record is not None
    assert record.owner == this_process()
