"""The front doors that clients of the play come through: one per target, each with its crowd and what it counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from providers.emulator.load import LoadGenerator
from providers.emulator.load_counts import Counts
from strategies.journal import Event
from strategies.phases import Phase
from strategies.plan import Target

ENOUGH_REQUESTS = 500
"""How many requests a step must have had before its observed share says anything."""


@dataclass(frozen=True, slots=True)
class Front:
    """One door: the target behind it, its address, and `rate` requests a second by `clients`.

    `label` is what stands there, `crowd` how its clients behave, both in a few words for people. `pooled` says that an
    address outlives the revisions behind it, so that the world alone knows who got a request.
    """

    target: str
    url: str
    rate: float
    clients: int
    label: str
    crowd: str
    pooled: bool = False
    plane: str | None = None
    """What carries the requests, where there is a choice: `envoy` or `emulator`."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One step as clients had it: the share that was asked for and the one that they saw, both in percent."""

    share: float
    observed: float
    requests: int


@dataclass(frozen=True, slots=True)
class Part:
    """What one release was at one front door."""

    front: Front
    outcome: str
    total: Counts
    to_retired: int
    steps: tuple[Observed, ...] = ()


def between(crowd: LoadGenerator, since: datetime, until: datetime | None) -> dict[str, Counts]:
    """What was sent from one moment on and, where there is a second, not from that on, by version."""
    later = {} if until is None else crowd.counts(until)
    found = {}
    for version, counts in crowd.counts(since).items():
        after = later.get(version, Counts())
        found[version] = Counts(counts.requests - after.requests, counts.failed - after.failed)
    return found


def added(counts: Iterable[Mapping[str, Counts]]) -> dict[str, Counts]:
    """The sums by version."""
    found: dict[str, Counts] = {}
    for each in counts:
        for version, one in each.items():
            found[version] = found.get(version, Counts()).plus(one)
    return found


def total_of(counts: Mapping[str, Counts]) -> Counts:
    """All versions together."""
    found = Counts()
    for one in counts.values():
        found = found.plus(one)
    return found


def shares(crowd: LoadGenerator, target: Target, version: str, events: Sequence[Event]) -> tuple[Observed, ...]:
    """What clients saw of each step of one target while it was in force, by the journal of its release."""
    moves = [each for each in events if each.kind == "phase_changed" and each.target == target.name]
    found = []
    for move, following in pairwise(moves):
        said = dict(move.data)
        if said.get("after") != Phase.HOLDING.value:
            continue
        share = target.plan.steps[int(said["step"] or 0)].share
        seen = between(crowd, move.at, following.at)
        requests = total_of(seen).requests
        if share > 0 and requests:
            mine = seen.get(version, Counts()).requests
            found.append(Observed(share, round(100 * mine / requests, 1), requests))
    return tuple(found)
