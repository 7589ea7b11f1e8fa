"""Request counts of the in-process door."""

from __future__ import annotations

from datetime import datetime, timedelta

from providers.emulator.inprocess_metrics import InProcessMetrics
from providers.ports import Arm, Metrics, Question
from strategies.model import Side
from strategies.seen import Reading


def _metrics(azure) -> Metrics:
    return InProcessMetrics(azure.world, stable="web-1".__eq__, candidate="web-2".__eq__, interval_seconds=10)


def _read(azure, since: datetime) -> Reading:
    arms = [Arm(side, "", "") for side in (Side.STABLE, Side.CANDIDATE)]
    return _metrics(azure).read(Question("shop", "west", since, azure.clock.now(), 10.0, *arms))


def test_complete_intervals_of_both_sides_are_counted_once_and_nothing_else(azure):
    began = azure.clock.now()
    one = azure.world.resolve(azure.group("web-1")).address
    two = azure.world.resolve(azure.group("web-2", azure.image("v2", error_rate=1))).address
    for _ in range(14):
        azure.wait(1)
        azure.world.answer_at(one, "/")
        azure.world.answer_at(two, "/")
    seen = _read(azure, began)
    assert [(c.since, c.until) for c in seen.stable] == [(began, began + timedelta(seconds=10))]
    assert [(c.requests, c.failures) for c in (*seen.stable, *seen.candidate)] == [(7, 0), (7, 7)]
    assert _read(azure, began + timedelta(seconds=1)).stable == ()


def test_a_side_without_requests_is_counted_as_that(azure):
    began = azure.clock.now()
    address = azure.world.resolve(azure.group("web-1")).address
    azure.world.answer_at(address, "/")
    azure.wait(10)
    assert [c.requests for c in _read(azure, began).candidate] == [0]


def test_a_refused_connection_is_a_failure(azure):
    began = azure.clock.now()
    one = azure.world.resolve(azure.group("web-1")).address
    two = azure.world.resolve(azure.group("web-2")).address
    azure.ok("DELETE", f"{azure.groups}/web-2")
    azure.world.answer_at(one, "/")
    assert azure.world.answer_at(two, "/") is None
    azure.wait(10)
    assert _read(azure, began).candidate[0].failures == 1
