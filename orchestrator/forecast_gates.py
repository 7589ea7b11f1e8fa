"""What probes can and cannot catch, as numbers; pure.

A probe of a version that fails a part q of its requests fails with chance q, one like the other. So n clean ones in a
row rule q out with confidence c when (1 - q)^n <= 1 - c, and k failures in a row take (1 - q^k) / (q^k (1 - q)) probes
in the mean (the mean waiting time for a run of successes; Feller, An Introduction to Probability Theory, XIII.7).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from strategies.plan import ProbeRule

CONFIDENCES = (0.95, 0.99)
FAILING = (0.5, 0.1, 0.05, 0.01)
"""The parts of failing requests that a plan speaks of, beside all of them."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What the rule does about a version that fails the part `failing` of its requests.

    `clean_needed` pairs each of `CONFIDENCES` with the clean probes in a row that rule it out; `passes` is the chance
    that it shows as many in a row as are wanted before a step; `mean_seconds` the mean time until it is condemned.
    """

    failing: float
    clean_needed: tuple[tuple[float, int], ...]
    passes: float
    mean_seconds: float


def clean_needed(failing: float, confidence: float) -> int:
    """How many clean probes in a row rule out a failing part (0 < failing < 1) with this confidence (0 to 1)."""
    return ceil(log(1 - confidence) / log(1 - failing))


def ruled_out(clean: int, confidence: float) -> float:
    """The smallest failing part that this many clean probes in a row (at least one) rule out with this confidence."""
    return float(1 - (1 - confidence) ** (1 / clean))


def mean_probes(failing: float, failures: int) -> float:
    """How many probes it takes in the mean until so many in a row have failed; 0 < failing <= 1."""
    if failing >= 1:
        return float(failures)
    run = failing**failures
    return float((1 - run) / (run * (1 - failing)))


def detection_seconds(rule: ProbeRule, timeout_seconds: float) -> float:
    """The longest until a version that answers nothing any more is condemned: it stops just after a clean probe."""
    return rule.failures * rule.interval_seconds + timeout_seconds


def catches(rule: ProbeRule) -> tuple[Catch, ...]:
    """What one group's probes do about each part in `FAILING`."""
    return tuple(
        Catch(
            failing,
            tuple((confidence, clean_needed(failing, confidence)) for confidence in CONFIDENCES),
            float((1 - failing) ** rule.before),
            mean_probes(failing, rule.failures) * rule.interval_seconds,
        )
        for failing in FAILING
    )
