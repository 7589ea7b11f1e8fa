"""What the engine needs of the world: a few small ports, bound to one target of one rollout's snapshot.

All methods are synchronous, return soon (no long-running operation is awaited) and raise `providers.errors`. A look is
a fact with the time of its answer; an act is idempotent, and a crash half-way is only a later tick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from strategies.gates import When
from strategies.model import Side, TrafficIntent
from strategies.seen import CheckSeen, GroupSeen, Mark, ProbeSeen, Reading, TrafficSeen


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


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a rollout as a question names it; `groups` are the names of its workloads.

    `revision` and `digest` are empty where the side was not made by us: then the manifest's own word for it is used.
    """

    side: Side
    revision: str
    digest: str
    groups: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    """The names of its endpoints in the routing, for sources that count by them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a source at one look: both sides' intervals from `since` on, none of them longer than needed.

    `step_seconds` is how fine they should be; a source that counts in coarser ones keeps its own. `leaving` is the side
    that is drained, when one is: who still talks to it is asked for as well.
    """

    service: str
    target: str
    since: datetime
    now: datetime
    step_seconds: float
    stable: Arm
    candidate: Arm
    leaving: Side | None = None

    @property
    def serving(self) -> Arm | None:
        """The side that clients reach before a rollout: the stable one where it has endpoints, whoever made them."""
        return self.stable if self.stable.endpoints else None


class Metrics(Protocol):
    """One source that counts requests by side."""

    def read(self, question: Question) -> Reading:
        """Return each side's complete intervals that begin at `question.since` or later, in time order, without gaps.

        Intervals of the two sides have the same bounds; one that a side has no answer for is left out of that side: no
        number is ever made up. Only where a side that leaves was found by the very same question before, and what has
        no rows had no requests, are its missing intervals told as empty. Never raises `providers.errors`: what the
        source could not answer is the reading's `problem`. Idempotent: it reads only, and a question asked again gives
        the intervals anew that were complete, with those that have become so, for `since` alone says what is wanted.
        Who asks counts each interval once, and saves that with its watermark: a crash in between is a question asked
        again.
        """
        ...

    def preflight(self, question: Question) -> tuple[Finding, ...]:
        """Ask the source once as `read` would, and say what of the question it can never answer; reads only."""
        ...


@dataclass(frozen=True, slots=True)
class Errand:
    """What a check is told: for whom it runs, at which step, and where the candidate can be reached.

    `key` is the same whenever the same check of the same step of the same rollout is looked at, and no other's.
    """

    key: str
    service: str
    target: str
    step: int
    when: When
    candidate: Arm
    stable: Arm
    addresses: tuple[str, ...] = ()
    """The candidate's host names."""


class Check(Protocol):
    """Something that is run against the candidate and passes or fails: a smoke test."""

    def look(self, errand: Errand) -> CheckSeen:
        """Begin the check where it has not been begun, and say how far it is; never waits for its end.

        The one look that acts. It changes nothing that serves, so no intent need be saved before it: the saved state
        says which check is due, and `errand.key` which run of it. Idempotent by that key as long as what it runs on
        remembers it: however often one looks it is begun once, and after a crash it is found again, or run once more
        where this process alone knew of it, never less. What a crash leaves runs on to its own end, and is heard only
        if it is found again; as far as that is remembered, no two attempts at a step run at once. Never raises
        `providers.errors`: what was not begun is UNKNOWN and why; what may have been, and cannot be seen, is RUNNING
        for as long as it may take.
        """
        ...

    def stop(self) -> None:
        """End what is still running of it; nothing is decided by that."""
        ...

    def preflight(self, errand: Errand) -> tuple[Finding, ...]:
        """Say what would keep it from running; begins nothing."""
        ...
