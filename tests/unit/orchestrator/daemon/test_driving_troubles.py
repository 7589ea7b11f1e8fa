"""Driving while something beside it is broken: a log without room, another writer who is always first."""

from __future__ import annotations

import errno
import io
from typing import Any

import pytest

from orchestrator.daemon.driving import STIR_SECONDS
from orchestrator.store.errors import StaleWrite
from orchestrator.telemetry.log import event_log
from orchestrator.telemetry.writing import Unfailing
from strategies.model import Outcome, Rollout
from tests.unit.orchestrator.daemon.test_driving import Bay
from tests.unit.orchestrator.yard import Yard


@pytest.fixture
def bay() -> Bay:
    return Bay(Yard())


def test_a_rollout_is_driven_to_its_end_while_the_log_has_no_room(bay: Bay) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    stream = Unfailing(Full())
    bay.app.listeners = (event_log(stream, "text"),)
    begun = bay.begin("v1")
    bay.run(300.0)
    assert bay.outcome(begun) is Outcome.PROMOTED
    assert stream.dropped > 10
    assert bay.jobs.defects == 0


def test_a_rollout_that_somebody_else_writes_all_the_time_is_not_asked_for_without_a_pause(
    bay: Bay, monkeypatch: pytest.MonkeyPatch
) -> None:
    bay.begin("v1")
    bay.run(5.0)
    loads, real = list[str](), bay.yard.store.load

    def load(rollout_id: str) -> Rollout:
        loads.append(rollout_id)
        return real(rollout_id)

    def save(*_args: Any, **_more: Any) -> Any:
        raise StaleWrite("somebody else was first")

    monkeypatch.setattr(bay.yard.store, "load", load)
    monkeypatch.setattr(bay.yard.store, "save", save)
    bay.run(10.0)
    assert 0 < len(loads) <= 5 * 10.0 / STIR_SECONDS
