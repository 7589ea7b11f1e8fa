"""Who holds a lease, for how long, and when another may have it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import lease as module
from orchestrator.clock import SystemClock
from orchestrator.lease import LEASE_SECONDS, RENEW_SECONDS, Lease, LeaseLost, may_live, this_process
from orchestrator.store.errors import StoreUnavailable
from orchestrator.store.memory import MemoryStore
from orchestrator.store.records import LeaseRecord, Owner
from tests.conformance.stores import HandClock, owner

HERE = owner(1)
ELSEWHERE = owner(2, host="other")


class World:
    """One store, one clock, and processes that live until they are said not to."""

    def __init__(self) -> None:
        self.store, self.clock, self.dead = MemoryStore(), HandClock(), set[Owner]()

    def lease(self, who: Owner = HERE, clock: HandClock | None = None, key: str = "shop") -> Lease:
        return Lease(self.store, key, clock or self.clock, who, lives=lambda other: other not in self.dead)


@pytest.fixture
def world() -> World:
    return World()


def test_a_free_lease_is_taken_and_rests_for_its_whole_time(world: World) -> None:
    lease = world.lease()
    assert (lease.held, lease.rest(), lease.holder()) == (False, 0.0, None)
    assert lease.acquire()
    assert (lease.held, lease.rest(), lease.fence) == (True, LEASE_SECONDS, 1)
    world.clock.pass_(4)
    assert lease.rest() == LEASE_SECONDS - 4


def test_a_held_lease_is_refused_to_others_and_another_key_is_not(world: World) -> None:
    assert world.lease().acquire()
    assert not world.lease(ELSEWHERE).acquire()
    assert world.lease(ELSEWHERE, key="/subscriptions/1/profiles/shop").acquire()


def test_a_dead_owner_on_this_host_is_replaced_at_once_under_a_higher_fence(world: World) -> None:
    first, second = world.lease(), world.lease(owner(7))
    assert first.acquire()
    world.dead.add(HERE)
    assert second.acquire()
    assert second.fence > first.fence
    with pytest.raises(LeaseLost, match="gone to another process"):
        first.renew()
    assert not first.held


def test_an_owner_that_no_longer_renews_is_replaced_after_a_whole_period_of_watching(world: World) -> None:
    first, second = world.lease(), world.lease(ELSEWHERE)
    assert first.acquire()
    world.clock.pass_(10)
    assert not second.acquire()
    world.clock.pass_(LEASE_SECONDS - 1)
    assert not second.acquire()
    world.clock.pass_(1)
    assert second.acquire()


def test_an_owner_that_renews_keeps_it_for_ever(world: World) -> None:
    first, second = world.lease(), world.lease(ELSEWHERE)
    assert first.acquire()
    for _ in range(50):
        world.clock.pass_(RENEW_SECONDS)
        first.keep()
        assert not second.acquire()
    assert first.fence == 1


def test_a_lease_that_looks_over_by_the_date_is_taken_only_after_a_period_of_watching_it(world: World) -> None:
    assert world.lease().acquire()
    world.clock.pass_(2 * LEASE_SECONDS)
    contender = world.lease(ELSEWHERE)
    assert not contender.acquire()
    world.clock.pass_(LEASE_SECONDS)
    assert contender.acquire()


@given(skew=st.floats(-3600, 3600), before=st.floats(0, 4.9), polls=st.lists(st.floats(0, 5), max_size=12))
def test_a_contender_whose_date_is_wrong_takes_nothing_from_one_that_renews(
    skew: float, before: float, polls: list[float]
) -> None:
    world, other = World(), HandClock()
    first, second = world.lease(), world.lease(ELSEWHERE, other)
    other.date += timedelta(seconds=skew)
    assert first.acquire()
    for seconds in (before, *polls):
        for clock in (world.clock, other):
            clock.pass_(seconds)
        first.keep()
        assert not second.acquire()
        assert first.held


def test_a_jump_of_the_holders_date_changes_nothing_for_the_holder(world: World) -> None:
    lease = world.lease()
    assert lease.acquire()
    world.clock.date += timedelta(days=1)
    assert lease.rest() == LEASE_SECONDS
    world.clock.date -= timedelta(days=2)
    assert lease.rest() == LEASE_SECONDS


def test_the_holders_time_is_counted_from_before_the_write(world: World) -> None:
    """However slowly the store answers, the holder's time is over before a contender's watch is."""

    class Slow(MemoryStore):
        def lease_take(
            self, key: str, who: Owner, expires_at: object, *, seen: LeaseRecord | None
        ) -> LeaseRecord | None:
            taken = super().lease_take(key, who, expires_at, seen=seen)  # type: ignore[arg-type]
            world.clock.pass_(6)
            return taken

    lease = Lease(Slow(), "shop", world.clock, HERE)
    assert lease.acquire()
    assert lease.rest() == LEASE_SECONDS - 6


def test_a_renewal_is_made_only_when_it_is_due(world: World) -> None:
    lease = world.lease()
    assert lease.acquire()
    before = lease.holder()
    world.clock.pass_(RENEW_SECONDS - 0.1)
    lease.keep()
    assert lease.holder() == before
    world.clock.pass_(0.1)
    lease.keep()
    assert lease.holder() != before
    assert lease.rest() == LEASE_SECONDS


def test_an_expired_lease_that_nobody_took_is_simply_renewed(world: World) -> None:
    lease = world.lease()
    assert lease.acquire()
    world.clock.pass_(100)
    assert not lease.held
    lease.keep()
    assert (lease.held, lease.fence) == (True, 1)


def test_a_holder_that_lost_it_can_take_it_again_later(world: World) -> None:
    first, second = world.lease(), world.lease(ELSEWHERE)
    assert first.acquire()
    assert not second.acquire()
    world.clock.pass_(2 * LEASE_SECONDS)
    assert second.acquire()
    assert not first.acquire()
    second.release()
    assert first.acquire()
    assert (first.fence, second.held) == (3, False)


def test_releasing_lets_the_next_one_in_at_once(world: World) -> None:
    first = world.lease()
    assert first.acquire()
    first.release()
    first.release()
    assert not first.held
    with pytest.raises(LeaseLost, match="acquire it first"):
        first.fence  # noqa: B018 - the property is what is tested
    with pytest.raises(LeaseLost):
        first.keep()
    assert world.lease(ELSEWHERE).acquire()


def test_of_two_that_see_a_free_lease_one_gets_it(world: World) -> None:
    class Overtaken(MemoryStore):
        rival: Lease | None = None

        def lease_of(self, key: str) -> LeaseRecord | None:
            seen = super().lease_of(key)
            rival, self.rival = self.rival, None
            assert rival is None or rival.acquire()
            return seen

    world.store = store = Overtaken()
    first, store.rival = world.lease(), world.lease(ELSEWHERE)
    second = store.rival
    assert not first.acquire()
    assert second.held


def test_a_store_that_does_not_answer_takes_nothing_away_but_time(world: World) -> None:
    lease = world.lease()
    assert lease.acquire()
    world.clock.pass_(6)

    def fail(*_args: object) -> LeaseRecord:
        raise StoreUnavailable("the network is down")

    working, world.store.lease_renew = world.store.lease_renew, fail  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        lease.keep()
    assert lease.rest() == LEASE_SECONDS - 6
    world.store.lease_renew = working  # type: ignore[method-assign]
    lease.keep()
    assert lease.rest() == LEASE_SECONDS


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process of our own that says who it is and waits."""
    program = (
        "import json, sys; from dataclasses import asdict; from orchestrator.lease import this_process; "
        "print(json.dumps(asdict(this_process())), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _who(process: subprocess.Popen[str]) -> Owner:
    import json

    assert process.stdout is not None
    return Owner(**json.loads(process.stdout.readline()))


def test_a_process_lives_until_it_is_killed_even_if_its_parent_has_not_looked(child: subprocess.Popen[str]) -> None:
    who = _who(child)
    assert who.pid == child.pid
    assert may_live(who, this_process())
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not may_live(who, this_process())
    child.wait()
    assert not may_live(who, this_process())


def test_a_process_id_given_to_another_process_is_not_the_owner() -> None:
    me = this_process()
    assert me == this_process()
    assert may_live(me, me)
    assert not may_live(replace(me, started="long ago"), me)


@pytest.mark.parametrize("change", [{"host": "other"}, {"boot": "other"}], ids=str)
def test_of_another_host_or_boot_nothing_is_assumed(change: dict[str, str]) -> None:
    me = this_process()
    assert may_live(replace(me, pid=2**22 + 1, **change), me)


def test_an_owner_whose_start_cannot_be_read_is_taken_for_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    me = this_process()
    assert may_live(replace(me, started=""), me)
    monkeypatch.setattr(module, "_read", lambda path: "")
    assert may_live(me, me)


def test_without_a_proc_file_system_the_start_comes_from_ps(tmp_path: Path) -> None:
    started = module._started(os.getpid(), tmp_path)
    assert started
    assert module._started(os.getpid(), tmp_path) == started
    assert module._started(2**22 + 1, tmp_path) == ""


def test_the_system_clock_is_aware_and_goes_forward() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.001)
    clock.sleep(-1)
    assert clock.monotonic() >= before + 0.001
    assert clock.now().utcoffset() == timedelta(0)
