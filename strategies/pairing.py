"""From what a source knew of each side to intervals counted on both: only those may be compared.

A counter that began anew, and an interval that one side has no answer for, are never made up for. An interval in which
one side has no requests says nothing by itself, so it goes on for a while. Where counters are sampled, each side's at
other moments, the two grow by turns, and it goes on until both have counted something: it then holds, of one side, up
to one sample more of the past, and `evidence` bounds what it may say. One in which more failed than came goes on until
that can be: left out, it would be failures that are forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from strategies.seen import Counts, Tally

MOST = timedelta(seconds=60)
"""The longest interval that is put together so; what is older is let go."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Intervals counted on both sides, in time order, and up to when there is nothing more to wait for."""

    batches: tuple[Counts, ...]
    until: datetime | None
    odd: Counts | None = None
    """The interval that goes on because more failed in it than came."""


def pair(
    stable: Sequence[Tally],
    candidate: Sequence[Tally],
    after: datetime | None,
    settled: datetime,
    *,
    alone: bool = False,
    joins: timedelta | None = timedelta(0),
) -> Paired:
    """Put both sides' intervals from `after` on together.

    One that a side lacks is waited for while it ends after `settled`, and passed over then: it may come late. `alone`:
    the stable side has nothing to do any more, so the candidate's intervals count without it. `joins` is how long an
    interval goes on that says nothing by itself; None where the sides are sampled.
    """
    b_of = {(tally.since, tally.until): tally for tally in stable}
    c_of = {(tally.since, tally.until): tally for tally in candidate}
    batches: list[Counts] = []
    open_one: Counts | None = None
    until = after
    for since, end in sorted(b_of.keys() | c_of.keys()):
        if until is not None and since < (open_one.until if open_one else until):
            continue
        b, c = b_of.get((since, end)), c_of.get((since, end))
        if b is None and alone:
            b = Tally(since, end, 0)
        if b is None or c is None:
            if end > settled:
                break
            open_one, until = None, end
            continue
        open_one, until = _joined(open_one, b, c), end
        if open_one is not None and _is_whole(open_one, joins, alone=alone):
            batches.append(open_one)
            open_one = None
    if open_one is None:
        return Paired(tuple(batches), until)
    return Paired(tuple(batches), open_one.since, None if open_one.can_be else open_one)


def impossible(odd: Counts, *, slow: bool = False) -> str:
    """What is wrong with an interval in which more failed, or was slow, than came: by side, with both numbers."""
    sides = (
        ("stable side", odd.stable_failures, odd.stable_requests),
        ("candidate", odd.candidate_failures, odd.candidate_requests),
    )
    word = "slow ones" if slow else "failures"
    told = "; ".join(f"{who}: {failed} {word} of {came} requests" for who, failed, came in sides if failed > came)
    return f"{told} since {odd.since:%H:%M:%S} UTC: both must count the same requests"


def _is_whole(interval: Counts, joins: timedelta | None, *, alone: bool) -> bool:
    if not interval.can_be:
        return False
    if interval.candidate_requests and (interval.stable_requests or alone):
        return True
    return joins is not None and interval.until - interval.since >= joins


def _joined(known: Counts | None, stable: Tally, candidate: Tally) -> Counts | None:
    """The interval that goes on; None where a counter began anew."""
    if stable.reset or candidate.reset:
        return None
    new = Counts(
        stable.since,
        stable.until,
        stable.requests,
        stable.failures,
        candidate.requests,
        candidate.failures,
        candidate.instances,
    )
    if known is None or known.until != new.since or (known.can_be and new.until - known.since > MOST):
        return new
    return Counts(
        known.since,
        new.until,
        known.stable_requests + new.stable_requests,
        known.stable_failures + new.stable_failures,
        known.candidate_requests + new.candidate_requests,
        known.candidate_failures + new.candidate_failures,
        new.instances,
    )
