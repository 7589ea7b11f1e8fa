"""Who runs a service's rollout just now, as far as this host can tell; one answer for all who ask."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.ports import Leases
    from orchestrator.store.records import LeaseRecord, Owner

PRESENCE = "/daemon"
"""The key of the lease that one of a store's daemons holds while it runs; no service can have this name."""
YIELDS_SECONDS = 5.0
"""How long a daemon that shares our store has to take what was submitted, before this process drives it itself."""


def live_holder(store: Leases, service: str, now: datetime, witness: Owner) -> LeaseRecord | None:
    """The lease of a process that may still live; None when it was let go, has run out, or its owner is dead.

    `witness` is the process that asks: only on its own host can it tell the living from the dead.
    """
    from orchestrator.lease import may_live

    record = store.lease_of(service)
    if record is None or record.owner is None or record.expires_at < now:
        return None
    return record if may_live(record.owner, witness) else None
