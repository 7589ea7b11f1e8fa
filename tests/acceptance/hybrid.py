"""A service with one target on Container Instances and one in a cluster, each in a wave of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.acceptance.cloud import Cloud
from tests.acceptance.kube import KubeShop

AZURE, CLUSTER = "west", "aks"


class Hybrid(KubeShop):
    """A service with one target in each world; `first` says which of them is the first wave."""

    def __init__(self, cloud: Cloud, folder: Path, first: str) -> None:
        self.first = first
        super().__init__(cloud, folder)

    def _spec(self) -> dict[str, Any]:
        spec = super()._spec()
        west = self.azure_target()
        pair = [west, self.target()]
        for target in pair:
            target["wave"] = 1 if target["name"] == self.first else 2
        spec["targets"] = pair
        spec["waves"] = {"bake": "100ms"}
        return spec

    @property
    def served(self) -> dict[str, list[str]]:
        """The versions that clients of each world get now."""
        return {AZURE: sorted(self.weights), CLUSTER: sorted(self.shares)}

    def assert_both(self, tag: str) -> None:
        """Nothing but one version is left in either world."""
        self.assert_serves_alone(tag)
        self.assert_alone(tag)
