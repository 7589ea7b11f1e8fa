"""The last half minute of counts, in at most two parts, and whether they show a candidate that is plainly broken."""

from __future__ import annotations

from datetime import timedelta
from math import sqrt

from strategies.seen import Counts

LEAST = 20
"""Requests of a side without which it cannot be told to be broken, or well."""
_PART = timedelta(seconds=30)


def lately(known: tuple[Counts, ...], batch: Counts) -> tuple[Counts, ...]:
    """The last parts with one interval more."""
    if known and batch.until <= known[-1].since + _PART:
        return (*known[:-1], _added(known[-1], batch))
    return (*known[-1:], batch)


def together(parts: tuple[Counts, ...]) -> Counts:
    """All parts as one; there must be one at least."""
    whole = parts[0]
    for part in parts[1:]:
        whole = _added(whole, part)
    return whole


def _added(one: Counts, other: Counts) -> Counts:
    instances = None if other.instances is None else max(other.instances, one.instances or 0)
    return Counts(
        one.since,
        other.until,
        one.stable_requests + other.stable_requests,
        one.stable_failures + other.stable_failures,
        one.candidate_requests + other.candidate_requests,
        one.candidate_failures + other.candidate_failures,
        instances,
    )


def at_least(failures: int, requests: int, z: float = 3.09) -> float:
    """The lower bound of a failure rate: Wilson's score interval, one-sided at 99.9 % by default."""
    rate, square = failures / requests, z * z
    middle = rate + square / (2 * requests)
    spread = z * sqrt(rate * (1 - rate) / requests + square / (4 * requests * requests))
    return (middle - spread) / (1 + square / requests)


def broken(recent: tuple[Counts, ...], stable: tuple[int, int]) -> Counts | None:
    """The last requests when most of the candidate's fail while hardly any of the stable side's do, else None.

    Most: the lower bound of the failure rate (Wilson's score interval, one-sided at 99.9 %) exceeds one half, over at
    least twenty requests. Hardly any: under a tenth of as many, of the last ones or, where it gets none any more, of
    all, `stable` (requests and failures).
    """
    # What has just begun to fail is not to be outweighed by what was well before.
    last = next((lot for lot in (together(recent), recent[-1]) if _mostly_fails(lot)), None) if recent else None
    if last is None:
        return None
    requests, failures = (last.stable_requests, last.stable_failures) if last.stable_requests else stable
    return last if requests >= LEAST and failures < 0.1 * requests else None


def _mostly_fails(lot: Counts) -> bool:
    n = lot.candidate_requests
    return n >= LEAST and at_least(lot.candidate_failures, n) > 0.5
