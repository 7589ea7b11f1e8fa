"""The verbs in this process: a store in memory, a clock that moves when somebody sleeps, streams that are kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from orchestrator.cli.options import Options, split
from orchestrator.cli.output import Output
from orchestrator.cli.running import run_verb
from orchestrator.cli.session import Session
from orchestrator.cli.verbs import VERBS
from orchestrator.lease import this_process
from orchestrator.store.memory import MemoryStore
from strategies.advance import advance
from strategies.journal import Event, explain
from strategies.model import Rollout
from strategies.phases import EDGES, Phase
from strategies.seen import Seen
from tests.unit.orchestrator.cli import states


class Stream(io.StringIO):
    """A stream that is a terminal when told so."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


@dataclass
class Clock:
    """Time that stands still until somebody sleeps; `meanwhile` is what the world does then."""

    at: datetime = states.NOW
    meanwhile: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.meanwhile()


@dataclass
class Desk:
    """Where one person works: a store, a clock, and the commands that they type."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    out: Stream = field(default_factory=Stream)
    err: Stream = field(default_factory=Stream)

    def type(self, *words: str) -> int:
        """Run one command line; what it prints is in `out` and `err`, emptied before."""
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        line = split(words)
        assert line.verb is not None, words
        return run_verb(VERBS[line.verb], line.arguments, self._session)

    def _session(self, options: Options, _out: Output) -> Session:
        return Session(options, Output(options, self.out, self.err), self.clock, self.store)

    @property
    def said(self) -> str:
        """What stands on standard output."""
        return self.out.getvalue()

    @property
    def told(self) -> str:
        """What stands on standard error."""
        return self.err.getvalue()

    @property
    def document(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.said)

    def put(self, rollout: Rollout) -> Rollout:
        """Store a rollout as it stands."""
        begun = replace(
            rollout, targets=states.fresh(rollout.service, first=not rollout.previous).targets, ended_at=None
        )
        stored = self.store.submit(replace(begun, version=0), states.SNAPSHOT)
        return self._save(stored, rollout)

    def _save(self, before: Rollout, after: Rollout) -> Rollout:
        name = before.service.name
        held = self.store.lease_of(name)
        taken = self.store.lease_take(name, this_process(), self.clock.now(), seen=held)
        assert taken is not None
        events = explained(before, after, after.ticked_at)
        saved = self.store.save(after, expected=before.version, fence=taken.fence, events=events)
        self.store.lease_release(taken)
        return saved

    def engine_elsewhere(self, rollout: Rollout, *, works: bool = True) -> None:
        """Let another process hold the lease and, while we sleep, take the commands that arrive."""
        name = rollout.service.name
        held = self.store.lease_of(name)
        expires = self.clock.now() + timedelta(hours=1)
        taken = self.store.lease_take(name, this_process(), expires, seen=held)
        assert taken is not None

        def tick() -> None:
            before = self.store.load(rollout.id)
            after = advance(before, Seen(), self.clock.now())
            events = explain(before, after, self.clock.now())
            self.store.save(after, expected=before.version, fence=taken.fence, events=events)

        if works:
            self.clock.meanwhile = tick


def explained(before: Rollout, after: Rollout, now: datetime) -> list[Event]:
    """All events on the shortest way from one state to the other, as if a tick had been taken at every edge of it."""
    ways = [_way(old.phase, new.phase) for old, new in zip(before.targets, after.targets, strict=True)]
    stops = [before]
    for ahead in range(1, max(map(len, ways)) - 1):
        phases = [way[min(ahead, len(way) - 1)] for way in ways]
        targets = tuple(replace(state, phase=phase) for state, phase in zip(before.targets, phases, strict=True))
        stops.append(replace(before, targets=targets))
    return [each for a, b in pairwise([*stops, after]) for each in explain(a, b, now)]


def _way(start: Phase, end: Phase) -> tuple[Phase, ...]:
    ways: dict[Phase, tuple[Phase, ...]] = {start: (start,)}
    for phase in (reached := [start]):
        for further in EDGES[phase]:
            if further not in ways and (further is end or further is not Phase.STUCK):
                ways[further] = (*ways[phase], further)
                reached.append(further)
    return ways[end]
