"""What a forecast says: one entry per write and per wait, made from what a tick changed and what it did."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from strategies.detours import Match, is_for_probes
from strategies.drain import margin_seconds, settle_seconds
from strategies.gates import MetricRule
from strategies.leaving import drain_of, was_named
from strategies.missing import Action, Ensure, Remove, Shift
from strategies.model import Rollout, TargetState, TrafficIntent
from strategies.phases import TERMINAL, Phase
from strategies.plan import DrainRule, Quiet, Target
from strategies.proof import LEAST_REQUESTS
from strategies.telling import doubted


class Kind(StrEnum):
    """What an entry is about."""

    CREATE = "create"
    REUSE = "reuse"
    READY = "ready"
    LOWER_TTL = "lowerTtl"
    LEAD_PROBES = "leadProbes"
    SHIFT = "shift"
    HOLD = "hold"
    EVIDENCE = "evidence"
    APPROVAL = "approval"
    DRAIN = "drain"
    WAIT = "wait"
    LEAVE = "leave"
    DELETE = "delete"
    KEEP = "keep"
    END = "end"


ROUTING = frozenset({Kind.LOWER_TTL, Kind.LEAD_PROBES, Kind.SHIFT, Kind.LEAVE})
"""The kinds that write the split, or what stands beside it."""
WRITES = ROUTING | {Kind.CREATE, Kind.REUSE, Kind.DELETE, Kind.KEEP}
"""The kinds that change something."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that will happen, `at_seconds` after the start; shares in percent.

    `weights` pairs each of our endpoints with its weight (0: switched off), `lasts_seconds` is the least that it takes
    where time alone decides, `writes` how many writes of the provider it is, those of parent profiles left out. `match`
    and `mirror` (percent) are what leads requests to the candidate besides its share; `entrance` is whether the name in
    front of the routing is open then, None where there is none. `quiet`: beside its time, a drain waits for quiet.
    """

    at_seconds: float
    kind: Kind
    target: str
    share: float | None = None
    weights: tuple[tuple[str, int], ...] = ()
    absent: tuple[str, ...] = ()
    ttl_seconds: int | None = None
    names: tuple[str, ...] = ()
    lasts_seconds: float | None = None
    note: str = ""
    writes: int = 0
    match: Match | None = None
    mirror: float = 0.0
    entrance: bool | None = None
    quiet: bool = False

    @property
    def led(self) -> str:
        """What leads requests to the candidate besides its share, in words; empty where nothing does."""
        said = []
        if self.match is not None:
            said.append(f"requests with {self.match.words}")
        if self.mirror > 0:
            said.append(f"copies of {self.mirror:g} % of all requests, answers thrown away")
        return "; ".join(said)


_UNTIL = re.compile(r" until \d\d:\d\d:\d\d UTC$")
"""A time of day means nothing in a plan, which says how long instead."""


def of_act(rollout: Rollout, action: Action, now: datetime) -> Entry:
    """The entry of one act."""
    at = (now - rollout.created_at).total_seconds()
    match action:
        case Ensure():
            names = tuple(name for name, _ in action.marks)
            return Entry(at, Kind.CREATE, action.target, names=names, writes=len(names))
        case Remove():
            kind = Kind.DELETE if action.keep_until is None else Kind.KEEP
            until = None if action.keep_until is None else (action.keep_until - now).total_seconds()
            names = action.names
            return Entry(at, kind, action.target, names=names, lasts_seconds=until, writes=len(names))
        case Shift():
            state = rollout.target(action.target)
            return Entry(
                at,
                _kind(state, action.intent),
                action.target,
                share=state.asked.share if state.asked else None,
                weights=tuple((member.endpoint, member.weight) for member in action.intent.members),
                absent=action.intent.absent,
                writes=1,
                match=next((d.match for d in action.intent.detours if not is_for_probes(d)), None),
                mirror=max((mirror.percent for mirror in action.intent.mirrors), default=0.0),
                entrance=action.intent.entrance,
            )


def with_waits(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The same entries, in which each wait, or drain until it is quiet, lasts until the next one of its target."""
    told: list[Entry] = []
    following: dict[str, float] = {}
    for entry in reversed(entries):
        until = following.get(entry.target)
        lasts = entry.kind in (Kind.WAIT, Kind.EVIDENCE) or (entry.kind is Kind.DRAIN and entry.quiet)
        if lasts and until is not None:
            entry = replace(entry, lasts_seconds=until - entry.at_seconds)  # noqa: PLW2901 - the same one, completed
        following[entry.target] = entry.at_seconds
        told.append(entry)
    return tuple(reversed(told))


def joined(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The same entries, in which sources that are waited for by turns at one step are one wait for all of them."""
    told: list[Entry] = []
    last: dict[str, int] = {}
    for entry in entries:
        before = last.get(entry.target)
        known = told[before] if before is not None else None
        names, _, what = entry.note.partition(": ")
        if known is not None and entry.kind is known.kind is Kind.EVIDENCE and known.note.endswith(f": {what}"):
            both = dict.fromkeys((*known.note.removesuffix(f": {what}").split(", "), names))
            told[last[entry.target]] = replace(known, note=f"{', '.join(both)}: {what}")
            continue
        last[entry.target] = len(told)
        told.append(entry)
    return tuple(told)


def with_ttl(entry: Entry, rule: DrainRule, ttl: int) -> Entry:
    """A write of the routing with the largest TTL in the chain once it stands, and how long it takes to be heard."""
    if entry.kind is not Kind.SHIFT:
        return replace(entry, ttl_seconds=ttl)
    note = f"{rule.propagation_seconds:g} s propagation" + (f" + {ttl} s TTL" if ttl else "")
    return replace(entry, ttl_seconds=ttl, lasts_seconds=settle_seconds(rule, ttl), note=note)


def _kind(state: TargetState, intent: TrafficIntent) -> Kind:
    if intent.active is None:
        return Kind.LEAVE
    if state.phase is Phase.PREPARING:
        return Kind.LOWER_TTL if intent.ttl_seconds is not None else Kind.LEAD_PROBES
    return Kind.SHIFT


def of_change(rollout: Rollout, old: TargetState, new: TargetState, now: datetime) -> Iterator[Entry]:
    """What one tick changed for a target, beside its acts."""
    at = (now - rollout.created_at).total_seconds()
    target = rollout.service.target(new.name)
    if new.phase in (Phase.PENDING, Phase.DRAINED) and old.phase is new.phase and old.note != new.note:
        yield Entry(at, Kind.WAIT, new.name, share=new.share, note=_UNTIL.sub("", new.note))
    if (awaited := _awaited(old, new, target)) is not None:
        yield Entry(at, Kind.EVIDENCE, new.name, share=new.share, note=awaited)
    if new.asks_person and not old.asks_person:
        yield Entry(at, Kind.APPROVAL, new.name, share=new.share, note=new.note)
    if old.phase is new.phase:
        return
    if new.phase is Phase.HOLDING:
        step = target.plan.steps[new.step]
        if old.phase is Phase.PREPARING:
            note = f"{target.probe.before} clean probes in a row of each group"
            yield Entry(at, Kind.READY, new.name, names=tuple(slot.name for slot in new.candidate), note=note)
        if step.hold_seconds or old.phase is not Phase.PREPARING:
            held = Entry(at, Kind.HOLD, new.name, share=step.share, lasts_seconds=step.hold_seconds)
            yield replace(held, match=step.match, mirror=step.mirror)
    elif new.phase in (Phase.DRAINING, Phase.CLEARING):
        yield _of_drain(rollout, new, at, now)
    elif new.phase in TERMINAL or new.phase is Phase.STUCK:
        yield Entry(at, Kind.END, new.name, share=new.share, note=_ending(rollout, new))


def _awaited(old: TargetState, new: TargetState, target: Target) -> str | None:
    """What a step waits for from now on, though its time is over; None where it does not, or did already."""
    waits = _lacking(new, target)
    if waits is None or waits == _lacking(old, target):
        return None
    code, rule = waits
    match code:
        case "tooFew":
            return f"{rule.name}: until the candidate has had {LEAST_REQUESTS} requests in this step"
        case "notProven":
            return f"{rule.name}: until it is proven that everything may follow"
        case "checkRunning" | "checkUnknown":
            return f"{rule.name}: until it has passed"
        case _:
            return f"{rule.name}: until it has counted both sides, {rule.lag_seconds:g} s late"


def _lacking(state: TargetState, target: Target) -> tuple[str, MetricRule] | None:
    """The code of the doubt that alone holds a step, and the source that it is about."""
    doubt = state.doubt
    if doubt is None or state.phase is not Phase.HOLDING or not state.note.startswith(doubt.message):
        return None
    return doubt.code, next(rule for rule in target.metrics if rule.name == doubted(doubt))


def _of_drain(rollout: Rollout, state: TargetState, at: float, now: datetime) -> Entry:
    """The drain's sum, taken apart: everything counts from the moment at which the shift was read back."""
    rule = rollout.service.target(state.name).drain
    leaving = state.stable if state.phase is Phase.DRAINING else state.candidate
    named = was_named(state)
    judged = drain_of(state, rollout.service.target(state.name), now)
    confirmed = state.asked.confirmed_at if state.asked else None
    names = tuple(slot.name or slot.endpoint for slot in leaving)
    rest = max((judged.until - now).total_seconds(), 0.0)
    if not named or confirmed is None or state.expires_at is None:
        return Entry(at, Kind.DRAIN, state.name, share=state.share, names=names, lasts_seconds=rest, note=judged.note)
    answers = (state.expires_at - confirmed).total_seconds()
    passed = (now - confirmed).total_seconds()
    margin = margin_seconds(rule, state.ttl_shift or 0)
    whole = answers + rule.propagation_seconds + margin
    expire = f"{answers:g} s until answers expire + " if answers else ""
    note = (
        f"{expire}{rule.propagation_seconds:g} s propagation + {margin:g} s margin"
        f" = {whole:g} s after the read-back, of which {min(passed, whole):g} s have passed"
    )
    counted = rule.quiet is Quiet.AUTO and any(each.rate_before for each in state.metrics)
    quiet = counted or rule.quiet is Quiet.REQUIRED
    return Entry(at, Kind.DRAIN, state.name, share=state.share, names=names, lasts_seconds=rest, note=note, quiet=quiet)


def _ending(rollout: Rollout, state: TargetState) -> str:
    if state.phase is Phase.PROMOTED:
        return "promoted"
    reason = state.failure or rollout.failure or rollout.aborted
    word = "stuck" if state.phase is Phase.STUCK else "rolled back"
    return f"{word}: {reason.message}" if reason else word
