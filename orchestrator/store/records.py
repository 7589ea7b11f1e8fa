"""The store's own values beside rollouts: what was submitted, what happened, who holds what, what is held back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strategies.journal import Event


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a rollout works from, as it stood when it was submitted; secrets are in it as references only.

    `templates` pairs each path, as the manifest names it, with the file's text; `variables` are the plain ones.
    """

    manifest: str
    file: str
    templates: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One entry of a service's journal; `seq` counts from 1 without a gap within the service."""

    seq: int
    rollout: str
    event: Event


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, so exactly named that another one on the same host can tell whether it still lives.

    `started` is the process's start time in the host's own words: with `pid` it names one process for ever, as a
    process id alone does not.
    """

    host: str
    boot: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """One lease as it is stored: `owner` None means released; `fence` grows each time it changes hands."""

    key: str
    owner: Owner | None
    fence: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Retained:
    """A drained workload that still runs, for an instant undo, until `until`."""

    service: str
    target: str
    name: str
    rollout: str
    revision: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Suspension:
    """New starts are held back: for one service, or for all when `service` is None; `until` None means without end."""

    service: str | None
    actor: str
    reason: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the watcher last saw for a service and what became of it; written only when something of it changes.

    `tag` and `digest` are the last good answer: a registry that fails changes neither. `handled` is the digest that was
    dealt with for good, `outcome` in which way: `begun`, `attached`, `nothing` or the code of a lasting refusal; while
    it differs from `digest` there is something to do, and `outcome` is `after` where another rollout must end first.
    `message` is the sentence that goes with it, `rollout` the id. `problem` says why the watcher cannot see or cannot
    act now, since `problem_at`; empty when all is well.
    """

    service: str
    image: str
    rule: str
    """The policy's own words, so that an answer to another question is not taken for one to this."""
    tag: str | None = None
    digest: str | None = None
    seen_at: datetime | None = None
    handled: str = ""
    outcome: str = ""
    message: str = ""
    rollout: str = ""
    problem: str = ""
    problem_at: datetime | None = None
    manifest_problem: str = ""
    """What is wrong with the manifest as it stands on disk, while the last good one, if there is any, is in force."""
    manifest_problem_at: datetime | None = None
    revision: str = ""
    """The revision that a lasting refusal for poison was about; a pardon of it makes the refusal worth another look."""
    unwatched_at: datetime | None = None
    """Since when nothing watches the service; what was handled stays, for when its manifest or its rule is back."""

    @property
    def tells(self) -> bool:
        """Whether there is anything to say of it: something is watched, or something is wrong."""
        watched = self.unwatched_at is None
        return bool(self.manifest_problem or (watched and (self.rule or self.problem)))


@dataclass(frozen=True, slots=True)
class WishRecord:
    """A wish whose manifest is a snapshot, as it is sent and kept; see `orchestrator.wish.Wish`."""

    snapshot: Snapshot
    digest: str | None = None
    tag: str | None = None
    redeploy: bool = False
    allow_older: bool = False
    emergency: bool = False
    retry: bool = False
    steps: bool = True
    actor: str = ""
    reason: str = ""
    leaves: str | None = None
    behind: str | None = None
