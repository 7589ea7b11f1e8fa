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
