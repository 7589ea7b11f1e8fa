"""What a benchmark hands back when goals alone do not say it all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.goals import Goal


@dataclass(frozen=True, slots=True)
class Report:
    """Goals, a table as documents and as lines for people, and notes on how it was measured."""

    goals: list[Goal]
    table: list[dict[str, Any]] = field(default_factory=list)
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """All of it as the benchmarks' JSON has it."""
        found: dict[str, Any] = {"goals": [goal.document() for goal in self.goals], "table": self.table}
        return {**found, "notes": list(self.notes)} if self.notes else found

    def text(self) -> str:
        """All of it for people."""
        parts = [*self.lines, *([""] if self.lines else []), *(goal.line() for goal in self.goals)]
        return "\n".join([*parts, *([""] if self.notes else []), *self.notes])
