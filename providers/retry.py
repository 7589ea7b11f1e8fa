"""The one policy by which a call to a service is tried again: few attempts, one time limit for all of them together.

Exactly one layer retries: SDKs and HTTP clients below are told not to. The whole of a call, its waits included, stays
shorter than the engine's lease, so that no write arrives after the lease has passed to somebody else. What cannot be
timed from here (a token, a name's addresses) asks `Retry.left` before it goes on.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from providers.errors import NotSent, Throttled, Transient

T = TypeVar("T")
_ENDS: ContextVar[float] = ContextVar("the monotonic time at which the present act ends", default=math.inf)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long one call may be tried: seconds, all attempts and waits of one call (or act) together.

    `sleep` and `monotonic` are injected; `jitter` gives a number from 0 to 1 that spreads waits of our own choosing.
    """

    budget_seconds: float = 10.0
    attempt_seconds: float = 5.0
    attempts: int = 4
    first_wait_seconds: float = 0.25
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)

    @contextmanager
    def act(self) -> Iterator[None]:
        """Let all calls inside share one budget, so that an act of several calls is no longer than an act of one."""
        token = _ENDS.set(min(_ENDS.get(), self.monotonic() + self.budget_seconds))
        try:
            yield
        finally:
            _ENDS.reset(token)

    def left(self) -> float:
        """Return the seconds until the present act or call has to be over; infinity outside of any."""
        return _ENDS.get() - self.monotonic()

    def read(self, call: Callable[[float], T]) -> T:
        """Run a call that changes nothing until it succeeds; `call` is told how many seconds this attempt may take.

        Tried again after Transient errors but NotSent, which time alone does not heal. Raises the last error when
        attempts or time are used up, at once when the service wants a longer wait than there is time for.
        """
        return self._run(call, lambda error: isinstance(error, Transient) and not isinstance(error, NotSent))

    def write(self, call: Callable[[float], T]) -> T:
        """Run a call that changes something; tried again only after Throttled, which means that it was not taken."""
        return self._run(call, lambda error: isinstance(error, Throttled))

    def _run(self, call: Callable[[float], T], again: Callable[[BaseException], bool]) -> T:
        with self.act():
            deadline = _ENDS.get()
            if self.left() <= 0:
                raise NotSent("the calls before it took all the time that one act may take", code="OutOfTime")
            return self._try(call, again, deadline)

    def _try(self, call: Callable[[float], T], again: Callable[[BaseException], bool], deadline: float) -> T:
        from tenacity import RetryCallState, Retrying, retry_if_exception

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            said = error.retry_after if isinstance(error, Transient) else None
            if said is not None:
                return said
            return float(self.first_wait_seconds * 2 ** (state.attempt_number - 1) * (0.5 + self.jitter() / 2))

        def enough(state: RetryCallState) -> bool:
            return state.attempt_number >= self.attempts or self.monotonic() + state.upcoming_sleep >= deadline

        retrying = Retrying(
            sleep=self.sleep,
            stop=enough,
            wait=wait,
            retry=retry_if_exception(again),
            reraise=True,
        )
        return retrying(lambda: call(max(min(self.attempt_seconds, deadline - self.monotonic()), 0.001)))
