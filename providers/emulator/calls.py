"""What was asked of the world: every ARM call in order, and client requests by group."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

WRITES = frozenset({"PUT", "PATCH", "POST", "DELETE"})


@dataclass(frozen=True, slots=True)
class Call:
    """One ARM call: the path without its query, the status it was answered with (0: no answer reached the caller)."""

    method: str
    path: str
    status: int
    at: datetime


class CallLog:
    """Keeps ARM calls and counts requests, so that tests can count writes and requests to retired groups."""

    def __init__(self) -> None:
        """Begin empty."""
        self.arm: list[Call] = []
        self.requests: Counter[str] = Counter()
        self.requests_to_retired: Counter[str] = Counter()
        self.pod_requests: Counter[str] = Counter()
        """Requests by pod; `requests` counts them by the pod's Deployment."""
        self.answers: dict[int, dict[str, tuple[int, int]]] = {}

    def record(self, method: str, path: str, status: int, at: datetime) -> None:
        """Add one ARM call."""
        self.arm.append(Call(method, path, status, at))

    def count_request(self, group: str, retired: bool) -> None:
        """Count one client request to a group, and again when the group's deletion had begun."""
        self.requests[group] += 1
        if retired:
            self.requests_to_retired[group] += 1

    def count_answer(self, group: str, failed: bool, at: datetime) -> None:
        """Count how one client request ended, by whole second since 1970 and group: (requests, failures)."""
        second = self.answers.setdefault(int(at.timestamp()), {})
        requests, failures = second.get(group, (0, 0))
        second[group] = (requests + 1, failures + failed)

    def writes(self) -> list[Call]:
        """Return the ARM calls that would change something, refused ones included."""
        return [call for call in self.arm if call.method in WRITES]

    def state(self) -> dict[str, Any]:
        """Return all counters and the calls themselves as JSON values."""
        return {
            "arm": [
                {"method": c.method, "path": c.path, "status": c.status, "calledAt": c.at.isoformat()} for c in self.arm
            ],
            "writes": len(self.writes()),
            "requests": dict(self.requests),
            "requestsToRetired": dict(self.requests_to_retired),
            "podRequests": dict(self.pod_requests),
        }
