"""The loop: what fails is told and tried again, and one job's trouble is nobody else's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from orchestrator.clock import SystemClock
from orchestrator.daemon.jobs import DEFECT_WAITS, LONG_SECONDS, STORE_WAITS, Jobs
from orchestrator.daemon.workers import InlineWorkers, Lane, ThreadWorkers
from orchestrator.store.errors import StoreUnavailable
from tests.unit.orchestrator.daemon.parts import Clock, Kept, jobs_on, run


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Kept:
    return Kept()


@pytest.fixture
def jobs(clock: Clock, log: Kept) -> Jobs:
    return jobs_on(clock, log)


def failing(error: Exception, times: list[float], clock: Clock, most: int = 10**9) -> Callable[[str], float | None]:
    def work(_name: str) -> float | None:
        times.append(clock.monotonic())
        if len(times) <= most:
            raise error
        return None

    return work


def test_a_job_comes_again_when_its_last_run_said_and_is_forgotten_when_it_said_never(jobs: Jobs, clock: Clock) -> None:
    times: list[float] = []

    def beat(_name: str) -> float | None:
        times.append(clock.monotonic())
        return 10.0 if len(times) < 3 else None

    jobs.on("beat", Lane.CHORE, beat)
    jobs.nudge("beat")
    run(jobs, clock, 100.0)
    assert times == [0.0, 10.0, 20.0]
    assert len(jobs) == 0


def test_a_defect_is_told_with_its_place_counted_and_tried_again_ever_later(
    jobs: Jobs, clock: Clock, log: Kept
) -> None:
    times: list[float] = []
    jobs.on("odd", Lane.TICK, failing(KeyError("lost"), times, clock))
    jobs.nudge("odd", "shop")
    run(jobs, clock, 400.0)
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps[:4] == [1.0, 2.0, 4.0, 8.0]
    assert gaps[-1] == max(gaps) == DEFECT_WAITS[1]
    told = log.of("job_failed")
    assert len(told) == len(times) == jobs.defects
    assert (told[0]["job"], told[0]["name"], told[0]["error"]) == ("odd", "shop", "KeyError")
    assert "test_jobs.py" in told[0]["place"]
    assert "in work" in told[0]["place"]
    assert "lost" not in str(told), "a defect's own words may quote what is in a database"


def test_one_jobs_defect_is_nobody_elses_trouble(jobs: Jobs, clock: Clock) -> None:
    times: list[float] = []
    beats: list[float] = []
    jobs.on("odd", Lane.TICK, failing(RuntimeError("no"), times, clock))

    def beat(_name: str) -> float:
        beats.append(clock.monotonic())
        return 1.0

    jobs.on("beat", Lane.TICK, beat)
    jobs.nudge("odd")
    jobs.nudge("beat")
    run(jobs, clock, 50.0)
    assert beats == [float(second) for second in range(51)]


def test_a_silent_store_is_said_once_when_it_goes_and_once_when_it_is_back_for_everybody(
    jobs: Jobs, clock: Clock, log: Kept
) -> None:
    first: list[float] = []
    second: list[float] = []
    jobs.on("one", Lane.TICK, failing(StoreUnavailable("down"), first, clock, most=8))
    jobs.on("two", Lane.TICK, failing(StoreUnavailable("down"), second, clock, most=3))
    jobs.nudge("one")
    jobs.nudge("two")
    run(jobs, clock, 10.0)
    assert jobs.store_silent
    assert [keys["error"] for keys in log.of("store_unavailable")] == ["down"]
    assert log.of("store_back") == []
    run(jobs, clock, 60.0)
    assert not jobs.store_silent
    assert len(log.of("store_unavailable")) == len(log.of("store_back")) == 1
    gaps = [after - before for before, after in pairwise(first)]
    assert gaps == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert max(gaps) == STORE_WAITS[1]


def test_a_job_that_is_dropped_while_it_fails_leaves_nothing_behind(jobs: Jobs, clock: Clock, log: Kept) -> None:
    def work(name: str) -> float | None:
        jobs.drop("odd", name)
        raise StoreUnavailable("down")

    jobs.on("odd", Lane.TICK, work)
    jobs.nudge("odd", "shop")
    run(jobs, clock, 100.0)
    assert len(jobs) == 0
    assert not jobs.store_silent
    assert jobs._failures == {}


@pytest.fixture
def threaded(log: Kept) -> Iterator[Jobs]:
    """Jobs on real threads, with a loop that would sleep for a minute if nobody woke it."""
    workers = ThreadWorkers()
    jobs, stop = Jobs(SystemClock(), workers, log), threading.Event()
    jobs.on("end", Lane.CHORE, lambda _name: None)

    def loop() -> None:
        while not stop.is_set():
            jobs.turn()
            jobs.pause(60.0)

    thread = threading.Thread(target=loop)
    thread.start()
    yield jobs
    stop.set()
    jobs.nudge("end")
    thread.join(10.0)
    assert not thread.is_alive()
    assert workers.stop(10.0)


def test_a_nudge_from_another_thread_ends_the_pause_at_once(threaded: Jobs) -> None:
    ran = threading.Event()

    def work(_name: str) -> None:
        ran.set()

    threaded.on("now", Lane.CHORE, work)
    threaded.nudge("now")
    assert ran.wait(10.0)


def test_a_run_that_is_due_again_soon_does_not_wait_for_the_end_of_the_pause(threaded: Jobs) -> None:
    ran = threading.Semaphore(0)

    def work(_name: str) -> float:
        ran.release()
        return 0.001

    threaded.on("often", Lane.TICK, work)
    threaded.nudge("often")
    for _ in range(20):
        assert ran.acquire(timeout=10.0)
    threaded.drop("often")


class Broken(Kept):
    """A log that breaks its promise and raises."""

    def warning(self, event: str, /, **keys: Any) -> None:
        super().warning(event, **keys)
        raise OSError("no space left on device")


def test_a_job_whose_failure_cannot_even_be_told_comes_again(clock: Clock) -> None:
    jobs, times = Jobs(clock, InlineWorkers(), Broken()), list[float]()
    jobs.on("odd", Lane.TICK, failing(KeyError("lost"), times, clock, most=1))
    jobs.nudge("odd")
    with pytest.raises(OSError, match="no space"):
        jobs.turn()
    assert jobs.in_flight == 0
    run(jobs, clock, 10.0)
    assert times == [0.0, DEFECT_WAITS[0]]


def test_even_what_is_no_exception_leaves_no_job_in_flight_for_ever(clock: Clock, jobs: Jobs) -> None:
    def work(_name: str) -> float | None:
        raise SystemExit

    jobs.on("odd", Lane.TICK, work)
    jobs.nudge("odd")
    with pytest.raises(SystemExit):
        jobs.turn()
    assert (jobs.in_flight, jobs.due_in()) == (0, DEFECT_WAITS[1])


def test_a_run_that_does_not_come_back_is_named_until_it_does(clock: Clock, log: Kept) -> None:
    seen: list[Any] = []
    jobs = jobs_on(clock, log)

    def work(_name: str) -> float | None:
        for seconds in (LONG_SECONDS, 1.0):
            clock.sleep(seconds)
            seen.append(jobs.hanging())
        return None

    jobs.on("tick", Lane.TICK, work)
    jobs.on("scan", Lane.TICK, work, long_seconds=10.0)
    jobs.nudge("tick", "r1")
    jobs.turn()
    assert seen == [(), ((("tick", "r1"), LONG_SECONDS + 1.0),)]
    assert jobs.hanging() == ()
    jobs.nudge("scan")
    jobs.turn()
    assert seen[2] == ((("scan", ""), LONG_SECONDS),)
