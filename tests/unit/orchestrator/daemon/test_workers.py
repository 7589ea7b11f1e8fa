"""Threads by lane: how many there may be, what they may keep from each other, and how they end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from orchestrator.daemon.workers import MOST, InlineWorkers, Lane, ThreadWorkers
from watchers.budget import MOST_AT_ONCE

PATIENCE_SECONDS = 10.0


@pytest.fixture
def workers() -> Iterator[ThreadWorkers]:
    made = ThreadWorkers()
    yield made
    made.stop(PATIENCE_SECONDS)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_no_thread_is_started_before_there_is_something_to_do(workers: ThreadWorkers) -> None:
    assert workers.threads == 0
    done = threading.Event()
    workers.submit(Lane.LOOK, done.set)
    assert done.wait(PATIENCE_SECONDS)
    assert workers.threads == 1


def test_one_thread_is_enough_for_tasks_that_come_one_after_the_other(workers: ThreadWorkers) -> None:
    for _ in range(50):
        done = threading.Event()
        workers.submit(Lane.LOOK, done.set)
        assert done.wait(PATIENCE_SECONDS)
        until(lambda: workers._pools[Lane.LOOK]._idle == 1)
    assert workers.threads == 1


def test_a_lane_never_has_more_threads_than_it_may_and_runs_everything(workers: ThreadWorkers) -> None:
    gate, ran, lock = threading.Event(), [], threading.Lock()
    most = [0]
    running = [0]

    def task(number: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        gate.wait(PATIENCE_SECONDS)
        with lock:
            running[0] -= 1
            ran.append(number)

    for number in range(40):
        workers.submit(Lane.LOOK, lambda number=number: task(number))  # type: ignore[misc]
    until(lambda: workers.tend() and running[0] == MOST[Lane.LOOK])
    assert workers.waiting == 40 - MOST[Lane.LOOK]
    gate.set()
    until(lambda: len(ran) == 40)
    assert most[0] == MOST[Lane.LOOK] == workers.threads
    assert sorted(ran) == list(range(40))


def test_quick_tasks_of_a_crowd_are_left_to_one_thread_and_a_slow_one_brings_help(workers: ThreadWorkers) -> None:
    ran: list[int] = []
    for number in range(200):
        workers.submit(Lane.LOOK, lambda number=number: ran.append(number))  # type: ignore[misc]
    until(lambda: len(ran) == 200)
    assert ran == list(range(200))
    assert workers.threads <= 2
    gate, done = threading.Event(), threading.Event()
    for _ in range(workers.threads):
        workers.submit(Lane.LOOK, lambda: gate.wait(PATIENCE_SECONDS) and None)
    workers.submit(Lane.LOOK, done.set)
    until(lambda: workers.tend() is False and done.is_set())
    gate.set()


@pytest.mark.parametrize("lane", [Lane.TICK, Lane.SUBMIT, Lane.CHORE])
def test_where_tasks_are_slow_each_has_a_thread_at_once(workers: ThreadWorkers, lane: Lane) -> None:
    together = threading.Barrier(MOST[lane] + 1)
    for _ in range(MOST[lane]):
        workers.submit(lane, lambda: together.wait(PATIENCE_SECONDS) and None)
    together.wait(PATIENCE_SECONDS)
    assert workers.threads == MOST[lane]


def test_a_lane_whose_threads_all_hang_keeps_no_other_lane_waiting(workers: ThreadWorkers) -> None:
    gate, done = threading.Event(), threading.Event()
    for _ in range(100):
        workers.submit(Lane.LOOK, lambda: gate.wait(PATIENCE_SECONDS) and None)
    workers.submit(Lane.TICK, done.set)
    assert done.wait(PATIENCE_SECONDS)
    gate.set()


def test_one_registry_holds_up_at_most_half_of_the_threads_that_look() -> None:
    under_way_and_waiting = 2 * MOST_AT_ONCE
    assert 2 * under_way_and_waiting <= MOST[Lane.LOOK]


def test_stop_finishes_what_is_in_hand_drops_what_waits_and_leaves_no_thread() -> None:
    workers = ThreadWorkers()
    gate, begun, ended, never = threading.Event(), threading.Semaphore(0), [], []

    def task() -> None:
        begun.release()
        gate.wait(PATIENCE_SECONDS)
        ended.append(1)

    for _ in range(MOST[Lane.CHORE]):
        workers.submit(Lane.CHORE, task)
    for _ in range(MOST[Lane.CHORE]):
        assert begun.acquire(timeout=PATIENCE_SECONDS), "each has a thread of its own at once"
    workers.submit(Lane.CHORE, lambda: never.append(1))
    opener = threading.Timer(0.05, gate.set)
    opener.start()
    assert workers.stop(PATIENCE_SECONDS)
    opener.join()
    assert len(ended) == MOST[Lane.CHORE]
    workers.submit(Lane.CHORE, lambda: never.append(1))
    assert never == []
    assert workers.stop(0.0)
    assert not any(thread.name.startswith("chore-") for thread in threading.enumerate())


def test_stop_says_when_something_overstays() -> None:
    workers = ThreadWorkers()
    gate, begun = threading.Event(), threading.Event()
    workers.submit(Lane.TICK, lambda: begun.set() or (gate.wait(PATIENCE_SECONDS) and None))
    assert begun.wait(PATIENCE_SECONDS)
    assert not workers.stop(0.02)
    gate.set()
    assert workers.stop(PATIENCE_SECONDS)


def test_inline_tasks_run_at_once_until_stopped() -> None:
    workers, ran = InlineWorkers(), []
    workers.submit(Lane.TICK, lambda: ran.append(1))
    assert ran == [1]
    assert workers.stop(0.0)
    workers.submit(Lane.TICK, lambda: ran.append(2))
    assert ran == [1]


@pytest.mark.parametrize("error", [OSError("no space left on device"), SystemExit(1)])
def test_a_task_that_raises_is_counted_and_costs_no_thread(workers: ThreadWorkers, error: BaseException) -> None:
    def task() -> None:
        raise error

    for _ in range(3 * MOST[Lane.SUBMIT]):
        workers.submit(Lane.SUBMIT, task)
    done = threading.Event()
    workers.submit(Lane.SUBMIT, done.set)
    assert done.wait(PATIENCE_SECONDS)
    until(lambda: workers.defects == 3 * MOST[Lane.SUBMIT])
    assert all(thread.is_alive() for thread in workers._pools[Lane.SUBMIT].threads)
