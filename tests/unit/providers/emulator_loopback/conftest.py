"""A registry with a clock that stands still."""

from __future__ import annotations

import pytest

from providers.emulator.clock import ManualClock
from providers.emulator.registry import Registry


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry(clock: ManualClock) -> Registry:
    return Registry(clock)
