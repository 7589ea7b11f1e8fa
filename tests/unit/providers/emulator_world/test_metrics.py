"""Request counts of the in-process door."""

from __future__ import annotations

from datetime import timedelta

from providers.emulator.inprocess_metrics import InProcessMetrics
from providers.ports import Metrics


def _metrics(azure) -> Metrics:
    return InProcessMetrics(azure.world, stable="web-1".__eq__, candidate="web-2".__eq__, interval_seconds=10)


def test_complete_intervals_with_both_sides_are_counted_once_and_nothing_else(azure):
    began = azure.clock.now()
    one = azure.world.resolve(azure.group("web-1")).address
    two = azure.world.resolve(azure.group("web-2", azure.image("v2", error_rate=1))).address
    for _ in range(14):
        azure.wait(1)
        azure.world.answer_at(one, "/")
        azure.world.answer_at(two, "/")
    counts = _metrics(azure).counts(began)
    assert [(c.since, c.until) for c in counts] == [(began, began + timedelta(seconds=10))]
    assert (counts[0].stable_requests, counts[0].stable_failures) == (7, 0)
    assert (counts[0].candidate_requests, counts[0].candidate_failures) == (7, 7)
    assert _metrics(azure).counts(began + timedelta(seconds=1)) == ()


def test_an_interval_with_one_side_only_says_nothing(azure):
    began = azure.clock.now()
    address = azure.world.resolve(azure.group("web-1")).address
    azure.world.answer_at(address, "/")
    azure.wait(30)
    assert _metrics(azure).counts(began) == ()


def test_a_refused_connection_is_a_failure(azure):
    began = azure.clock.now()
    one = azure.world.resolve(azure.group("web-1")).address
    two = azure.world.resolve(azure.group("web-2")).address
    azure.ok("DELETE", f"{azure.groups}/web-2")
    azure.world.answer_at(one, "/")
    assert azure.world.answer_at(two, "/") is None
    azure.wait(10)
    assert _metrics(azure).counts(began)[0].candidate_failures == 1
