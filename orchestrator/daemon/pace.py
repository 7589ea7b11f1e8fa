"""When to look again: pure decisions over one service on watch, with the time and the dice as arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watchers.errors import RegistryError, Throttled

if TYPE_CHECKING:
    from orchestrator.daemon.directory import Watched
    from watchers.signals import Signal
    from watchers.watch import Sight

CHASE_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""When after a signal, or after a manifest that is not there yet, the registry is asked again: replicas lag."""
FAILED_SECONDS, FAILED_MOST_SECONDS = 30.0, 300.0
"""How soon a registry that failed is asked again: at first, and in the end (or the interval, where that is longer)."""
THROTTLED_MOST_SECONDS = 3600.0
BUSY_MOST_SECONDS = 60.0
RETRY_SECONDS, RETRY_MOST_SECONDS = 1.0, 60.0
"""How soon what could not begin is tried again: at first, and in the end."""
GRID_SECONDS = 0.25
_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Hint:
    """Why a repository is looked at out of turn, since when (monotonic seconds), and what should turn up."""

    since: float
    tag: str | None = None
    digest: str | None = None
    tries: int = 0

    def met(self, sight: Sight) -> bool:
        """Whether what was announced is what is seen; a hint that announces nothing is met by any answer."""
        return (self.tag is None or self.tag == sight.tag) and (self.digest is None or self.digest == sight.digest)

    def after(self, now: float) -> tuple[float, Hint] | None:
        """Return the seconds until what was announced is looked for again, and the hint to carry on with.

        None when it was looked for often enough.
        """
        if self.tries >= len(CHASE_SECONDS):
            return None
        return max(self.since + CHASE_SECONDS[self.tries] - now, 0.0), replace(self, tries=self.tries + 1)


@dataclass(slots=True)
class Watch:
    """One service on watch; small, because there may be thousands."""

    watched: Watched
    sight: Sight | None = None
    hint: Hint | None = None
    failures: int = 0
    """How many looks have failed in a row."""
    delays: int = 0
    """How often in a row what was seen could not begin."""
    problem: str = ""
    """The kind of the trouble that was told; empty when there is none."""


def usual(watch: Watch, dice: float, now: float) -> float:
    """The seconds to the next look when all is well: never more than the interval; `dice` is from 0 to 1.

    Times are rounded down to a grid, so that thousands of looks wake the process a few times a second and not one by
    one.
    """
    every = watch.watched.every_seconds
    after = every * (1.0 - _SPREAD * dice)
    return after - (now + after) % min(GRID_SECONDS, every * _SPREAD / 10)


def failed(watch: Watch, error: RegistryError, dice: float) -> float:
    """The seconds to the next look after `watch.failures` failed ones: the registry's own wish, else growing."""
    every, doubled = watch.watched.every_seconds, 2.0 ** min(watch.failures - 1, 20)
    growing = min(min(every, FAILED_SECONDS) * doubled, max(every, FAILED_MOST_SECONDS))
    if error.retry_after is None:
        return growing * (1.0 - _SPREAD * dice)
    # A wish of no time at all, said again and again, must not become a storm; and whoever was sent away comes back a
    # little after the time that was named, not all at once.
    return min(max(error.retry_after, min(doubled, growing)), THROTTLED_MOST_SECONDS) * (1.0 + _SPREAD * dice)


def put_off(watch: Watch, error: RegistryError, dice: float) -> float:
    """The seconds to the next try of a look for which there was no turn, `watch.failures` times in a row.

    At random within a span that doubles: were all who found no turn to come back at the same moment, there would be
    none for most of them again.
    """
    span = min(2.0 ** min(watch.failures, 20), watch.watched.every_seconds, BUSY_MOST_SECONDS)
    return max(error.retry_after or 0.0, span * dice)


def delayed(watch: Watch) -> float:
    """The seconds after which what could not begin is tried again, `watch.delays` times in a row."""
    return float(min(RETRY_SECONDS * 2.0 ** min(watch.delays - 1, 20), RETRY_MOST_SECONDS))


def chases(error: RegistryError) -> bool:
    """Whether something announced may be looked for again soon in spite of the error."""
    return not isinstance(error, Throttled) and error.retry_after is None


def hinted(watch: Watch, signal: Signal, now: float) -> Hint:
    """What to look for after a signal: what it announces if the rule would pick that, else what was announced before.

    A signal is only a hint: reordered, repeated or wrong ones cost a few looks and change nothing else.
    """
    if _awaited(watch, signal):
        return Hint(now, signal.tag, signal.digest)
    return watch.hint or Hint(now)


def _awaited(watch: Watch, signal: Signal) -> bool:
    policy, sight, hint = watch.watched.policy, watch.sight, watch.hint
    if policy is None or signal.tag is None:
        return False
    if sight is not None and (sight.tag, sight.digest) == (signal.tag, signal.digest):
        return False
    if policy.follows is not None:
        return policy.follows == signal.tag
    rivals = [each.tag for each in (sight, hint) if each is not None and each.tag is not None]
    return policy.best([*rivals, signal.tag]) == signal.tag
