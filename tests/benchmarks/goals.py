"""One measured figure beside its bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """What was measured: ours, a twin's or peer's where there is one, the bound, and the unit of all three."""

    goal: str
    case: str
    ours: float
    bound: float
    unit: str
    theirs: float | None = None
    limit: float | None = None

    @property
    def met(self) -> bool:
        """Whether ours is within the bound."""
        return self.ours <= self.bound

    @property
    def ratio(self) -> float | None:
        """Ours as a part of theirs, or of the limit."""
        base = self.theirs or self.limit
        return None if not base else self.ours / base

    def document(self) -> dict[str, Any]:
        """The figure as the benchmarks' JSON has it."""
        return {
            "goal": self.goal,
            "case": self.case,
            "ours": self.ours,
            "theirs": self.theirs,
            "limit": self.limit,
            "ratio": self.ratio,
            "bound": self.bound,
            "met": self.met,
        }

    def line(self) -> str:
        """The figure for people."""
        beside = "" if self.theirs is None else f"  (twin {self.theirs:.4g}, ratio {self.ratio:.2f})"
        sign = "met" if self.met else "NOT MET"
        return (
            f"{self.goal:<4} {self.case:<44} {self.ours:10.4g} {self.unit:<14} bound {self.bound:.4g}  {sign}{beside}"
        )
