"""Driving through what goes wrong outside the rollout: a store that does not answer, impatience, signals, the dead."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from orchestrator.cli.follow import conclude
from orchestrator.cli.options import Format
from orchestrator.cli.start import Ask, run, wishing
from orchestrator.desk import LocalDesk
from orchestrator.lease import this_process
from orchestrator.runner import STORE_SECONDS, Drive, Driver, Ending, OnInterrupt, OnTimeout, Patience
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.memory import MemoryStore
from strategies.model import CommandKind, Outcome, Rollout
from tests.unit.orchestrator.cli import states
from tests.unit.orchestrator.cli.desk import Desk
from tests.unit.orchestrator.cli.test_follow import App, ended, session
from tests.unit.orchestrator.yard import Yard


@dataclass
class Silence:
    """When the store does not answer, in seconds since the drive began."""

    clock: Any
    spans: list[tuple[float, float]] = field(default_factory=list)
    began: float = 0.0

    def holds(self) -> bool:
        at = self.clock.monotonic() - self.began
        return any(start <= at < end for start, end in self.spans)


class Fickle(MemoryStore):
    """A store that at times does not answer."""

    silence: Silence | None = None

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in ("load", "save", "lease_of", "lease_renew", "lease_release", "command", "events", "snapshot"):
            silence = super().__getattribute__("silence")
            if silence is not None and silence.holds():
                raise StoreUnavailable("the database is down")
        return found


@pytest.fixture
def desk() -> Desk:
    return Desk(store=Fickle())


def silent(desk: Desk, *spans: tuple[float, float]) -> None:
    assert isinstance(desk.store, Fickle)
    desk.store.silence = Silence(desk.clock, list(spans), desk.clock.monotonic())


def drive(desk: Desk, rollout: Rollout, does: Callable[[Rollout], Rollout], **patience: Any) -> Drive:
    engine = App(desk, does).engine()
    driver = Driver(desk.store, desk.clock, engine, rollout.id, Patience(**patience))  # type: ignore[arg-type]
    return driver.run()


def ends_after(desk: Desk, seconds: float) -> Callable[[Rollout], Rollout]:
    over = desk.clock.monotonic() + seconds
    return lambda rollout: ended(rollout) if desk.clock.monotonic() >= over else rollout


def test_a_store_that_is_silent_for_a_while_is_survived(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    silent(desk, (5.0, 5.0 + STORE_SECONDS * 0.9), (70.0, 70.0 + STORE_SECONDS * 0.9))
    assert drive(desk, rollout, ends_after(desk, 130.0)).ending is Ending.ENDED


def test_a_store_that_stays_silent_ends_the_drive_as_timed_out_with_a_document(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    silent(desk, (5.0, 1e9))
    since = desk.clock.monotonic()
    left = drive(desk, rollout, ends_after(desk, 1e9))
    assert left.ending is Ending.TIMED_OUT
    assert STORE_SECONDS <= desk.clock.monotonic() - since <= STORE_SECONDS + 10.0
    with session(desk, output=Format.JSON) as shown:
        assert conclude(shown, left) == 5
    assert desk.document["outcome"] == "timedOut"
    assert (desk.document["rollout"], desk.document["engine"]) == (rollout.id, "none")
    assert "the database is down" in desk.document["reason"]["message"]
    assert "run `rollout start` again to attach" in desk.told


def test_while_the_store_is_silent_a_signal_and_a_timeout_still_count(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    silent(desk, (1.0, 1e9))
    since = desk.clock.monotonic()
    assert drive(desk, rollout, ends_after(desk, 1e9), timeout_seconds=10.0).ending is Ending.TIMED_OUT
    assert desk.clock.monotonic() - since < 12.0


def signals(desk: Desk, *at: float) -> None:
    """Send SIGINT to ourselves after these seconds."""
    due = [desk.clock.monotonic() + each for each in at]

    def meanwhile() -> None:
        if due and desk.clock.monotonic() >= due[0]:
            due.pop(0)
            os.kill(os.getpid(), signal.SIGINT)

    desk.clock.meanwhile = meanwhile


def test_the_first_signal_aborts_and_goes_on_and_a_later_one_leaves_at_once(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    since = desk.clock.monotonic()
    signals(desk, 2.0, 20.0)
    left = drive(desk, rollout, ends_after(desk, 60.0), on_interrupt=OnInterrupt.ABORT)
    assert (left.ending, left.signal) == (Ending.INTERRUPTED, signal.SIGINT)
    assert 20.0 <= desk.clock.monotonic() - since < 22.0
    assert left.rollout.aborted is not None


def test_a_single_signal_with_abort_waits_for_the_way_back(desk: Desk) -> None:
    rollout = desk.put(states.holding())
    signals(desk, 2.0)

    def back(before: Rollout) -> Rollout:
        if before.aborted is None:
            return before
        return replace(states.rolled_back(), id=before.id, version=before.version, handled=before.handled)

    left = drive(desk, rollout, back, on_interrupt=OnInterrupt.ABORT)
    assert (left.ending, left.rollout.outcome) == (Ending.ENDED, Outcome.ROLLED_BACK)


@pytest.mark.parametrize("expired", [False, True])
def test_a_holder_that_is_dead_or_ran_out_on_another_host_is_no_engine(desk: Desk, expired: bool) -> None:
    rollout = desk.put(states.holding())
    owner = replace(this_process(), **({"host": "elsewhere"} if expired else {"pid": 2**22 + 1}))
    held = desk.store.lease_of("storefront")
    driver = Driver(desk.store, desk.clock, App(desk, ended).engine(), rollout.id, Patience())  # type: ignore[arg-type]
    now = desk.clock.now()
    expires = now.replace(year=now.year - 1) if expired else now.replace(year=now.year + 1)
    desk.store.lease_take("storefront", owner, expires, seen=held)
    assert driver._engine_word() == "none"


def wanted(yard: Yard) -> tuple[LocalDesk, str, Ask]:
    """The wish for v3, to be submitted with the yard's hands."""
    desk = LocalDesk(yard.app)
    return desk, "shop", wishing(desk, yard.wish("v3"))


def first_of_two(on_timeout: OnTimeout, on_interrupt: OnInterrupt) -> tuple[Yard, str, int, Desk]:
    """Start v3 with a short patience while v2 holds and must end first (queue)."""
    yard = Yard()
    yard.manifest = yard.manifest.replace("whileRunning: replace", "whileRunning: queue")
    yard.release("v1")
    running = yard.under_way("v2", 30.0)
    desk = Desk(store=yard.store, clock=yard.clock)  # type: ignore[arg-type]
    with session(desk) as shown:
        patience = Patience(10.0, on_timeout, on_interrupt, "ana")
        code = run(shown, *wanted(yard), patience)
    return yard, running, code, desk


@pytest.mark.parametrize("on_timeout", list(OnTimeout))
def test_our_impatience_never_touches_the_rollout_that_must_end_first(on_timeout: OnTimeout) -> None:
    yard, running, code, _ = first_of_two(on_timeout, OnInterrupt.ABORT)
    other = yard.store.load(running)
    assert code == 5
    assert (other.paused, other.aborted, other.commands) == (None, None, ())


def test_one_timeout_stands_over_the_rollout_before_ours_and_ours() -> None:
    yard = Yard()
    yard.release("v1")
    running = yard.under_way("v2", 30.0)
    yard.store.command(running, CommandKind.ABORT, "ana", at=yard.clock.now())
    since = yard.clock.monotonic()
    desk = Desk(store=yard.store, clock=yard.clock)  # type: ignore[arg-type]
    with session(desk) as shown:
        assert run(shown, *wanted(yard), Patience(30.0)) == 5
    assert yard.store.load(running).outcome is Outcome.ROLLED_BACK
    assert 30.0 <= yard.clock.monotonic() - since < 35.0
