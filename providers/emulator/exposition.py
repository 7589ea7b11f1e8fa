"""What an emulated application tells of itself at `/metrics`, in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.emulator.behaviour import HEALTH_PATHS
from providers.emulator.values import Workload

METRICS_PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4"
_KNOWN = (200, 500)
"""Statuses whose series are there from the start, as a well-made application has them."""


@dataclass(slots=True)
class Served:
    """Counts one container's answers by path and status; a container that starts anew begins at zero."""

    since: datetime | None = None
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)

    def count(self, since: datetime, status: int, path: str = "/") -> None:
        """Count one answer of a container that has run since a moment; all paths but those of health are one."""
        self._begin(since)
        bare = path.partition("?")[0]
        self.counts[bare if bare in HEALTH_PATHS else "/", status] += 1

    def text(self, since: datetime, environment: Iterable[Mapping[str, Any]]) -> str:
        """Write all counters, labelled with the revision that the container's environment names."""
        self._begin(since)
        revision = next((str(e.get("value", "")) for e in environment if e.get("name") == "ROLLOUT_REVISION"), "")
        lines = [
            "# HELP http_requests_total Requests answered, by status.",
            "# TYPE http_requests_total counter",
        ]
        for (path, status), count in sorted(self.counts.items()):
            lines.append(f'http_requests_total{{code="{status}",path="{path}",revision="{revision}"}} {count}')
        return "\n".join(lines) + "\n"

    def _begin(self, since: datetime) -> None:
        if self.since != since:
            self.since = since
            self.counts = Counter({("/", status): 0 for status in _KNOWN})


def scrape_targets(workloads: Iterable[Workload]) -> list[dict[str, Any]]:
    """Where the applications of this world can be scraped, as Prometheus' HTTP service discovery wants it."""
    return [
        {"targets": [f"{each.address}:{each.ports[0]}"], "labels": {"workload": each.name}}
        for each in workloads
        if each.kind in ("group", "pod") and each.listening and each.ports
    ]
