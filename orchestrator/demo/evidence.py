"""The demo's clients as a source of evidence: what they counted, by side, second by second."""

from __future__ import annotations

from datetime import UTC, datetime

from providers.emulator.load import LoadGenerator
from strategies.seen import Counts

SETTLED_SECONDS = 1
"""How old a second must be before it is complete: answers of its last requests have come by then."""


class ClientCounts:
    """A `providers.ports.Metrics` over a load generator; versions are told apart by what the answers say."""

    def __init__(self, load: LoadGenerator, stable: str, candidate: str) -> None:
        self._load, self._stable, self._candidate = load, stable, candidate

    def counts(self, since: datetime) -> tuple[Counts, ...]:
        """Complete seconds since then, as the clients saw them."""
        newest = datetime.now(UTC).timestamp() - SETTLED_SECONDS
        found = []
        for second, versions in self._load.per_second().items():
            if second < since.timestamp() or second + 1 > newest:
                continue
            old, new = versions.get(self._stable), versions.get(self._candidate)
            found.append(
                Counts(
                    since=datetime.fromtimestamp(second, UTC),
                    until=datetime.fromtimestamp(second + 1, UTC),
                    stable_requests=old.requests if old else 0,
                    stable_failures=old.failed if old else 0,
                    candidate_requests=new.requests if new else 0,
                    candidate_failures=new.failed if new else 0,
                )
            )
        return tuple(found)
