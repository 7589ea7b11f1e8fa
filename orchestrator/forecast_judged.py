"""What a plan says of one source that decides: values, filled in by `orchestrator.forecast_catches`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.forecast_traffic import Load, Origin
from strategies.gates import MetricRule
from strategies.proof import LEAST_REQUESTS


class Ending(StrEnum):
    """What becomes of a candidate as far as one source decides about it."""

    ROLLED_BACK = "rolledBack"
    ASKS = "asks"
    """Nothing is proven either way by `gates.longestHold`: a person is asked."""
    PASSES = "passes"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One step in which both sides serve: from when its split is in force until the next one's is, in seconds.

    `stable_rate` and `candidate_rate` are requests per second, None where nobody knows how many there are.
    """

    number: int
    share: float
    seconds: float
    stable_rate: float | None = None
    candidate_rate: float | None = None

    @property
    def least_seconds(self) -> float | None:
        """How long it takes the candidate to get the requests that a step needs."""
        return None if not self.candidate_rate else LEAST_REQUESTS / self.candidate_rate


@dataclass(frozen=True, slots=True)
class Toll:
    """How long a candidate that is worse stays, in seconds, and how many of its requests fail meanwhile."""

    seconds: float
    failures: float


@dataclass(frozen=True, slots=True)
class Worse:
    """A candidate that fails the part `failing` of its requests, and what becomes of it if it does from the start on.

    `times` is how many times as many fail as before, `points` by what part more; without either all do. `acceptable`:
    the test does not call that worse. `step` is the plan's step in which it ends; `at_step` what each step would take
    if it failed only from that step on, None where that is never noticed.
    """

    failing: float
    times: float | None
    points: float | None
    acceptable: bool
    ending: Ending
    step: int
    toll: Toll
    at_step: tuple[Toll | None, ...]


@dataclass(frozen=True, slots=True)
class Promotion:
    """When a candidate that is as good as the stable side has proven it; seconds count within its `step`, from then on.

    `requests` are those of the candidate that the proof takes at the last step's split, None where it never comes.
    `within_hold`: it is there before the last step with both sides has held for its time.
    """

    requests: float | None
    ending: Ending
    step: int
    seconds: float
    within_hold: bool


class Cause(StrEnum):
    """Why requests of one side may fail together although its version is well."""

    DNS = "dns"
    """Whole populations of clients change sides for a TTL."""
    SAMPLING = "sampling"
    """Each side's counters are read at moments of their own."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Why nothing is decided by counts at once: it takes so many windows, in each of which requests move together."""

    seconds: float
    many: int
    cause: Cause

    @property
    def least_seconds(self) -> float:
        """The earliest moment: the first and the last window need not be whole, if what is in them shows at once."""
        return (self.many - (2 if self.cause is Cause.DNS else 1)) * self.seconds

    @property
    def most_seconds(self) -> float:
        """The same where the first one has just begun; what is sampled begins and ends with a sample of both sides."""
        return (self.many + (-1 if self.cause is Cause.DNS else 1)) * self.seconds


@dataclass(frozen=True, slots=True)
class Judged:
    """One source of one target that decides: what it counts, the steps that it sees, and what it can tell there."""

    target: str
    rule: MetricRule
    load: Load
    stretches: tuple[Stretch, ...]
    longest_seconds: float
    worse: tuple[Worse, ...] = ()
    promotion: Promotion | None = None
    windows: Windows | None = None

    @property
    def known(self) -> bool:
        """Whether it is known how much it counts."""
        return self.load.origin is not Origin.UNKNOWN
