"""Who runs a service's rollout just now, as far as this host can tell; one answer for all who ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.ports import Leases
    from orchestrator.store.records import LeaseRecord, Owner

PRESENCE = "/daemon"
"""The key of the lease that one of a store's daemons holds while it runs; no service can have this name."""
YIELDS_SECONDS = 5.0
"""How long a daemon that shares our store has to take what was submitted, before this process drives it itself."""


SKEW = timedelta(seconds=60)
"""How far another host's clock may be behind ours before its holder is taken for dead; a dead one is seen that late.

Dates of two hosts differ by what their clocks do. Leases themselves are judged by `Lease`, which needs no date; this
is for whoever asks once and cannot wait to see whether the row changes.
"""


def live_holder(store: Leases, service: str, now: datetime, witness: Owner) -> LeaseRecord | None:
    """The lease of a process that may still live; None when it was let go, or its owner is dead.

    `witness` is the process that asks: on its own host it tells the living from the dead by the process itself, which
    may have a date of its own (a clock that was set counts on from where it was). Elsewhere there is only the date
    by which the owner meant to renew, and `SKEW`.
    """
    from orchestrator.lease import may_live

    record = store.lease_of(service)
    if record is None or record.owner is None:
        return None
    if (record.owner.host, record.owner.boot) != (witness.host, witness.boot):
        return record if now <= record.expires_at + SKEW else None
    return record if may_live(record.owner, witness) else None
