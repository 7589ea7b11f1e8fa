"""Every test of the Azure ports runs once per door."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.azure_doors import DOORS, Door


@pytest.fixture(params=DOORS, ids=lambda name: name.replace(" ", "-"))
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    """An empty emulated Azure behind one of the doors."""
    with DOORS[request.param]() as opened:
        yield opened
