"""One rule that a rollout is held to, with what it says now: what `rollout why` prints a line of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule: what it says now; `value` against `limit` where it counts something. Seconds, percent or numbers.

    `waits` marks what holds the rollout now or is worth a look, `breached` what decides against the candidate.
    """

    rule: str
    says: str
    target: str | None = None
    since: datetime | None = None
    value: float | None = None
    limit: float | None = None
    waits: bool = False
    breached: bool = False
