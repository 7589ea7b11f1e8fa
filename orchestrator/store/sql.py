"""The store in a database: rollouts, inboxes and journals. SQLite and PostgreSQL run the same statements.

Writers of one service queue up behind the service's row (in SQLite behind the whole file), so numbers drawn as the
largest plus one leave no gap and become visible in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, func, insert, select, text, update
from sqlalchemy.engine import Connection

from orchestrator.store import rules
from orchestrator.store import schema as t
from orchestrator.store.codec import RevisionOnly, decode, encode
from orchestrator.store.errors import ActiveRollout, EndedRollout, UnknownRollout
from orchestrator.store.records import Snapshot, StoredEvent
from orchestrator.store.sql_standing import put_poison
from orchestrator.store.sql_watches import SqlWatches
from strategies.journal import Event
from strategies.model import Command, CommandKind, Outcome, Revision, Rollout

_ROW = select(t.rollouts.c.id, t.rollouts.c.service, t.rollouts.c.outcome, t.rollouts.c.active, t.rollouts.c.state)
_NEWEST_FIRST = _ROW.order_by(t.rollouts.c.row.desc())
# Not "IS NOT NULL": this form is answered from the index in every version of both databases.
_ACTIVE = t.rollouts.c.active > ""
_NEWEST_COMMAND = select(func.max(t.commands.c.seq)).where(t.commands.c.rollout == t.rollouts.c.id).scalar_subquery()
STIRRINGS = select(t.rollouts.c.row, t.rollouts.c.id, _NEWEST_COMMAND.label("newest")).where(_ACTIVE)
"""Two index searches for each rollout under way; grouped, SQLite would walk through every rollout there ever was."""
_NEW_SERVICE = text("INSERT INTO services (name, number) VALUES (:name, 0) ON CONFLICT DO NOTHING")


class _Stored(NamedTuple):
    id: str
    service: str
    outcome: str
    active: str | None
    state: str


class SqlStore(SqlWatches):
    """A `Store` in a database that `opening.open_store` has made ready."""

    def close(self) -> None:
        """Let go of the database's connections."""
        self.database.close()

    def next_number(self, service: str, above: int = 0) -> int:
        """Draw the service's next release number."""
        with self.database.write() as connection:
            number = max(_hold(connection, service), above) + 1
            _set_number(connection, service, number)
        return number

    def submit(self, rollout: Rollout, snapshot: Snapshot, events: Sequence[Event] = ()) -> Rollout:
        """Store a new rollout with its snapshot and its first events."""
        service = rollout.service.name
        fresh, begun = rules.first(rollout, events)
        body = encode(snapshot, f"snapshot of rollout {rollout.id}")
        with self.database.write() as connection:
            number = _hold(connection, service)
            if (row := _first(connection, _ROW.where(t.rollouts.c.id == rollout.id))) is not None:
                return _loaded(connection, row)
            other = connection.scalar(select(t.rollouts.c.id).where(t.rollouts.c.active == service))
            if other is not None:
                raise ActiveRollout(service, other)
            connection.execute(insert(t.rollouts), {"id": fresh.id, "service": service, **_columns(fresh)})
            connection.execute(insert(t.snapshots), {"rollout": fresh.id, "body": body})
            _append(connection, service, fresh.id, begun)
            _set_number(connection, service, max(number, fresh.number))
        return fresh

    def load(self, rollout_id: str) -> Rollout:
        """Return the rollout with its unhandled commands."""
        with self.database.read() as connection:
            return _loaded(connection, _known(connection, rollout_id))

    def save(self, rollout: Rollout, *, expected: int, fence: int, events: Sequence[Event]) -> Rollout:
        """Replace the state of version `expected` under this fence."""
        service, fresh = rollout.service.name, rules.following(rollout, expected)
        with self.database.write() as connection:
            _hold(connection, service)
            _check_fence(connection, rollout, fence)
            changed = connection.execute(
                update(t.rollouts)
                .where(t.rollouts.c.id == rollout.id, t.rollouts.c.version == expected, _ACTIVE)
                .values(_columns(fresh))
            )
            if changed.rowcount != 1:
                stored = _state(_writable(connection, rollout.id))
                raise rules.stale_version(rollout, expected, stored.version)
            _append(connection, service, fresh.id, events)
            if (why := rules.poison_of(fresh)) is not None:
                put_poison(connection, service, fresh.revision.id, why)
        return rules.unhandled(fresh, rollout)

    def active(self, service: str) -> Rollout | None:
        """Return the service's rollout that has not ended."""
        with self.database.read() as connection:
            row = _first(connection, _ROW.where(t.rollouts.c.active == service))
            return None if row is None else _loaded(connection, row)

    def active_ids(self) -> list[str]:
        """Return the ids of all rollouts that have not ended, oldest first."""
        with self.database.read() as connection:
            # Sorted here: asked to sort, SQLite walks through every rollout there ever was to save itself the trouble.
            rows = connection.execute(select(t.rollouts.c.row, t.rollouts.c.id).where(_ACTIVE)).all()
        return [rollout_id for _, rollout_id in sorted(tuple(row) for row in rows)]

    def stirrings(self) -> dict[str, int]:
        """Return the ids of all rollouts that have not ended, each with the number of its newest command."""
        with self.database.read() as connection:
            rows = connection.execute(STIRRINGS).all()
        return {rollout_id: newest or 0 for _, rollout_id, newest in sorted(tuple(row) for row in rows)}

    def latest(self, service: str) -> Rollout | None:
        """Return the service's most recently submitted rollout."""
        with self.database.read() as connection:
            row = _first(connection, _NEWEST_FIRST.where(t.rollouts.c.service == service).limit(1))
            return None if row is None else _loaded(connection, row)

    def history(self, service: str | None = None, limit: int = 20) -> list[Rollout]:
        """Return at most `limit` rollouts, newest first."""
        query = _NEWEST_FIRST if service is None else _NEWEST_FIRST.where(t.rollouts.c.service == service)
        with self.database.read() as connection:
            return [_state(_Stored(*row)) for row in connection.execute(query.limit(limit))]

    def promoted(self, service: str) -> list[tuple[str, Revision]]:
        """Return id and revision of every promoted rollout, in the order of time."""
        query = _ROW.where(t.rollouts.c.service == service, t.rollouts.c.outcome == Outcome.PROMOTED.value)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(t.rollouts.c.row)).all()
        return [(row.id, decode(row.state, RevisionOnly, f"rollout {row.id}").revision) for row in rows]

    def snapshot(self, rollout_id: str) -> Snapshot:
        """Return what the rollout was submitted with."""
        with self.database.read() as connection:
            body = connection.scalar(select(t.snapshots.c.body).where(t.snapshots.c.rollout == rollout_id))
        if body is None:
            raise UnknownRollout(rollout_id)
        return decode(body, Snapshot, f"snapshot of rollout {rollout_id}")

    def services(self) -> list[str]:
        """Return the names of all services, sorted."""
        with self.database.read() as connection:
            return sorted(connection.scalars(select(t.services.c.name)))

    def command(
        self, rollout_id: str, kind: CommandKind, actor: str, *, at: datetime, reason: str = "", argument: str = ""
    ) -> Command:
        """Append a command to the rollout's inbox."""
        with self.database.write() as connection:
            _hold(connection, _known(connection, rollout_id).service)
            _writable(connection, rollout_id)
            last = select(func.max(t.commands.c.seq)).where(t.commands.c.rollout == rollout_id)
            seq = (connection.scalar(last) or 0) + 1
            command = Command(seq, kind, actor, at, reason, argument)
            body = encode(command, f"command {seq} of rollout {rollout_id}")
            connection.execute(insert(t.commands), {"rollout": rollout_id, "seq": seq, "body": body})
        return command

    def record(self, rollout_id: str, events: Sequence[Event]) -> None:
        """Append events without changing the state."""
        with self.database.write() as connection:
            service = _known(connection, rollout_id).service
            _hold(connection, service)
            _append(connection, service, rollout_id, events)

    def events(self, service: str | None = None, *, rollout: str | None = None, after: int = 0) -> list[StoredEvent]:
        """Return events with `seq` above `after`, in order."""
        query = select(t.events.c.seq, t.events.c.rollout, t.events.c.body).where(t.events.c.seq > after)
        if service is None and rollout is None:
            raise ValueError("events(): name a service or a rollout")
        if service is not None:
            query = query.where(t.events.c.service == service)
        if rollout is not None:
            query = query.where(t.events.c.rollout == rollout)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(t.events.c.seq)).all()
        return [StoredEvent(seq, owner, decode(body, Event, f"event {seq} of {owner}")) for seq, owner, body in rows]


def _hold(connection: Connection, service: str) -> int:
    """Make other writers of the service wait until this transaction ends; answer its last number."""
    query = select(t.services.c.number).where(t.services.c.name == service).with_for_update()
    number: int | None = connection.scalar(query)
    if number is None:
        connection.execute(_NEW_SERVICE, {"name": service})
        number = connection.scalar(query)
    return number or 0


def _set_number(connection: Connection, service: str, number: int) -> None:
    connection.execute(update(t.services).where(t.services.c.name == service).values(number=number))


def _check_fence(connection: Connection, rollout: Rollout, fence: int) -> None:
    query = select(t.leases.c.fence).where(t.leases.c.key == rollout.service.name, t.leases.c.owner.is_not(None))
    # Locked, so that the lease cannot change hands between this look and the commit.
    stored: int | None = connection.scalar(query.with_for_update(read=True))
    if stored != fence:
        raise rules.stale_fence(rollout, fence, stored)


def _first(connection: Connection, query: Select[Any]) -> _Stored | None:
    row = connection.execute(query).first()
    return None if row is None else _Stored(*row)


def _known(connection: Connection, rollout_id: str) -> _Stored:
    row = _first(connection, _ROW.where(t.rollouts.c.id == rollout_id))
    if row is None:
        raise UnknownRollout(rollout_id)
    return row


def _writable(connection: Connection, rollout_id: str) -> _Stored:
    row = _known(connection, rollout_id)
    if row.active is None:
        raise EndedRollout(rollout_id, row.outcome)
    return row


def _state(row: _Stored) -> Rollout:
    return decode(row.state, Rollout, f"rollout {row.id}")


def _loaded(connection: Connection, row: _Stored) -> Rollout:
    rollout = _state(row)
    query = select(t.commands.c.body).where(t.commands.c.rollout == rollout.id, t.commands.c.seq > rollout.handled)
    bodies = connection.scalars(query.order_by(t.commands.c.seq))
    waiting = tuple(decode(body, Command, f"a command of rollout {rollout.id}") for body in bodies)
    return replace(rollout, commands=waiting) if waiting else rollout


def _columns(rollout: Rollout) -> dict[str, object]:
    return {
        "version": rollout.version,
        "outcome": rollout.outcome.value,
        "active": None if rollout.outcome in rules.ENDS else rollout.service.name,
        "state": encode(rollout, f"rollout {rollout.id}"),
    }


def _append(connection: Connection, service: str, rollout_id: str, events: Sequence[Event]) -> None:
    if not events:
        return
    last = connection.scalar(select(func.max(t.events.c.seq)).where(t.events.c.service == service)) or 0
    entries = [
        {"service": service, "seq": seq, "rollout": rollout_id, "body": encode(event, f"event of {rollout_id}")}
        for seq, event in enumerate(events, start=last + 1)
    ]
    connection.execute(insert(t.events), entries)
