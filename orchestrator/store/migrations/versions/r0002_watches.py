"""What the watcher remembers: the manifest in force and the last answer of each service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the watcher's tables; nothing that stands in the others is touched."""
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
        sa.PrimaryKeyConstraint("service", name="pk_sightings"),
    )
