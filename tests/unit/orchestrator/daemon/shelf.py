"""A folder of manifests that a test writes, and the directory that reads it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.daemon.directory import Changes, Directory
from orchestrator.manifest.variables import Variables
from orchestrator.store.memory import MemoryStore
from orchestrator.store.ports import Store
from tests.conformance.stores import HandClock
from tests.unit.orchestrator.yard import MANIFEST, TEMPLATE

FOLLOW = 'follow: {semver: ">=1.4 <2", every: 1m}\n'


def manifest(service: str = "shop", follow: str = FOLLOW, **more: str) -> str:
    """A good manifest; `more` replaces words of it."""
    text = MANIFEST.replace("service: shop", f"service: {service}", 1) + follow
    for before, after in more.items():
        text = text.replace(before, after)
    return text


@dataclass
class Shelf:
    """The folder, a store that outlives the directory, and a directory that may be opened anew."""

    root: Path
    store: Store = field(default_factory=lambda: MemoryStore(through_json=True))
    clock: HandClock = field(default_factory=HandClock)
    variables: Variables = field(default_factory=Variables)
    directory: Directory = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir(exist_ok=True)
        self.restart()

    def restart(self) -> None:
        """Begin again as a new process would, on the same store and folder."""
        # Everything is older than it seems, so that what has settled need not be read again.
        later = 10_000_000_000
        self.directory = Directory(
            self.root, self.variables, self.store, self.clock, now_ns=lambda: time.time_ns() + later
        )

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def put(self, service: str = "shop", name: str = "", **more: str) -> Path:
        """Write a good manifest of a service and the template beside it."""
        path = self.write(name or f"{service}.yaml", manifest(service, **more))
        self.write(str(Path(name).parent / "t.yaml"), TEMPLATE)
        return path

    def scan(self) -> Changes:
        return self.directory.scan()

    def settled(self) -> None:
        """Scan until nothing is read any more because it is new."""
        self.scan()
        self.scan()

    def in_force(self) -> list[str]:
        return sorted(self.directory.known)


def names(changes: Changes) -> tuple[list[str], list[str], list[str]]:
    """The services that were added, changed and removed."""
    added, changed, removed = (
        sorted(each.service for each in which) for which in (changes.added, changes.changed, changes.removed)
    )
    return added, changed, removed


NOTHING: tuple[list[str], list[str], list[str]] = ([], [], [])
