"""The part of the memory store that the watcher writes: the manifest in force and the last answer of each service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator.store.memory_standing import MemoryStanding, alone
from orchestrator.store.records import Sighting, Snapshot, WishRecord


class MemoryWatches(MemoryStanding):
    """The `Watches` port over plain dictionaries, on top of what else outlives rollouts."""

    def __init__(self, *, through_json: bool = False) -> None:
        """Begin empty."""
        super().__init__(through_json=through_json)
        self._manifests: dict[str, Snapshot] = {}
        self._sightings: dict[str, Sighting] = {}
        self._wishes: dict[str, WishRecord] = {}

    @alone
    def keep_manifest(self, service: str, snapshot: Snapshot) -> None:
        """Remember the manifest that is in force."""
        self._manifests[service] = self.kept(snapshot)

    @alone
    def manifest(self, service: str) -> Snapshot | None:
        """Return the manifest that was last in force."""
        return self._manifests.get(service)

    @alone
    def manifest_files(self) -> dict[str, str]:
        """Return the file of every manifest that was last in force."""
        return {service: snapshot.file for service, snapshot in self._manifests.items()}

    @alone
    def forget_manifest(self, service: str) -> None:
        """Drop the manifest that is in force no longer."""
        self._manifests.pop(service, None)

    @alone
    def keep_sighting(self, sighting: Sighting) -> None:
        """Remember what was seen for its service."""
        stands = self._sightings.get(sighting.service, Sighting(sighting.service, "", ""))
        self._sightings[sighting.service] = self.kept(
            replace(
                sighting,
                manifest_problem=stands.manifest_problem,
                manifest_problem_at=stands.manifest_problem_at,
                unwatched_at=stands.unwatched_at,
            )
        )

    @alone
    def note_problem(self, service: str, problem: str, at: datetime | None, *, image: str, rule: str) -> None:
        """Remember why the watcher cannot see now."""
        stands = self._sightings.get(service, Sighting(service, image, rule))
        self._sightings[service] = self.kept(replace(stands, problem=problem, problem_at=at))

    @alone
    def note_manifest(self, service: str, problem: str, at: datetime | None, *, image: str) -> None:
        """Remember what is wrong with the manifest on disk."""
        stands = self._sightings.get(service, Sighting(service, image, ""))
        self._sightings[service] = self.kept(replace(stands, manifest_problem=problem, manifest_problem_at=at))

    @alone
    def note_unwatched(self, service: str, at: datetime | None) -> None:
        """Remember since when nothing watches the service."""
        stands = self._sightings.get(service)
        if stands is not None:
            self._sightings[service] = self.kept(replace(stands, unwatched_at=at, problem="", problem_at=None))

    @alone
    def sighting(self, service: str) -> Sighting | None:
        """Return what was last seen for the service."""
        return self._sightings.get(service)

    @alone
    def sightings(self) -> list[Sighting]:
        """Return what was last seen for every service."""
        return [self._sightings[service] for service in sorted(self._sightings)]

    @alone
    def forget_watch(self, service: str) -> None:
        """Drop a service's manifest and sighting."""
        self._manifests.pop(service, None)
        self._sightings.pop(service, None)

    # What waits

    @alone
    def keep_next(self, service: str, wish: WishRecord) -> None:
        """Remember what begins next."""
        self._wishes[service] = self.kept(wish)

    @alone
    def next_wish(self, service: str) -> WishRecord | None:
        """Return what begins next."""
        return self._wishes.get(service)

    @alone
    def next_services(self) -> list[str]:
        """Return the names of the services for which something waits."""
        return sorted(self._wishes)

    @alone
    def forget_next(self, service: str) -> None:
        """Let nothing wait for the service any more."""
        self._wishes.pop(service, None)
