"""The part of the database store that outlives rollouts: poison, retained workloads, suspensions, leases."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, text, true, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from orchestrator.store import schema as t
from orchestrator.store.codec import decode, encode, from_micros, to_micros
from orchestrator.store.database import Database
from orchestrator.store.records import LeaseRecord, Owner, Retained, Suspension

# Both databases understand this form of "insert or replace" word for word; SQLAlchemy has it per dialect only.
_POISON = text(
    "INSERT INTO poisoned (service, revision, why) VALUES (:service, :revision, :why) ON CONFLICT DO NOTHING"
)
_RETAIN = text(
    "INSERT INTO retained (service, target, name, until, body) VALUES (:service, :target, :name, :until, :body) "
    "ON CONFLICT (service, target, name) DO UPDATE SET until = excluded.until, body = excluded.body"
)
_SUSPEND = text(
    "INSERT INTO suspensions (scope, body) VALUES (:scope, :body) "
    "ON CONFLICT (scope) DO UPDATE SET body = excluded.body"
)
_ALL = "*"
"""The scope of a suspension of every service; no service may be called so."""


class SqlStanding:
    """The `Standing` and `Leases` ports over tables."""

    def __init__(self, database: Database) -> None:
        """Use a database whose tables are there."""
        self.database = database

    def poison(self, service: str, revision_id: str, why: str) -> None:
        """Keep a revision from being rolled out again."""
        with self.database.write() as connection:
            put_poison(connection, service, revision_id, why)

    def pardon(self, service: str, revision_id: str) -> None:
        """Lift the poison of a revision."""
        with self.database.write() as connection:
            connection.execute(
                delete(t.poisoned).where(t.poisoned.c.service == service, t.poisoned.c.revision == revision_id)
            )

    def is_poisoned(self, service: str, revision_id: str) -> bool:
        """Return whether the revision is poisoned."""
        query = select(t.poisoned.c.why).where(t.poisoned.c.service == service, t.poisoned.c.revision == revision_id)
        with self.database.read() as connection:
            return connection.execute(query).first() is not None

    def poisoned(self, service: str) -> dict[str, str]:
        """Return every poisoned revision id with the reason."""
        query = select(t.poisoned.c.revision, t.poisoned.c.why).where(t.poisoned.c.service == service)
        with self.database.read() as connection:
            return {row.revision: row.why for row in connection.execute(query)}

    def retain(self, entry: Retained) -> None:
        """Remember a workload that is kept running."""
        row = {"service": entry.service, "target": entry.target, "name": entry.name, "until": to_micros(entry.until)}
        with self.database.write() as connection:
            connection.execute(_RETAIN, {**row, "body": encode(entry, f"retained {entry.name}")})

    def retained(self, service: str) -> list[Retained]:
        """Return the service's retained workloads."""
        return self._retained(t.retained.c.service == service)

    def retained_due(self, now: datetime) -> list[Retained]:
        """Return what was retained until `now` or before."""
        return self._retained(t.retained.c.until <= to_micros(now))

    def _retained(self, which: ColumnElement[bool]) -> list[Retained]:
        c = t.retained.c
        with self.database.read() as connection:
            query = select(c.body).where(which).order_by(c.until, c.service, c.target, c.name)
            return [decode(body, Retained, "a retained workload") for body in connection.scalars(query)]

    def forget_retained(self, entry: Retained) -> None:
        """Drop the entry."""
        c = t.retained.c
        same = and_(c.service == entry.service, c.target == entry.target, c.name == entry.name)
        with self.database.write() as connection:
            connection.execute(delete(t.retained).where(same))

    def suspend(self, suspension: Suspension) -> None:
        """Hold back one service, or all."""
        body = encode(suspension, "a suspension")
        with self.database.write() as connection:
            connection.execute(_SUSPEND, {"scope": suspension.service or _ALL, "body": body})

    def unsuspend(self, service: str | None) -> None:
        """Lift the suspension of one service, or the one of all."""
        with self.database.write() as connection:
            connection.execute(delete(t.suspensions).where(t.suspensions.c.scope == (service or _ALL)))

    def suspended(self, service: str, now: datetime) -> Suspension | None:
        """Return what holds the service back at `now`."""
        query = select(t.suspensions.c.body).where(t.suspensions.c.scope.in_((service, _ALL)))
        with self.database.read() as connection:
            found = [decode(body, Suspension, "a suspension") for body in connection.scalars(query)]
        holding = [entry for entry in found if entry.until is None or entry.until > now]
        return min(holding, key=lambda entry: entry.service is None, default=None)

    def lease_of(self, key: str) -> LeaseRecord | None:
        """Return the lease as it stands."""
        c = t.leases.c
        with self.database.read() as connection:
            row = connection.execute(select(c.owner, c.fence, c.expires_at).where(c.key == key)).first()
        if row is None:
            return None
        owner = None if row.owner is None else decode(row.owner, Owner, f"owner of the lease on {key}")
        return LeaseRecord(key, owner, row.fence, from_micros(row.expires_at))

    def lease_take(
        self, key: str, owner: Owner, expires_at: datetime, *, seen: LeaseRecord | None
    ) -> LeaseRecord | None:
        """Give the lease to `owner` if it is still exactly as `seen`."""
        taken = LeaseRecord(key, owner, (seen.fence if seen else 0) + 1, expires_at)
        values = {"owner": encode(owner, "a lease's owner"), "fence": taken.fence, "expires_at": to_micros(expires_at)}
        if seen is None:
            try:
                with self.database.write() as connection:
                    connection.execute(insert(t.leases), {"key": key, **values})
            except IntegrityError:
                return None
            return taken
        unmoved = t.leases.c.expires_at == to_micros(seen.expires_at)
        return taken if self._change(seen, unmoved, values) else None

    def lease_renew(self, held: LeaseRecord, expires_at: datetime) -> LeaseRecord | None:
        """Move the expiry of a lease that is still held."""
        renewed = held.owner is not None and self._change(held, true(), {"expires_at": to_micros(expires_at)})
        return replace(held, expires_at=expires_at) if renewed else None

    def lease_release(self, held: LeaseRecord) -> bool:
        """Let go of a lease that is still held."""
        return held.owner is not None and self._change(held, true(), {"owner": None})

    def _change(self, seen: LeaseRecord, condition: ColumnElement[bool], values: dict[str, object]) -> bool:
        c = t.leases.c
        # A fence belongs to one owner for ever, so owners need not be compared: a newer writer may word them otherwise.
        same = and_(
            c.key == seen.key, c.fence == seen.fence, c.owner.is_(None) if seen.owner is None else c.owner.is_not(None)
        )
        query = update(t.leases).where(same, condition).values(values)
        with self.database.write() as connection:
            return connection.execute(query).rowcount == 1


def put_poison(connection: Connection, service: str, revision_id: str, why: str) -> None:
    """Write one poison row unless it is there; PostgreSQL refuses NUL in text, which a vendor's message may hold."""
    connection.execute(_POISON, {"service": service, "revision": revision_id, "why": why.replace("\0", "")})
