"""Fixtures of the Azure adapters' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.providers.azure.gateway import DOORS, Door
from tests.unit.providers.azure.values import Azure, an_azure


@pytest.fixture
def azure() -> Iterator[Azure]:
    """An emulated Azure under the real SDKs."""
    with an_azure() as found:
        yield found


@pytest.fixture(params=sorted(DOORS))
def door(request: pytest.FixtureRequest) -> Door:
    """Each way to an entrance in the emulated Azure."""
    return DOORS[request.param]
