"""The tables, as they are now. How they came to be stands in `migrations/`, and a test holds the two together.

Times are whole microseconds since 1970 UTC: exact, sortable and the same in every database. Values are JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0002"
"""The newest migration; written here too, so that opening a store need not load Alembic to know that it is current."""

metadata = MetaData()

services = Table(
    "services",
    metadata,
    Column("name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    PrimaryKeyConstraint("name", name="pk_services"),
)

rollouts = Table(
    "rollouts",
    metadata,
    # SQLite counts rows by itself only in a column declared INTEGER.
    Column("row", BigInteger().with_variant(Integer, "sqlite"), nullable=False, autoincrement=True),
    Column("id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("outcome", Text, nullable=False),
    # The service's name until the rollout has ended, then NULL, which is never equal to another NULL: so the database
    # itself refuses a second rollout under way, whatever a program does.
    Column("active", Text, nullable=True),
    Column("state", Text, nullable=False),
    PrimaryKeyConstraint("row", name="pk_rollouts"),
    UniqueConstraint("id", name="uq_rollouts_id"),
    UniqueConstraint("active", name="uq_rollouts_active"),
    ForeignKeyConstraint(["service"], ["services.name"], name="fk_rollouts_service"),
)
Index("ix_rollouts_service", rollouts.c.service, rollouts.c.row)

snapshots = Table(
    "snapshots",
    metadata,
    Column("rollout", Text, ForeignKey("rollouts.id", name="fk_snapshots_rollout"), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rollout", name="pk_snapshots"),
)

commands = Table(
    "commands",
    metadata,
    Column("rollout", Text, ForeignKey("rollouts.id", name="fk_commands_rollout"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("rollout", "seq", name="pk_commands"),
)

events = Table(
    "events",
    metadata,
    Column("service", Text, ForeignKey("services.name", name="fk_events_service"), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rollout", Text, ForeignKey("rollouts.id", name="fk_events_rollout"), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("service", "seq", name="pk_events"),
)
Index("ix_events_rollout", events.c.rollout, events.c.seq)

poisoned = Table(
    "poisoned",
    metadata,
    Column("service", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("why", Text, nullable=False),
    PrimaryKeyConstraint("service", "revision", name="pk_poisoned"),
)

retained = Table(
    "retained",
    metadata,
    Column("service", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("service", "target", "name", name="pk_retained"),
)
Index("ix_retained_until", retained.c.until)

suspensions = Table(
    "suspensions",
    metadata,
    Column("scope", Text, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("scope", name="pk_suspensions"),
)

leases = Table(
    "leases",
    metadata,
    Column("key", Text, nullable=False),
    Column("owner", Text, nullable=True),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", name="pk_leases"),
)

manifests = Table(
    "manifests",
    metadata,
    Column("service", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("service", name="pk_manifests"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("service", Text, nullable=False),
    # Each part is written by a thread or process of its own, so none writes over what another has just written.
    Column("body", Text, nullable=False),
    Column("problem", Text, nullable=True),
    Column("manifest_problem", Text, nullable=True),
    Column("unwatched_at", BigInteger, nullable=True),
    PrimaryKeyConstraint("service", name="pk_sightings"),
)

wishes = Table(
    "wishes",
    metadata,
    Column("service", Text, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("service", name="pk_wishes"),
)
