"""Injected faults: what goes wrong, for which calls, and how often."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEYS = frozenset({"method", "path", "status", "code", "retryAfter", "times", "afterCommit", "delaySeconds"})


@dataclass(slots=True)
class Fault:
    """One fault of the control interface: matching ARM calls fail, after having acted when `after_commit` is set.

    `method` is an HTTP method or `*`; `path` a regular expression searched in the path, any letter case; `status` None
    makes the call only slow; `times` counts down, None means for ever; `retry_after` and `delay_seconds` in seconds.
    """

    method: str
    path: re.Pattern[str]
    status: int | None = 500
    code: str = "InternalServerError"
    retry_after: int | None = None
    times: int | None = 1
    after_commit: bool = False
    delay_seconds: float = 0.0

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Fault:
        """Read the camelCase form; raises ValueError naming the key and what was expected."""
        for key in sorted(set(body) - _KEYS):
            raise ValueError(f"faults.{key}: expected one of {', '.join(sorted(_KEYS))}")
        try:
            path = re.compile(str(body.get("path", "")), re.IGNORECASE)
        except re.error as error:
            raise ValueError(
                f"faults.path: expected a regular expression; got {body.get('path')!r} ({error})"
            ) from error
        delay = body.get("delaySeconds", 0.0)
        if isinstance(delay, bool) or not isinstance(delay, int | float) or delay < 0:
            raise ValueError(f"faults.delaySeconds: expected a number, zero or more; got {delay!r}")
        status = body.get("status", None if delay else 500)
        if status is not None and (not isinstance(status, int) or not 400 <= status <= 599):
            raise ValueError(f"faults.status: expected a whole number from 400 to 599; got {status!r}")
        for key in ("retryAfter", "times"):
            value = body.get(key)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"faults.{key}: expected a whole number from 1; got {value!r}")
        return cls(
            method=str(body.get("method", "*")).upper(),
            path=path,
            status=status,
            code=str(body.get("code", _default_code(status))),
            retry_after=body.get("retryAfter"),
            times=body.get("times", 1),
            after_commit=bool(body.get("afterCommit", False)),
            delay_seconds=float(delay),
        )

    def matches(self, method: str, path: str) -> bool:
        """Say whether the fault applies to a call."""
        return self.method in ("*", method) and self.path.search(path) is not None

    def to_json(self) -> dict[str, Any]:
        """Return the camelCase form that `from_json` reads, with the `times` that are left."""
        return {
            "method": self.method,
            "path": self.path.pattern,
            "status": self.status,
            "code": self.code,
            "retryAfter": self.retry_after,
            "times": self.times,
            "afterCommit": self.after_commit,
            "delaySeconds": self.delay_seconds,
        }


def _default_code(status: int | None) -> str:
    return {403: "AuthorizationFailed", 404: "ResourceNotFound", 409: "Conflict", 429: "TooManyRequests"}.get(
        status or 500, "InternalServerError"
    )


@dataclass(slots=True)
class Provisioning:
    """What happens to new container groups whose name matches: no capacity, slow, or failed after their start.

    `extra_seconds` are added to the start; `outcome` is `ok`, `refused` (409 at once), `capacity` (fails later, with an
    event and no error object) or `failed`; `times` counts down, None means for ever.
    """

    name: re.Pattern[str]
    outcome: str = "ok"
    extra_seconds: float = 0.0
    times: int | None = None


class Faults:
    """All faults that are armed: of calls, of provisioning, and reads that lag behind."""

    def __init__(self) -> None:
        """Begin with none."""
        self._faults: list[Fault] = []
        self._provisioning: list[Provisioning] = []
        self._stale: dict[str, int] = {}
        self._missing: dict[str, int] = {}

    def add(self, fault: Fault) -> None:
        """Arm a fault; several that match a call are used up in the order in which they came."""
        self._faults.append(fault)

    def add_provisioning(self, name: str, outcome: str, extra_seconds: float = 0.0, times: int | None = None) -> None:
        """Arm an outcome for new groups whose name matches the regular expression; raises ValueError if unknown."""
        if outcome not in ("ok", "refused", "capacity", "failed"):
            raise ValueError(f"outcome: expected ok, refused, capacity or failed; got {outcome!r}")
        self._provisioning.append(Provisioning(re.compile(name, re.IGNORECASE), outcome, extra_seconds, times))

    def stale_reads(self, path: str, reads: int) -> None:
        """Let the next `reads` GETs of a resource show it as it was before its last write."""
        self._stale[path.lower()] = reads

    def missing_reads(self, path: str, reads: int) -> None:
        """Let the next `reads` GETs of a resource that exists answer 404, as right after a create."""
        self._missing[path.lower()] = reads

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault for a call and use it up once, or None."""
        if not self._faults:
            return None
        found = next((fault for fault in self._faults if fault.matches(method, path)), None)
        if found is not None and found.times is not None:
            found.times -= 1
            if found.times <= 0:
                self._faults.remove(found)
        return found

    def take_provisioning(self, name: str) -> Provisioning | None:
        """Return the outcome armed for a new group's name and use it up once, or None."""
        found = next((entry for entry in self._provisioning if entry.name.search(name)), None)
        if found is not None and found.times is not None:
            found.times -= 1
            if found.times <= 0:
                self._provisioning.remove(found)
        return found

    def take_stale(self, path: str) -> bool:
        """Say whether this GET shall show the state before the last write, and count it."""
        return bool(self._stale) and _count_down(self._stale, path.lower())

    def take_missing(self, path: str) -> bool:
        """Say whether this GET shall answer 404 although the resource exists, and count it."""
        return bool(self._missing) and _count_down(self._missing, path.lower())

    def clear(self) -> None:
        """Disarm everything: the world is healed."""
        self._faults.clear()
        self._provisioning.clear()
        self._stale.clear()
        self._missing.clear()

    def state(self) -> list[dict[str, Any]]:
        """Return the call faults that are armed as JSON values."""
        return [fault.to_json() for fault in self._faults]


def _count_down(left: dict[str, int], key: str) -> bool:
    remaining = left.get(key, 0)
    if remaining <= 0:
        return False
    left[key] = remaining - 1
    if remaining == 1:
        del left[key]
    return True
