"""The part of the database store that the watcher writes: the manifest in force and the last answer of each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, text, update

from orchestrator.store import schema as t
from orchestrator.store.codec import decode, encode, from_micros, to_micros
from orchestrator.store.errors import UnreadableRecord
from orchestrator.store.records import Sighting, Snapshot, WishRecord
from orchestrator.store.sql_standing import SqlStanding

if TYPE_CHECKING:
    from sqlalchemy import Row

# Both databases understand this form of "insert or replace" word for word; SQLAlchemy has it per dialect only.
_MANIFEST = text(
    "INSERT INTO manifests (service, file, body) VALUES (:service, :file, :body) "
    "ON CONFLICT (service) DO UPDATE SET file = excluded.file, body = excluded.body"
)
_BEGUN = text("INSERT INTO sightings (service, body) VALUES (:service, :body) ON CONFLICT DO NOTHING")
_WISH = text(
    "INSERT INTO wishes (service, body) VALUES (:service, :body) "
    "ON CONFLICT (service) DO UPDATE SET body = excluded.body"
)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is wrong, since when; as JSON, since not every database has a place for every character."""

    message: str
    at: datetime | None


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

    def forget_manifest(self, service: str) -> None:
        """Drop the manifest that is in force no longer."""
        with self.database.write() as connection:
            connection.execute(delete(t.manifests).where(t.manifests.c.service == service))

    def keep_sighting(self, sighting: Sighting) -> None:
        """Remember what was seen for its service."""
        body, problem = _body(sighting), _trouble(sighting.service, sighting.problem, sighting.problem_at)
        self._note(sighting.service, {"body": body, "problem": problem}, body)

    def note_problem(self, service: str, problem: str, at: datetime | None, *, image: str, rule: str) -> None:
        """Remember why the watcher cannot see now."""
        row = {"problem": _trouble(service, problem, at)}
        self._note(service, row, _body(Sighting(service, image, rule)))

    def note_manifest(self, service: str, problem: str, at: datetime | None, *, image: str) -> None:
        """Remember what is wrong with the manifest on disk."""
        row = {"manifest_problem": _trouble(service, problem, at)}
        self._note(service, row, _body(Sighting(service, image, "")))

    def note_unwatched(self, service: str, at: datetime | None) -> None:
        """Remember since when nothing watches the service."""
        row = {"unwatched_at": None if at is None else to_micros(at), "problem": None}
        with self.database.write() as connection:
            connection.execute(update(t.sightings).where(t.sightings.c.service == service).values(row))

    def sighting(self, service: str) -> Sighting | None:
        """Return what was last seen for the service."""
        with self.database.read() as connection:
            row = connection.execute(select(t.sightings).where(t.sightings.c.service == service)).one_or_none()
        return None if row is None else _whole(row)

    def sightings(self) -> list[Sighting]:
        """Return what was last seen for every service."""
        with self.database.read() as connection:
            rows = connection.execute(select(t.sightings)).all()
        # Sorted here: databases sort text by rules of their own.
        return [_readable(row) for row in sorted(rows, key=lambda row: str(row.service))]

    def _note(self, service: str, changed: Mapping[str, str | None], body: str) -> None:
        """Change these columns of a service's sighting and no other; with `body` it begins where there is none."""
        mine = t.sightings.c.service == service
        with self.database.write() as connection:
            if connection.execute(update(t.sightings).where(mine).values(changed)).rowcount:
                return
            # Another process may have been quicker.
            connection.execute(_BEGUN, {"service": service, "body": body})
            connection.execute(update(t.sightings).where(mine).values(changed))

    def forget_watch(self, service: str) -> None:
        """Drop a service's manifest and sighting."""
        with self.database.write() as connection:
            connection.execute(delete(t.manifests).where(t.manifests.c.service == service))
            connection.execute(delete(t.sightings).where(t.sightings.c.service == service))

    # What waits

    def keep_next(self, service: str, wish: WishRecord) -> None:
        """Remember what begins next."""
        row = {"service": service, "body": encode(wish, f"wish for {service}")}
        with self.database.write() as connection:
            connection.execute(_WISH, row)

    def next_wish(self, service: str) -> WishRecord | None:
        """Return what begins next."""
        with self.database.read() as connection:
            body = connection.scalar(select(t.wishes.c.body).where(t.wishes.c.service == service))
        return None if body is None else decode(body, WishRecord, f"wish for {service}")

    def next_services(self) -> list[str]:
        """Return the names of the services for which something waits."""
        with self.database.read() as connection:
            return sorted(connection.scalars(select(t.wishes.c.service)))

    def forget_next(self, service: str) -> None:
        """Let nothing wait for the service any more."""
        with self.database.write() as connection:
            connection.execute(delete(t.wishes).where(t.wishes.c.service == service))


# One sighting and its columns


def _body(sighting: Sighting) -> str:
    """What is decided on a find, without what has columns of its own."""
    blank = {"problem": "", "problem_at": None, "manifest_problem": "", "manifest_problem_at": None}
    own = replace(sighting, **blank, unwatched_at=None)  # type: ignore[arg-type]
    return encode(own, _what(sighting.service))


def _trouble(service: str, message: str, at: datetime | None) -> str | None:
    return encode(_Trouble(message, at), _what(service)) if message else None


def _whole(row: Row[Any]) -> Sighting:
    what = _what(row.service)
    problem, manifest = (
        _Trouble("", None) if body is None else decode(body, _Trouble, what)
        for body in (row.problem, row.manifest_problem)
    )
    return replace(
        decode(row.body, Sighting, what),
        problem=problem.message,
        problem_at=problem.at,
        manifest_problem=manifest.message,
        manifest_problem_at=manifest.at,
        unwatched_at=None if row.unwatched_at is None else from_micros(row.unwatched_at),
    )


def _readable(row: Row[Any]) -> Sighting:
    """The sighting, or in its place why it is none: one that a newer version wrote keeps no other from being read."""
    try:
        return _whole(row)
    except UnreadableRecord as error:
        return Sighting(row.service, "", "", problem=str(error))


def _what(service: str) -> str:
    return f"sighting of {service}"
