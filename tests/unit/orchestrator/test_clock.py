"""The machine's clock as the engine sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator import clock
from orchestrator.clock import SystemClock


def test_a_clock_that_is_set_forward_moves_no_drain_on(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = SystemClock()
    before = ours.now()

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(2999, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(clock, "datetime", Tomorrow)
    assert ours.now() - before < timedelta(seconds=60)


def test_the_clock_begins_at_the_time_of_day_and_is_aware() -> None:
    now = SystemClock().now()
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=60)
    assert now.tzinfo is UTC
