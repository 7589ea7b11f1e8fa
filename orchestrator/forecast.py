"""What a rollout will do, in order and with times, found by letting the engine's own functions run over assumptions.

Pure: a rollout as `begin` makes it, where its routing stands, and how long things are assumed to take go in; entries
come out. `advance`, `missing` and `wake` decide here exactly as they will decide then, so the weights, their order and
the number of writes are those of the rollout itself as long as nothing goes wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from orchestrator.forecast_world import AssumedWorld, Latencies, Place
from orchestrator.outlook import next_decision
from strategies.advance import advance
from strategies.drain import drain, margin_seconds, settle_seconds
from strategies.missing import Action, Ensure, Remove, Shift, missing
from strategies.model import Command, CommandKind, Outcome, Rollout, Slot, TargetState, TrafficIntent
from strategies.phases import TERMINAL, Phase
from strategies.wake import wake

_IDLE_SECONDS = 30.0
"""The longest leap while nothing is known to be due."""
_BY = "plan"


class Kind(StrEnum):
    """What an entry is about."""

    CREATE = "create"
    READY = "ready"
    LOWER_TTL = "lowerTtl"
    SHIFT = "shift"
    HOLD = "hold"
    APPROVAL = "approval"
    DRAIN = "drain"
    WAIT = "wait"
    LEAVE = "leave"
    DELETE = "delete"
    KEEP = "keep"
    END = "end"


WRITES = frozenset({Kind.CREATE, Kind.LOWER_TTL, Kind.SHIFT, Kind.LEAVE, Kind.DELETE, Kind.KEEP})
"""The kinds that change something."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that will happen, `at_seconds` after the start; shares in percent.

    `weights` pairs each of our endpoints with its weight (0: switched off), `lasts_seconds` is the least that it takes
    where time alone decides, `writes` how many writes of the provider it is, those of parent profiles left out.
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


@dataclass(frozen=True, slots=True)
class Forecast:
    """All entries in order, the rollout as it would end, and for each target how long both sides run, in seconds."""

    entries: tuple[Entry, ...]
    rollout: Rollout
    beside_seconds: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        """From the start to the end."""
        return (self.rollout.ticked_at - self.rollout.created_at).total_seconds()

    @property
    def promoted(self) -> bool:
        """Whether it ends with the candidate serving."""
        return self.rollout.outcome is Outcome.PROMOTED

    @property
    def writes(self) -> int:
        """The number of writes in all."""
        return sum(entry.writes for entry in self.entries)

    @property
    def approvals(self) -> int:
        """How often a person's word is awaited."""
        return sum(entry.kind is Kind.APPROVAL for entry in self.entries)


@dataclass(frozen=True, slots=True)
class WayBack:
    """What a rollback from all traffic on the candidate takes, in seconds from the decision.

    `clients`: until every client that keeps to the TTL asks the stable side again; `late`: the same for those that keep
    answers longer, as far as the margin covers them; `gone`: until the candidate is deleted.
    """

    clients_seconds: float
    late_seconds: float
    gone_seconds: float


def slowest(rollout: Rollout) -> Latencies:
    """Latencies with which a rollout just meets its own deadlines: whatever is slower is taken back."""
    rules = [target.probe for target in rollout.service.targets]
    rounds = max(rule.interval_seconds * (rule.before + 4) for rule in rules)
    most = rollout.service.deadlines.ready_seconds
    return Latencies(
        start_seconds=max(most - rounds, 0.0),
        read_back_seconds=max(most - 4 * max(rule.interval_seconds for rule in rules), 0.0),
        online_seconds=0.0,
        delete_seconds=most,
    )


def forecast(
    rollout: Rollout, places: Mapping[str, Place], latencies: Latencies, *, turn_at_seconds: float | None = None
) -> Forecast:
    """Run a rollout to its end over an assumed world; people approve at once.

    `turn_at_seconds` takes it back from the first tick at or after that time on. Raises ValueError where no split of
    the target's weight over its endpoints exists.
    """
    run = _Run(rollout, AssumedWorld(rollout, dict(places), latencies), turn_at_seconds)
    while (due := run.tick()) is not None:
        run.now = due
    return Forecast(tuple(run.entries), run.rollout, tuple(run.beside()))


def way_back(rollout: Rollout, places: Mapping[str, Place], forward: Forecast, latencies: Latencies) -> WayBack | None:
    """Take the rollout back when the candidate has just got everything; None where it never does."""
    drains = [entry.at_seconds for entry in forward.entries if entry.kind is Kind.DRAIN]
    if not drains or not forward.promoted:
        return None
    back = forecast(rollout, places, latencies, turn_at_seconds=drains[-1])
    exposed = [state for state in back.rollout.targets if state.exposed and state.stable]
    if not exposed:
        return None
    writes = [e.at_seconds for e in back.entries if e.kind is Kind.SHIFT and e.at_seconds >= drains[-1]]
    begun = max(writes, default=drains[-1])
    decided = next((e.at_seconds for e in back.entries if e.at_seconds >= drains[-1] and e.share == 0.0), begun)
    rules = [(back.rollout.service.target(state.name).drain, state.ttl_before or 0) for state in exposed]
    rules = [(rule, _ttl(back, state, ttl)) for (rule, ttl), state in zip(rules, exposed, strict=True)]
    told = begun - decided + latencies.read_back_seconds
    clients = told + max(settle_seconds(rule, ttl) for rule, ttl in rules)
    late = told + max(settle_seconds(rule, ttl) + margin_seconds(rule, ttl) for rule, ttl in rules)
    return WayBack(clients, late, back.seconds - decided)
