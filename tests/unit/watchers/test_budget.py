"""How hard a registry is asked, and when it is left alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.watchers.fakes import FakeTransport, Reply, Request, Time, problem
from watchers.budget import Budget, Considerate
from watchers.errors import RegistryError, Throttled, Unreachable

HOST = "contoso.azurecr.io"
GOOD: Reply = (200, {}, b"{}")


def budget(time: Time, rate: float = 10.0, *, at_once: int = 8, wait_seconds: float = 0.0) -> Budget:
    return Budget(HOST, rate, at_once=at_once, wait_seconds=wait_seconds, monotonic=time.now, sleep=time.sleep)


def considerate(time: Time, *replies: Reply | Exception) -> tuple[Considerate, list[float]]:
    """A transport whose answers come in this order, the last one again and again; and when it was really asked."""
    asked: list[float] = []
    left = list(replies)

    def answer(_: Request) -> Reply:
        asked.append(time.seconds)
        reply = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    return Considerate(FakeTransport(answer), budget(time, 1000.0), time.now), asked


def ask(transport: Considerate) -> int:
    return transport.send("GET", f"https://{HOST}/v2/", {}, most=99).status


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 0.5), min_size=1, max_size=120),
    rate=st.floats(0.5, 50),
    start=st.floats(-1e6, 1e6),
)
def test_in_no_stretch_of_time_more_is_asked_than_the_rate_and_one_seconds_burst(
    gaps: list[float], rate: float, start: float
) -> None:
    time = Time(start)
    turns = budget(time, rate)
    taken: list[float] = []
    for gap in gaps:
        time.seconds += gap
        try:
            taken.append(turns.enter())
            turns.leave()
        except Throttled:
            continue
    for first, began in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= rate * (taken[last] - began + 1) + 1 + 1e-3


@settings(max_examples=60, deadline=None)
@given(rate=st.floats(0.5, 50), asked=st.integers(1, 200))
def test_who_is_refused_may_come_when_told(rate: float, asked: int) -> None:
    time = Time()
    turns = budget(time, rate)
    for _ in range(asked):
        try:
            turns.enter()
        except Throttled as error:
            assert error.retry_after is not None and 0 < error.retry_after <= 1 / rate + 1e-9
            time.seconds += error.retry_after * (1 + 1e-9)
            turns.enter()
        turns.leave()


def test_a_turn_that_is_near_is_waited_for() -> None:
    time = Time()
    turns = budget(time, 10.0, wait_seconds=0.25)
    for _ in range(40):
        turns.enter()
        turns.leave()
    # Ten at once as the first second's worth, one of them the one that begins it, then one every tenth of a second.
    assert time.seconds == pytest.approx((40 - 11) / 10)


def test_only_so_many_questions_are_under_way_and_a_place_that_is_given_back_is_taken() -> None:
    time = Time()
    turns = budget(time, 1000.0, at_once=2)
    turns.enter()
    turns.enter()
    with pytest.raises(Throttled, match="more questions at once than this process asks"):
        turns.enter()
    turns.leave()
    turns.enter()


def test_who_waits_for_a_place_gets_the_one_that_becomes_free() -> None:
    turns = Budget(HOST, 1e6, at_once=2, wait_seconds=10)
    most, under_way, lock = 0, 0, threading.Lock()

    def use(_: int) -> None:
        nonlocal most, under_way
        turns.enter()
        with lock:
            under_way += 1
            most = max(most, under_way)
        with lock:
            under_way -= 1
        turns.leave()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(200)))
    assert most <= 2


def test_no_more_wait_for_a_place_than_there_are_places_so_that_one_slow_host_cannot_hold_every_thread() -> None:
    turns = Budget(HOST, 1e6, at_once=2, wait_seconds=10)
    for _ in range(2):
        turns.enter()
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(turns.enter) for _ in range(8)]
        for _, done in zip(range(6), as_completed(tries), strict=False):
            assert isinstance(done.exception(), Throttled)
        turns.leave()
        turns.leave()
    assert sum(each.exception() is None for each in tries) == 2


def test_after_a_silence_one_question_goes_first_and_the_others_are_put_off_until_it_is_answered() -> None:
    time = Time()
    turns = budget(time, 1000.0)
    for start in [turns.enter() for _ in range(8)]:
        time.seconds += 1
        turns.leave()
        turns.failed(start, Unreachable(f"{HOST}: no answer", "check it"))
    time.seconds += 20
    for _ in range(3):
        trial = turns.enter()
        for _ in range(8):
            with pytest.raises(Unreachable, match="no answer; check it") as refused:
                turns.enter()
            assert refused.value.retry_after == 1
        turns.leave()
        turns.failed(trial, Unreachable(f"{HOST}: no answer", "check it"))
        time.seconds += 20
    turns.enter()
    turns.leave()
    turns.answered()
    for _ in range(8):
        turns.enter()


@pytest.mark.parametrize("ends", [problem(429, "X", Retry_After="0"), problem(404, "X"), problem(500, "X")])
def test_whatever_a_host_answers_ends_its_silence(ends: Reply) -> None:
    time = Time()
    turns = budget(time, 1000.0)
    replies: list[Reply | None] = [None, ends]

    def answer(_: Request) -> Reply:
        reply = replies.pop(0)
        if reply is None:
            raise Unreachable("down")
        return reply

    transport = Considerate(FakeTransport(answer), turns, time.now)
    with pytest.raises(Unreachable):
        ask(transport)
    time.seconds += 1
    ask(transport)
    time.seconds += 1
    for _ in range(8):
        turns.enter()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("0.05", 0.05), ("0.0004", 0.0004), (formatdate(1030, usegmt=True), 30.0), ("1e9", 3600.0)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_registry_that_says_how_long_is_left_alone_for_so_long_by_everybody(
    said: str, seconds: float, status: int
) -> None:
    time = Time(1000.0)
    transport, asked = considerate(time, problem(status, "X", Retry_After=said), GOOD)
    assert ask(transport) == status
    with pytest.raises(Throttled) as refused:
        ask(transport)
    assert refused.value.retry_after == pytest.approx(seconds)
    time.seconds += seconds * 0.9
    with pytest.raises(Throttled) as refused:
        ask(transport)
    assert refused.value.retry_after == pytest.approx(seconds * 0.1, rel=1e-3)
    assert asked == [1000.0]
    time.seconds += seconds * 0.11
    assert ask(transport) == 200


def test_a_registry_that_does_not_say_how_long_is_asked_less_and_less_often() -> None:
    time = Time()
    transport, asked = considerate(time, problem(429, "X"))
    while len(asked) < 9:
        try:
            ask(transport)
        except Throttled as error:
            time.seconds += error.retry_after or 0
    assert [later - earlier for earlier, later in pairwise(asked)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_good_answer_makes_the_next_pause_a_short_one_again() -> None:
    time = Time()
    transport, _ = considerate(time, *[problem(429, "X")] * 4, GOOD, problem(429, "X"))
    for _ in range(5):
        ask(transport)
        time.seconds += 60
    ask(transport)
    with pytest.raises(Throttled) as refused:
        ask(transport)
    assert refused.value.retry_after == 1


def test_a_registry_that_does_not_answer_holds_nobody_up_and_is_tried_again_soon() -> None:
    time = Time()
    transport, asked = considerate(time, Unreachable(f"{HOST}: connection refused", "check it"), GOOD)
    with pytest.raises(Unreachable):
        ask(transport)
    with pytest.raises(Unreachable, match="connection refused; check it") as refused:
        ask(transport)
    assert (asked, refused.value.retry_after, refused.value.passing) == ([0.0], 1.0, True)
    time.seconds += 1
    assert ask(transport) == 200
    transport, asked = considerate(time, Unreachable("down"))
    for _ in range(100):
        with pytest.raises(Unreachable):
            ask(transport)
        time.seconds += 1
    assert max(later - earlier for earlier, later in pairwise(asked)) == 15


def test_questions_that_fail_together_count_as_one_failure() -> None:
    time = Time()
    turns = budget(time, 1000.0)
    began = [turns.enter() for _ in range(8)]
    time.seconds += 10
    for start in began:
        turns.leave()
        turns.failed(start, Unreachable("down"))
    with pytest.raises(Unreachable) as refused:
        turns.enter()
    assert refused.value.retry_after == 1


def test_a_short_pause_does_not_end_a_long_one() -> None:
    time = Time()
    turns = budget(time, 1000.0)
    first, second = turns.enter(), turns.enter()
    turns.refused(first, 60.0)
    turns.refused(second, 1.0)
    with pytest.raises(Throttled) as refused:
        turns.enter()
    assert refused.value.retry_after == 60


def test_what_is_said_without_asking_is_the_same_each_time() -> None:
    time = Time()
    transport, _ = considerate(time, problem(429, "X", Retry_After="60"))
    ask(transport)
    said = set()
    for _ in range(3):
        time.seconds += 7
        with pytest.raises(Throttled) as refused:
            ask(transport)
        said.add(str(refused.value))
    assert said == {f"{HOST}: too many requests; it is left alone for a while"}


@pytest.mark.parametrize("error", [Unreachable("down"), RegistryError("odd"), KeyboardInterrupt()])
def test_a_place_is_given_back_whatever_happens(error: BaseException) -> None:
    time = Time()

    def answer(_: Request) -> Reply:
        raise error

    turns = budget(time, 1e6, at_once=1)
    transport = Considerate(FakeTransport(answer), turns, time.now)
    for _ in range(3):
        time.seconds += 60
        with pytest.raises(type(error)):
            ask(transport)
