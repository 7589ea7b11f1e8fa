"""The part of the memory store that the watcher writes: the manifest in force and the last answer of each service."""

from __future__ import annotations

from orchestrator.store.memory_standing import MemoryStanding, alone
from orchestrator.store.records import Sighting, Snapshot


class MemoryWatches(MemoryStanding):
    """The `Watches` port over plain dictionaries, on top of what else outlives rollouts."""

    def __init__(self, *, through_json: bool = False) -> None:
        """Begin empty."""
        super().__init__(through_json=through_json)
        self._manifests: dict[str, Snapshot] = {}
        self._sightings: dict[str, Sighting] = {}

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
    def keep_sighting(self, sighting: Sighting) -> None:
        """Remember what was seen for its service."""
        self._sightings[sighting.service] = self.kept(sighting)

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
