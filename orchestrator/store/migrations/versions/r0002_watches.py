"""What the watcher remembers of each service, and what waits for another rollout to end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables of a daemon; nothing that stands in the others is touched."""
    op.create_table(
        "manifests",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", name="pk_manifests"),
    )
    op.create_table(
        "sightings",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("problem", sa.Text, nullable=True),
        sa.Column("manifest_problem", sa.Text, nullable=True),
        sa.Column("unwatched_at", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("service", name="pk_sightings"),
    )
    op.create_table(
        "wishes",
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("service", name="pk_wishes"),
    )
