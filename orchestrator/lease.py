"""Who may work on a service, a profile or a route: one process at a time, by a row in the store.

The holder counts its lease from before the write that took it, on a clock that only goes forward; a contender counts
from after it saw that write. So the holder's time is always over first, whatever the two clocks say about the date.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from orchestrator.clock import Clock
from orchestrator.store.ports import Leases
from orchestrator.store.records import LeaseRecord, Owner

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0


class LeaseLost(Exception):  # noqa: N818 - reads as what happened, like the store's own errors
    """The lease is not held, or no longer: stop acting; what was begun is finished by whoever holds it."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    record: LeaseRecord
    since: float


class Lease:
    """One process's claim on one key (a service's name, or a profile's or route's id); for use by one thread.

    Keep the object between attempts: what it saw of another holder is what tells it that this one no longer renews.
    """

    def __init__(
        self,
        store: Leases,
        key: str,
        clock: Clock,
        owner: Owner,
        *,
        lives: Callable[[Owner], bool] | None = None,
        seconds: float = LEASE_SECONDS,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        """Hold nothing yet; `lives` says whether an owner's process still runs, as far as this process can know."""
        self.key, self.owner = key, owner
        self._store, self._clock = store, clock
        self._lives = lives or (lambda other: may_live(other, owner))
        self._seconds, self._renew_seconds = seconds, renew_seconds
        self._held: LeaseRecord | None = None
        self._counted_from = 0.0
        self._sighting: _Sighting | None = None

    @property
    def fence(self) -> int:
        """The number under which the holder may save; raises LeaseLost when nothing is held."""
        if self._held is None:
            raise LeaseLost(f"the lease on {self.key} is not held by this process; acquire it first")
        return self._held.fence

    @property
    def held(self) -> bool:
        """Whether it was taken and its time is not over."""
        return self.rest() > 0

    def rest(self) -> float:
        """Return the seconds for which nobody else can hold it; 0 when it is not held. No call may take longer."""
        if self._held is None:
            return 0.0
        return max(0.0, self._counted_from + self._seconds - self._clock.monotonic())

    def holder(self) -> LeaseRecord | None:
        """Return the lease as it stands in the store, whoever has it."""
        return self._store.lease_of(self.key)

    def acquire(self) -> bool:
        """Try once to take the lease, or renew it when it is held; never waits. Idempotent.

        It is free when nobody has it, when its owner was on this host and no longer lives, or when it was not renewed
        for a whole period. A crash leaves it taken until the next process on this host asks, or the period is over.
        """
        if self._held is not None and self._renewed():
            return True
        seen = self._store.lease_of(self.key)
        if seen is not None and not self._free(seen):
            return False
        before = self._clock.monotonic()
        taken = self._store.lease_take(self.key, self.owner, self._expiry(), seen=seen)
        if taken is None:
            return False
        self._held, self._counted_from, self._sighting = taken, before, None
        return True

    def renew(self) -> None:
        """Begin a new period; raises LeaseLost when somebody else has taken it."""
        fence = self.fence
        if not self._renewed():
            raise LeaseLost(f"the lease on {self.key} (fence {fence}) has gone to another process; stop acting")

    def keep(self) -> None:
        """Renew when it is time to; raises LeaseLost. Call it at least as often as the renewal is due."""
        if self._clock.monotonic() - self._counted_from >= self._renew_seconds or self._held is None:
            self.renew()

    def release(self) -> None:
        """Let go, so that the next process need not wait. Idempotent."""
        if self._held is not None:
            self._store.lease_release(self._held)
            self._held = None

    def _renewed(self) -> bool:
        if self._held is None:
            return False
        before = self._clock.monotonic()
        self._held = self._store.lease_renew(self._held, self._expiry())
        if self._held is None:
            return False
        self._counted_from = before
        return True

    def _free(self, seen: LeaseRecord) -> bool:
        if seen.owner is None or not self._lives(seen.owner):
            return True
        now = self._clock.monotonic()
        if self._sighting is None or self._sighting.record != seen:
            self._sighting = _Sighting(seen, now)
        # The date in the record is no evidence: clocks of two hosts differ, and jump.
        return now - self._sighting.since >= self._seconds

    def _expiry(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self._seconds)


def this_process() -> Owner:
    """Name the running process; the same answer for as long as it runs."""
    host, boot = _host()
    pid = os.getpid()
    return Owner(host, boot, pid, _started(pid) or "")


def may_live(owner: Owner, witness: Owner) -> bool:
    """Say whether the owner's process may still run, as `witness` on its host can tell; True whenever in doubt."""
    if (owner.host, owner.boot) != (witness.host, witness.boot):
        return True
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists, and is somebody else's
        pass
    started = _started(owner.pid)
    if started is None:  # it has ended and only its parent has not noticed yet
        return False
    return "" in (started, owner.started) or started == owner.started


@cache
def _host() -> tuple[str, str]:
    """Name this host and its boot; containers with process tables of their own are hosts of their own."""
    machine = _read("/etc/machine-id") or _read("/var/lib/dbus/machine-id") or platform.node()
    try:
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # only Linux has them
        processes = ""
    boot = _read("/proc/sys/kernel/random/boot_id") or _output("sysctl", "-n", "kern.boottime")
    return f"{machine} {processes}".strip(), boot


def _started(pid: int, proc: Path = Path("/proc")) -> str | None:
    """Return when the process began, in the system's own words; "" when it cannot be read, None when it has ended."""
    stat = _read(proc / str(pid) / "stat")
    if stat:
        # The command's name stands in parentheses and may hold anything; fields 3 (state) and 22 (start) follow it.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    return "" if (proc / "self").exists() else _output("ps", "-o", "lstart=", "-p", str(pid))


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 - fixed words
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
