"""The part of the memory store that outlives rollouts: poison, retained workloads, suspensions, leases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, TypeVar

from orchestrator.store import codec
from orchestrator.store.records import LeaseRecord, Owner, Retained, Suspension

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="MemoryStanding")
T = TypeVar("T")


def alone(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Let one thread at a time into the store's methods: each is a transaction."""

    @wraps(method)
    def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


class MemoryStanding:
    """The `Standing` and `Leases` ports over plain dictionaries."""

    def __init__(self, *, through_json: bool = False) -> None:
        """Begin empty."""
        self.lock = RLock()
        self._through_json = through_json
        self._poison: dict[str, dict[str, str]] = {}
        self._retained: dict[tuple[str, str, str], Retained] = {}
        self._suspended: dict[str | None, Suspension] = {}
        self._leases: dict[str, LeaseRecord] = {}

    def kept(self, value: T) -> T:
        """Return the value as the store keeps it: itself, or what is left of it after JSON."""
        if not self._through_json:
            return value
        what = f"a {type(value).__name__}"
        return codec.decode(codec.encode(value, what), type(value), what)

    @alone
    def poison(self, service: str, revision_id: str, why: str) -> None:
        """Keep a revision from being rolled out again."""
        self._poison.setdefault(service, {}).setdefault(revision_id, why)

    @alone
    def pardon(self, service: str, revision_id: str) -> None:
        """Lift the poison of a revision."""
        self._poison.get(service, {}).pop(revision_id, None)

    @alone
    def is_poisoned(self, service: str, revision_id: str) -> bool:
        """Return whether the revision is poisoned."""
        return revision_id in self._poison.get(service, {})

    @alone
    def poisoned(self, service: str) -> dict[str, str]:
        """Return every poisoned revision id with the reason."""
        return dict(self._poison.get(service, {}))

    @alone
    def retain(self, entry: Retained) -> None:
        """Remember a workload that is kept running."""
        self._retained[entry.service, entry.target, entry.name] = self.kept(entry)

    @alone
    def retained(self, service: str) -> list[Retained]:
        """Return the service's retained workloads."""
        return _in_time([entry for entry in self._retained.values() if entry.service == service])

    @alone
    def retained_due(self, now: datetime) -> list[Retained]:
        """Return what was retained until `now` or before."""
        return _in_time([entry for entry in self._retained.values() if entry.until <= now])

    @alone
    def forget_retained(self, entry: Retained) -> None:
        """Drop the entry."""
        self._retained.pop((entry.service, entry.target, entry.name), None)

    @alone
    def suspend(self, suspension: Suspension) -> None:
        """Hold back one service, or all."""
        self._suspended[suspension.service] = self.kept(suspension)

    @alone
    def unsuspend(self, service: str | None) -> None:
        """Lift the suspension of one service, or the one of all."""
        self._suspended.pop(service, None)

    @alone
    def suspended(self, service: str, now: datetime) -> Suspension | None:
        """Return what holds the service back at `now`."""
        for found in (self._suspended.get(service), self._suspended.get(None)):
            if found and (found.until is None or found.until > now):
                return found
        return None

    # Leases

    @alone
    def lease_of(self, key: str) -> LeaseRecord | None:
        """Return the lease as it stands."""
        return self._leases.get(key)

    @alone
    def lease_take(
        self, key: str, owner: Owner, expires_at: datetime, *, seen: LeaseRecord | None
    ) -> LeaseRecord | None:
        """Give the lease to `owner` if it is still exactly as `seen`."""
        if self._leases.get(key) != seen:
            return None
        self._leases[key] = LeaseRecord(key, owner, (seen.fence if seen else 0) + 1, expires_at)
        return self._leases[key]

    @alone
    def lease_renew(self, held: LeaseRecord, expires_at: datetime) -> LeaseRecord | None:
        """Move the expiry of a lease that is still held."""
        if not self._holds(held):
            return None
        self._leases[held.key] = replace(held, expires_at=expires_at)
        return self._leases[held.key]

    @alone
    def lease_release(self, held: LeaseRecord) -> bool:
        """Let go of a lease that is still held."""
        if not self._holds(held):
            return False
        self._leases[held.key] = replace(held, owner=None)
        return True

    def _holds(self, held: LeaseRecord) -> bool:
        stored = self._leases.get(held.key)
        return (
            stored is not None and (stored.owner, stored.fence) == (held.owner, held.fence) and held.owner is not None
        )


def _in_time(entries: list[Retained]) -> list[Retained]:
    return sorted(entries, key=lambda entry: (entry.until, entry.service, entry.target, entry.name))
