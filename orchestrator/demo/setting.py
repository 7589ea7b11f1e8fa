"""Where the play is set: on Container Instances alone, or there and in a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.demo import scenery
from orchestrator.demo.fronts import Front

if TYPE_CHECKING:
    from providers.emulator.world import World


def _nothing(_world: World) -> None:
    """All that is needed comes up with the first release."""


def _no_kubeconfig(_folder: Path, _url: str) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its front doors (the last one is where the bad version fails), and how it is built.

    `write` puts manifest and templates into a folder (given the registry, and who counts the clients' requests),
    `environment` what leads there and must stay for the play;
    `build`, `begin_to_fail` and `leftovers` are called on the emulator's thread.
    """

    fronts: tuple[Front, ...]
    write: Callable[[Path, str, str], Path] = scenery.write
    write_first: Callable[[Path, str, str], Path] | None = None
    """Writes what the first release goes by, where that is something else."""
    environment: Callable[[Path, str], dict[str, str]] = _no_kubeconfig
    build: Callable[[World], None] = _nothing
    begin_to_fail: Callable[[World, str], None] = scenery.begin_to_fail
    leftovers: Callable[[World, str], list[str]] = scenery.leftovers
    good_for_seconds: float = scenery.GOOD_FOR_SECONDS
    """How long clients get sound answers from the bad version, at the last door, before it begins to fail."""
    envoy: bool = False
    where: str = ""
    """Where the bad version fails, as the end of a sentence."""
    keeps_files: bool = False
    """Whether what `environment` says leads to files that must stay."""


def alone() -> Setting:
    """Container Instances behind Traffic Manager, and nothing else."""
    return Setting(fronts=(scenery.FRONT,))


def with_cluster() -> Setting:
    """Container Instances in the first wave, a cluster behind a Gateway in the second; Envoy carries its requests."""
    from orchestrator.demo import scenery_cluster
    from providers.emulator.envoy import envoy_path

    envoy = envoy_path() is not None
    return Setting(
        fronts=scenery_cluster.fronts(envoy),
        write=scenery_cluster.write,
        write_first=scenery_cluster.write_first,
        environment=scenery_cluster.environment,
        build=scenery_cluster.build,
        begin_to_fail=scenery_cluster.begin_to_fail,
        leftovers=scenery_cluster.leftovers,
        good_for_seconds=2.0,
        envoy=envoy,
        where=" in the cluster",
        keeps_files=True,
    )
