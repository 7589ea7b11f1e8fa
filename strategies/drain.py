"""When a side that has left the split may be retired: never before its last possible client has gone.

The minimum is the latest possible expiry of any answer that names it (`expires_at`: the confirmed shift plus the TTL
then, or the confirmed lowering of the TTL plus the old TTL, whichever is later, over all profiles in the chain), plus
the propagation of the change, plus a margin, because resolvers were seen to keep answers beyond their TTL. Where a
source counts the side's requests, it must then also be quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from strategies.evidence import Evidence
from strategies.model import Side, TargetState
from strategies.plan import AfterMost, DrainRule, Quiet, Target
from strategies.seen import Tally
from strategies.values import evolve

QUIET_PART = 0.001
"""The part of its former request rate at which a side counts as quiet."""


@dataclass(frozen=True, slots=True)
class Drain:
    """How far a drain is: `until` is the minimum by time, `done` whether to retire now, `note` the sum explained.

    `told_by` is when time alone decides although sources may still tell, None where that is not what one waits for.
    """

    until: datetime
    done: bool
    asks: bool
    note: str
    told_by: datetime | None = None


def margin_seconds(rule: DrainRule, ttl: int) -> float:
    """The margin beyond TTL and propagation: as configured, else max(10 s, TTL/2)."""
    return rule.margin_seconds if rule.margin_seconds is not None else max(10.0, ttl / 2)


def quiet_seconds(rule: DrainRule, ttl: int) -> float:
    """For how long a side that leaves must be quiet: as configured, else max(2 TTL, 60 s)."""
    return rule.quiet_seconds if rule.quiet_seconds is not None else max(2.0 * ttl, 60.0)


def settle_seconds(rule: DrainRule, ttl: int) -> float:
    """How long after a confirmed shift clients have heard of it: propagation plus TTL."""
    return rule.propagation_seconds + ttl


def expiry(confirmed_at: datetime, ttl: int, lowered_at: datetime | None, ttl_before: int | None) -> datetime:
    """The latest possible expiry of any answer given before the shift was confirmed."""
    latest = confirmed_at + timedelta(seconds=ttl)
    if lowered_at is not None and ttl_before is not None:
        latest = max(latest, lowered_at + timedelta(seconds=ttl_before))
    return latest


def earliest(expires_at: datetime, rule: DrainRule, ttl: int) -> datetime:
    """From when on a side may go by time: its last answer has expired, and everybody who is slow has heard of that."""
    return expires_at + timedelta(seconds=rule.propagation_seconds + margin_seconds(rule, ttl))


def drain(
    state: TargetState, rule: DrainRule, now: datetime, *, named: bool, agreed: bool, late_seconds: float = 0.0
) -> Drain:
    """Judge the drain of the leaving side.

    `named` says whether any answer can ever have named that side; `agreed` is a person's word to go on after
    `most_seconds`; `late_seconds` is how long the sources may take to tell of a moment.
    """
    if not named:
        return Drain(now, done=True, asks=False, note="nothing ever named this side")
    confirmed = state.asked.confirmed_at if state.asked else None
    if confirmed is None or state.expires_at is None:
        return Drain(now, done=False, asks=False, note="share zero is not confirmed yet")
    ttl = state.ttl_shift or 0
    margin, until = margin_seconds(rule, ttl), earliest(state.expires_at, rule, ttl)
    parts = (
        f"answers expire {state.expires_at:%H:%M:%S}, + {rule.propagation_seconds:g} s propagation"
        f" + {margin:g} s margin = {until:%H:%M:%S} UTC"
    )
    if now < until:
        return Drain(until, done=False, asks=False, note=parts)
    if not _quiet_matters(state, rule):
        told_by = confirmed + timedelta(seconds=late_seconds)
        if now < told_by and _may_tell(state, rule, confirmed):
            note = f"{parts}; waits for what the sources tell of it"
            return Drain(until, done=False, asks=False, note=note, told_by=told_by)
        return Drain(until, done=True, asks=False, note=f"{parts}; by time alone, no source counts its requests")
    wanted = quiet_seconds(rule, ttl)
    if _is_quiet(state, rule, confirmed + timedelta(seconds=wanted), wanted):
        return Drain(until, done=True, asks=False, note=f"{parts}; quiet for {wanted:g} s")
    over = now >= confirmed + timedelta(seconds=rule.most_seconds)
    if over and (rule.then is AfterMost.FORCE or agreed):
        return Drain(until, done=True, asks=False, note=f"{parts}; still not quiet, retired all the same")
    if not over or rule.then is AfterMost.EXTEND:
        note = f"{parts}; waits for {wanted:g} s without requests, counted health checks included"
        return Drain(until, done=False, asks=False, note=note)
    note = f"{parts}; still not quiet after {rule.most_seconds:g} s: `rollout approve` retires it all the same"
    return Drain(until, done=False, asks=True, note=note)


def _quiet_matters(state: TargetState, rule: DrainRule) -> bool:
    if rule.quiet is Quiet.NONE:
        return False
    return rule.quiet is Quiet.REQUIRED or any(each.rate_before for each in state.metrics)


def _may_tell(state: TargetState, rule: DrainRule, confirmed: datetime) -> bool:
    """Whether a source that has told of no request yet has not told either that none came since the side left."""
    if rule.quiet is Quiet.NONE:
        return False
    known = (each for each in state.metrics if each.rate_before is not None)
    return any(not each.quiet_since or each.quiet_until is None or each.quiet_until < confirmed for each in known)


def _is_quiet(state: TargetState, rule: DrainRule, least: datetime, wanted: float) -> bool:
    """Whether every source that counted the side's requests has seen it quiet for so long; silence proves nothing.

    And quiet up to `least` at the earliest: a lull from before the side left the split says nothing of after it.
    Where quiet is required, a source that has told of no request at all is heard as well.
    """
    required = rule.quiet is Quiet.REQUIRED
    known = [each for each in state.metrics if each.rate_before or (required and each.rate_before is not None)]
    return bool(known) and all(
        each.quiet_since is not None
        and each.quiet_until is not None
        and each.quiet_until >= max(each.quiet_since + timedelta(seconds=wanted), least)
        and (state.expires_at is None or each.quiet_until >= state.expires_at)
        for each in known
    )


def with_rates(state: TargetState, leaving: Side, target: Target) -> TargetState:
    """Freeze the leaving side's former rates, against which quiet is measured.

    What only reports decides nothing, and our own probes do not stop.
    """
    deciding = {rule.name for rule in target.metrics if rule.drains}

    def frozen(seen: Evidence) -> Evidence:
        rate = _had(seen, leaving) if seen.metric in deciding else None
        return evolve(seen, rate_before=rate, quiet_since=None, quiet_until=None)

    new = deciding - {seen.metric for seen in state.metrics}
    metrics = (*state.metrics, *(Evidence(rule.name) for rule in target.metrics if rule.name in new))
    return evolve(state, metrics=tuple(frozen(seen) for seen in metrics), tail=None, talkers=())


def _had(seen: Evidence, leaving: Side) -> float:
    """Requests per second that a side had before it left: in the mean, so that no burst is taken for it.

    The stable side is measured by what it had alone, not by what it was left while it shared; the last half minute of
    both sides is an upper bound, so that the mean of a day, or a rush hour, is not the measure of a night.
    """
    requests, seconds = seen.told_stable if leaving is Side.STABLE else seen.told_candidate
    if leaving is Side.STABLE and seen.told_before[0]:
        requests, seconds = seen.told_before
    rate = requests / seconds if seconds else 0.0
    lately = sum(part.stable_requests + part.candidate_requests for part in seen.recent)
    return (
        min(rate, lately / sum((part.until - part.since).total_seconds() for part in seen.recent)) if lately else rate
    )


def turned_quiet(seen: Evidence, tallies: tuple[Tally, ...]) -> Evidence:
    """Since when the leaving side has been quiet, and up to when that is known: an interval nobody knows is not."""
    for tally in tallies if seen.rate_before is not None else ():
        if seen.quiet_until is not None and tally.since < seen.quiet_until:
            continue
        seconds = (tally.until - tally.since).total_seconds()
        most = QUIET_PART * (seen.rate_before or 0.0) * seconds
        if not seen.rate_before and not tally.reset:
            # It counts this side after all: what it knew before came too late for a rate, or nobody asked.
            seen = evolve(seen, rate_before=tally.requests / seconds)
        quiet = not tally.reset and tally.requests <= most
        goes_on = seen.quiet_since is not None and seen.quiet_until == tally.since
        since = (seen.quiet_since if goes_on else tally.since) if quiet else None
        seen = evolve(seen, quiet_since=since, quiet_until=tally.until)
    return seen
