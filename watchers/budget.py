"""How hard one registry is asked by this process, and the pauses that everybody here keeps.

`Budget` is one host's: a rate of questions, a number of them under way at once, and how long the host is left alone
after it has refused for lack of capacity or has not answered at all. A host that fell silent is then tried by a single
question, since each may cost a thread its whole time-out. `Considerate` is a transport that keeps to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

from watchers.errors import BUSY, RegistryError, Throttled, Unreachable
from watchers.refusals import retry_after
from watchers.transport import Answer, Transport

DEFAULT_RATE = 200.0
MOST_AT_ONCE = 8
_BURST_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
# Nobody asked for this one, so what has healed is noticed soon.
_LONGEST_SILENCE_SECONDS = 15.0
_LONGEST_TOLD_PAUSE_SECONDS = 3600.0


class Budget:
    """One host's share of our questions: at most `rate` a second in the long run, and `at_once` under way.

    A turn that comes within `wait_seconds` is waited for, a later one is refused; no more than `at_once` wait for a
    place, so that one host holds up at most twice as many threads. Safe to be used by several threads.
    """

    def __init__(
        self,
        host: str,
        rate: float = DEFAULT_RATE,
        *,
        at_once: int = MOST_AT_ONCE,
        wait_seconds: float = 0.25,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host, self._interval, self._at_once, self._wait_seconds = host, 1.0 / rate, at_once, wait_seconds
        self._monotonic, self._sleep = monotonic, sleep
        self._turn = threading.Condition(threading.Lock())
        self._under_way = self._waiting = 0
        self._silent = False
        self._next_at = monotonic() - _BURST_SECONDS
        self._closed_until = self._closed_at = float("-inf")
        self._why: Callable[[float], RegistryError] = self._busy
        self._strikes = 0

    def enter(self) -> float:
        """Wait for a turn and take it; return when the question begins, in monotonic seconds. `leave` gives it back.

        Raises Throttled while the host has asked to be left alone or no turn is near, Unreachable while it is being
        left alone because it did not answer or one question finds out whether it does again; `retry_after` is the rest,
        and nothing has been taken.
        """
        with self._turn:
            if not self._silent:
                self._wait_for_a_place()
            now = self._monotonic()
            if now < self._closed_until:
                raise self._why(self._closed_until - now)
            if self._silent and self._under_way:
                raise self._why(_FIRST_PAUSE_SECONDS)
            if self._under_way >= self._at_once:
                raise self._busy(_FIRST_PAUSE_SECONDS)
            wait = self._next_at - now
            if wait > self._wait_seconds:
                raise self._busy(wait)
            self._next_at = max(self._next_at, now - _BURST_SECONDS) + self._interval
            self._under_way += 1
        if wait > 0:
            self._sleep(wait)
            return now + wait
        return now

    def _wait_for_a_place(self) -> None:
        if self._under_way < self._at_once or self._waiting >= self._at_once:
            return
        self._waiting += 1
        try:
            self._turn.wait_for(lambda: self._under_way < self._at_once or self._silent, self._wait_seconds)
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        """Give a turn back."""
        with self._turn:
            self._under_way -= 1
            self._turn.notify()

    def answered(self) -> None:
        """Take note that the host answers as it should: the next pause of our own choice is a short one again."""
        self._strikes = 0
        self._silent = False

    def refused(self, began: float, told_seconds: float | None) -> None:
        """Leave the host alone for as long as it told, else for a pause that doubles with every refusal in a row.

        `began` is what `enter` returned: questions that were under way together count as one refusal.
        """
        self._silent = False
        self._close(began, told_seconds, _LONGEST_PAUSE_SECONDS, self._throttled)

    def failed(self, began: float, error: Unreachable) -> None:
        """Leave a host alone that does not answer, lest all who ask wait for it in turn; see `refused`."""
        with self._turn:
            self._silent = True
            self._turn.notify_all()
        self._close(
            began,
            error.retry_after,
            _LONGEST_SILENCE_SECONDS,
            lambda rest: Unreachable(error.message, error.remedy, retry_after=rest, passing=error.passing),
        )

    def _close(
        self, began: float, told_seconds: float | None, longest: float, why: Callable[[float], RegistryError]
    ) -> None:
        with self._turn:
            now = self._monotonic()
            if told_seconds is not None:
                pause = min(told_seconds, _LONGEST_TOLD_PAUSE_SECONDS)
            elif began < self._closed_at:
                return
            else:
                pause = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(self._strikes, 30), longest)
                self._strikes += 1
            self._closed_at = now
            if now + pause > self._closed_until:
                self._closed_until, self._why = now + pause, why

    # What is raised without a question having been sent says the same each time: a store need not note it again.

    def _throttled(self, rest: float) -> Throttled:
        return Throttled(f"{self._host}: too many requests", "it is left alone for a while", retry_after=rest)

    def _busy(self, rest: float) -> Throttled:
        hint = "wait, or raise ROLLOUT_REGISTRY_RATE if the registry can take it"
        message = f"{self._host}: more questions at once than this process asks"
        return Throttled(message, hint, code=BUSY, retry_after=rest)


class Considerate:
    """A transport that asks one registry no more than its budget allows, its token service included."""

    def __init__(self, inner: Transport, budget: Budget, now: Callable[[], float] = time.time) -> None:
        self._inner, self._budget, self._now = inner, budget, now

    def send(
        self, method: str, address: str, headers: Mapping[str, str], body: bytes | None = None, *, most: int
    ) -> Answer:
        """Send one request when it is its turn; see `Transport.send` and, for what is raised unsent, `Budget.enter`."""
        budget = self._budget
        began = budget.enter()
        try:
            answer = self._inner.send(method, address, headers, body, most=most)
        except Unreachable as error:
            budget.failed(began, error)
            raise
        finally:
            budget.leave()
        if answer.status in (429, 503):
            budget.refused(began, retry_after(answer.headers.get("Retry-After"), self._now()))
        else:
            budget.answered()
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
