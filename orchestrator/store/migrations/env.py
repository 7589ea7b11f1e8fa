"""How Alembic reaches the store: on the connection and in the transaction that `tables.ready` has opened."""

from __future__ import annotations

from alembic import context

from orchestrator.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
