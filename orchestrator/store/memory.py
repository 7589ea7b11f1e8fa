"""A store in this process's memory, for the simulation and for tests: the database's rules, nothing on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from orchestrator.store import rules
from orchestrator.store.errors import ActiveRollout, EndedRollout, UnknownRollout
from orchestrator.store.memory_standing import alone
from orchestrator.store.memory_watches import MemoryWatches
from orchestrator.store.records import Snapshot, StoredEvent
from strategies.journal import Event
from strategies.model import Command, CommandKind, Outcome, Revision, Rollout


@dataclass(slots=True)
class _Row:
    state: Rollout
    snapshot: Snapshot
    commands: list[Command] = field(default_factory=list)

    def loaded(self) -> Rollout:
        waiting = tuple(c for c in self.commands if c.seq > self.state.handled)
        return replace(self.state, commands=waiting) if waiting else self.state


class MemoryStore(MemoryWatches):
    """A `Store` whose frozen values are kept as they are, or with `through_json` sent through the codec each way."""

    def __init__(self, *, through_json: bool = False) -> None:
        """Begin empty."""
        super().__init__(through_json=through_json)
        self._rows: dict[str, _Row] = {}
        self._active: dict[str, str] = {}
        self._of: dict[str, list[str]] = {}
        self._numbers: dict[str, int] = {}
        self._journal: dict[str, list[StoredEvent]] = {}

    def close(self) -> None:
        """Do nothing: what is in memory goes with the object."""

    # Rollouts

    @alone
    def next_number(self, service: str, above: int = 0) -> int:
        """Draw the service's next release number."""
        self._numbers[service] = max(self._numbers.get(service, 0), above) + 1
        return self._numbers[service]

    @alone
    def submit(self, rollout: Rollout, snapshot: Snapshot, events: Sequence[Event] = ()) -> Rollout:
        """Store a new rollout with its snapshot and its first events."""
        if rollout.id in self._rows:
            return self._rows[rollout.id].loaded()
        service = rollout.service.name
        if service in self._active:
            raise ActiveRollout(service, self._active[service])
        fresh, begun = rules.first(rollout, events)
        row = _Row(self.kept(fresh), self.kept(snapshot))
        self._append(service, rollout.id, begun)
        self._rows[rollout.id] = row
        self._of.setdefault(service, []).append(rollout.id)
        self._numbers[service] = max(self._numbers.get(service, 0), rollout.number)
        if fresh.outcome not in rules.ENDS:
            self._active[service] = rollout.id
        return row.state

    @alone
    def load(self, rollout_id: str) -> Rollout:
        """Return the rollout with its unhandled commands."""
        return self._row(rollout_id).loaded()

    @alone
    def save(self, rollout: Rollout, *, expected: int, fence: int, events: Sequence[Event]) -> Rollout:
        """Replace the state of version `expected` under this fence."""
        row, service = self._row(rollout.id), rollout.service.name
        lease = self.lease_of(service)
        if lease is None or lease.owner is None or lease.fence != fence:
            raise rules.stale_fence(rollout, fence, lease.fence if lease and lease.owner else None)
        if row.state.outcome in rules.ENDS:
            raise EndedRollout(rollout.id, row.state.outcome)
        if row.state.version != expected:
            raise rules.stale_version(rollout, expected, row.state.version)
        state = self.kept(rules.following(rollout, expected))
        self._append(service, rollout.id, events)
        row.state = state
        if state.outcome in rules.ENDS:
            del self._active[service]
        if (why := rules.poison_of(state)) is not None:
            self.poison(service, state.revision.id, why)
        return rules.unhandled(state, rollout)

    @alone
    def active(self, service: str) -> Rollout | None:
        """Return the service's rollout that has not ended."""
        return self._rows[self._active[service]].loaded() if service in self._active else None

    @alone
    def active_ids(self) -> list[str]:
        """Return the ids of all rollouts that have not ended, oldest first."""
        return list(self._active.values())

    @alone
    def stirrings(self) -> dict[str, int]:
        """Return the ids of all rollouts that have not ended, each with the number of its newest command."""
        return {rollout_id: len(self._rows[rollout_id].commands) for rollout_id in self._active.values()}

    @alone
    def latest(self, service: str) -> Rollout | None:
        """Return the service's most recently submitted rollout."""
        ids = self._of.get(service)
        return self._rows[ids[-1]].loaded() if ids else None

    @alone
    def history(self, service: str | None = None, limit: int = 20) -> list[Rollout]:
        """Return at most `limit` rollouts, newest first."""
        ids = list(self._rows) if service is None else self._of.get(service, [])
        return [self._rows[rollout_id].state for rollout_id in ids[::-1][:limit]]

    @alone
    def promoted(self, service: str) -> list[tuple[str, Revision]]:
        """Return id and revision of every promoted rollout, in the order of time."""
        states = [self._rows[rollout_id].state for rollout_id in self._of.get(service, [])]
        return [(state.id, state.revision) for state in states if state.outcome is Outcome.PROMOTED]

    @alone
    def snapshot(self, rollout_id: str) -> Snapshot:
        """Return what the rollout was submitted with."""
        return self._row(rollout_id).snapshot

    @alone
    def services(self) -> list[str]:
        """Return the names of all services, sorted."""
        return sorted(self._numbers)

    # Inbox and journal

    @alone
    def command(
        self, rollout_id: str, kind: CommandKind, actor: str, *, at: datetime, reason: str = "", argument: str = ""
    ) -> Command:
        """Append a command to the rollout's inbox."""
        row = self._row(rollout_id)
        if row.state.outcome in rules.ENDS:
            raise EndedRollout(rollout_id, row.state.outcome)
        command = Command(len(row.commands) + 1, kind, actor, at, reason, argument)
        row.commands.append(command)
        return command

    @alone
    def record(self, rollout_id: str, events: Sequence[Event]) -> None:
        """Append events without changing the state."""
        self._append(self._row(rollout_id).state.service.name, rollout_id, events)

    @alone
    def events(self, service: str | None = None, *, rollout: str | None = None, after: int = 0) -> list[StoredEvent]:
        """Return events with `seq` above `after`, in order."""
        if service is None:
            if rollout is None:
                raise ValueError("events(): name a service or a rollout")
            service = self._rows[rollout].state.service.name if rollout in self._rows else ""
        found = self._journal.get(service, [])[max(after, 0) :]
        return [entry for entry in found if rollout is None or entry.rollout == rollout]

    def _row(self, rollout_id: str) -> _Row:
        try:
            return self._rows[rollout_id]
        except KeyError:
            raise UnknownRollout(rollout_id) from None

    def _append(self, service: str, rollout_id: str, events: Sequence[Event]) -> None:
        entries = [self.kept(event) for event in events]
        log = self._journal.setdefault(service, [])
        log += [StoredEvent(seq, rollout_id, event) for seq, event in enumerate(entries, start=len(log) + 1)]
