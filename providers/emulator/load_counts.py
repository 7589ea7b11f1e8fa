"""What a load generator counted: requests and failures by time and by version, safe to read from another thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

BUCKET_SECONDS = 0.1
UNKNOWN_VERSION = "unknown"


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests, and how many of them failed."""

    requests: int = 0
    failed: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum of both."""
        return Counts(self.requests + other.requests, self.failed + other.failed)


@dataclass(frozen=True, slots=True)
class LoadSnapshot:
    """All that was counted up to one moment.

    `by_version` has the key `unknown` for requests to an address that never answered; `reasons` counts failures by
    what went wrong; `to_retired` counts requests sent to an address whose group's deletion had begun; `first_at` and
    `first_failed_at` say when each version was first asked, and first failed (UTC).
    """

    total: Counts
    by_version: Mapping[str, Counts]
    reasons: Mapping[str, int]
    to_retired: int
    first_at: Mapping[str, datetime]
    first_failed_at: Mapping[str, datetime]


class LoadCounts:
    """Counts the outcomes of requests in buckets of a tenth of a second by the time at which each was sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: dict[int, dict[str, Counts]] = {}
        self._reasons: Counter[str] = Counter()
        self._to_retired = 0
        self._first: dict[str, datetime] = {}
        self._first_failed: dict[str, datetime] = {}

    def record(self, sent_at: datetime, version: str, failure: str | None, retired: bool) -> None:
        """Count one request; `failure` is None for a good one."""
        one = Counts(1, 0 if failure is None else 1)
        with self._lock:
            bucket = self._buckets.setdefault(_bucket(sent_at), {})
            bucket[version] = bucket.get(version, Counts()).plus(one)
            self._to_retired += retired
            _keep_earliest(self._first, version, sent_at)
            if failure is not None:
                self._reasons[failure] += 1
                _keep_earliest(self._first_failed, version, sent_at)

    def since(self, moment: datetime | None = None) -> dict[str, Counts]:
        """Return the counts by version of what was sent from a moment on, to a tenth of a second; None: of all."""
        first = None if moment is None else _bucket(moment)
        sums: dict[str, Counts] = {}
        with self._lock:
            for bucket, versions in self._buckets.items():
                if first is None or bucket >= first:
                    for version, counts in versions.items():
                        sums[version] = sums.get(version, Counts()).plus(counts)
        return sums

    def per_second(self) -> dict[int, dict[str, Counts]]:
        """Return the counts by version for each second, named by its seconds since 1970, in order."""
        seconds: dict[int, dict[str, Counts]] = {}
        per_second = round(1 / BUCKET_SECONDS)
        with self._lock:
            for bucket in sorted(self._buckets):
                second = seconds.setdefault(bucket // per_second, {})
                for version, counts in self._buckets[bucket].items():
                    second[version] = second.get(version, Counts()).plus(counts)
        return seconds

    def snapshot(self) -> LoadSnapshot:
        """Return everything counted so far."""
        by_version = self.since()
        total = Counts()
        for counts in by_version.values():
            total = total.plus(counts)
        with self._lock:
            reasons, first, failed = dict(self._reasons), dict(self._first), dict(self._first_failed)
            return LoadSnapshot(total, by_version, reasons, self._to_retired, first, failed)


def _bucket(moment: datetime) -> int:
    return int(moment.timestamp() / BUCKET_SECONDS)


def _keep_earliest(times: dict[str, datetime], version: str, moment: datetime) -> None:
    times[version] = min(times.get(version, moment), moment)
