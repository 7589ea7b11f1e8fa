"""The part of the database store that the watcher writes: the manifest in force and the last answer of each service."""

from __future__ import annotations

from sqlalchemy import delete, select, text

from orchestrator.store import schema as t
from orchestrator.store.codec import decode, encode
from orchestrator.store.records import Sighting, Snapshot
from orchestrator.store.sql_standing import SqlStanding

# Both databases understand this form of "insert or replace" word for word; SQLAlchemy has it per dialect only.
_MANIFEST = text(
    "INSERT INTO manifests (service, file, body) VALUES (:service, :file, :body) "
    "ON CONFLICT (service) DO UPDATE SET file = excluded.file, body = excluded.body"
)
_SIGHTING = text(
    "INSERT INTO sightings (service, body) VALUES (:service, :body) "
    "ON CONFLICT (service) DO UPDATE SET body = excluded.body"
)


class SqlWatches(SqlStanding):
    """The `Watches` port over tables, on top of what else outlives rollouts."""

    def keep_manifest(self, service: str, snapshot: Snapshot) -> None:
        """Remember the manifest that is in force."""
        row = {"service": service, "file": snapshot.file, "body": encode(snapshot, f"manifest of {service}")}
        with self.database.write() as connection:
            connection.execute(_MANIFEST, row)

    def manifest(self, service: str) -> Snapshot | None:
        """Return the manifest that was last in force."""
        with self.database.read() as connection:
            body = connection.scalar(select(t.manifests.c.body).where(t.manifests.c.service == service))
        return None if body is None else decode(body, Snapshot, f"manifest of {service}")

    def manifest_files(self) -> dict[str, str]:
        """Return the file of every manifest that was last in force."""
        with self.database.read() as connection:
            rows = connection.execute(select(t.manifests.c.service, t.manifests.c.file)).all()
        return {row.service: row.file for row in rows}

    def keep_sighting(self, sighting: Sighting) -> None:
        """Remember what was seen for its service."""
        row = {"service": sighting.service, "body": encode(sighting, f"sighting of {sighting.service}")}
        with self.database.write() as connection:
            connection.execute(_SIGHTING, row)

    def sighting(self, service: str) -> Sighting | None:
        """Return what was last seen for the service."""
        with self.database.read() as connection:
            body = connection.scalar(select(t.sightings.c.body).where(t.sightings.c.service == service))
        return None if body is None else decode(body, Sighting, f"sighting of {service}")

    def sightings(self) -> list[Sighting]:
        """Return what was last seen for every service."""
        with self.database.read() as connection:
            rows = connection.execute(select(t.sightings.c.service, t.sightings.c.body)).all()
        # Sorted here: databases sort text by rules of their own.
        return [
            decode(body, Sighting, f"sighting of {service}") for service, body in sorted(tuple(row) for row in rows)
        ]

    def forget_watch(self, service: str) -> None:
        """Drop a service's manifest and sighting."""
        with self.database.write() as connection:
            connection.execute(delete(t.manifests).where(t.manifests.c.service == service))
            connection.execute(delete(t.sightings).where(t.sightings.c.service == service))
