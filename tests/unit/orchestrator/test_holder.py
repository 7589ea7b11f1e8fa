"""Whose lease counts as alive for somebody who asks once: by the process on this host, by a generous date elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.daemon.presence import Presence
from orchestrator.holder import PRESENCE, SKEW, live_holder
from orchestrator.lease import LEASE_SECONDS, Lease, this_process
from orchestrator.store.memory import MemoryStore
from tests.conformance.stores import HandClock

ELSEWHERE = replace(this_process(), host="elsewhere")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize("behind", [timedelta(seconds=20), timedelta(days=400)], ids=str)
def test_a_daemon_of_this_host_is_seen_whatever_its_date_says(store: MemoryStore, behind: timedelta) -> None:
    clock = HandClock()
    real, clock.date = clock.date, clock.date - behind
    Presence(store, clock).keep()
    assert live_holder(store, PRESENCE, real, this_process()) is not None


def test_a_dead_process_of_this_host_holds_nothing_though_its_time_is_not_over(store: MemoryStore) -> None:
    clock = HandClock()
    assert Lease(store, "shop", clock, replace(this_process(), started="long ago")).acquire()
    assert live_holder(store, "shop", clock.now(), this_process()) is None


def test_a_daemon_of_another_host_whose_clock_is_behind_is_seen_until_it_is_long_silent(store: MemoryStore) -> None:
    clock = HandClock()
    real, clock.date = clock.date, clock.date - timedelta(seconds=LEASE_SECONDS + 20)
    assert Lease(store, "shop", clock, ELSEWHERE).acquire()
    silent = SKEW - timedelta(seconds=20)
    assert live_holder(store, "shop", real, this_process()) is not None
    assert live_holder(store, "shop", real + silent, this_process()) is not None
    assert live_holder(store, "shop", real + silent + timedelta(seconds=1), this_process()) is None


def test_what_was_let_go_or_never_taken_is_held_by_nobody(store: MemoryStore) -> None:
    clock = HandClock()
    lease = Lease(store, "shop", clock, ELSEWHERE)
    assert live_holder(store, "shop", clock.now(), this_process()) is None
    lease.acquire()
    lease.release()
    assert live_holder(store, "shop", clock.now(), this_process()) is None
