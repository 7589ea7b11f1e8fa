"""What holds a target at its step, and when a person is asked about that: at once, or when it has lasted too long.

The time counts from when the step was in force, whatever was in doubt first and whatever is now: probes that fail now
and then must not put off for ever that somebody looks.
"""

from __future__ import annotations

from datetime import datetime

from strategies.alone import asks_after
from strategies.model import Reason, TargetState
from strategies.plan import Target
from strategies.values import evolve
from strategies.verdict import Health, Verdict, confirmed


def needs_word(verdict: Verdict) -> bool:
    """Whether nothing but a person's word ends it, so that one is asked at once."""
    return verdict.health is Health.UNHEALTHY or (verdict.reason is not None and verdict.reason.code == "drift")


def unwell(state: TargetState, verdict: Verdict) -> TargetState:
    """Stay where one is; what would be taken back, and is kept by a person's word, goes no further without another."""
    why = verdict.reason or Reason("undecided", "")
    if verdict.health is Health.UNHEALTHY:
        note = f"{why.message}: `rollout retry` judges it anew, `rollout abort` goes back"
        return evolve(state, note=note, asks_person=True)
    return evolve(state, note=why.message, asks_person=needs_word(verdict))


def unsettled(state: TargetState, verdict: Verdict) -> Reason | None:
    """What about the candidate or its routing is in doubt just now, and may pass by itself."""
    if verdict.health is not Health.HEALTHY:
        return verdict.reason or Reason("undecided", "")
    if state.asked is not None and not confirmed(state):
        return Reason("unconfirmed", "waits for the read-back of what was asked")
    if state.exposed and not state.online:
        return Reason("notOnline", "waits until the routing layer reports every candidate endpoint Online")
    return None


def undecided(state: TargetState, target: Target, why: Reason, now: datetime) -> TargetState:
    """Hold while nothing is decided either way, and ask a person when that has lasted long enough.

    A person may go on without proof; of what is not well nobody can say that it is.
    """
    longest = asks_after(target, state.step, why)
    if (now - state.since).total_seconds() < longest:
        return evolve(state, note=why.message)
    if why == state.doubt:
        ways = "`rollout approve` goes on, `rollout abort` back"
    elif state.doubt is not None:
        ways = "`rollout approve` goes on without proof when that is over, `rollout abort` goes back"
    else:
        ways = "it goes on when that is over, `rollout abort` goes back"
    since = f"; undecided for {longest:g} s" if longest else ""
    return evolve(state, asks_person=True, note=f"{why.message}{since}: {ways}")
