"""The first tables. A migration never changes once it has been released, so it names everything itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TEXT = sa.Text
_BIG = sa.BigInteger


def upgrade() -> None:
    """Make every table of the first release."""
    _rollouts()
    _logs()
    _standing()


def _rollouts() -> None:
    op.create_table(
        "services",
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_services"),
    )
    op.create_table(
        "rollouts",
        sa.Column("row", _BIG().with_variant(sa.Integer, "sqlite"), nullable=False, autoincrement=True),
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("service", _TEXT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("outcome", _TEXT, nullable=False),
        sa.Column("active", _TEXT, nullable=True),
        sa.Column("state", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_rollouts"),
        sa.UniqueConstraint("id", name="uq_rollouts_id"),
        sa.UniqueConstraint("active", name="uq_rollouts_active"),
        sa.ForeignKeyConstraint(["service"], ["services.name"], name="fk_rollouts_service"),
    )
    op.create_index("ix_rollouts_service", "rollouts", ["service", "row"])
    op.create_table(
        "snapshots",
        sa.Column("rollout", _TEXT, sa.ForeignKey("rollouts.id", name="fk_snapshots_rollout"), nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("rollout", name="pk_snapshots"),
    )


def _logs() -> None:
    op.create_table(
        "commands",
        sa.Column("rollout", _TEXT, sa.ForeignKey("rollouts.id", name="fk_commands_rollout"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("rollout", "seq", name="pk_commands"),
    )
    op.create_table(
        "events",
        sa.Column("service", _TEXT, sa.ForeignKey("services.name", name="fk_events_service"), nullable=False),
        sa.Column("seq", _BIG, nullable=False),
        sa.Column("rollout", _TEXT, sa.ForeignKey("rollouts.id", name="fk_events_rollout"), nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("service", "seq", name="pk_events"),
    )
    op.create_index("ix_events_rollout", "events", ["rollout", "seq"])


def _standing() -> None:
    op.create_table(
        "poisoned",
        sa.Column("service", _TEXT, nullable=False),
        sa.Column("revision", _TEXT, nullable=False),
        sa.Column("why", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("service", "revision", name="pk_poisoned"),
    )
    op.create_table(
        "retained",
        sa.Column("service", _TEXT, nullable=False),
        sa.Column("target", _TEXT, nullable=False),
        sa.Column("name", _TEXT, nullable=False),
        sa.Column("until", _BIG, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("service", "target", "name", name="pk_retained"),
    )
    op.create_index("ix_retained_until", "retained", ["until"])
    op.create_table(
        "suspensions",
        sa.Column("scope", _TEXT, nullable=False),
        sa.Column("body", _TEXT, nullable=False),
        sa.PrimaryKeyConstraint("scope", name="pk_suspensions"),
    )
    op.create_table(
        "leases",
        sa.Column("key", _TEXT, nullable=False),
        sa.Column("owner", _TEXT, nullable=True),
        sa.Column("fence", _BIG, nullable=False),
        sa.Column("expires_at", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_leases"),
    )
