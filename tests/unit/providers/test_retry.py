"""One policy decides when a call is tried again, and the whole of it stays within its time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Conflict, Denied, NotSent, ProviderError, Throttled, Transient
from providers.retry import Retry


class Clock:
    """A time that passes only by waiting and by calls that take long."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def policy(clock: Clock) -> Retry:
    return Retry(sleep=clock.sleep, monotonic=lambda: clock.now, jitter=lambda: 1.0)


def failing(*errors: ProviderError) -> tuple[Callable[[float], str], list[float]]:
    left, given_seconds = list(errors), []

    def call(seconds: float) -> str:
        given_seconds.append(seconds)
        if left:
            raise left.pop(0)
        return "done"

    return call, given_seconds


def test_a_read_is_tried_again_with_growing_waits() -> None:
    clock = Clock()
    call, _ = failing(Transient("x"), Conflict("x"), Transient("x"))
    assert policy(clock).read(call) == "done"
    assert clock.waits == [0.25, 0.5, 1.0]


def test_a_read_gives_up_after_its_attempts_with_the_last_error() -> None:
    clock = Clock()
    call, tries = failing(*[Transient(str(number)) for number in range(9)])
    with pytest.raises(Transient, match="3"):
        policy(clock).read(call)
    assert len(tries) == 4


@pytest.mark.parametrize("error", [Transient("x"), Conflict("x"), NotSent("x"), Denied("x")])
def test_a_write_that_may_have_been_taken_is_never_sent_twice(error: ProviderError) -> None:
    call, tries = failing(error)
    with pytest.raises(type(error)):
        policy(Clock()).write(call)
    assert len(tries) == 1


@pytest.mark.parametrize("error", [NotSent("x"), Denied("x")])
def test_a_read_that_time_does_not_heal_is_not_tried_again(error: ProviderError) -> None:
    call, tries = failing(error)
    with pytest.raises(type(error)):
        policy(Clock()).read(call)
    assert len(tries) == 1


def test_a_wait_that_the_service_asks_for_is_kept_and_one_too_long_is_handed_back() -> None:
    clock = Clock()
    call, _ = failing(Throttled("x", retry_after=3.5))
    assert policy(clock).write(call) == "done"
    assert clock.waits == [3.5]
    call, tries = failing(Throttled("x", retry_after=11))
    with pytest.raises(Throttled):
        policy(clock).write(call)
    assert len(tries) == 1
    assert clock.waits == [3.5]


def test_the_calls_of_one_act_share_one_budget_and_what_does_not_fit_is_not_sent() -> None:
    clock = Clock()
    retry = policy(clock)
    call, _ = failing(Throttled("x", retry_after=9))
    with retry.act():
        assert retry.read(call) == "done"
        call, _ = failing(Throttled("x", retry_after=2))
        with pytest.raises(Throttled):
            retry.write(call)
        clock.now += 1
        call, tries = failing()
        with pytest.raises(NotSent):
            retry.write(call)
    assert tries == []
    assert retry.write(call) == "done"


@given(
    st.lists(st.floats(0, 6), min_size=1, max_size=8),
    st.lists(st.none() | st.floats(0, 20), min_size=8, max_size=8),
)
def test_a_call_with_all_its_waits_never_lasts_longer_than_its_budget(
    lasts: list[float], asked: list[float | None]
) -> None:
    clock = Clock()
    times = iter(lasts)

    def call(seconds: float) -> str:
        clock.now += min(next(times, 0.0), seconds)
        raise Throttled("x", retry_after=asked[len(clock.waits)])

    with pytest.raises(Throttled):
        policy(clock).read(call)
    assert clock.now <= 10.0 + 0.001
