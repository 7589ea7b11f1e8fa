"""What the engine needs of the world: four small ports, bound to one target of one rollout's snapshot.

All methods are synchronous, return soon (no long-running operation is awaited) and raise `providers.errors`. A look is
a fact with the time of its answer; an act is idempotent, and a crash half-way is only a later tick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from strategies.model import TrafficIntent
from strategies.seen import Counts, GroupSeen, Mark, ProbeSeen, TrafficSeen


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check made before anything is touched: what, how bad, and what to do."""

    ok: bool
    subject: str
    message: str
    remedy: str = ""
    fatal: bool = True
    """Whether a rollout would fail because of it (else it is a warning)."""
    key: str = ""
    """The manifest's key below the target that names what can never be used (`trafficManager.profile`): bad input."""


class Workloads(Protocol):
    """Where the candidate's and the stable side's replicas run."""

    def look(self, names: Sequence[str]) -> tuple[GroupSeen, ...]:
        """Read each named workload; one that the service says does not exist comes back as ABSENT.

        One GET per name and no write. What could not be read for a passing reason is left out of the answer.
        """
        ...

    def discover(self) -> tuple[GroupSeen, ...]:
        """Find every workload that bears our mark for this service and target, retained ones included."""
        ...

    def ensure(self, name: str, mark: Mark) -> None:
        """Begin to create the workload `name`, marked with `mark`, from the snapshot's template and digest.

        What stands under this name already is never made again: ours is only marked anew, and loses its expiry; what
        does not bear our mark is refused (Denied). So it is idempotent by name. A crash after it leaves a marked
        workload that the next look finds. Transient: may have been taken.
        """
        ...

    def retire(self, name: str, keep_until: datetime | None = None) -> None:
        """Begin to delete the workload `name`, or with `keep_until` mark it as retained until then.

        Refuses (Denied) what does not bear our mark. Absent already is success. A crash after it leaves a deletion
        under way.
        """
        ...

    def preflight(self, replicas: int) -> tuple[Finding, ...]:
        """Check credentials, quota, locks and names for `replicas` more workloads; reads only."""
        ...


class Traffic(Protocol):
    """The weighted routing in front of the workloads."""

    def look(self) -> TrafficSeen:
        """Read the profile or route, and those above it, as they are now."""
        ...

    def shift(self, intent: TrafficIntent, seen: TrafficSeen) -> None:
        """Write the whole split, TTL and marks in one request: there is no moment between two halves.

        Our members come from `intent`; foreign ones, fields and tags are kept as a fresh read shows them, and only if
        it equals `seen` in them (else Conflict, nothing written). Where the profile does not exist and the manifest
        says how to create it, it is created with the members. Idempotent; a crash leaves the old or the new state,
        never a mixture.
        """
        ...

    def preflight(self) -> tuple[Finding, ...]:
        """Check that the profile or route exists or can be made, and is of the right kind; reads only."""
        ...


@dataclass(frozen=True, slots=True)
class EntranceSeen:
    """A name in front of a routing as it was read at `at`; `open` says whether it leads clients there.

    `ttl_seconds` is for how long clients may remember the way. `online`: the name's own layer takes it for healthy.
    """

    at: datetime
    open: bool
    ttl_seconds: int = 0
    online: bool = True
    address: str | None = None
    """The name clients use."""
    why: str = ""


class Entrance(Protocol):
    """A name in front of a whole routing (a gateway's endpoint in Traffic Manager), which is open or closed."""

    def look(self) -> EntranceSeen:
        """Read it as it is now."""
        ...

    def set(self, is_open: bool) -> None:
        """Open or close it by one write; none when it is so already. A crash leaves the old or the new state."""
        ...

    def preflight(self) -> tuple[Finding, ...]:
        """Check that it exists or can be made; reads only."""
        ...


class Probes(Protocol):
    """Our own requests to each endpoint's real address."""

    def sample(self, addresses: Mapping[str, str]) -> tuple[ProbeSeen, ...]:
        """Probe every address (endpoint name -> host name) once, all at the same time, within the configured timeout.

        A failed probe is an answer (`ok` False and why), never an exception. One that could not be made, for a reason
        that says nothing about the address, is left out.
        """
        ...


class Metrics(Protocol):
    """A source that counts requests by side."""

    def counts(self, since: datetime) -> tuple[Counts, ...]:
        """Complete intervals since then, present for both sides, in time order; empty when the source has none yet.

        Raises Transient when the source itself fails: that is no evidence either way.
        """
        ...
