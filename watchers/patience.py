"""When the same question is asked again: the watchers' one policy, a small number of attempts in a short time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from watchers.errors import NotFound, RegistryError

T = TypeVar("T")
_LONGEST_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long one question is asked: seconds, all waits and attempts together.

    `sleep` and `monotonic` are injected; `jitter` gives a number from 0 to 1 that spreads waits of our own choice.
    """

    attempts: int = 3
    budget_seconds: float = 15.0
    first_wait_seconds: float = 0.25
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = field(default=random.random)

    def ask(self, question: Callable[[], T], appear_seconds: float = 0.0) -> T:
        """Ask until there is an answer; raises the last error.

        Asked again after what may pass, and for `appear_seconds` also after MANIFEST_UNKNOWN, since a tag just pushed
        can take minutes to be seen everywhere. A wait that the registry sets and that is too long for us ends it at
        once.
        """
        if self.attempts <= 1 and appear_seconds <= 0:
            return question()
        from tenacity import RetryCallState, Retrying, retry_if_exception

        began = self.monotonic()

        def wait(state: RetryCallState) -> float:
            said = getattr(_error_of(state), "retry_after", None)
            if said is not None:
                return float(said)
            doubled = self.first_wait_seconds * 2.0 ** min(state.attempt_number - 1, 10)
            return min(doubled, _LONGEST_WAIT_SECONDS) * (0.5 + self.jitter() / 2)

        def enough(state: RetryCallState) -> bool:
            next_at = self.monotonic() + state.upcoming_sleep - began
            if next_at <= appear_seconds:
                return False
            spent = state.attempt_number >= self.attempts or next_at >= self.budget_seconds
            return spent or _unknown(_error_of(state))

        again = retry_if_exception(
            lambda error: (
                isinstance(error, RegistryError) and (error.passing or (appear_seconds > 0 and _unknown(error)))
            )
        )
        return Retrying(sleep=self.sleep, stop=enough, wait=wait, retry=again, reraise=True)(question)


def _error_of(state: object) -> BaseException | None:
    outcome = getattr(state, "outcome", None)
    return outcome.exception() if outcome is not None else None


def _unknown(error: BaseException | None) -> bool:
    return isinstance(error, NotFound) and error.code == "MANIFEST_UNKNOWN"
