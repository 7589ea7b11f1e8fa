"""What the shell needs of a store: six small ports, and `Store`, which is all of them.

Every writing method is one transaction: a crash leaves all of it or nothing. Times are aware and in UTC. All methods
may be called from several threads and processes at once, and raise `orchestrator.store.errors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from orchestrator.store.records import (
    LeaseRecord,
    Owner,
    Retained,
    Sighting,
    Snapshot,
    StoredEvent,
    Suspension,
    WishRecord,
)
from strategies.journal import Event
from strategies.model import Command, CommandKind, Revision, Rollout


class Rollouts(Protocol):
    """The states of all rollouts, one row each."""

    def next_number(self, service: str, above: int = 0) -> int:
        """Draw the service's next release number, greater than every one drawn before and than `above`.

        Not idempotent: each call draws another. A crash after it only leaves a number unused.
        """
        ...

    def submit(self, rollout: Rollout, snapshot: Snapshot, events: Sequence[Event] = ()) -> Rollout:
        """Store a new rollout at version 0 with its snapshot, its first event and then `events`; return it as stored.

        Idempotent by id: a rollout that is stored already is returned as it is now, and nothing is written. Raises
        ActiveRollout when another one of the service has not ended. A crash leaves either nothing or a whole rollout.
        """
        ...

    def load(self, rollout_id: str) -> Rollout:
        """Return the rollout with the commands it has not handled yet; raises UnknownRollout."""
        ...

    def save(self, rollout: Rollout, *, expected: int, fence: int, events: Sequence[Event]) -> Rollout:
        """Replace the state whose version is `expected`, under the service's lease with this fence; return the new one.

        State, events and, when the outcome is an end, `ended_at` (the rollout's own, else `ticked_at`) and the poison
        of a rolled back revision are one transaction. Raises StaleWrite when the version or the fence is another, and
        EndedRollout when it has ended: then nothing is written. Sent again after a success it is stale, so nothing
        happens twice. The result carries `version` = `expected` + 1, and of the given commands those not handled.
        """
        ...

    def active(self, service: str) -> Rollout | None:
        """Return the service's rollout that has not ended (a stuck one has not), with its unhandled commands."""
        ...

    def active_ids(self) -> list[str]:
        """Return the ids of all rollouts that have not ended, oldest first; costs what they cost, not what is known."""
        ...

    def stirrings(self) -> dict[str, int]:
        """Return the ids of all rollouts that have not ended, each with the number of its newest command, 0 for none.

        One query that costs what they cost: a daemon asks it several times a second, so that a new rollout or a command
        that another process wrote is noticed at once.
        """
        ...

    def latest(self, service: str) -> Rollout | None:
        """Return the service's most recently submitted rollout, ended or not, with its unhandled commands."""
        ...

    def history(self, service: str | None = None, limit: int = 20) -> list[Rollout]:
        """Return at most `limit` rollouts of one service or of all, newest first, without commands."""
        ...

    def promoted(self, service: str) -> list[tuple[str, Revision]]:
        """Return id and revision of every promoted rollout of the service, in the order of time."""
        ...

    def snapshot(self, rollout_id: str) -> Snapshot:
        """Return what the rollout was submitted with; raises UnknownRollout."""
        ...

    def services(self) -> list[str]:
        """Return the names of all services that ever drew a number or had a rollout, sorted."""
        ...


class Inbox(Protocol):
    """What people ask of a rollout under way."""

    def command(
        self, rollout_id: str, kind: CommandKind, actor: str, *, at: datetime, reason: str = "", argument: str = ""
    ) -> Command:
        """Append a command with the rollout's next number, counted from 1 without a gap.

        Not idempotent: sent again it is a second command, which `advance` answers as it answers the first. Raises
        UnknownRollout, or EndedRollout when nobody would read it.
        """
        ...


class Journal(Protocol):
    """Everything that happened; append-only."""

    def record(self, rollout_id: str, events: Sequence[Event]) -> None:
        """Append events without changing the state, also after the rollout's end (a retained group was deleted).

        Not idempotent: sent again they stand there twice. Raises UnknownRollout.
        """
        ...

    def events(self, service: str | None = None, *, rollout: str | None = None, after: int = 0) -> list[StoredEvent]:
        """Return the events of a service, of one rollout, or of one in the other, with `seq` above `after`, in order.

        An event that appears later always has a greater `seq`, so a reader that remembers the last one misses none.
        Raises ValueError when neither is given.
        """
        ...


class Standing(Protocol):
    """What outlives a rollout: poisoned revisions, retained workloads, suspended services."""

    def poison(self, service: str, revision_id: str, why: str) -> None:
        """Keep a revision from being rolled out again until `pardon`; idempotent, the first reason stays."""
        ...

    def pardon(self, service: str, revision_id: str) -> None:
        """Lift the poison of a revision; idempotent, a healthy one stays so."""
        ...

    def is_poisoned(self, service: str, revision_id: str) -> bool:
        """Return whether the revision is poisoned for this service."""
        ...

    def poisoned(self, service: str) -> dict[str, str]:
        """Return every poisoned revision id of the service with the reason."""
        ...

    def retain(self, entry: Retained) -> None:
        """Remember a workload that is kept running; idempotent by service, target and name, the last one stays."""
        ...

    def retained(self, service: str) -> list[Retained]:
        """Return the service's retained workloads, the one that goes first in front."""
        ...

    def retained_due(self, now: datetime) -> list[Retained]:
        """Return what any service retained until `now` or before, in the order of time."""
        ...

    def forget_retained(self, entry: Retained) -> None:
        """Drop the entry with this service, target and name; idempotent. Call it after the workload was seen gone."""
        ...

    def suspend(self, suspension: Suspension) -> None:
        """Hold back one service, or all; idempotent, the last one stays."""
        ...

    def unsuspend(self, service: str | None) -> None:
        """Lift the suspension of one service, or the one of all (None); idempotent, each lifts only its own."""
        ...

    def suspended(self, service: str, now: datetime) -> Suspension | None:
        """Return what holds the service back at `now`: its own suspension, else the one of all, else None."""
        ...


class Watches(Protocol):
    """What the watcher remembers across restarts: the last good manifest and the last good answer of each service."""

    def keep_manifest(self, service: str, snapshot: Snapshot) -> None:
        """Remember the manifest that is in force; idempotent, the last one stays."""
        ...

    def manifest(self, service: str) -> Snapshot | None:
        """Return the manifest that was last in force; None when none ever was."""
        ...

    def manifest_files(self) -> dict[str, str]:
        """Return the file that each service's manifest in force was read from, by service.

        A restarted daemon learns from it what a file that is broken now had held, and which files are gone.
        """
        ...

    def forget_manifest(self, service: str) -> None:
        """Drop the manifest that is in force no longer; idempotent. What was seen for the service stays."""
        ...

    def keep_sighting(self, sighting: Sighting) -> None:
        """Remember what was seen for its service and what became of it; idempotent, the last one stays.

        The manifest's problem and since when the service is unwatched are left as the methods below wrote them: whoever
        decides on a find took a while for that, and knows them only as they were.
        """
        ...

    def note_problem(self, service: str, problem: str, at: datetime | None, *, image: str, rule: str) -> None:
        """Remember why the watcher cannot see now, or "" and None that it can; idempotent, the last one stays.

        Changes nothing else of a sighting; where there is none it is the first of this image and rule.
        """
        ...

    def note_manifest(self, service: str, problem: str, at: datetime | None, *, image: str) -> None:
        """Remember what is wrong with the manifest on disk, or "" and None that nothing is; idempotent.

        Changes nothing else of a sighting; where there is none it is the first of this image, without a rule.
        """
        ...

    def note_unwatched(self, service: str, at: datetime | None) -> None:
        """Remember since when nothing watches the service, None when something does; idempotent.

        What the watcher could not see goes with its watch. Changes nothing else, and nothing where there is no
        sighting.
        """
        ...

    def sighting(self, service: str) -> Sighting | None:
        """Return what was last seen for the service; None when it was never watched. Raises UnreadableRecord."""
        ...

    def sightings(self) -> list[Sighting]:
        """Return what was last seen for every service, by name.

        One that this version cannot read stands there with nothing but its name and that as its problem.
        """
        ...

    def forget_watch(self, service: str) -> None:
        """Drop a service's manifest and sighting, when they are of no use any more; idempotent."""
        ...


class Wishes(Protocol):
    """What waits for another rollout of its service to end, and shall then begin by itself; one for each service."""

    def keep_next(self, service: str, wish: WishRecord) -> None:
        """Remember what begins next; idempotent, the last one stays."""
        ...

    def next_wish(self, service: str) -> WishRecord | None:
        """Return what begins next; None where nothing waits."""
        ...

    def next_services(self) -> list[str]:
        """Return the names of the services for which something waits, sorted."""
        ...

    def forget_next(self, service: str) -> None:
        """Let nothing wait for the service any more; idempotent. Call it when the wish has been answered."""
        ...


class Leases(Protocol):
    """Rows by which processes agree who works on what; `orchestrator.lease` judges time and life."""

    def lease_of(self, key: str) -> LeaseRecord | None:
        """Return the lease as it stands; None when nobody ever took it."""
        ...

    def lease_take(
        self, key: str, owner: Owner, expires_at: datetime, *, seen: LeaseRecord | None
    ) -> LeaseRecord | None:
        """Give the lease to `owner` with the next fence if it is still exactly as `seen`; None when it is not.

        Sent again after a success it answers None: the lease is no longer as it was seen.
        """
        ...

    def lease_renew(self, held: LeaseRecord, expires_at: datetime) -> LeaseRecord | None:
        """Move the expiry of a lease that still has `held`'s owner and fence, else answer None. Idempotent."""
        ...

    def lease_release(self, held: LeaseRecord) -> bool:
        """Let go of a lease that still has `held`'s owner and fence, else answer False. The fence stays. Idempotent."""
        ...


class Store(Rollouts, Inbox, Journal, Standing, Watches, Wishes, Leases, Protocol):
    """All that the engine, the commands and the daemon remember."""

    def close(self) -> None:
        """Let go of connections and files; idempotent. Nothing is lost by not calling it."""
        ...
