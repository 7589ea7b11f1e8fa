"""One emulated Azure for all tests of a worker, and one service for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.cloud import Cloud
from tests.acceptance.kube import KubeShop
from tests.acceptance.shop import Shop


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """An emulated Azure that all tests of this process share."""
    with Cloud() as running:
        yield running


@pytest.fixture
def shop(cloud: Cloud, tmp_path: Path) -> Iterator[Shop]:
    """A service of this test alone; what it started is ended afterwards."""
    opened = Shop(cloud, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def kube(cloud: Cloud, tmp_path: Path) -> Iterator[KubeShop]:
    """A service of this test alone in a cluster of its own."""
    opened = KubeShop(cloud, tmp_path)
    yield opened
    opened.close()
