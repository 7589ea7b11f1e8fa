"""How far a drain is: what is waited for, who is quiet and since when, and who still talks: a part of `rollout why`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from orchestrator.cli.finding import Finding
from orchestrator.cli.style import clock, span
from strategies.counting import LEAVING
from strategies.drain import QUIET_PART, quiet_seconds
from strategies.evidence import Evidence
from strategies.leaving import drain_of, was_named
from strategies.model import Rollout, TargetState
from strategies.plan import AfterMost, DrainRule, Quiet
from strategies.tail import pinned

_MOST_TALKERS = 5
_THEN = {
    AfterMost.ASK: "a person is asked",
    AfterMost.FORCE: "it goes all the same",
    AfterMost.EXTEND: "it goes on waiting",
}


def of_drain(rollout: Rollout, state: TargetState, now: datetime) -> Iterator[Finding]:
    """What the retirement of the leaving side waits for; nothing where no side leaves, or nobody ever reached it."""
    leaving, target = LEAVING.get(state.phase), rollout.service.target(state.name)
    confirmed = state.asked.confirmed_at if state.asked is not None else None
    if leaving is None or not was_named(state) or confirmed is None or state.expires_at is None:
        return
    rule, found = target.drain, drain_of(state, target, now)
    until, spent = found.until, (now - confirmed).total_seconds()
    rest = (until - now).total_seconds()
    says = f"the last answer that names the {leaving.value} side expires {clock(state.expires_at, now)}; "
    says += f"it may go {clock(until, now)}" + (f", in {span(rest)}" if rest > 0 else "")
    limit = (until - confirmed).total_seconds()
    yield Finding("drain.time", says, state.name, confirmed, round(spent, 3), limit, waits=rest > 0)
    counted = [seen for seen in state.metrics if seen.rate_before]
    for seen in counted if rule.quiet is not Quiet.NONE else ():
        yield _quiet(seen, rule, state, now)
    if rule.quiet is Quiet.REQUIRED and not counted:
        yield Finding("drain.quiet", "no source counted its requests, and it must be quiet", state.name, waits=True)
    if found.told_by is not None:
        says = "the sources have told nothing of it yet; without a word of them it may go "
        says += f"{clock(found.told_by, now)}, in {span((found.told_by - now).total_seconds())}"
        limit = (found.told_by - confirmed).total_seconds()
        yield Finding("drain.told", says, state.name, confirmed, round(spent, 3), limit, waits=True)
    elif not found.done and rest <= 0:
        most = confirmed + timedelta(seconds=rule.most_seconds)
        says = f"{_THEN[rule.then]} when it is still not quiet after {span(rule.most_seconds)}, {clock(most, now)}"
        yield Finding("drain.most", says, state.name, None, round(spent, 3), rule.most_seconds, waits=found.asks)
    yield from _talkers(state)
    yield from _tail(state, now)


def talking(state: TargetState) -> str:
    """Who still reaches the leaving side, the most first; empty where nobody is named."""
    named = [f"{who} {rate:.3g}" for who, rate in state.talkers[:_MOST_TALKERS]]
    more = len(state.talkers) - len(named)
    if not named:
        return ""
    return f"{', '.join(named)} requests/s" + (f" and {more} more" if more > 0 else "")


def _quiet(seen: Evidence, rule: DrainRule, state: TargetState, now: datetime) -> Finding:
    wanted, before = quiet_seconds(rule, state.ttl_shift or 0), seen.rate_before or 0.0
    name, had = f"{seen.metric}.quiet", f"it had {before:.3g} requests/s"
    if seen.quiet_until is None:
        return Finding(name, f"not known yet whether it is quiet; {had}", state.name, None, 0.0, wanted, waits=True)
    if seen.quiet_since is None:
        says = f"not quiet {span((now - seen.quiet_until).total_seconds())} ago; {had}, {QUIET_PART:g} of that is quiet"
        return Finding(name, says, state.name, None, 0.0, wanted, waits=True)
    quiet = (seen.quiet_until - seen.quiet_since).total_seconds()
    says = f"quiet for {span(quiet)} of the {span(wanted)} wanted; {had}"
    return Finding(name, says, state.name, seen.quiet_since, quiet, wanted, waits=quiet < wanted)


def _talkers(state: TargetState) -> Iterator[Finding]:
    if state.talkers:
        rate = round(sum(rate for _, rate in state.talkers), 6)
        yield Finding("drain.talkers", f"still talks to it: {talking(state)}", state.name, value=rate, waits=True)


def _tail(state: TargetState, now: datetime) -> Iterator[Finding]:
    found = pinned(state.tail)
    if found is None or state.expires_at is None:
        return
    rest = found.seconds(QUIET_PART) - (now - state.expires_at).total_seconds()
    says = f"{100 * found.part:.3g} % of its requests are pinned, {span(found.hold_seconds)} in the mean: "
    left = f"{100 * QUIET_PART:g} % of them"
    says += f"{left} still come in {span(rest)}" if rest > 0 else f"no more than {left} should come by now"
    yield Finding("drain.tail", says, state.name, value=round(max(rest, 0.0), 1))
