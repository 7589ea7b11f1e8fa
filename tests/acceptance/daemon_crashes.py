"""Real crashes of the daemon: SIGKILL in every phase of a rollout that a push began, then the daemon again.

Whatever the phase, and whether or not the store survived, it ends as an undisturbed one does: the same world, one
create per version, nobody's request failed, and nothing rolled out twice.
"""

from __future__ import annotations

import signal
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from strategies.model import Outcome
from tests.acceptance.cloud import Cloud
from tests.acceptance.daemon import Daemon
from tests.acceptance.shop import Shop

_LOOKS_SECONDS = 2.5
_GOOD = ("submitted", "preparing", "holding", "shifting", "draining", "drained", "retiring", "promoted")
_BAD = ("returning", "clearing", "removing", "rolledBack")


@dataclass(frozen=True, slots=True)
class DaemonCrash:
    """One experiment: kill the daemon as soon as its log shows this phase of a good or a bad release."""

    phase: str
    bad: bool = False
    store_lost: bool = False

    @property
    def known_rollouts(self) -> int:
        """How many rollouts the store of the second daemon sees to their end."""
        if not self.store_lost:
            return 2
        return 0 if self.phase in ("promoted", "rolledBack") else 1

    def __str__(self) -> str:
        lost = ", store lost" if self.store_lost else ""
        return f"daemon killed in {self.phase} of a {'bad' if self.bad else 'good'} push{lost}"


def every() -> list[DaemonCrash]:
    """Each phase of a good release and each further one of a bad one, with and without its store."""
    phases = [(phase, False) for phase in _GOOD] + [(phase, True) for phase in _BAD]
    return [DaemonCrash(phase, bad, lost) for phase, bad in phases for lost in (False, True)]


def suffer(cloud: Cloud, folder: Path, crash: DaemonCrash) -> None:
    """Run one experiment; AssertionError says what was not as it must be."""
    shop = Shop(cloud, folder)
    try:
        shop.canary({"share": 50, "hold": "600s" if crash.bad else "300ms"})
        shop.serve("1.0.0")
        daemon = Daemon(shop)
        daemon.follow(semver="1.x")
        with nullcontext() if crash.bad else shop.crowd(rate=15) as load:
            _kill_and_start_again(daemon, crash)
        if load is not None:
            seen = load.snapshot()
            assert (seen.total.failed, seen.to_retired) == (0, 0), seen.reasons
    finally:
        shop.close()


def _kill_and_start_again(daemon: Daemon, crash: DaemonCrash) -> None:
    shop = daemon.shop
    before = len(shop.writes)
    first = daemon.start()
    daemon.push("1.1.0")
    if crash.bad:
        shop.sicken_once_served(first, "1.1.0")
    first.until(lambda: _shows(daemon, crash.phase))
    first.send(signal.SIGKILL)
    assert first.process.wait(timeout=10) == -signal.SIGKILL
    if crash.store_lost:
        shop.lose_store()
    daemon.start()
    if crash.known_rollouts:
        ended = daemon.ends(crash.known_rollouts)
        assert ended.outcome is (Outcome.ROLLED_BACK if crash.bad else Outcome.PROMOTED), daemon.process.err
    daemon.hook("1.1.0")
    daemon.quiet(_LOOKS_SECONDS)
    assert len(daemon.history()) == crash.known_rollouts, "rolled out twice"
    assert shop.written_since(before).count("PUT containerGroups") == 1, shop.written_since(before)
    shop.assert_serves_alone("1.0.0" if crash.bad else "1.1.0")


def _shows(daemon: Daemon, phase: str) -> bool:
    """Whether the second release has come to this phase, by what the daemon has logged."""
    if phase == "submitted":
        return len(daemon.history()) == 2
    return any(event.get("after") == phase for event in daemon.process.events)
