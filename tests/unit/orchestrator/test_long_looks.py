"""Looks that take longer than a lease: whoever drives keeps its lease through them, and what it saw is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.engine import Engine
from orchestrator.lease import LEASE_SECONDS, Lease, this_process
from orchestrator.ports import TargetPorts
from orchestrator.steering import CALL_SECONDS, Steering
from orchestrator.store.errors import StoreUnavailable
from strategies.model import CommandKind
from tests.unit.orchestrator.yard import Yard

SLOW_SECONDS = 8.0
assert SLOW_SECONDS < CALL_SECONDS < LEASE_SECONDS < 2 * SLOW_SECONDS


class Slow:
    """Workloads and routing of which every question takes its time; `meanwhile` is done each second of it."""

    def __init__(self, yard: Yard, port: Any, meanwhile: Callable[[], object]) -> None:
        self._yard, self._port, self._meanwhile = yard, port, meanwhile

    def look(self, *names: Sequence[str]) -> Any:
        for _ in range(int(SLOW_SECONDS)):
            self._yard.clock.sleep(1.0)
            self._meanwhile()
        return self._port.look(*names)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def slow_engine(yard: Yard, meanwhile: Callable[[], object]) -> Engine:
    """An engine whose looks at workloads and routing are slow."""
    hands = yard.app.hands(yard.wish(None).loaded)

    def slowed(ports: TargetPorts) -> TargetPorts:
        workloads: Any = Slow(yard, ports.workloads, meanwhile)
        traffic: Any = Slow(yard, ports.traffic, meanwhile)
        return replace(ports, workloads=workloads, traffic=traffic)

    return Engine(yard.store, yard.clock, lambda _id: {name: slowed(ports) for name, ports in hands.items()})


@pytest.fixture
def yard() -> Yard:
    made = Yard()
    made.release("v1")
    return made


def test_two_engines_whose_looks_outlast_the_lease_save_what_was_seen_and_take_an_abort(yard: Yard) -> None:
    answer = yard.submit("v2")
    assert answer.rollout is not None
    name = answer.rollout.id
    other = Steering(yard.store, yard.clock, yard.app.engine(), name)
    # It is another process on another host, which cannot tell whether we live.
    other.lease = Lease(yard.store, "shop", yard.clock, replace(this_process(), host="elsewhere"))
    ours = Steering(yard.store, yard.clock, slow_engine(yard, other.once), name)
    for count in range(1, 6):
        began = yard.clock.monotonic()
        assert ours.once().version == count
        assert ours.held
        assert not other.held
        if count > 2:
            assert yard.clock.monotonic() - began > LEASE_SECONDS
        ours.due = None
    yard.store.command(name, CommandKind.ABORT, "ana", at=yard.clock.now())
    assert ours.once().aborted is not None


def test_a_lease_that_is_lost_in_the_middle_of_a_look_ends_the_look(yard: Yard) -> None:
    answer = yard.submit("v2")
    assert answer.rollout is not None
    other = Lease(yard.store, "shop", yard.clock, replace(this_process(), host="elsewhere"), lives=lambda _owner: False)
    asked: list[float] = []

    def meanwhile() -> None:
        asked.append(yard.clock.monotonic())
        other.acquire()

    ours = Steering(yard.store, yard.clock, yard.app.engine(), answer.rollout.id)
    for _ in range(3):
        ours.once()
        yard.clock.sleep(1.0)
    version = ours.rollout.version
    ours._engine, ours.due = slow_engine(yard, meanwhile), None
    assert ours.once().version == version
    assert not ours.held
    assert len(asked) == int(SLOW_SECONDS)


def test_what_acts_returned_is_not_forgotten_when_the_store_falls_silent_in_the_middle_of_a_look(yard: Yard) -> None:
    answer = yard.submit("v2")
    assert answer.rollout is not None
    engine = yard.app.engine()
    ours = Steering(yard.store, yard.clock, engine, answer.rollout.id)
    while not engine._heard.get(answer.rollout.id):
        ours.once()
        yard.clock.sleep(1.0)
    heard = dict(engine._heard[answer.rollout.id])

    def silent() -> None:
        raise StoreUnavailable("no answer")

    with pytest.raises(StoreUnavailable):
        engine.tick(answer.rollout.id, ours.lease.fence, lambda: True, silent)
    assert engine._heard[answer.rollout.id] == heard
